//! Match: one after the other, and on all cores.

use std::time::Duration;

use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys, IndexSize, PreparedIndex,
    PreparedTrapdoor, index_build, matches_prepared, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;

use super::reference;
use super::setting::random;
use crate::failure::Failure;
use crate::machine::cores;
use crate::proofs::token;
use crate::report::{Bound, Table};
use crate::statistics::{done, medians};

/// The size of indexes whose bound is asked for.
const N: u16 = 16;
/// Of the loop's rate per core, at least this share.
const SHARE: f64 = 0.85;
/// Of the loop's gain from all cores, at least this share.
const GAIN: f64 = 0.9;

/// An index and a trapdoor that matches it.
pub struct Pair {
    pub n: IndexSize,
    pub keywords: Vec<KeywordToken>,
    pub secret: HospitalSecretKeys,
    pub encrypted_index: EncryptedIndex,
    pub encrypted_trapdoor: EncryptedTrapdoor,
    index: PreparedIndex,
    trapdoor: PreparedTrapdoor,
}

impl Pair {
    /// With n keywords and one interest.
    pub fn new(n: u16) -> Result<Self, Failure> {
        let size = IndexSize::new(n)?;
        let keywords = (1..=n).map(|number| token(u8::try_from(number)?));
        let keywords = keywords.collect::<Result<Vec<_>, Failure>>()?;
        let secret = HospitalSecretKeys::generate(&mut random("hospital"));
        let to = secret.public_keys();
        let index = index_build(size, &keywords, &mut random("index"))?;
        let interests = keywords.get(..1).unwrap_or_default();
        let (trapdoor, _) = trd_gen(size, interests, &mut random("trapdoor"))?;
        // As a hospital has them: opened and prepared.
        let encrypted_index = index.encrypt(&to, &mut random("u"));
        let encrypted_trapdoor = trapdoor.encrypt(&to, &mut random("d"));
        let pair = Self {
            index: PreparedIndex::new(&encrypted_index.decrypt(&secret)),
            trapdoor: PreparedTrapdoor::new(&encrypted_trapdoor.decrypt(&secret)?),
            n: size,
            keywords,
            secret,
            encrypted_index,
            encrypted_trapdoor,
        };
        match pair.matches()? {
            true => Ok(pair),
            false => Err(Failure::new("a pair that must match does not")),
        }
    }

    /// Match, as a hospital does it that compares each of them with many.
    pub fn matches(&self) -> Result<bool, Failure> {
        Ok(matches_prepared(&self.index, &self.trapdoor)?)
    }
}

/// Does something `count` times, shared out over so many threads.
pub fn on_threads(
    threads: usize,
    count: usize,
    work: impl Fn() -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let work = &work;
    std::thread::scope(|scope| {
        let share = |thread: usize| count / threads + usize::from(thread < count % threads);
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || (0..share(thread)).try_for_each(|_| work())))
            .collect();
        for worker in workers {
            let panicked = |_| Failure::new("a thread panicked");
            worker.join().map_err(panicked)??;
        }
        Ok(())
    })
}

/// Ours and the loop's, on one thread and on all, by turns.
pub fn measure(repeats: usize, batch: usize) -> Result<(Table, Vec<Bound>), Failure> {
    eprintln!("schemes: match, n = {N}");
    let (pair, bare) = (Pair::new(N)?, reference::Match::new(N));
    let ours = |threads| on_threads(threads, batch, || done(pair.matches()?));
    let loops = |threads| on_threads(threads, batch, || done(bare.run()));
    let all = cores();
    let [alone, loop_alone, together, loop_together] = medians(
        repeats,
        [
            &mut || ours(1),
            &mut || loops(1),
            &mut || ours(all),
            &mut || loops(all),
        ],
    )?;
    let per_core = |time: Duration, threads: usize| {
        batch as f64 / time.as_secs_f64() / f64::from(u32::try_from(threads).unwrap_or(u32::MAX))
    };
    let share = per_core(alone, 1) / per_core(loop_alone, 1);
    let (gain, loop_gain) = (
        super::times(alone, together),
        super::times(loop_alone, loop_together),
    );
    let row = |threads: usize, ours: Duration, bare: Duration, gains: [f64; 2]| {
        let [gain, loop_gain] = gains;
        vec![
            threads.to_string(),
            format!("{:.0}", per_core(ours, threads)),
            format!("{:.0}", per_core(bare, threads)),
            format!("{:.0} %", 100.0 * super::times(bare, ours)),
            format!("{gain:.2}"),
            format!("{loop_gain:.2}"),
        ]
    };
    let table = Table {
        caption: format!("Match, n = {N}: pairs per second and core"),
        head: vec![
            "threads",
            "ours",
            "bare loop",
            "share",
            "gain",
            "the loop's gain",
        ],
        rows: vec![
            row(1, alone, loop_alone, [1.0, 1.0]),
            row(all, together, loop_together, [gain, loop_gain]),
        ],
    };
    let bounds = vec![
        Bound {
            asked: format!(
                "Match, n = {N}: at least {:.0} % of the bare loop's rate per core",
                100.0 * SHARE
            ),
            found: format!("{:.0} %", 100.0 * share),
            holds: share >= SHARE,
        },
        Bound {
            asked: format!(
                "Match, n = {N}: at least {:.0} % of what the bare loop gains from {all} threads",
                100.0 * GAIN
            ),
            found: format!(
                "{gain:.2} of {loop_gain:.2}, {:.0} %",
                100.0 * gain / loop_gain
            ),
            holds: gain / loop_gain >= GAIN,
        },
    ];
    Ok((table, bounds))
}
