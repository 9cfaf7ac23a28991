//! `consilium patient`: a patient's device.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use consilium_client::api::gateway::{DeviceRole, RecordState, RecordSubmission, RecordView};
use consilium_client::api::terms::{ComplaintReason, PurposeOfUse};
use consilium_client::device::keyword_tokens;
use consilium_client::device::patient::{
    self, RecordChoices, RecordKeys, current_epoch, seal_record, withdraw_consent,
};
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::keyfile::{RsaPrivateKeyFile, write_key_file};
use consilium_client::wire::word;
use consilium_contracts::{BlockTime, DoctorId, HospitalId, RecordId, SigningKey};
use consilium_policies::Policy;
use consilium_records::{Choice, Keyword, Limits, Records, SourceRecord, choose};
use consilium_schemes::report::SecretKey;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::device::{self, Device};
use super::keywords::{Converted, convert};
use super::secrets::{PassphraseOption, ProtectionOption, protection};
use super::wait::WaitOption;
use super::{challenges, listing, report, words};

/// One day in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The commands of a patient's device.
#[derive(Debug, Subcommand)]
pub enum PatientCommand {
    /// Make the device's key
    Keygen {
        /// The device's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        #[command(flatten)]
        protection: ProtectionOption,
    },
    /// Register the device with the hospital's invitation
    Register {
        #[command(flatten)]
        at: DeviceArgs,
        /// File with the invitation's code; `-` reads standard input
        #[arg(long, value_name = "FILE")]
        code_file: PathBuf,
    },
    /// What a record could be found by; nothing is sent
    Keywords {
        /// A FHIR file, a folder of one patient's, or a DICOM file
        record: PathBuf,
    },
    /// Encrypt a record under a policy; nothing but blinded keywords is sent
    Encrypt(EncryptArgs),
    /// Hand an encrypted record to the hospital
    Submit(RecordArgs),
    /// Where the device's records stand
    Status(DeviceArgs),
    /// Withdraw consent: the hospital stops serving the record and deletes its ciphertext
    Withdraw(RecordArgs),
    /// Records whose report is there
    Reports {
        #[command(flatten)]
        at: DeviceArgs,
        #[command(flatten)]
        wait: WaitOption,
    },
    /// Open the report of a record
    Open {
        #[command(flatten)]
        record: RecordArgs,
        /// File for the report; it must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Say on the ledger that the report was opened, with the proof; the record is closed
    Acknowledge(RecordArgs),
    /// Doctors whose hospital had to compare their interests with a record, and what it said
    Pairs(RecordArgs),
    /// Ask a doctor's hospital to prove whether the doctor matches a record
    Challenge {
        #[command(flatten)]
        record: RecordArgs,
        /// The doctor, as `patient pairs` lists it
        doctor: DoctorId,
    },
    /// Complain on the ledger about what the report says, with the proof that it was opened; the record is closed
    Complain {
        #[command(flatten)]
        record: RecordArgs,
        /// Why; nothing else is told
        #[arg(long, value_parser = words::complaint())]
        reason: ComplaintReason,
    },
    /// Show on the ledger that the report does not open; the next best doctor gets the record
    ///
    /// This device tries first and posts nothing that would be lost. What is posted reveals how to open this one report to whoever keeps
    /// the ledger, for good: they can read what the doctor encrypted, whatever is wrong with it. It is revealed even if the ledger refuses
    /// the dispute. Only a header or an encapsulation that is none of this record's is shown without that, and needs no --reveal.
    Dispute {
        #[command(flatten)]
        record: RecordArgs,
        /// Post it even where the report becomes readable to whoever keeps the ledger, also if the ledger refuses the dispute
        #[arg(long)]
        reveal: bool,
    },
}

/// Which device.
#[derive(Debug, Args)]
pub struct DeviceArgs {
    /// The device's folder
    #[arg(long, value_name = "DIR")]
    pub home: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseOption,
}

impl DeviceArgs {
    /// The device, if it is for this role.
    pub fn of(&self, role: DeviceRole) -> Result<Device, Failure> {
        self.open()?.of(role)
    }

    /// The device.
    pub fn open(&self) -> Result<Device, Failure> {
        Device::open(&self.home, &self.passphrase)
    }
}

/// Which record of which device.
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub at: DeviceArgs,
    /// The record
    pub record: RecordId,
}

