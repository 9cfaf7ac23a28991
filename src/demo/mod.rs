//! `consilium demo`: the eleven steps of the main job, on this machine, between real services.

mod doctors;
mod patients;
mod people;
mod refusals;
mod run;
mod services;
mod show;
mod summary;

use std::path::PathBuf;

use clap::Args;
use consilium_records::Sample;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::cli::Outcome;

/// The arguments of `consilium demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder of FHIR or DICOM files; by default the project's own made-up sample
    #[arg(long, value_name = "PATH")]
    records: Option<PathBuf>,
    /// Seconds that doctors have to match a record; by default as long as this many records need
    #[arg(long, value_name = "SECONDS")]
    matching_window: Option<u64>,
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
    let summary = run::run(&mut show, folder.path(), &input, window).await?;
    Ok(summary.into_answer())
}
