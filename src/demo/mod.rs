//! `consilium demo`: the eleven steps of the main job, on this machine, between real services.

mod audit;
mod bring;
mod cases;
mod challenges;
mod disputes;
mod doctors;
mod input;
mod outage;
mod patients;
mod people;
mod process;
mod processors;
mod proofs;
mod refusals;
mod run;
mod services;
mod show;
mod summary;
mod tokens;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use consilium_records::Sample;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::cli::prefilter::PrefilterOption;
use crate::cli::{Failure, Outcome};
use crate::loopback::Hospitals;

/// How long killed services may still write.
const LAST_WRITES: Duration = Duration::from_millis(300);

/// The arguments of `consilium demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder of FHIR or DICOM files; by default the project's own made-up sample
    #[arg(long, value_name = "PATH")]
    records: Option<PathBuf>,
    /// Hospitals, 2 to 16; with 4 or more all of them vote, and one is killed in the middle of the run and started again
    #[arg(long, value_name = "N", default_value_t)]
    hospitals: Hospitals,
    /// Seconds that doctors have to match a record; by default as long as this many records need
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    matching_window: Option<u64>,
    #[command(flatten)]
    prefilter: PrefilterOption,
    /// Leave the services' folders, with their logs, and the exported ledger (ledger.export) where they are
    #[arg(long)]
    keep: bool,
}

/// Runs the demo in a temporary folder, which is removed afterwards.
pub async fn run(args: DemoArgs, quiet: bool) -> Outcome {
    let folder = tempfile::Builder::new()
        .prefix("consilium-demo-")
        .tempdir()?;
    let input = match args.records {
        Some(path) => path,
        None => {
            let path = folder.path().join("sample");
            Sample::generate(&mut StdRng::seed_from_u64(1)).write(&path)?;
            path
        }
    };
    let mut show = show::Show::new(quiet);
    let course = run::Course {
        folder: folder.path(),
        input: &input,
        hospitals: args.hospitals,
        matching_window_s: args.matching_window,
        prefilter: args.prefilter,
    };
    let outcome = tokio::select! {
        outcome = course.run(&mut show) => outcome,
        () = consilium_service::shutdown_signal() => Err(Failure::said("stopped before its end")),
    };
    if outcome.is_err() {
        // The services are being killed; what they still write must not outlive the folder.
        tokio::time::sleep(LAST_WRITES).await;
    }
    if args.keep {
        let kept = folder.keep();
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(std::io::stderr(), "kept: {}", kept.display());
    }
    Ok(outcome?.into_answer())
}
