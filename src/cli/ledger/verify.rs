//! `consilium ledger verify`: from files alone, or from what a service sends.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use consilium_client::api::gateway::DisputeView;
use consilium_client::api::terms::{ComplaintReason, PurposeOfUse};
use consilium_client::genesis::{GenesisFileError, read_genesis};
use consilium_client::ledger_proof::{LedgerProof, Proven, Standing, Subject};
use consilium_contracts::{
    AuthorizationEntry, BlockTime, CloseReason, Consent, FederationId, RecordEntry, RecordStatus,
    ReportComplaintEntry, ReportEntry, Scope, Settlement, VerifiedGenesis,
};
use consilium_ledger::{ExportReader, LedgerExport};
use serde_json::{Value, json};

use super::at::LedgerArgs;
use super::measure::{count, moment};
use super::replay;
use crate::cli::answer::{Answer, Failure, Outcome};
use crate::cli::secrets::PassphraseOption;

/// What is checked, and against which genesis.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The federation's genesis: whoever is to be convinced has it from a source that is trusted. A folder has its own
    #[arg(long, value_name = "FILE", required_unless_present = "home")]
    genesis: Option<PathBuf>,
    /// The federation's id, where that is known; another one's genesis is refused
    #[arg(long, value_name = "ID")]
    federation: Option<FederationId>,
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    passphrase: PassphraseOption,
}

/// One of the three.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct WhatArgs {
    /// A proof that `ledger proof` wrote
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// A file that `ledger export` wrote: replayed from genesis, if it has every block from the first on
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Folder of a device, a gateway or the KGC: the ledger of its service is replayed from genesis
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

/// Checks a proof, an export, or what a service has.
pub async fn run(args: VerifyArgs) -> Outcome {
    let VerifyArgs {
        genesis,
        federation,
        what,
        passphrase,
    } = args;
    if let Some(home) = what.home {
        let at = LedgerArgs::of(home, passphrase);
        let genesis = match genesis {
            Some(path) => read(&path, federation)?,
            None => pinned(at.genesis().await?, federation)?,
        };
        return replay::shown(replay::of_service(&at.principal()?, &genesis).await?);
    }
    let path = genesis.ok_or_else(|| Failure::Usage("give --genesis".to_owned()))?;
    let genesis = read(&path, federation)?;
    match (what.proof, what.export) {
        (Some(path), _) => proof(&path, &genesis),
        (None, Some(path)) => export(&path, genesis).await,
        (None, None) => Err(Failure::Usage(
            "give --proof, --export or --home".to_owned(),
        )),
    }
}

fn read(path: &Path, federation: Option<FederationId>) -> Result<VerifiedGenesis, Failure> {
    read_genesis(path, federation).map_err(at(path))
}

/// The genesis, if it is of this federation.
fn pinned(
    genesis: VerifiedGenesis,
    federation: Option<FederationId>,
) -> Result<VerifiedGenesis, Failure> {
    let found = genesis.federation();
    match federation {
        Some(expected) if expected != found => {
            let error = GenesisFileError::OtherFederation { found, expected };
            Err(error.into())
        }
        _ => Ok(genesis),
    }
}

/// Says whose error it is.
pub fn at<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> Failure {
    move |error| Failure::said(format!("{}: {error}", path.display()))
}

