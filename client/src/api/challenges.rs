//! What was compared for a record, and challenges to prove it.
//!
//! | endpoint, at the owner's gateway | scope | request → response |
//! |---|---|---|
//! | `GET /v1/records/{record}/pairs` | gateway.operator, patient | → [`PairList`] |
//! | `POST /v1/records/{record}/challenges` | gateway.operator | [`ChallengeRequest`] → receipt |
//!
//! A patient challenges with a transaction under the record's key.

use consilium_contracts::{
    ChallengeEntry, ChallengeStatus, Challenger, ConductEntry, DoctorId, HospitalId, Outcome,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::Text;

/// The doctors whose hospital had to compare their interests with a record, as far as the ledger's state still tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PairList {
    /// The height it was read at.
    pub height: u64,
    /// By hospital and doctor.
    pub pairs: Vec<PairView>,
}

/// A doctor and a record, and what the doctor's hospital said of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PairView {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// The doctor's hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// How many interests the doctor has, as proven; none where neither the trapdoor nor a match says so any more.
    pub interests: Option<u16>,
    /// Where the match was posted, with its proof; none where the hospital is silent.
    pub matched_height: Option<u64>,
    /// The last challenge about them.
    pub challenge: Option<ChallengeView>,
}

/// A challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeView {
    /// Who challenged.
    pub by: ChallengerView,
    /// Where it stands on the ledger.
    pub height: u64,
    /// Until when it must be answered, in milliseconds since the Unix epoch, in block time.
    pub until_ms: u64,
    /// What became of it.
    pub status: ChallengeState,
}

impl From<&ChallengeEntry> for ChallengeView {
    fn from(entry: &ChallengeEntry) -> Self {
        Self {
            by: match entry.by {
                Challenger::Owner => ChallengerView::Owner,
                Challenger::Patient => ChallengerView::Patient,
            },
            height: entry.height.value(),
            until_ms: entry.until.value(),
            status: entry.status.into(),
        }
    }
}

/// Who challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChallengerView {
    /// The hospital that keeps the record.
    Owner,
    /// The patient.
    Patient,
}

/// What became of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChallengeState {
    /// It waits for the answer.
    Open,
    /// The hospital proved that they match.
    Match,
    /// The hospital proved that they do not.
    NoMatch,
    /// The hospital proved a match that it had kept silent about.
    Contradicted,
    /// The hospital did not answer in time.
    Overdue,
}

impl From<ChallengeStatus> for ChallengeState {
    fn from(status: ChallengeStatus) -> Self {
        match status {
            ChallengeStatus::Open => Self::Open,
            ChallengeStatus::Answered(Outcome::Match) => Self::Match,
            ChallengeStatus::Answered(Outcome::NoMatch) => Self::NoMatch,
            ChallengeStatus::Contradicted => Self::Contradicted,
            ChallengeStatus::Overdue => Self::Overdue,
        }
    }
}

/// Challenges a hospital about a doctor of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
}

/// What a hospital made of the challenges to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConductView {
    /// The hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// How many wait for its answer.
    pub open: u64,
    /// How many it answered by a match.
    pub matched: u64,
    /// How many it answered by a proof of no match.
    pub unmatched: u64,
    /// How many it answered by a proof of a match that it had kept silent about.
    pub contradicted: u64,
    /// How many it did not answer in time.
    pub overdue: u64,
}

impl ConductView {
    /// Of one hospital.
    pub fn new(hospital: HospitalId, conduct: &ConductEntry) -> Self {
        let ConductEntry {
            open,
            matched,
            unmatched,
            contradicted,
            overdue,
        } = *conduct;
        Self {
            hospital: Text(hospital),
            open,
            matched,
            unmatched,
            contradicted,
            overdue,
        }
    }
}
