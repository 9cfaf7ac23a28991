//! `consilium demo`: the eleven steps of the main job, on this machine, between real services.

mod cases;
mod doctors;
mod input;
mod patients;
mod people;
mod refusals;
mod run;
mod services;
mod show;
mod summary;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use consilium_records::Sample;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::cli::{Failure, Outcome};

/// How long killed services may still write.
const LAST_WRITES: Duration = Duration::from_millis(300);

/// The arguments of `consilium demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder of FHIR or DICOM files; by default the project's own made-up sample
    #[arg(long, value_name = "PATH")]
    records: Option<PathBuf>,
    /// Seconds that doctors have to match a record; by default as long as this many records need
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    matching_window: Option<u64>,
    /// Leave the services' folders, with their logs, where they are
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
    let window = args.matching_window;
    let outcome = tokio::select! {
        outcome = run::run(&mut show, folder.path(), &input, window) => outcome,
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
