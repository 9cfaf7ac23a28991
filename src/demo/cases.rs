//! Steps 10 and 11 for everyone: doctors open their cases, reports return, patients read them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{OpenedCase, ReportRecipient};
use consilium_contracts::RecordId;
use consilium_gateway::codes::POLICY_NOT_SATISFIED;
use tokio::task::JoinSet;

use super::doctors::{self, Doctor};
use super::patients::{self, Registered};
use super::services::Services;
use super::show::Show;
use super::summary::Summary;
use crate::cli::Failure;

/// Devices that work at once: more than the processors, for they wait for blocks.
const AT_ONCE: usize = 8;
/// Inboxes are read again so often when a case was passed on that nobody has yet.
const QUIET_ROUNDS: usize = 10;
/// The time between two such looks.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a report of another hospital's doctor may be on its way.
const REPORT_PATIENCE: Duration = Duration::from_secs(30);

/// A case that a doctor opened.
pub struct Opened {
    /// The doctor, by number.
    pub doctor: usize,
    /// What his device needs to decrypt.
    pub case: Box<OpenedCase>,
    /// Where his report goes.
    pub recipient: ReportRecipient,
    /// Whether what came out has the SHA-256 of what the patient encrypted.
    pub equal: bool,
}

/// What came of a case in a doctor's inbox.
enum Attempt {
    Opened(Box<OpenedCase>, [u8; 32], ReportRecipient),
    PassedOn,
    Failed(String),
}

/// Everyone who takes part, as tasks share it.
pub struct Cast {
    /// The services.
    pub services: Arc<Services>,
    /// The doctors.
    pub doctors: Arc<Vec<Doctor>>,
    /// The records.
    pub records: Arc<Vec<Registered>>,
}

/// Runs jobs, a few at once; what they return, in the order of their ends.
pub async fn together<T, F>(jobs: impl IntoIterator<Item = F>) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut jobs = jobs.into_iter();
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < AT_ONCE
            && let Some(job) = jobs.next()
        {
            running.spawn(job);
        }
        match running.join_next().await {
            Some(one) => done.push(one?),
            None => return Ok(done),
        }
    }
}

/// Every doctor opens what is in his inbox, until nothing is in any.
///
/// Whose attributes do not satisfy a record's policy is refused by his own hospital, which declines for him; the case then
/// appears in the inbox of the next best.
pub async fn open(
    show: &mut Show,
    folder: &Path,
    cast: &Cast,
    summary: &mut Summary,
) -> Result<Vec<Arc<Opened>>, Failure> {
    let line = "10 Doctors open their cases: the hospital (7) makes the key and pre-decrypts, the ledger notes the access, the device decrypts";
    let step = show.begin("7 prekey, 10 decrypt", line, cast.records.len());
    let digests = cast.records.iter().map(|one| (one.record, one.digest));
    let digests: BTreeMap<RecordId, [u8; 32]> = digests.collect();
    let (mut opened, mut failed) = (BTreeMap::new(), BTreeMap::new());
    let (mut passed_on, mut quiet) = (BTreeSet::new(), 0_usize);
    while quiet < QUIET_ROUNDS {
        let before = (opened.len(), summary.passed_on);
        for (doctor, record, attempt) in round(folder, cast).await? {
            match attempt {
                Attempt::Opened(case, digest, recipient) => {
                    let equal = digests.get(&record) == Some(&digest);
                    failed.remove(&record);
                    opened.insert(
                        record,
                        Arc::new(Opened {
                            doctor,
                            case,
                            recipient,
                            equal,
                        }),
                    );
                    step.advance();
                }
                Attempt::PassedOn => {
                    passed_on.insert(record);
                    summary.passed_on = summary.passed_on.saturating_add(1);
                }
                Attempt::Failed(reason) => {
                    failed.insert(record, reason);
                }
            }
        }
        if before == (opened.len(), summary.passed_on) {
            let waits = |record: &RecordId| !opened.contains_key(record);
            if failed.is_empty() && !passed_on.iter().any(waits) {
                break;
            }
            quiet = quiet.saturating_add(1);
            tokio::time::sleep(PAUSE).await;
        }
    }
    let failures = failed.into_iter();
    let failures = failures.map(|(record, why)| format!("record {record} does not open: {why}"));
    summary.failures.extend(failures);
    let opened: Vec<Arc<Opened>> = opened.into_values().collect();
    summary.decrypted = opened.iter().filter(|one| one.equal).count();
    summary.unequal = opened.len().saturating_sub(summary.decrypted);
    show.end(
        &step,
        &format!(
            "{} records opened, {} equal to what the patient encrypted; {} cases passed on because the policy said no",
            opened.len(),
            summary.decrypted,
            summary.passed_on
        ),
    );
    Ok(opened)
}

