//! The replicated ledger: how fast a transaction is final, how many are in a second, what an idle node uses.
//!
//! Each node is a process of its own with its own sockets and its own store on disk: this program, run again as
//! [`run_node`]. The transactions are index posts of n = [`federation::N`], signed ahead of time, on records, authorizations and
//! an epoch that went through the ledger before.

pub mod federation;
mod findings;
pub mod limits;
mod load;
mod messages;
mod node;
mod process;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::machine::cores;
use crate::report::Section;

use federation::{Federation, Indexes};
use findings::Findings;
use load::Run;

pub use node::run_node;

/// The number of validators whose bounds are asked for.
const BOUND_AT: usize = 4;

/// How much is measured.
pub struct Scale {
    /// With how many validators.
    validators: Vec<usize>,
    /// How many transactions wait at once at saturation.
    in_flight: usize,
    /// How many transactions are submitted one at a time.
    rest: usize,
    /// For how long the ledger is saturated, if it were as fast as the bare work allows.
    saturation: Duration,
    /// How long nothing is done.
    idle: Duration,
    /// How often the machine's raw limits are tried.
    repeats: usize,
}

impl Scale {
    /// What the report is made of.
    pub fn full(validators: Vec<usize>, in_flight: usize) -> Self {
        Self {
            validators,
            in_flight,
            rest: 100,
            saturation: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            repeats: 400,
        }
    }

    /// Just enough to see that everything works.
    pub fn quick(validators: Vec<usize>, in_flight: usize) -> Self {
        Self {
            validators,
            in_flight,
            rest: 4,
            saturation: Duration::from_millis(200),
            idle: Duration::from_secs(1),
            repeats: 8,
        }
    }

    /// How many index posts saturate `validators` of them for the time wanted, given that one node alone manages `rate`.
    fn posts(&self, rate: f64, validators: usize) -> usize {
        let wanted = bound(rate, validators) * self.saturation.as_secs_f64();
        (wanted as usize).clamp(8 * validators, 8_000)
    }
}

/// The rate at which all of `validators` nodes can do work that one core does at `rate`, all sharing this machine's cores.
fn bound(rate: f64, validators: usize) -> f64 {
    rate * cores() as f64 / validators as f64
}

/// Measures everything; `dir` lies on the disk to be measured.
pub fn measure(dir: &Path, scale: &Scale) -> Result<Section, Failure> {
    let mut indexes = Indexes::default();
    indexes.grow_to(scale.repeats);
    let bare = limits::bare(&Federation::draft(BOUND_AT)?, &indexes, scale.repeats)?;
    let mut runs = Vec::new();
    for &validators in &scale.validators {
        let saturating = scale.posts(bare.rate(), validators);
        indexes.grow_to(scale.rest + saturating);
        let home = dir.join(format!("ledger-{validators}"));
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        eprintln!(
            "ledger: {validators} validators, {} + {saturating} index posts",
            scale.rest
        );
        runs.push(Run::make(&home, validators, &indexes, saturating, scale)?);
        fs::remove_dir_all(&home)?;
    }
    let block = runs
        .iter()
        .find(|run| run.validators == BOUND_AT)
        .or(runs.first());
    let block_bytes = block.map_or(0, Run::block_bytes);
    let findings = Findings {
        in_flight: scale.in_flight,
        ed25519: limits::ed25519(bare.transaction_bytes, scale.repeats)?,
        synced: limits::synced_batches(&dir.join("raw"), block_bytes, scale.repeats)?,
        bare,
        runs,
    };
    Ok(findings.section())
}
