//! `consilium doctor`: a doctor's device.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use consilium_client::api::gateway::{DeviceRole, Inbox};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{
    self, DoctorKeys, MAX_RECORD_BYTES, OpenedCase, ReadRecord, ReportRecipient, decrypt_record,
    enrol, fetch_record, open_case, post_trapdoor, submit_report,
};
use consilium_client::device::keyword_tokens;
use consilium_client::keyfile::{AbeUserSecretFile, write_key_file};
use consilium_client::wire::word;
use consilium_contracts::{BlockTime, Canonical as _, DeclineReason, HospitalCard, RecordId};
use consilium_records::Keyword;
use consilium_schemes::abe::UserSecretKey;
use consilium_schemes::report::Report;
use rand::rngs::StdRng;
use serde_json::json;
use zeroize::Zeroizing;

use super::answer::{Answer, Failure, Outcome};
use super::device::{self, Device};
use super::keywords::convert;
use super::patient::{DeviceArgs, days_after, register};
use super::secrets::{ProtectionOption, protection};
use super::wait::WaitOption;
use super::{complaint, listing, standing, words};

/// The commands of a doctor's device.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// Make the device's keys
    Keygen {
        /// The device's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        #[command(flatten)]
        protection: ProtectionOption,
    },
    /// Register with the hospital's invitation and ask to be enrolled
    Enroll {
        #[command(flatten)]
        at: DeviceArgs,
        /// File with the invitation's code, `-` for standard input; not needed to ask again
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// Begin anew where an enrolment stands already: for other attributes, or after a refusal
        #[arg(long)]
        renew: bool,
    },
    /// How far the enrolment is, the epoch, until when interests hold, the cases
    Status(DeviceArgs),
    /// Post interests; they replace the former ones
    Interests {
        #[command(flatten)]
        at: DeviceArgs,
        /// Keywords, as `icd-10|E11`
        #[arg(required = true, value_name = "SYSTEM|CODE")]
        keywords: Vec<Keyword>,
        /// Days that they hold
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
    },
    /// The cases that were assigned to this doctor
    Inbox {
        #[command(flatten)]
        at: DeviceArgs,
        #[command(flatten)]
        wait: WaitOption,
    },
    /// Open a case and decrypt the record
    Open {
        #[command(flatten)]
        case: CaseArgs,
        /// File for the record; it must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The longest encrypted record to take, in bytes
        #[arg(long, value_name = "BYTES", default_value_t = MAX_RECORD_BYTES)]
        max_bytes: u64,
    },
    /// Decline a case; it passes to the next doctor
    Decline {
        #[command(flatten)]
        at: DeviceArgs,
        /// The record
        record: RecordId,
        /// Why
        #[arg(long, value_enum)]
        reason: Reason,
    },
    /// Show everyone whose fault it is that a record did not open on this device
    ///
    /// The ledger forgets nothing: the record's policy, and which of its rows your attributes satisfy, become readable to
    /// every hospital. No key does.
    Complain {
        #[command(flatten)]
        at: DeviceArgs,
        /// The record
        record: RecordId,
    },
    /// Return a report to the patient of a record that was opened on this device
    Report {
        #[command(flatten)]
        at: DeviceArgs,
        /// The record
        record: RecordId,
        /// File with the report's text
        #[arg(long, value_name = "FILE")]
        text: PathBuf,
    },
}

/// Which case, and why it is read.
#[derive(Debug, Args)]
pub struct CaseArgs {
    #[command(flatten)]
    at: DeviceArgs,
    /// The record
    record: RecordId,
    /// The purpose of use
    #[arg(long, default_value = "treatment", value_parser = words::purpose())]
    purpose: PurposeOfUse,
}

/// Why a case is declined.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Reason {
    /// No time, on leave
    Unavailable,
    /// Not the doctor's field
    OutsideExpertise,
    /// The doctor should not see this patient
    ConflictOfInterest,
    /// The record does not open
    CannotOpen,
    /// Anything else
    Other,
}

impl From<Reason> for DeclineReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unavailable => Self::Unavailable,
            Reason::OutsideExpertise => Self::OutsideExpertise,
            Reason::ConflictOfInterest => Self::ConflictOfInterest,
            Reason::CannotOpen => Self::CannotOpen,
            Reason::Other => Self::Other,
        }
    }
}

