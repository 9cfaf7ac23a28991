//! What is attempted and must be refused.

use std::path::Path;
use std::time::{Duration, Instant};

use consilium_client::ClientError;
use consilium_client::api::gateway::{AuthorizationRequest, AuthorizationScope};
use consilium_client::api::kgc::RevocationRequest;
use consilium_client::api::terms::{PurposeOfUse, RevocationReason};
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::OpenedCase;
use consilium_client::device::patient::withdraw_consent;
use consilium_client::wire::Text;
use consilium_contracts::SigningKey;
use consilium_records::Keyword;

use super::doctors::{self, Doctor};
use super::patients::Registered;
use super::people::{Role, UNSATISFIED};
use super::services::Services;
use super::summary::Refusal;
use crate::cli::Failure;

/// One hour.
const HOUR_MS: u64 = 60 * 60 * 1000;
/// How long a hospital may take to follow the ledger.
const PATIENCE: Duration = Duration::from_secs(30);

/// The records that misuse is tried on, each found by the keyword of one doctor made for it.
pub struct Trials {
    /// Nobody satisfies its policy.
    pub unsatisfied: Registered,
    /// Its doctor is revoked while the case is open.
    pub revoked: Registered,
    /// Its patient withdraws consent while the case is open.
    pub withdrawn: Registered,
    /// Its patient consents to no other hospital.
    pub unauthorized: Registered,
    /// The other hospital's authorization for it is withdrawn while a doctor there has the case open.
    pub no_longer: Registered,
    /// Its patient disputes a good report.
    pub good: Registered,
    /// Its doctor's report does not open.
    pub bad: Registered,
}

/// The doctors of the trials: two of the first hospital, one of the second.
pub fn roles() -> Result<Vec<Role>, Failure> {
    let role = |hospital, code| -> Result<Role, Failure> {
        Ok(Role {
            hospital,
            attributes: "role:internist, icu, er, clearance=5",
            interests: vec![trial_keyword(code)?],
        })
    };
    Ok(vec![
        role(0, "READER")?,
        role(0, "LEAVER")?,
        role(1, "STRANGER")?,
    ])
}

/// A keyword that no record of the input has.
pub fn trial_keyword(code: &str) -> Result<Keyword, Failure> {
    Ok(Keyword::new("urn:consilium:demo:trial", code)?)
}

/// Keyword and policy of each trial's record, in the order of [`Trials`]'s fields, and whether the other hospital may search it.
pub const RECORDS: [(&str, &str, bool); 7] = [
    ("READER", UNSATISFIED, true),
    ("LEAVER", "role:internist", true),
    ("READER", "role:internist", true),
    ("STRANGER", "role:internist", false),
    ("STRANGER", "role:internist", true),
    ("READER", "role:internist", true),
    ("READER", "role:internist", true),
];

impl Trials {
    /// From the registered records, in the order of [`RECORDS`].
    pub fn new(records: Vec<Registered>) -> Option<Self> {
        let [
            unsatisfied,
            revoked,
            withdrawn,
            unauthorized,
            no_longer,
            good,
            bad,
        ] = <[_; 7]>::try_from(records).ok()?;
        Some(Self {
            unsatisfied,
            revoked,
            withdrawn,
            unauthorized,
            no_longer,
            good,
            bad,
        })
    }
}

/// Tries everything but the tampering; `doctors` are those of [`roles`].
pub async fn attempt(
    services: &Services,
    trials: &Trials,
    doctors: &[Doctor],
) -> Result<Vec<Refusal>, Failure> {
    let [reader, leaver, stranger] = doctors else {
        return Err(Failure::said("the trials have three doctors"));
    };
    Ok(vec![
        foreign_hospital(services, trials).await?,
        stranger_opens(services, trials, stranger).await,
        unsatisfied(services, trials, reader).await,
        revoked(services, trials, leaver).await?,
        withdrawn(services, trials, reader).await?,
        no_longer(services, trials, stranger).await?,
    ])
}

/// One bit of a ciphertext changes on its way to a doctor who may read it: the device must notice and write nothing.
pub async fn tampered(doctor: &Doctor, case: &OpenedCase, folder: &Path) -> Refusal {
    let attempted = "a ciphertext with one bit changed is decrypted";
    match doctors::read_tampered(doctor, case, folder).await {
        Ok(()) => done(attempted),
        Err(error) => Refusal {
            attempted,
            refused: matches!(error, DeviceError::Envelope(_) | DeviceError::Untrusted(_)),
            refused_with: None,
            reason: error.to_string(),
        },
    }
}

/// The owner hospital lets another one search a record whose patient consented to no other.
pub async fn beyond_consent(services: &Services, trials: &Trials) -> Result<Refusal, Failure> {
    let attempted = "a hospital lets another one search a record beyond the patient's consent";
    let (owner, other) = (services.hospital(0)?, services.hospital(1)?);
    let now = owner.operator.ledger_status().await?.tip_time_ms;
    let request = AuthorizationRequest {
        to: Text(other.card.id.clone()),
        scope: AuthorizationScope::Record {
            record: Text(trials.unauthorized.record),
        },
        purpose: PurposeOfUse::Treatment,
        expires_ms: now.saturating_add(HOUR_MS),
    };
    let outcome = owner.operator.authorize(&request).await;
    Ok(of_call(
        attempted,
        outcome.map(drop),
        &["transaction-rejected"],
    ))
}

