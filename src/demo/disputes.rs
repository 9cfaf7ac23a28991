//! Two reports are disputed: a good one by a patient who lies, and one that a doctor encrypted to another key.
//!
//! Both liars have clients of their own making: an ordinary device posts neither.

use std::time::{Duration, Instant};

use consilium_client::api::gateway::{DisputeView, Fault, ReportSubmission};
use consilium_client::device::patient::{
    ReceivedReport, acknowledge, dispute, fetch_report, post_dispute,
};
use consilium_contracts::{
    Action, Canonical as _, Height, Nonce, Report as ReportAction, Transaction,
};
use consilium_schemes::report::{Evidence, Report, ReportContext, SealedReport, seal};
use serde::Serialize;

use super::doctors::{self, Doctor};
use super::patients::Registered;
use super::refusals::Trials;
use super::services::Services;
use crate::cli::Failure;

/// How long a report of another hospital's doctor may be on its way.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(300);
/// Blocks that the lying doctor's transaction lives.
const LIFETIME: u64 = 1_000;

/// A dispute, and what the ledger showed.
#[derive(Debug, Clone, Serialize)]
pub struct Settled {
    /// What was disputed.
    pub disputed: &'static str,
    /// Who is shown at fault.
    pub fault: Option<Fault>,
    /// Whether it is who lied.
    pub holds: bool,
    /// The same in words.
    pub shown: String,
}

/// Disputes both; `doctors` are those of the trials.
pub async fn settle(
    services: &Services,
    trials: &Trials,
    doctors: &[Doctor],
) -> Result<Vec<Settled>, Failure> {
    let [reader, ..] = doctors else {
        return Err(Failure::said("the trials have no doctor"));
    };
    Ok(vec![
        good(services, &trials.good, reader).await?,
        bad(services, &trials.bad, &trials.good, reader).await?,
    ])
}

/// The patient reveals the true z of a report that opens, and acknowledges it after all.
async fn good(
    services: &Services,
    record: &Registered,
    doctor: &Doctor,
) -> Result<Settled, Failure> {
    let disputed = "a patient disputes a report that opens";
    doctors::open(services, doctor, record.record).await?;
    let sealed = sealed(services, record, record, doctor)?;
    report(services, record, doctor, &sealed).await?;
    let received = received(services, record).await?;
    let (keys, federation) = (&record.keys, &services.federation);
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let context = context(services, record);
    let by = received.doctor();
    let opening = keys.report().decapsulate(&sealed, &context, by, &mut rng)?;
    let evidence = Evidence::new(opening, received.parts().clone());
    let (gateway, id) = (&record.gateway, record.record);
    post_dispute(gateway, federation, keys, id, &evidence, &mut rng).await?;
    let settled = shown(disputed, Fault::Patient, record, doctor).await?;
    let opened = received.open(keys, &mut rng)?;
    acknowledge(gateway, federation, keys, &opened, &mut rng).await?;
    Ok(settled)
}

/// The doctor encrypts his report to a key of which nobody has a use for this record.
async fn bad(
    services: &Services,
    record: &Registered,
    elsewhere: &Registered,
    doctor: &Doctor,
) -> Result<Settled, Failure> {
    let disputed = "a doctor returns a report that the patient's key does not open";
    doctors::open(services, doctor, record.record).await?;
    let sealed = sealed(services, record, elsewhere, doctor)?;
    report(services, record, doctor, &sealed).await?;
    let received = received(services, record).await?;
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let (gateway, keys) = (&record.gateway, &record.keys);
    dispute(gateway, &services.federation, keys, &received, &mut rng).await?;
    shown(disputed, Fault::Doctor, record, doctor).await
}

fn context(services: &Services, record: &Registered) -> ReportContext {
    ReportContext {
        federation: *services.federation.id().as_bytes(),
        record: *record.record.as_bytes(),
    }
}

/// A report on a record, to the key of the same or of another.
fn sealed(
    services: &Services,
    record: &Registered,
    to: &Registered,
    doctor: &Doctor,
) -> Result<SealedReport, Failure> {
    let text = doctors::report_text(&doctor.id, record.record);
    let text = Report::new(text.into_bytes().into())?;
    let key = to.keys.report().public_key();
    let mut rng = rand::rng();
    let signing = doctor.keys.signing();
    Ok(seal(
        &text,
        &context(services, record),
        key,
        signing,
        &mut rng,
    )?)
}

async fn report(
    services: &Services,
    record: &Registered,
    doctor: &Doctor,
    sealed: &SealedReport,
) -> Result<(), Failure> {
    let (signing, digest) = (doctor.keys.signing(), sealed.digest());
    let height = doctor.gateway.ledger_status().await?.height;
    let transaction = Transaction {
        federation: services.federation.id(),
        sender: signing.verifying_key(),
        nonce: Nonce::new(rand::random()),
        expires: Height::new(height.saturating_add(LIFETIME)),
        action: Action::Report(ReportAction {
            record: record.record,
            digest: digest.into(),
        }),
    };
    let submission = ReportSubmission {
        report: sealed.to_bytes().into(),
        transaction: transaction.sign(signing).to_canonical_bytes().into(),
    };
    doctor
        .gateway
        .submit_report(&record.record, &submission)
        .await?;
    Ok(())
}

async fn received(services: &Services, record: &Registered) -> Result<ReceivedReport, Failure> {
    let started = Instant::now();
    let (federation, keys) = (&services.federation, &record.keys);
    loop {
        match fetch_report(&record.gateway, federation, keys, record.record).await {
            Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}

/// What stands in the record's view of this doctor's report.
async fn shown(
    disputed: &'static str,
    liar: Fault,
    record: &Registered,
    doctor: &Doctor,
) -> Result<Settled, Failure> {
    let view = record.gateway.record(&record.record).await?;
    let mut assignments = view.assignments.into_iter();
    let found = assignments.find(|one| one.doctor.0 == doctor.id);
    let dispute = found.and_then(|one| one.dispute);
    let shown = match &dispute {
        Some(DisputeView {
            fault: Fault::Patient,
            ..
        }) => "the patient is shown at fault: it opens".to_owned(),
        Some(DisputeView {
            defect: Some(defect),
            ..
        }) => {
            format!("the doctor is shown at fault: {defect}")
        }
        _ => "nobody is shown at fault".to_owned(),
    };
    let fault = dispute.map(|dispute| dispute.fault);
    Ok(Settled {
        disputed,
        fault,
        holds: fault == Some(liar),
        shown,
    })
}