/// What a patient decides about a record.
#[derive(Debug, Args)]
pub struct EncryptArgs {
    #[command(flatten)]
    at: DeviceArgs,
    /// A FHIR file, a folder of one patient's, or a DICOM file
    record: PathBuf,
    /// Who may read, as `role:cardiologist and clearance >= 3`
    #[arg(
        long,
        required_unless_present = "policy_file",
        conflicts_with = "policy_file"
    )]
    policy: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE")]
    policy_file: Option<PathBuf>,
    /// Keyword to be found by, as `icd-10|E11`; may be repeated; by default the active conditions
    #[arg(long = "keyword", value_name = "SYSTEM|CODE")]
    keywords: Vec<Keyword>,
    /// Further hospital that may search the record; may be repeated
    #[arg(long = "hospital", value_name = "HOSPITAL")]
    hospitals: Vec<HospitalId>,
    /// Purpose of use that is allowed; may be repeated
    #[arg(long = "purpose", default_values_t = [PurposeOfUse::Treatment], value_parser = words::purpose())]
    purposes: Vec<PurposeOfUse>,
    /// Days that the consent holds
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,
}

/// Runs a command of a patient.
pub async fn run(command: PatientCommand) -> Outcome {
    match command {
        PatientCommand::Keygen { home, protection } => {
            let key = device::keygen(&home, protection.read()?.as_ref())?;
            let file = device::signing_key(&home);
            let text = format!("The device's key is in {}", file.display());
            let json = json!({ "key": file, "public_key": key.verifying_key().to_string() });
            Ok(Answer::new(text, json))
        }
        PatientCommand::Register { at, code_file } => {
            register(&at, DeviceRole::Patient, &code_file).await
        }
        PatientCommand::Keywords { record } => keywords(&record),
        PatientCommand::Encrypt(args) => encrypt(&args).await,
        PatientCommand::Submit(args) => submit(&args).await,
        PatientCommand::Status(at) => {
            let list = at.of(DeviceRole::Patient)?.gateway().records().await?;
            Ok(Answer::new(table(&list.records), json!(list)))
        }
        PatientCommand::Withdraw(args) => withdraw(&args).await,
        PatientCommand::Reports { at, wait } => reports(&at, &wait).await,
        PatientCommand::Open { record, out } => report::open(&record, &out).await,
        PatientCommand::Acknowledge(args) => report::acknowledge(&args).await,
        PatientCommand::Complain { record, reason } => report::complain(&record, reason).await,
        PatientCommand::Dispute { record, reveal } => report::dispute(&record, reveal).await,
        PatientCommand::Pairs(args) => {
            let device = args.at.of(DeviceRole::Patient)?;
            challenges::pairs(device.gateway(), &args.record).await
        }
        PatientCommand::Challenge { record, doctor } => challenge(&record, doctor).await,
    }
}

/// Redeems an invitation, for either role.
pub async fn register(at: &DeviceArgs, role: DeviceRole, code: &Path) -> Outcome {
    let device = device::join(&at.home, role, code, &at.passphrase).await?;
    let profile = device.profile();
    device.genesis().await?;
    let (hospital, federation) = (&profile.hospital.0, &profile.federation.0);
    let text = format!("Registered as {role} of {hospital}, federation {federation}");
    Ok(Answer::new(text, json!(profile)))
}

/// A moment so many days after another, in milliseconds.
pub fn days_after(now_ms: u64, days: u64) -> u64 {
    now_ms.saturating_add(days.saturating_mul(DAY_MS))
}

fn keywords(path: &Path) -> Outcome {
    let record = Records::one(path, &Limits::default())?;
    let chosen = choose(record.candidates(), usize::MAX, &Choice::Default)?;
    let listed: Vec<_> = record.candidates().iter().collect();
    let rows = listed.iter().map(|one| {
        let default = if chosen.contains(one.keyword()) {
            "default"
        } else {
            ""
        };
        let display = one.display().unwrap_or_default();
        [
            one.keyword().to_string(),
            default.to_owned(),
            display.to_owned(),
        ]
    });
    let text = listing::table(["keyword", "", "meaning"], rows);
    let json: Vec<_> = listed
        .iter()
        .map(|one| {
            json!({
                "keyword": one.keyword().as_str(), "display": one.display(), "default": chosen.contains(one.keyword()),
            })
        })
        .collect();
    Ok(Answer::new(text, json!({ "keywords": json })))
}