/// A hospital that is not of the federation asks an owner for a record.
async fn foreign_hospital(services: &Services, trials: &Trials) -> Result<Refusal, Failure> {
    let stranger = SigningKey::generate(&mut rand::rng());
    let gateway = services.hospital(0)?.gateway_as(&stranger)?;
    let outcome = gateway.shared_record(&trials.unauthorized.record).await;
    Ok(of_call(
        "a hospital outside the federation fetches a record",
        outcome.map(drop),
        &["scope-refused"],
    ))
}

/// A doctor of a hospital that was not authorized, though his interest is exactly the record's keyword.
async fn stranger_opens(services: &Services, trials: &Trials, doctor: &Doctor) -> Refusal {
    let attempted = "a doctor of a hospital that is not authorized opens a record";
    let outcome = doctors::open(services, doctor, trials.unauthorized.record).await;
    of_device(attempted, outcome.map(drop), &["not-assigned"])
}

async fn unsatisfied(services: &Services, trials: &Trials, doctor: &Doctor) -> Refusal {
    let attempted = "a doctor whose attributes do not satisfy the policy opens his case";
    let outcome = doctors::open(services, doctor, trials.unsatisfied.record).await;
    of_device(attempted, outcome.map(drop), &["policy-not-satisfied"])
}

async fn revoked(
    services: &Services,
    trials: &Trials,
    doctor: &Doctor,
) -> Result<Refusal, Failure> {
    let attempted = "a doctor revoked while his case is open reads on";
    let case = match doctors::open(services, doctor, trials.revoked.record).await {
        Ok(case) => case,
        Err(error) => return Ok(not_tried(attempted, &error)),
    };
    // At once: with a new epoch, so that the cryptography shuts him out too.
    let request = RevocationRequest {
        doctor: Text(doctor.id),
        reason: RevocationReason::Departed,
        now: true,
    };
    let made = services.kgc.revoke(&request).await?;
    if made.epoch.is_none() {
        return Err(Failure::said("the revocation opened no new epoch"));
    }
    followed(services, doctor, made.revocation.height).await?;
    let outcome = doctors::open(services, doctor, case.record()).await;
    Ok(of_device(attempted, outcome.map(drop), &["doctor-revoked"]))
}

async fn withdrawn(
    services: &Services,
    trials: &Trials,
    doctor: &Doctor,
) -> Result<Refusal, Failure> {
    let attempted = "a record is opened after its patient withdrew consent";
    let own = &trials.withdrawn;
    // He may until the patient says no, though the record is of an epoch before the present one.
    if let Err(error) = doctors::open(services, doctor, own.record).await {
        return Ok(not_tried(attempted, &error));
    }
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let federation = &services.federation;
    withdraw_consent(&own.gateway, federation, &own.keys, own.record, &mut rng).await?;
    let outcome = doctors::open(services, doctor, own.record).await;
    Ok(of_device(
        attempted,
        outcome.map(drop),
        &["consent-withdrawn"],
    ))
}

/// The owner takes back what it allowed another hospital.
async fn no_longer(
    services: &Services,
    trials: &Trials,
    doctor: &Doctor,
) -> Result<Refusal, Failure> {
    let attempted = "a hospital whose authorization was withdrawn reads on";
    let record = trials.no_longer.record;
    if let Err(error) = doctors::open(services, doctor, record).await {
        return Ok(not_tried(attempted, &error));
    }
    let (owner, other) = (services.hospital(0)?, services.hospital(doctor.hospital)?);
    for one in owner.operator.authorizations().await?.authorizations {
        if one.to.0 == other.card.id && !one.withdrawn {
            let id = one.authorization.0;
            let receipt = owner.operator.withdraw_authorization(&id).await?;
            followed(services, doctor, receipt.height).await?;
        }
    }
    let outcome = doctors::open(services, doctor, record).await;
    Ok(of_device(
        attempted,
        outcome.map(drop),
        &["authorization-withdrawn"],
    ))
}

/// It is committed; the doctor's hospital has it when its own copy of the ledger does.
async fn followed(services: &Services, doctor: &Doctor, height: u64) -> Result<(), Failure> {
    let operator = &services.hospital(doctor.hospital)?.operator;
    let started = Instant::now();
    while operator.ledger_status().await?.height < height {
        if started.elapsed() > PATIENCE {
            return Err(Failure::said("a hospital does not follow the ledger"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn not_tried(attempted: &'static str, error: &DeviceError) -> Refusal {
    Refusal {
        attempted,
        refused: false,
        refused_with: None,
        reason: format!("what comes before it failed: {error}"),
    }
}

fn of_device(attempted: &'static str, outcome: Result<(), DeviceError>, codes: &[&str]) -> Refusal {
    match outcome {
        Err(DeviceError::Gateway(error)) => of_call(attempted, Err(error), codes),
        Err(error) => Refusal {
            attempted,
            // The gateway was to refuse, not the device.
            refused: false,
            refused_with: None,
            reason: error.to_string(),
        },
        Ok(()) => done(attempted),
    }
}

/// A refusal counts where the service gave the expected reason; a broken connection is none.
fn of_call(attempted: &'static str, outcome: Result<(), ClientError>, codes: &[&str]) -> Refusal {
    match outcome {
        Ok(()) => done(attempted),
        Err(ClientError::Refused { code, message, .. }) => Refusal {
            attempted,
            refused: codes.contains(&code.as_str()),
            refused_with: Some(code.as_str().to_owned()),
            reason: message,
        },
        Err(error) => Refusal {
            attempted,
            refused: false,
            refused_with: None,
            reason: error.to_string(),
        },
    }
}

fn done(attempted: &'static str) -> Refusal {
    Refusal {
        attempted,
        refused: false,
        refused_with: None,
        reason: "it was done".to_owned(),
    }
}
