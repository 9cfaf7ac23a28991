//! What stands in the state of challenges.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::action::{IndexBytes, TrapdoorBytes};
use crate::challenge::Outcome;
use crate::ids::{BlockTime, Digest, DoctorId, Height, HospitalId, RecordId};
use crate::state::{IndexEntry, TrapdoorEntry};

/// Who challenges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Challenger {
    /// The hospital that keeps the record.
    Owner,
    /// The patient, under the record's key.
    Patient,
}

impl fmt::Display for Challenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner hospital",
            Self::Patient => "patient",
        })
    }
}

/// The last challenge about a pair.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ChallengeEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The doctor's hospital, which is challenged.
    pub hospital: HospitalId,
    /// Who challenged.
    pub by: Challenger,
    /// SHA-256 of index and trapdoor, as they stood on the ledger then.
    pub about: Digest,
    /// Whether index, trapdoor and authorization had stood there by then for at least half of the record's matching window: the hospital
    /// could have posted the match. Never with a prefilter: there it had to only from the challenge on.
    pub in_time: bool,
    /// When.
    pub height: Height,
    /// The time of that block.
    pub made: BlockTime,
    /// The answer must come before.
    pub until: BlockTime,
    /// What became of it.
    pub status: ChallengeStatus,
}

impl ChallengeEntry {
    /// Whether it is about this index and this trapdoor.
    pub(crate) fn is_about(&self, index: &IndexEntry, trapdoor: &TrapdoorEntry) -> bool {
        self.about == about(&index.index, &trapdoor.trapdoor)
    }
}

/// What became of a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ChallengeStatus {
    /// It waits for the answer.
    Open,
    /// The hospital proved this.
    Answered(Outcome),
    /// The hospital proved a match that it had not posted, though it could have.
    Contradicted,
    /// The hospital did not answer in time.
    Overdue,
}

impl fmt::Display for ChallengeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Answered(outcome) => write!(f, "answered ({outcome})"),
            Self::Contradicted => f.write_str("contradicted"),
            Self::Overdue => f.write_str("overdue"),
        }
    }
}

/// What an open challenge is about: its own copy, because a record that is closed drops its indexes and a doctor may replace the trapdoor.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct OpenChallenge {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// (U, V), as it was posted to the hospital.
    pub index: IndexBytes,
    /// (D, M), as the doctor posted it.
    pub trapdoor: TrapdoorBytes,
}

impl OpenChallenge {
    /// SHA-256 of index and trapdoor.
    pub fn digest(&self) -> Digest {
        about(&self.index, &self.trapdoor)
    }
}

/// Names an index and a trapdoor.
fn about(index: &IndexBytes, trapdoor: &TrapdoorBytes) -> Digest {
    let encoded = borsh::to_vec(&(index, trapdoor)).expect("writing to a vector cannot fail");
    Digest::of(&encoded)
}

/// How many challenges of a record somebody made in the current period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ChallengeQuota {
    /// When the period began.
    pub since: BlockTime,
    /// How many were made since.
    pub used: u32,
}

/// What a hospital made of the challenges to it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct ConductEntry {
    /// How many wait for an answer.
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

impl ConductEntry {
    pub(crate) const fn counter(&mut self, status: ChallengeStatus) -> &mut u64 {
        match status {
            ChallengeStatus::Open => &mut self.open,
            ChallengeStatus::Answered(Outcome::Match) => &mut self.matched,
            ChallengeStatus::Answered(Outcome::NoMatch) => &mut self.unmatched,
            ChallengeStatus::Contradicted => &mut self.contradicted,
            ChallengeStatus::Overdue => &mut self.overdue,
        }
    }
}
