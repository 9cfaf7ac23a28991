//! Real indexes and trapdoors, encrypted to a hospital, through the match engine.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use consilium_gateway::matching::engine::{Engine, Work};
use consilium_schemes::curve::{
    FixedG1, FixedG2, PreparedG1, PreparedG2, SecretScalar, prepared_pairing,
};
use consilium_schemes::matching::{
    EncryptedTrapdoor, HospitalSecretKeys, IndexSize, PreparedIndex, Trapdoor, index_build, trd_gen,
};
use consilium_schemes::parallel::{in_parallel, processors};
use consilium_schemes::tokens::KeywordToken;
use indicatif::ProgressBar;

use super::population::{Population, Seed};
use crate::cli::answer::Failure;

/// Records whose indexes are in memory at once.
const AT_ONCE: usize = 256;

/// A hospital with its doctors' trapdoors.
pub struct Hospital<'a> {
    n: IndexSize,
    keys: HospitalSecretKeys,
    population: &'a Population,
    tokens: &'a [KeywordToken],
    seed: Seed,
    trapdoors: Vec<Vec<u8>>,
}

/// A comparison's outcome and time.
#[derive(Debug, Default, Clone)]
pub struct Compared {
    pub pairs: u64,
    pub indexes: u64,
    pub trapdoors: u64,
    pub preparing: Duration,
    pub opening: Duration,
    pub pairing: Duration,
    /// Pairs that match.
    pub matches: u64,
    /// Pairs of which Match says something else than the plain keywords.
    pub wrong: u64,
    /// Record and doctor of those that match.
    pub matched: Vec<(usize, usize)>,
}

impl<'a> Hospital<'a> {
    /// Makes the keys and all trapdoors.
    pub fn new(
        n: IndexSize,
        population: &'a Population,
        tokens: &'a [KeywordToken],
        seed: Seed,
    ) -> Result<Self, Failure> {
        let keys = HospitalSecretKeys::generate(&mut seed.of("hospital", 0));
        let public = keys.public_keys();
        let doctors: Vec<usize> = (0..population.doctors.len()).collect();
        let trapdoors = in_parallel(processors(), &doctors, |doctor| {
            let mut rng = seed.of("trapdoor", *doctor);
            let own = population
                .doctors
                .get(*doctor)
                .map_or(&[][..], Vec::as_slice);
            let (trapdoor, _) = trd_gen(n, &chosen(tokens, own), &mut rng)?;
            Ok(trapdoor.encrypt(&public, &mut rng).to_bytes())
        });
        Ok(Self {
            n,
            keys,
            population,
            tokens,
            seed,
            trapdoors: trapdoors.into_iter().collect::<Result<_, Failure>>()?,
        })
    }

    /// A record's index as it stands on the ledger: the same each time.
    fn index(&self, record: usize) -> Result<Vec<u8>, Failure> {
        let mut rng = self.seed.of("index", record);
        let keywords = chosen(self.tokens, self.population.keywords(record));
        let index = index_build(self.n, &keywords, &mut rng)?;
        Ok(index.encrypt(&self.keys.public_keys(), &mut rng).to_bytes())
    }

    fn opened_index(&self, bytes: &[u8]) -> Option<PreparedIndex> {
        PreparedIndex::open(bytes, self.n, &self.keys).ok()
    }

    fn opened_trapdoor(&self, doctor: usize) -> Option<Trapdoor> {
        let parsed = EncryptedTrapdoor::from_bytes(self.trapdoors.get(doctor)?, self.n).ok()?;
        parsed.decrypt(&self.keys).ok()
    }

    /// How many of these records' indexes, which are made before, are opened a second on all cores.
    pub fn opened_per_second(&self, records: &[usize]) -> Result<f64, Failure> {
        let mut opening = Duration::ZERO;
        for records in records.chunks(AT_ONCE) {
            let made = in_parallel(processors(), records, |record| self.index(*record));
            let made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
            let start = Instant::now();
            in_parallel(processors(), &made, |bytes| self.opened_index(bytes));
            opening += start.elapsed();
        }
        Ok(records.len() as f64 / opening.as_secs_f64())
    }

