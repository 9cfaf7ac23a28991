//! What is measured over what.

use consilium_schemes::abe::check_capsule;
use consilium_schemes::matching::{index_build, trd_gen};

use crate::failure::Failure;
use crate::machine::cores;
use crate::schemes::{
    BOUND_ROWS, Pair, Record, SMALL_DEPTH, Setting, attributes, on_threads, policy, random,
};
use crate::statistics::done;

/// What is measured, with its operands.
pub type Task = Box<dyn FnMut() -> Result<(), Failure>>;

/// Costs over one parameter.
pub struct Family {
    pub title: &'static str,
    /// The plot's file.
    pub file: &'static str,
    /// The parameter.
    pub x: &'static str,
    pub parameters: &'static [usize],
    /// From here on it takes seconds.
    pub slow_from: usize,
    pub costs: &'static [Cost],
}

/// One algorithm.
pub struct Cost {
    /// Criterion's name, without the parameter.
    pub id: &'static str,
    pub name: &'static str,
    /// Makes the operands.
    pub prepare: fn(usize) -> Result<Task, Failure>,
}

/// The depth at which other parameters than the depth vary.
const DEPTH: u8 = 20;
/// Revocations where the depth varies.
const REVOCATIONS: usize = 100;
/// The size of indexes where batches vary.
const N: u16 = 16;

/// Everything, in the report's order.
pub const FAMILIES: [Family; 6] = [
    Family {
        title: "Over the rows of a policy",
        file: "growth-rows",
        x: "rows",
        parameters: &[1, 2, 5, 10, 20, 50, 100],
        slow_from: usize::MAX,
        costs: &[
            Cost {
                id: "abe/encrypt/rows",
                name: "Encrypt",
                prepare: |rows| {
                    let (setting, policy) = (Setting::new(SMALL_DEPTH)?, policy(rows)?);
                    task(move || done(setting.encrypt(&policy)))
                },
            },
            Cost {
                id: "abe/check_capsule/rows",
                name: "public check",
                prepare: |rows| {
                    let (_, record) = record(rows)?;
                    let mut rng = random("check");
                    task(move || done(check_capsule(&record.capsule.prepare(), &mut rng)?))
                },
            },
            Cost {
                id: "abe/pre_dec/rows",
                name: "PreDec",
                prepare: |rows| {
                    let (_, record) = record(rows)?;
                    task(move || done(record.pre_decrypt()?))
                },
            },
            Cost {
                id: "abe/dec/rows",
                name: "Dec",
                prepare: |rows| {
                    let (setting, record) = record(rows)?;
                    task(move || done(record.decrypt(&setting.beta)?))
                },
            },
        ],
    },
    Family {
        title: "Over the attributes of a key",
        file: "growth-attributes",
        x: "attributes",
        parameters: &[1, 5, 10, 20, 50],
        slow_from: usize::MAX,
        costs: &[Cost {
            id: "abe/att_keygen/attributes",
            name: "AttKeyGen, depth 20",
            prepare: |count| attribute_key(DEPTH, count),
        }],
    },
    Family {
        title: "Over the depth of the tree",
        file: "growth-depth",
        x: "depth",
        parameters: &[10, 12, 14, 16, 18, 20],
        slow_from: usize::MAX,
        costs: &[
            Cost {
                id: "abe/att_keygen/depth",
                name: "AttKeyGen, 10 attributes",
                prepare: |depth| attribute_key(u8::try_from(depth)?, BOUND_ROWS),
            },
            Cost {
                id: "abe/upd_keygen/depth",
                name: "UpdKeyGen, 100 revoked",
                prepare: |depth| update_key(u8::try_from(depth)?, REVOCATIONS),
            },
        ],
    },
    Family {
        title: "Over the revocations, 2^20 leaves",
        file: "growth-revocations",
        x: "revocations",
        parameters: &[0, 10, 100, 1000, 10_000],
        slow_from: 1000,
        costs: &[Cost {
            id: "abe/upd_keygen/revocations",
            name: "UpdKeyGen, all cores",
            prepare: |count| update_key(DEPTH, count),
        }],
    },
    Family {
        title: "Over the size n of an index",
        file: "growth-n",
        x: "n",
        parameters: &[8, 16, 32, 64],
        slow_from: usize::MAX,
        costs: &[
            Cost {
                id: "matching/index_build/n",
                name: "IndexBuild",
                prepare: |n| {
                    let (pair, mut rng) = (pair(n)?, random("index"));
                    task(move || done(index_build(pair.n, &pair.keywords, &mut rng)?))
                },
            },
            Cost {
                id: "matching/trd_gen/n",
                name: "TrdGen",
                prepare: |n| {
                    let (pair, mut rng) = (pair(n)?, random("trapdoor"));
                    let interests = pair.n.interests();
                    task(move || {
                        let interests = pair.keywords.get(..interests).unwrap_or_default();
                        done(trd_gen(pair.n, interests, &mut rng)?)
                    })
                },
            },
            Cost {
                id: "matching/decrypt_index/n",
                name: "opening an index",
                prepare: |n| {
                    let pair = pair(n)?;
                    task(move || done(pair.encrypted_index.decrypt(&pair.secret)))
                },
            },
            Cost {
                id: "matching/decrypt_trapdoor/n",
                name: "opening a trapdoor",
                prepare: |n| {
                    let pair = pair(n)?;
                    task(move || done(pair.encrypted_trapdoor.decrypt(&pair.secret)?))
                },
            },
            Cost {
                id: "matching/matches/n",
                name: "Match",
                prepare: |n| {
                    let pair = pair(n)?;
                    task(move || done(pair.matches()?))
                },
            },
        ],
    },
    Family {
        title: "Batches of pairs on all cores, n = 16",
        file: "growth-batch",
        x: "pairs",
        parameters: &[1, 2, 10, 50, 100],
        slow_from: usize::MAX,
        costs: &[
            Cost {
                id: "matching/matches/batch",
                name: "Match, all cores",
                prepare: |count| {
                    let pair = pair(usize::from(N))?;
                    task(move || on_threads(cores(), count, || done(pair.matches()?)))
                },
            },
            Cost {
                id: "matching/matches/batch_on_one",
                name: "Match, one core",
                prepare: |count| {
                    let pair = pair(usize::from(N))?;
                    task(move || on_threads(1, count, || done(pair.matches()?)))
                },
            },
        ],
    },
];

fn task(work: impl FnMut() -> Result<(), Failure> + 'static) -> Result<Task, Failure> {
    Ok(Box::new(work))
}

fn record(rows: usize) -> Result<(Setting, Record), Failure> {
    let setting = Setting::new(SMALL_DEPTH)?;
    let record = setting.record(rows)?;
    Ok((setting, record))
}

fn attribute_key(depth: u8, count: usize) -> Result<Task, Failure> {
    let (setting, held) = (Setting::new(depth)?, attributes(count)?);
    task(move || done(setting.attribute_key(&held)?))
}

fn update_key(depth: u8, revocations: usize) -> Result<Task, Failure> {
    let setting = Setting::new(depth)?;
    let revoked = setting.revoked(revocations)?;
    task(move || setting.update_pieces(&revoked))
}

fn pair(n: usize) -> Result<Pair, Failure> {
    Pair::new(u16::try_from(n)?)
}