/// Runs a command of a doctor.
pub async fn run(command: DoctorCommand) -> Outcome {
    match command {
        DoctorCommand::Keygen { home, protection } => keygen(&home, &protection),
        DoctorCommand::Enroll {
            at,
            code_file,
            renew,
        } => enroll(&at, code_file.as_deref(), renew).await,
        DoctorCommand::Status(at) => standing::status(&at).await,
        DoctorCommand::Interests { at, keywords, days } => interests(&at, &keywords, days).await,
        DoctorCommand::Inbox { at, wait } => inbox(&at, &wait).await,
        DoctorCommand::Open {
            case,
            out,
            max_bytes,
        } => open(&case, &out, max_bytes).await,
        DoctorCommand::Decline { at, record, reason } => {
            let (device, keys) = opened(&at)?;
            let federation = device.federation().await?;
            let (gateway, mut rng) = (device.gateway(), rng());
            let receipt =
                doctor::decline(gateway, &federation, &keys, record, reason.into(), &mut rng)
                    .await?;
            let text = format!("Declined at height {}", receipt.height);
            Ok(Answer::new(text, json!(receipt)))
        }
        DoctorCommand::Complain { at, record } => {
            let (device, keys) = opened(&at)?;
            complaint::post(&device, &keys, record, &mut rng()).await
        }
        DoctorCommand::Report { at, record, text } => report(&at, record, &text).await,
    }
}

/// A generator that may cross threads, seeded by the system's.
fn rng() -> StdRng {
    rand::make_rng()
}

fn keygen(home: &Path, protect: &ProtectionOption) -> Outcome {
    let passphrase = protect.read()?;
    let signing = device::keygen(home, passphrase.as_ref())?;
    let public_key = signing.verifying_key();
    let keys = DoctorKeys::new(
        signing,
        consilium_schemes::abe::user_keygen(&mut rand::rng()).0,
    );
    let beta = AbeUserSecretFile::new(keys.abe().to_bytes());
    write_key_file(
        &device::abe_key(home),
        &beta,
        protection(passphrase.as_ref()),
    )?;
    let text = format!(
        "The device's keys are in {}\nNext: consilium doctor enroll --home {} --code-file FILE",
        home.display(),
        home.display()
    );
    Ok(Answer::new(
        text,
        json!({ "home": home, "public_key": public_key.to_string() }),
    ))
}

fn opened(at: &DeviceArgs) -> Result<(Device, DoctorKeys), Failure> {
    let device = at.of(DeviceRole::Doctor)?;
    let beta: AbeUserSecretFile = at.passphrase.open(&device::abe_key(&at.home))?;
    let beta = UserSecretKey::from_bytes(beta.expose_secret())?;
    let keys = DoctorKeys::new(device.signing(), beta);
    Ok((device, keys))
}

async fn enroll(at: &DeviceArgs, code: Option<&Path>, renew: bool) -> Outcome {
    if let Some(code) = code {
        register(at, DeviceRole::Doctor, code).await?;
    }
    let (device, keys) = opened(at)?;
    let federation = device.federation().await?;
    let (gateway, mut rng) = (device.gateway(), rng());
    let made = match renew {
        true => doctor::renew(gateway, &federation, &keys, &mut rng).await?,
        false => enrol(gateway, &federation, &keys, &mut rng).await?,
    };
    let next = standing::next(Some(&made), device.home());
    let next = next.map_or(String::new(), |next| format!("\nNext: {next}"));
    let text = format!(
        "Doctor {} of {}: {}{next}",
        made.doctor.0,
        made.hospital.0,
        word(&made.state)
    );
    Ok(Answer::new(text, json!(made)).with_value(made.doctor.0.to_string()))
}

/// The card of the device's own hospital: from genesis, or for one that joined later as its pinned gateway gives it.
async fn own_card(device: &Device) -> Result<HospitalCard, Failure> {
    let genesis = device.genesis().await?;
    let own = &device.profile().hospital.0;
    let first = genesis
        .genesis()
        .hospitals
        .iter()
        .find(|card| card.id == *own);
    if let Some(card) = first {
        return Ok(card.clone());
    }
    let list = device.gateway().hospitals().await?;
    let later = list.hospitals.iter().find(|one| one.id.0 == *own);
    let card = later.ok_or_else(|| Failure::said(format!("{own} is not in the federation")))?;
    Ok(HospitalCard::from_canonical_bytes(card.card.as_bytes())?)
}

async fn interests(at: &DeviceArgs, keywords: &[Keyword], days: u64) -> Outcome {
    let converted = convert(keywords);
    if let Some(dropped) = converted.dropped.first() {
        return Err(Failure::Usage(format!(
            "{}: {}",
            dropped.keyword, dropped.reason
        )));
    }
    let (device, keys) = opened(at)?;
    standing::check_registered(&device).await?;
    let (federation, card) = (device.federation().await?, own_card(&device).await?);
    let (gateway, mut rng) = (device.gateway(), rng());
    let tokens = keyword_tokens(gateway, &federation, &converted.keywords, &mut rng).await?;
    let now = gateway.ledger_status().await?.tip_time_ms;
    let expiry = BlockTime::new(days_after(now, days));
    let receipt = post_trapdoor(
        gateway,
        &federation,
        &keys,
        &card,
        &tokens,
        expiry,
        &mut rng,
    )
    .await?;
    let text = format!(
        "{} interests posted at height {}",
        tokens.len(),
        receipt.height
    );
    Ok(Answer::new(
        text,
        json!({ "interests": tokens.len(), "receipt": receipt }),
    ))
}