    /// Makes the indexes of these records (not counted), opens them, and compares each with its doctors, tile by tile.
    pub fn compare(
        &self,
        engine: &mut Engine<usize, usize>,
        threads: usize,
        works: &[(usize, Vec<usize>)],
        bar: &ProgressBar,
    ) -> Result<Compared, Failure> {
        let mut done = Compared::default();
        let wanted: BTreeSet<usize> = works.iter().flat_map(|(_, all)| all).copied().collect();
        let wanted: Vec<usize> = wanted.into_iter().collect();
        let mut left = wanted.as_slice();
        while !left.is_empty() {
            let before = engine.counts().trapdoors;
            let start = Instant::now();
            let held = engine.hold(left, |doctor| self.opened_trapdoor(*doctor));
            done.preparing += start.elapsed();
            done.trapdoors += engine.counts().trapdoors - before;
            let (tile, rest) = left.split_at(held);
            left = rest;
            for works in works.chunks(AT_ONCE) {
                let of = |(record, all): &(usize, Vec<usize>)| Work {
                    index: *record,
                    trapdoors: all
                        .iter()
                        .filter(|doctor| tile.binary_search(doctor).is_ok())
                        .copied()
                        .collect(),
                };
                let works = works.iter().map(of);
                let works: Vec<_> = works.filter(|work| !work.trapdoors.is_empty()).collect();
                self.compare_tile(engine, threads, &works, &mut done)?;
                bar.inc(works.iter().map(|work| work.trapdoors.len() as u64).sum());
            }
        }
        Ok(done)
    }

    fn compare_tile(
        &self,
        engine: &mut Engine<usize, usize>,
        threads: usize,
        works: &[Work<usize, usize>],
        done: &mut Compared,
    ) -> Result<(), Failure> {
        let made = in_parallel(processors(), works, |work| self.index(work.index));
        let made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
        let start = Instant::now();
        let opened = in_parallel(threads, &made, |bytes| self.opened_index(bytes));
        done.opening += start.elapsed();
        done.indexes += opened.len() as u64;
        let by_record: BTreeMap<usize, &PreparedIndex> = works
            .iter()
            .zip(&opened)
            .filter_map(|(work, index)| Some((work.index, index.as_ref()?)))
            .collect();
        let start = Instant::now();
        let matched = engine.compare(works, |record| by_record.get(record).copied().cloned())?;
        done.pairing += start.elapsed();
        for (work, matched) in works.iter().zip(matched) {
            for (doctor, matched) in work.trapdoors.iter().zip(matched) {
                done.pairs += 1;
                done.matches += u64::from(matched);
                let plain = self.population.matches(work.index, *doctor);
                done.wrong += u64::from(matched != plain);
                if matched {
                    done.matched.push((work.index, *doctor));
                }
            }
        }
        Ok(())
    }
}

/// How many times a second threads together do what a comparison cannot do without: n + 1 Miller loops over lines computed ahead, one
/// final exponentiation.
pub fn bare_loop(n: IndexSize, threads: usize, each: usize, seed: Seed) -> f64 {
    let mut rng = seed.of("bare loop", 0);
    let count = n.coefficients();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for _ in 0..count {
        left.push(FixedG1::generator() * &SecretScalar::random(&mut rng));
        right.push(FixedG2::generator() * &SecretScalar::random(&mut rng));
    }
    let (left, right) = (PreparedG1::many(&left), PreparedG2::many(&right));
    let threads_of_work: Vec<()> = vec![(); threads];
    let start = Instant::now();
    in_parallel(threads, &threads_of_work, |()| {
        for _ in 0..each {
            let pairs = black_box(&left).iter().copied().zip(black_box(&right));
            black_box(prepared_pairing(pairs));
        }
    });
    (each * threads) as f64 / start.elapsed().as_secs_f64()
}

fn chosen(tokens: &[KeywordToken], codes: &[u16]) -> Vec<KeywordToken> {
    let chosen = codes
        .iter()
        .filter_map(|code| tokens.get(usize::from(*code)));
    chosen.map(KeywordToken::duplicate).collect()
}
