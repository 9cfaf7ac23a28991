//! The algorithms of the schemes: beside bare loops of the operations in the groups that they need, beside another implementation, and
//! whether their time depends on a secret. Everything is measured by turns in one run; inputs are parsed ahead.

mod compared;
mod dudect;
mod fixed_base;
mod matching;
mod memory;
mod peers;
mod pieces;
mod power;
mod raw;
mod reference;
mod setting;

use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::report::Section;

pub use matching::{Pair, on_threads};
pub use memory::make as make_update_key;
pub use setting::{Record, Setting, attributes, policy, random};

/// The depth of the largest tree.
const DEPTH: u8 = 20;
/// A tree for what does not depend on its depth.
pub const SMALL_DEPTH: u8 = 4;
/// Attributes, or rows, whose bounds are asked for.
pub const BOUND_ROWS: usize = 10;

/// How much is measured.
pub struct Scale {
    repeats: usize,
    /// UpdKeyGen takes seconds.
    repeats_of_updates: usize,
    repeats_of_peers: usize,
    revocations: usize,
    /// Pairs of one run of Match.
    batch: usize,
    repeats_of_batches: usize,
    /// Of each test for constant time.
    measurements: usize,
}

impl Scale {
    /// What the report is made of.
    pub fn full() -> Self {
        Self {
            repeats: 151,
            repeats_of_updates: 5,
            repeats_of_peers: 15,
            revocations: 1000,
            batch: 64,
            repeats_of_batches: 31,
            measurements: 100_000,
        }
    }

    /// Just enough to see that everything works.
    pub fn quick() -> Self {
        Self {
            repeats: 1,
            repeats_of_updates: 1,
            repeats_of_peers: 1,
            revocations: 3,
            batch: 4,
            repeats_of_batches: 1,
            measurements: 500,
        }
    }
}

/// Measures everything; without the program of the peers all but them.
pub fn measure(peers: Option<&Path>, scale: &Scale) -> Result<Section, Failure> {
    let mut found = vec![
        compared::measure(scale)?,
        (pieces::measure(scale.repeats)?, Vec::new()),
        matching::measure(scale.repeats_of_batches, scale.batch)?,
        memory::measure(scale)?,
    ];
    match peers {
        Some(program) => found.push(peers::measure(program, scale.repeats_of_peers)?),
        None => eprintln!("schemes: no peers (--peers PROGRAM)"),
    }
    found.push(dudect::measure(scale)?);
    let (tables, bounds): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    Ok(Section {
        title: "Schemes",
        words: include_str!("words.md"),
        tables,
        bounds: bounds.into_iter().flatten().collect(),
        plots: Vec::new(),
    })
}

/// How many times as long the one takes as the other.
fn times(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_filled() {
        let scale = Scale::quick();
        let tables = [
            compared::measure(&scale).unwrap(),
            matching::measure(1, scale.batch).unwrap(),
        ];
        let sizes = tables.map(|(table, bounds)| (table.rows.len(), bounds.len()));
        assert_eq!(sizes, [(8, 5), (2, 2)]);
    }
}