fn proof(path: &Path, genesis: &VerifiedGenesis) -> Outcome {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a larger file is seen to be larger.
    File::open(path)
        .map_err(at(path))?
        .take(LedgerProof::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(at(path))?;
    let proof = LedgerProof::from_bytes(&bytes).map_err(at(path))?;
    let proven = proof.verify(genesis).map_err(at(path))?;
    Ok(Answer::new(words(&proven, genesis), json(&proven)))
}

async fn export(path: &Path, genesis: VerifiedGenesis) -> Outcome {
    let reader = replay::open(path, &genesis)?;
    match reader.range().from().value() {
        1 => replay::shown(replay::of_file(path, reader).await?),
        _ => part(path, reader),
    }
}

/// A part of a ledger: what goes without the state before it.
fn part(path: &Path, reader: ExportReader<BufReader<File>>) -> Outcome {
    let mut export = LedgerExport::from(reader);
    let (range, federation) = (export.range(), export.genesis().federation());
    let mut transactions = 0_u64;
    export
        .try_for_each(|entry| {
            let held = entry?.block.transactions().len() as u64;
            transactions = transactions.saturating_add(held);
            Ok(())
        })
        .map_err(at::<consilium_ledger::ExportError>(path))?;
    let (from, to) = (range.from().value(), range.to().value());
    let text = format!(
        "{} ({from} to {to}) of federation {federation}, {}\nEach follows the one before and is certified by more than two thirds of the validators.\nNOT replayed, because the blocks before {from} are not in the file: the transactions' signatures and proofs, what they did, and the state roots are those validators' word. A file that begins with block 1 is replayed (consilium ledger export, from a node that keeps every block).",
        count(range.blocks(), "block"),
        count(transactions, "transaction"),
    );
    let federation = federation.to_string();
    let json = json!({
        "federation": federation, "from": from, "to": to, "transactions": transactions, "replayed": false,
    });
    Ok(Answer::new(text, json))
}

/// What is proven, in plain words.
pub fn words(proven: &Proven, genesis: &VerifiedGenesis) -> String {
    let what = match &proven.standing {
        Standing::Record(entry) => record(entry, proven),
        Standing::Authorization(entry) => authorization(entry, proven),
        Standing::Report(entry) => report(entry),
        Standing::NoReport(entry) => format!(
            "No report stands on record {}: it is {}",
            entry.terms.record,
            life(&entry.status)
        ),
        Standing::Absent => {
            let subject = proven.subject.to_string();
            format!("{} does not stand on the ledger", capital(&subject))
        }
    };
    format!(
        "{what}\nThis is so as of block {}, certified at {} by {} of {} of federation {} ({})",
        proven.height,
        moment(proven.time.value()),
        proven.signed,
        count(proven.validators as u64, "validator"),
        genesis.genesis().name,
        proven.federation,
    )
}

/// With a capital at the beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.collect::<String>() + letters.as_str()
}

fn record(entry: &RecordEntry, proven: &Proven) -> String {
    let terms = &entry.terms;
    format!(
        "Record {} stands on the ledger\n  of           {}, since block {}, encrypted to epoch {}\n  state        {}\n  consent      {}\n  ciphertext   SHA-256 {}\n  capsule      SHA-256 {}\n  report's key SHA-256 {}",
        terms.record,
        terms.owner,
        entry.registered,
        terms.epoch,
        life(&entry.status),
        consent(&terms.consent, &entry.status, proven.time),
        terms.cthd,
        terms.ctsym,
        terms.rsa_key,
    )
}

/// Where a record is in its life.
fn life(status: &RecordStatus) -> String {
    let until = |time: &BlockTime| moment(time.value());
    match status {
        RecordStatus::Registered => "registered; no index is posted yet".to_owned(),
        RecordStatus::Matching { until: time } => format!("matched until {}", until(time)),
        RecordStatus::Assigned {
            doctor,
            until: time,
        } => format!(
            "assigned to doctor {doctor}, to be read before {}",
            until(time)
        ),
        RecordStatus::Accessed {
            doctor,
            until: time,
        } => format!(
            "read by doctor {doctor}, to be reported on before {}",
            until(time)
        ),
        RecordStatus::Reported { doctor } => format!("reported on by doctor {doctor}"),
        RecordStatus::Closed(reason) => format!("closed: {reason}"),
    }
}

fn consent(consent: &Consent, status: &RecordStatus, time: BlockTime) -> String {
    if *status == RecordStatus::Closed(CloseReason::ConsentWithdrawn) {
        return "withdrawn".to_owned();
    }
    let hospitals: Vec<_> = consent.hospitals.iter().map(ToString::to_string).collect();
    let hospitals = match hospitals.is_empty() {
        true => "the owner alone".to_owned(),
        false => hospitals.join(", "),
    };
    let purposes: Vec<_> = consent.purposes.iter().map(ToString::to_string).collect();
    let tense = if consent.expiry <= time {
        "over since"
    } else {
        "until"
    };
    format!(
        "{tense} {}, for {} at {hospitals}",
        moment(consent.expiry.value()),
        purposes.join(", "),
    )
}

fn authorization(entry: &AuthorizationEntry, proven: &Proven) -> String {
    let scope = match entry.scope {
        Scope::All => "all records, as far as their patients consent".to_owned(),
        Scope::Record(record) => format!("record {record}"),
    };
    format!(
        "Authorization {} stands on the ledger\n  from     {} to {}, since block {}\n  of       {scope}\n  for      {}\n  state    {}",
        entry.id,
        entry.from,
        entry.to,
        entry.height,
        entry.purpose,
        force(entry, proven.time),
    )
}