async fn inbox(at: &DeviceArgs, wait: &WaitOption) -> Outcome {
    let device = at.of(DeviceRole::Doctor)?;
    let gateway = device.gateway();
    let waits = |inbox: &Inbox| inbox.cases.iter().any(|case| !case.reported);
    let inbox = wait
        .until("a case", waits, || async { Ok(gateway.inbox().await?) })
        .await?;
    Ok(cases(&inbox))
}

fn cases(inbox: &Inbox) -> Answer {
    let rows = inbox.cases.iter().map(|case| {
        let state = match (case.opened, case.reported) {
            (_, true) => "reported",
            (true, false) => "opened",
            (false, false) => "waits",
        };
        [
            case.record.0.to_string(),
            case.owner.0.to_string(),
            state.to_owned(),
        ]
    });
    Answer::new(
        listing::table(["record", "of", "state"], rows),
        json!(inbox),
    )
}

async fn open(args: &CaseArgs, out: &Path, max_bytes: u64) -> Outcome {
    if out.exists() {
        return Err(Failure::said(format!("{} is there already", out.display())));
    }
    // The ledger says that the case was opened before the record is here: what can fail before that, fails before.
    writable(out)?;
    let (device, keys) = opened(&args.at)?;
    let (federation, hospital) = (device.federation().await?, own_card(&device).await?);
    let (gateway, cases) = (device.gateway(), device::cases(device.home()));
    let kept = ReportRecipient::kept(&cases, args.record)?;
    let case = open_case(
        gateway,
        &federation,
        &keys,
        &hospital.signing_key,
        args.record,
        args.purpose,
        &mut rng(),
    )
    .await
    .map_err(|error| complaint::keep(error, &cases))?;
    if let Some(kept) = kept {
        kept.check(&case)?;
    }
    let read = read(&device, &case, out, max_bytes).await?;
    if let Err(error) = read.recipient().keep(&cases) {
        // Without it no report could be returned: the record counts as not opened. The first failure is the one to report.
        let _ = fs::remove_file(out);
        return Err(error.into());
    }
    let (bytes, height) = (read.plaintext_bytes(), case.access().height);
    let text = format!(
        "The record is in {} ({bytes} bytes). The ledger says so at height {height}.",
        out.display()
    );
    Ok(Answer::new(
        text,
        json!({ "out": out, "bytes": bytes, "access": case.access() }),
    ))
}

/// Whether a file can be made where the record is to lie.
fn writable(out: &Path) -> Result<(), Failure> {
    let folder = out.parent().filter(|one| !one.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::said(format!("{}: {error}", out.display()))),
    }
}

async fn read(
    device: &Device,
    case: &OpenedCase,
    out: &Path,
    max_bytes: u64,
) -> Result<ReadRecord, Failure> {
    let folder = tempfile::Builder::new()
        .prefix(".case-")
        .tempdir_in(device.home())?;
    let cthd = folder.path().join("cthd");
    let fetched = fetch_record(device.gateway(), case, &cthd, max_bytes).await;
    fetched.map_err(|error| match error {
        DeviceError::TooLong { .. } => {
            Failure::said(format!("{error}: --max-bytes BYTES takes a longer one"))
        }
        error => error.into(),
    })?;
    Ok(decrypt_record(case, File::open(&cthd)?, out)?)
}

async fn report(at: &DeviceArgs, record: RecordId, path: &Path) -> Outcome {
    let text =
        fs::read(path).map_err(|error| Failure::said(format!("{}: {error}", path.display())))?;
    if text.is_empty() {
        let text = format!(
            "{} is empty; a report stands for good, so write it first",
            path.display()
        );
        return Err(Failure::said(text));
    }
    let text = Report::new(Zeroizing::new(text))?;
    let (device, keys) = opened(at)?;
    let recipient = ReportRecipient::kept(&device::cases(device.home()), record)?;
    let recipient = recipient.ok_or_else(|| not_read(&record))?;
    let (gateway, federation) = (device.gateway(), device.federation().await?);
    let receipt = submit_report(gateway, &federation, &keys, &recipient, text, &mut rng()).await?;
    let text = format!("Report returned at height {}", receipt.height);
    Ok(Answer::new(text, json!(receipt)))
}

fn not_read(record: &RecordId) -> Failure {
    Failure::said(format!(
        "record {record} was not read on this device, so nothing tells whom the report goes to: run `consilium doctor open` first"
    ))
}
