//! The command's words: noun, then verb. One file per role; each parses, calls what the crates below do, and prints.

mod answer;
mod bench;
mod challenges;
mod complaint;
pub mod connect;
mod device;
mod doctor;
mod ending;
mod epoch;
mod gateway;
mod genesis;
pub mod keywords;
mod kgc;
pub mod ledger;
mod listing;
mod patient;
pub mod prefilter;
mod report;
mod rotate;
mod sample;
mod secrets;
mod settings;
mod standing;
mod validators;
mod wait;
mod words;

use clap::{Parser, Subcommand};

pub use answer::{Answer, Failure, Outcome};
pub use listing::table;

use crate::{demo, dev};

/// Shares medical records across hospitals so that the right doctor, and nobody else, reads them.
#[derive(Debug, Parser)]
#[command(
    name = "consilium",
    version,
    arg_required_else_help = true,
    propagate_version = true
)]
pub struct Cli {
    /// Print one JSON object instead of words
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    command: Command,
}

/// The nouns.
#[derive(Debug, Subcommand)]
enum Command {
    /// The main job from beginning to end, on this machine, on sample records
    Demo(demo::DemoArgs),
    /// A federation on this machine that stays
    #[command(subcommand)]
    Dev(dev::DevCommand),
    /// The key generation centre
    #[command(subcommand)]
    Kgc(kgc::KgcCommand),
    /// A hospital's gateway
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// A patient's device
    #[command(subcommand)]
    Patient(patient::PatientCommand),
    /// A doctor's device
    #[command(subcommand)]
    Doctor(doctor::DoctorCommand),
    /// What stands on the ledger
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Write made-up records to try things out with
    Sample(sample::SampleArgs),
    /// How fast this machine is at what a hospital computes
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Runs what was asked for.
pub async fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Demo(args) => demo::run(args, cli.json).await,
        Command::Dev(command) => dev::run(command).await,
        Command::Kgc(command) => kgc::run(command).await,
        Command::Gateway(command) => gateway::run(command).await,
        Command::Patient(command) => patient::run(command).await,
        Command::Doctor(command) => doctor::run(command).await,
        Command::Ledger(command) => ledger::run(command).await,
        Command::Sample(args) => sample::run(&args),
        Command::Bench(command) => bench::run(&command),
    }
}
