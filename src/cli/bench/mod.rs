//! `consilium bench`: how fast this machine is at what a hospital computes.

mod args;
mod figures;
mod filtered;
mod pairing;
mod population;
mod scale;
mod sealed;
mod table;

use clap::Subcommand;

use super::answer::Outcome;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Matching made-up records with made-up doctors: the prefilter over all pairs, the pairings on a sample
    Match(args::ScaleArgs),
}

/// Runs a measurement.
pub fn run(command: &BenchCommand) -> Outcome {
    match command {
        // It computes for minutes, on threads of its own.
        BenchCommand::Match(args) => tokio::task::block_in_place(|| scale::run(args)),
    }
}