fn policy(args: &EncryptArgs) -> Result<Policy, Failure> {
    let (origin, text) = match (&args.policy, &args.policy_file) {
        (Some(text), _) => ("policy".to_owned(), text.clone()),
        (None, Some(path)) => {
            let origin = path.display().to_string();
            let read = fs::read_to_string(path);
            let text = read.map_err(|error| Failure::said(format!("{origin}: {error}")))?;
            (origin, text)
        }
        (None, None) => return Err(Failure::Usage("give --policy or --policy-file".to_owned())),
    };
    text.parse()
        .map_err(|error| Failure::Usage(format!("{origin}: {error}")))
}

fn chosen(args: &EncryptArgs, record: &SourceRecord, n: usize) -> Result<Converted, Failure> {
    let choice = match args.keywords.as_slice() {
        [] => Choice::Default,
        wanted => Choice::Exactly(wanted.to_vec()),
    };
    Ok(convert(&choose(record.candidates(), n, &choice)?))
}

async fn encrypt(args: &EncryptArgs) -> Outcome {
    let policy = policy(args)?;
    let source = Records::one(&args.record, &Limits::default())?;
    let passphrase = args.at.passphrase.read()?;
    let device = args.at.of(DeviceRole::Patient)?;
    let (federation, gateway) = (device.federation().await?, device.gateway());
    check_hospitals(&device, &args.hospitals).await?;
    let chosen = chosen(args, &source, federation.index_size().keywords())?;
    let mut rng = rand::rng();
    let tokens = keyword_tokens(gateway, &federation, &chosen.keywords, &mut rand_seeded()).await?;
    let epoch = current_epoch(gateway).await?;
    let now = gateway.ledger_status().await?.tip_time_ms;
    let purposes = args.purposes.iter().map(|purpose| (*purpose).into());
    let expiry = BlockTime::new(days_after(now, args.days));
    let choices = RecordChoices {
        owner: &device.profile().hospital.0,
        policy: &policy,
        consent: patient::consent(args.hospitals.clone(), purposes, expiry)?,
        tokens: &tokens,
    };
    let keys = RecordKeys::generate(&mut rng)?;
    let all = device.home().join("records");
    fs::create_dir_all(&all)?;
    // A record's folder gets its name when everything is in it.
    let staged = tempfile::Builder::new().prefix(".new-").tempdir_in(&all)?;
    let cthd = staged.path().join("cthd");
    let content = source.content().open()?;
    let sealed = seal_record(&federation, &keys, epoch, choices, content, &cthd, &mut rng)?;
    let (folder, protect) = (staged.path(), protection(passphrase.as_ref()));
    write_key_file(&folder.join("record.key"), keys.signing(), protect)?;
    let report = RsaPrivateKeyFile::new(keys.report().expose_pkcs8_der());
    write_key_file(&folder.join("report.key"), &report, protect)?;
    let submission = serde_json::to_vec(sealed.submission())?;
    write_atomically(
        &folder.join("submission.json"),
        &submission,
        Readers::Owner,
        Existing::Keep,
    )?;
    let (record, kept) = (sealed.record(), all.join(sealed.record().to_string()));
    fs::rename(staged.keep(), &kept)?;

    let left: String = chosen
        .dropped
        .iter()
        .map(|one| format!("\nleft out: {} ({})", one.keyword, one.reason))
        .collect();
    let text = format!(
        "Record {record}, found by {} keywords, encrypted to: {policy}\nIts keys and ciphertext: {}{left}\n\
         Next: consilium patient submit --home {} {record}",
        tokens.len(),
        kept.display(),
        args.at.home.display(),
    );
    let json = json!({
        "record": record.to_string(), "folder": kept, "keywords": tokens.len(), "dropped": chosen.dropped,
        "policy": policy.to_string(), "epoch": epoch.number(),
    });
    Ok(Answer::new(text, json).with_value(record.to_string()))
}

/// Refuses a hospital that the ledger does not know, as the device's gateway has it: the record would be refused later.
async fn check_hospitals(device: &Device, named: &[HospitalId]) -> Result<(), Failure> {
    if named.is_empty() {
        return Ok(());
    }
    let list = device.gateway().hospitals().await?;
    let known: Vec<_> = list.hospitals.iter().map(|one| &one.id.0).collect();
    let Some(unknown) = named.iter().find(|one| !known.contains(one)) else {
        return Ok(());
    };
    let known: Vec<_> = known.into_iter().map(ToString::to_string).collect();
    Err(Failure::Usage(format!(
        "--hospital {unknown}: the federation has none of this name at height {}; it has {}",
        list.height,
        known.join(", ")
    )))
}

