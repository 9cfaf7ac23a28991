//! The prefilter over all records: what passes, and whether it is a match.

use std::time::{Duration, Instant};

use consilium_gateway::matching::candidates::Candidates;
use consilium_schemes::matching::prefilter::{Bitmap, Bucket, Buckets, FilterSize, Weight};
use consilium_schemes::parallel::{in_parallel, processors};
use consilium_schemes::tokens::KeywordToken;
use indicatif::ProgressBar;
use rand::RngExt as _;

use super::population::{Population, Seed};
use crate::cli::answer::Failure;

/// At whom all of it is.
pub const HOSPITAL: &[u8] = b"bench";
/// Records whose bitmaps are made at once.
const PIECE: usize = 1 << 16;

/// What the prefilter did.
#[derive(Debug)]
pub struct Filtered {
    /// Making the bitmaps, which is the owners' work.
    pub made: Duration,
    /// Putting them into the table.
    pub filled: Duration,
    /// Finding the candidates of all doctors.
    pub found: Duration,
    /// Pairs that pass.
    pub passed: u64,
    /// Of them, matches.
    pub matches: u64,
    /// Matches that do not pass: there must be none.
    pub missed: u64,
    /// For each doctor, records that pass and do not match.
    pub false_candidates: Vec<Vec<u32>>,
    table: Candidates,
    buckets: Vec<Buckets>,
}

impl Filtered {
    /// Whether the pair passes.
    pub fn passes(&self, record: usize, doctor: usize) -> bool {
        let buckets = self.buckets.get(doctor);
        self.table.of(buckets).binary_search(&record).is_ok()
    }
}

/// Makes all bitmaps, and filters all pairs.
pub fn filter(
    population: &Population,
    tokens: &[KeywordToken],
    truth: &[Vec<u32>],
    (size, weight): (FilterSize, Weight),
    seed: Seed,
    bar: &ProgressBar,
) -> Result<Filtered, Failure> {
    let buckets_of_codes: Vec<u16> = tokens
        .iter()
        .map(|token| Bucket::of(token, HOSPITAL, size).number())
        .collect();
    let (mut made, mut filled) = (Duration::ZERO, Duration::ZERO);
    let mut table = Candidates::new(size);
    let records: Vec<usize> = (0..population.records()).collect();
    for piece in records.chunks(PIECE) {
        let start = Instant::now();
        let bitmaps = in_parallel(processors(), piece, |record| {
            bitmap(population, *record, &buckets_of_codes, (size, weight), seed)
        });
        made += start.elapsed();
        let start = Instant::now();
        for bitmap in bitmaps {
            table.push(Some(&bitmap?));
        }
        filled += start.elapsed();
        bar.inc(piece.len() as u64);
    }
    let of = |codes: &Vec<u16>| {
        let chosen = codes
            .iter()
            .filter_map(|code| tokens.get(usize::from(*code)));
        let chosen: Vec<KeywordToken> = chosen.map(KeywordToken::duplicate).collect();
        Buckets::of(&chosen, HOSPITAL, size)
    };
    let buckets: Vec<Buckets> = population.doctors.iter().map(of).collect();
    let start = Instant::now();
    let counts = in_parallel(processors(), &buckets, |one| {
        table.of(Some(one)).len() as u64
    });
    let found = start.elapsed();
    let doctors: Vec<_> = buckets.iter().zip(truth).collect();
    let false_candidates = in_parallel(processors(), &doctors, |(buckets, matching)| {
        let candidates = table.of(Some(buckets)).into_iter();
        let candidates = candidates.filter_map(|record| u32::try_from(record).ok());
        candidates
            .filter(|record| matching.binary_search(record).is_err())
            .collect::<Vec<_>>()
    });
    let passed: u64 = counts.iter().sum();
    let apart: u64 = false_candidates.iter().map(|all| all.len() as u64).sum();
    let matching: u64 = truth.iter().map(|all| all.len() as u64).sum();
    Ok(Filtered {
        made,
        filled,
        found,
        passed,
        matches: passed - apart,
        missed: matching - (passed - apart),
        false_candidates,
        table,
        buckets,
    })
}

/// A record's bitmap as an owner makes it, but filled up from the seed in place of the owner's key.
pub fn bitmap(
    population: &Population,
    record: usize,
    buckets: &[u16],
    (size, weight): (FilterSize, Weight),
    seed: Seed,
) -> Result<Bitmap, Failure> {
    let mut bytes = vec![0_u8; usize::from(size.bits()) / 8];
    let mut set = |bit: u16| {
        let (byte, bit) = (bytes.get_mut(usize::from(bit / 8)), 1 << (bit % 8));
        byte.is_some_and(|byte| {
            let new = *byte & bit == 0;
            *byte |= bit;
            new
        })
    };
    let own = population.keywords(record).iter();
    let own = own.filter_map(|code| buckets.get(usize::from(*code)));
    let mut count = own.filter(|bucket| set(**bucket)).count();
    let mut rng = seed.of("bitmap", record);
    while count < usize::from(weight.get()) {
        count += usize::from(set(rng.random_range(0..size.bits())));
    }
    Ok(Bitmap::from_bytes(&bytes, size, weight)?)
}
