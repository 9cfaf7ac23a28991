//! `consilium ledger proof`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use consilium_client::ClientError;
use consilium_client::api::errors::codes;
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::ledger_proof::Subject;
use consilium_contracts::{AuthorizationId, DoctorId, RecordId};
use indicatif::ProgressBar;
use serde_json::json;

use super::at::LedgerArgs;
use super::verify;
use crate::cli::answer::{Answer, Failure, Outcome};

/// What can be proven to stand on the ledger, or not to.
#[derive(Debug, Subcommand)]
pub enum ProofCommand {
    /// A record: its digests, whose it is, its consent, where it is in its life
    Record {
        #[command(flatten)]
        to: ProofArgs,
        /// The record
        record: RecordId,
    },
    /// An authorization: between whom, for what, until when, whether it is over
    Authorization {
        #[command(flatten)]
        to: ProofArgs,
        /// The authorization
        authorization: AuthorizationId,
    },
    /// The digest of the report on a record
    Report {
        #[command(flatten)]
        to: ProofArgs,
        /// The record
        record: RecordId,
        /// The doctor; by default whoever the ledger says
        #[arg(long)]
        doctor: Option<DoctorId>,
    },
}

/// Whom to ask, and where the proof goes.
#[derive(Debug, Args)]
pub struct ProofArgs {
    #[command(flatten)]
    at: LedgerArgs,
    /// File for the proof; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl ProofCommand {
    fn parts(&self) -> (&ProofArgs, Subject) {
        match self {
            Self::Record { to, record } => (to, Subject::Record(*record)),
            Self::Authorization { to, authorization } => {
                (to, Subject::Authorization(*authorization))
            }
            Self::Report { to, record, doctor } => {
                let (record, doctor) = (*record, *doctor);
                (to, Subject::Report { record, doctor })
            }
        }
    }
}

/// Fetches a proof, checks it and writes it.
pub async fn run(command: &ProofCommand) -> Outcome {
    let (ProofArgs { at, out }, subject) = command.parts();
    if out.exists() {
        return Err(Failure::said(format!("{} is there already", out.display())));
    }
    let genesis = at.genesis().await?;
    let client = at.principal()?;
    // The service may wait for the next block. Hidden where standard error is no terminal.
    let spinner = ProgressBar::new_spinner().with_message("waiting for a block that certifies it");
    spinner.enable_steady_tick(std::time::Duration::from_millis(250));
    let proof = client.proof(&subject).await;
    spinner.finish_and_clear();
    let proof = proof.map_err(not_yet)?;
    let proven = proof.verify(&genesis)?;
    write_atomically(out, &proof.to_bytes(), Readers::Everyone, Existing::Keep)
        .map_err(|error| Failure::said(format!("{}: {error}", out.display())))?;
    let text = format!(
        "{}\nThe proof: {}\nWho has it and the federation's genesis.bin checks it: consilium ledger verify --proof FILE --genesis genesis.bin",
        verify::words(&proven, &genesis),
        out.display(),
    );
    let json = json!({ "file": out, "proven": verify::json(&proven) });
    Ok(Answer::new(text, json))
}

/// What the next block will certify is no failure.
fn not_yet(error: ClientError) -> Failure {
    match error.code() {
        Some(code) if *code == codes::NOT_CERTIFIED_YET => Failure::NotYet(Box::new(error)),
        _ => error.into(),
    }
}