/// Whether an authorization is in force.
fn force(entry: &AuthorizationEntry, time: BlockTime) -> String {
    let expiry = moment(entry.expiry.value());
    match entry.ended {
        Some(height) if entry.expiry > time => {
            format!("ended at block {height}, before its time; it was given until {expiry}")
        }
        Some(height) => format!("ended at block {height}; it was given until {expiry}"),
        None if entry.expiry > time => format!("in force until {expiry}"),
        None => format!("over since {expiry}"),
    }
}

fn report(entry: &ReportEntry) -> String {
    let answer = match (entry.acknowledged, entry.complaint, entry.dispute) {
        (Some(height), _, _) => format!("acknowledged by the patient at block {height}"),
        (None, Some(ReportComplaintEntry { reason, height }), _) => {
            format!("the patient complained at block {height}: {reason}")
        }
        (None, None, Some(dispute)) => match dispute.settled {
            Settlement::DoesNotOpen(defect) => format!(
                "shown not to open at block {}, by the doctor's fault: {defect}",
                dispute.height
            ),
            Settlement::Opens => format!(
                "not acknowledged by the patient, whose dispute at block {} showed that it opens",
                dispute.height
            ),
        },
        (None, None, None) => "not acknowledged by the patient".to_owned(),
    };
    format!(
        "A report on record {} stands on the ledger\n  by       doctor {}, at block {}\n  report   SHA-256 {} (of the encrypted report)\n  state    {answer}",
        entry.record, entry.doctor, entry.height, entry.digest,
    )
}

/// The same for programs.
pub fn json(proven: &Proven) -> Value {
    json!({
        "federation": proven.federation.to_string(),
        "subject": subject_json(&proven.subject),
        "stands": !matches!(proven.standing, Standing::Absent | Standing::NoReport(_)),
        "height": proven.height.value(),
        "time_ms": proven.time.value(),
        "signed": proven.signed,
        "validators": proven.validators,
        "entry": entry_json(proven),
    })
}

fn subject_json(subject: &Subject) -> Value {
    match subject {
        Subject::Record(record) => json!({ "record": record.to_string() }),
        Subject::Authorization(id) => json!({ "authorization": id.to_string() }),
        Subject::Report { record, doctor } => json!({
            "report_on": record.to_string(), "doctor": doctor.map(|doctor| doctor.to_string()),
        }),
    }
}

fn entry_json(proven: &Proven) -> Value {
    match &proven.standing {
        Standing::Absent => Value::Null,
        Standing::Record(entry) | Standing::NoReport(entry) => {
            let terms = &entry.terms;
            json!({
                "owner": terms.owner.to_string(), "registered": entry.registered.value(),
                "epoch": terms.epoch.number(), "state": life(&entry.status),
                "consent": consent(&terms.consent, &entry.status, proven.time),
                "consent_withdrawn": entry.status == RecordStatus::Closed(CloseReason::ConsentWithdrawn),
                "consent_expires_ms": terms.consent.expiry.value(),
                "cthd": terms.cthd.to_string(), "ctsym": terms.ctsym.to_string(),
                "rsa_key": terms.rsa_key.to_string(),
            })
        }
        Standing::Authorization(entry) => json!({
            "from": entry.from.to_string(), "to": entry.to.to_string(),
            "record": match entry.scope {
                Scope::All => None,
                Scope::Record(record) => Some(record.to_string()),
            },
            "purpose": PurposeOfUse::from(entry.purpose), "given": entry.height.value(),
            "expires_ms": entry.expiry.value(), "ended": entry.ended.map(|height| height.value()),
            "in_force": entry.ended.is_none() && entry.expiry > proven.time,
        }),
        Standing::Report(entry) => json!({
            "doctor": entry.doctor.to_string(), "digest": entry.digest.to_string(),
            "height": entry.height.value(),
            "acknowledged": entry.acknowledged.map(|height| height.value()),
            "complaint": entry.complaint.map(|one| json!({
                "reason": ComplaintReason::from(one.reason), "height": one.height.value(),
            })),
            "dispute": entry.dispute.map(DisputeView::from),
        }),
    }
}