/// Every inbox once.
async fn round(folder: &Path, cast: &Cast) -> Result<Vec<(usize, RecordId, Attempt)>, Failure> {
    let numbers = 0..cast.doctors.len();
    let jobs = numbers.map(|number| {
        let (services, doctors) = (Arc::clone(&cast.services), Arc::clone(&cast.doctors));
        inbox(services, doctors, number, folder.to_owned())
    });
    let rounds = together(jobs)
        .await?
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rounds.into_iter().flatten().collect())
}

async fn inbox(
    services: Arc<Services>,
    doctors: Arc<Vec<Doctor>>,
    number: usize,
    folder: PathBuf,
) -> Result<Vec<(usize, RecordId, Attempt)>, Failure> {
    let mut attempts = Vec::new();
    if let Some(doctor) = doctors.get(number) {
        for case in doctors::waiting(doctor).await? {
            let record = case.record.0;
            let attempt = attempt(&services, doctor, record, &folder).await;
            attempts.push((number, record, attempt));
        }
    }
    Ok(attempts)
}

async fn attempt(services: &Services, doctor: &Doctor, record: RecordId, folder: &Path) -> Attempt {
    let case = match doctors::open(services, doctor, record).await {
        Ok(case) => case,
        Err(DeviceError::Gateway(error)) if error.code() == Some(&POLICY_NOT_SATISFIED) => {
            return Attempt::PassedOn;
        }
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    match doctors::read(doctor, &case, folder).await {
        Ok((digest, recipient)) => Attempt::Opened(Box::new(case), digest, recipient),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

/// Doctors answer what they opened; patients read the answers and say so.
pub async fn report(
    show: &mut Show,
    cast: &Cast,
    opened: &[Arc<Opened>],
    summary: &mut Summary,
) -> Result<(), Failure> {
    let line =
        "11 Doctors return reports, encrypted to the patient; patients open and acknowledge them";
    let step = show.begin("11 results", line, opened.len());
    let jobs = opened.iter().map(|one| {
        let (services, doctors) = (Arc::clone(&cast.services), Arc::clone(&cast.doctors));
        let (records, one, bar) = (Arc::clone(&cast.records), Arc::clone(one), step.bar());
        async move {
            let outcome = answered(&services, &doctors, &records, &one).await;
            bar.inc(1);
            (one.case.record(), outcome)
        }
    });
    for (record, outcome) in together(jobs).await? {
        match outcome {
            Ok(()) => summary.reports_opened = summary.reports_opened.saturating_add(1),
            Err(error) => summary
                .failures
                .push(format!("the report on record {record}: {error}")),
        }
    }
    show.end(
        &step,
        &format!(
            "{} reports opened, each with the doctor's very words",
            summary.reports_opened
        ),
    );
    Ok(())
}

async fn answered(
    services: &Services,
    doctors: &[Doctor],
    records: &[Registered],
    opened: &Opened,
) -> Result<(), Failure> {
    let doctor = doctors.get(opened.doctor);
    let record = records
        .iter()
        .find(|one| one.record == opened.case.record());
    let (Some(doctor), Some(record)) = (doctor, record) else {
        return Err(Failure::said("it belongs to nobody"));
    };
    doctors::report(services, doctor, &opened.recipient).await?;
    let started = Instant::now();
    loop {
        match patients::read_and_acknowledge(services, record, doctor).await {
            Err(_) if started.elapsed() < REPORT_PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}