/// A generator that may cross threads, seeded by the system's.
pub fn rand_seeded() -> rand::rngs::StdRng {
    rand::make_rng()
}

fn folder(device: &Device, record: &RecordId) -> PathBuf {
    device.home().join("records").join(record.to_string())
}

fn no_record(path: &Path, error: &std::io::Error) -> Failure {
    Failure::said(format!(
        "{}: {error}; this device has no such record",
        path.display()
    ))
}

/// The keys of a record of this device.
pub fn record_keys(args: &RecordArgs, device: &Device) -> Result<RecordKeys, Failure> {
    let folder = folder(device, &args.record);
    fs::metadata(&folder).map_err(|error| no_record(&folder, &error))?;
    let signing: SigningKey = args.at.passphrase.open(&folder.join("record.key"))?;
    let report: RsaPrivateKeyFile = args.at.passphrase.open(&folder.join("report.key"))?;
    let report = SecretKey::from_pkcs8_der(report.expose_secret(), &mut rand::rng())?;
    Ok(RecordKeys::new(signing, report))
}

async fn submit(args: &RecordArgs) -> Outcome {
    let device = args.at.of(DeviceRole::Patient)?;
    let folder = folder(&device, &args.record);
    let path = folder.join("submission.json");
    let text = fs::read(&path).map_err(|error| no_record(&path, &error))?;
    let submission: RecordSubmission = serde_json::from_slice(&text)?;
    let gateway = device.gateway();
    let view = gateway.submit_record(&submission).await?;
    let (view, already) = match view.state {
        RecordState::AwaitsCthd => {
            let cthd = folder.join("cthd");
            (gateway.upload_cthd(&args.record, &cthd).await?, "")
        }
        // It was submitted before: nothing is sent again.
        _ => (view, " already"),
    };
    let (record, hospital) = (args.record, &device.profile().hospital.0);
    let state = word(&view.state);
    let text = format!("Record {record} is at {hospital}{already}: {state}");
    Ok(Answer::new(text, json!(view)))
}

fn table(records: &[RecordView]) -> String {
    let rows = records.iter().map(|one| {
        let doctor = one
            .assignments
            .last()
            .map_or(String::new(), |last| last.doctor.0.to_string());
        let reason = one.reason.clone().unwrap_or_default();
        [one.record.0.to_string(), word(&one.state), doctor, reason]
    });
    listing::table(["record", "state", "doctor", "reason"], rows)
}

async fn withdraw(args: &RecordArgs) -> Outcome {
    let device = args.at.of(DeviceRole::Patient)?;
    let (federation, keys) = (device.federation().await?, record_keys(args, &device)?);
    let gateway = device.gateway();
    let receipt =
        withdraw_consent(gateway, &federation, &keys, args.record, &mut rand_seeded()).await?;
    let text = format!(
        "Consent withdrawn at height {}. What a doctor has read stays read.",
        receipt.height
    );
    Ok(Answer::new(text, json!(receipt)))
}

async fn reports(at: &DeviceArgs, wait: &WaitOption) -> Outcome {
    let device = at.of(DeviceRole::Patient)?;
    let gateway = device.gateway();
    let there = |one: &RecordView| {
        matches!(
            one.state,
            RecordState::Reported | RecordState::Acknowledged | RecordState::Complained
        )
    };
    let records = wait
        .until(
            "a report",
            |list: &Vec<RecordView>| !list.is_empty(),
            || async {
                let all = gateway.records().await?.records;
                Ok(all.into_iter().filter(there).collect())
            },
        )
        .await?;
    Ok(Answer::new(table(&records), json!({ "records": records })))
}

async fn challenge(args: &RecordArgs, doctor: DoctorId) -> Outcome {
    let device = args.at.of(DeviceRole::Patient)?;
    let (federation, keys) = (device.federation().await?, record_keys(args, &device)?);
    let (gateway, mut rng) = (device.gateway(), rand_seeded());
    let asked = patient::challenge(gateway, &federation, &keys, args.record, doctor, &mut rng);
    Ok(challenges::posted(&asked.await?))
}
