//! Nobody has to believe a hospital's silence: owners and patients ask for the proof that a doctor does not match.

use std::time::{Duration, Instant};

use consilium_client::api::challenges::{ChallengeRequest, ChallengeState, PairView};
use consilium_client::device::patient;
use consilium_client::wire::Text;
use consilium_contracts::DoctorId;

use super::cases::Cast;
use super::patients::Registered;
use super::show::Show;
use super::summary::Summary;
use crate::cli::Failure;

/// How many hospitals are asked: each answer publishes whether a doctor's interests match.
const ASKED: usize = 3;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks about some doctors of whom their hospital said nothing, the first as the patient, the others as the owner.
pub async fn ask(show: &mut Show, cast: &Cast, summary: &mut Summary) -> Result<(), Failure> {
    let line = "   Patients and owners ask silent hospitals to prove that a doctor does not match";
    let step = show.begin("challenges", line, ASKED);
    for record in cast.records.iter() {
        if summary.challenges == ASKED {
            break;
        }
        let silent = pairs(record).await?.into_iter();
        let Some(silent) = silent
            .into_iter()
            .find(|pair| pair.matched_height.is_none())
        else {
            continue;
        };
        let doctor = silent.doctor.0;
        match summary.challenges {
            0 => ask_as_patient(cast, record, doctor).await?,
            _ => ask_as_owner(cast, record, doctor).await?,
        }
        match answer(record, doctor).await? {
            ChallengeState::NoMatch => summary.challenges = summary.challenges.saturating_add(1),
            other => summary.failures.push(format!(
                "the hospital {} answered the challenge about patient {} otherwise: {other:?}",
                silent.hospital, record.label
            )),
        }
        step.advance();
    }
    show.end(
        &step,
        &format!("{} proofs of no match on the ledger", summary.challenges),
    );
    Ok(())
}

async fn pairs(record: &Registered) -> Result<Vec<PairView>, Failure> {
    Ok(record.gateway.pairs(&record.record).await?.pairs)
}

async fn ask_as_patient(cast: &Cast, record: &Registered, doctor: DoctorId) -> Result<(), Failure> {
    let federation = &cast.services.federation;
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let (gateway, keys) = (&record.gateway, &record.keys);
    patient::challenge(gateway, federation, keys, record.record, doctor, &mut rng).await?;
    Ok(())
}

async fn ask_as_owner(cast: &Cast, record: &Registered, doctor: DoctorId) -> Result<(), Failure> {
    let owner = cast.services.hospital(record.owner)?;
    let request = ChallengeRequest {
        doctor: Text(doctor),
    };
    owner.operator.challenge(&record.record, &request).await?;
    Ok(())
}

/// What the challenged hospital proved.
async fn answer(record: &Registered, doctor: DoctorId) -> Result<ChallengeState, Failure> {
    let started = Instant::now();
    loop {
        let pairs = pairs(record).await?;
        let asked = pairs.into_iter().find(|pair| pair.doctor.0 == doctor);
        let status = asked.and_then(|pair| pair.challenge).map(|one| one.status);
        match status {
            Some(ChallengeState::Open) | None if started.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            status => return Ok(status.unwrap_or(ChallengeState::Open)),
        }
    }
}
