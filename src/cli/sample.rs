//! `consilium sample`: made-up records in a folder.

use std::path::PathBuf;

use clap::Args;
use consilium_records::Sample;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use super::answer::{Answer, Outcome};

/// The arguments of `consilium sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Folder for the records; made if it is not there, nothing in it is overwritten
    pub folder: PathBuf,
    /// Equal seeds make equal files
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Writes the sample.
pub fn run(args: &SampleArgs) -> Outcome {
    let sample = Sample::generate(&mut StdRng::seed_from_u64(args.seed));
    sample.write(&args.folder)?;
    let (files, folder) = (sample.files().len(), args.folder.display());
    let text = format!(
        "{files} files in {folder}: made-up records of {} patients, {} image, and files that are none.\n\
         Try them: consilium demo --records {folder}",
        Sample::PATIENTS,
        Sample::IMAGES,
    );
    let json = json!({
        "folder": args.folder, "files": files, "patients": Sample::PATIENTS, "images": Sample::IMAGES, "seed": args.seed,
    });
    Ok(Answer::new(text, json))
}
