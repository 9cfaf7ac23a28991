//! Challenges: a hospital is asked whether a doctor's interests match a record, and answers with a proof.
//!
//! Only a hospital can tell whether index and trapdoor that are encrypted to it match, so it could stay silent about a match. The record's
//! owner hospital and its patient can therefore challenge it about a pair that it had to compare. The answer, a proof of either
//! outcome, publishes one bit about the doctor's interests and the record; hence the limit per record and period.
//!
//! ```text
//!               posts the match, or answers within the window of the settings
//! challenged -+----------------------------------------------------------------> answered
//!             +- answers that it matches, after a window in which it stayed silent -> contradicted
//!             +- the window of the settings ends ------------------------------> overdue
//! ```
//!
//! With a prefilter a hospital leaves out pairs that are not covered, and only owner and doctor know whether what they encrypted was right.
//! So it has to compare a pair whatever the filter says once it is challenged about it, and is contradicted only about a
//! challenge that stood for half of the matching window before that ended.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::match_proof::{self, MatchProof};

use crate::action::ProofBytes;
use crate::ids::{BlockTime, DoctorId, HospitalId, RecordId};
use crate::state::ChallengeStatus;

/// Payload of [`Action::Challenge`](crate::Action::Challenge).
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Challenge {
    /// The record.
    pub record: RecordId,
    /// The doctor whose hospital is challenged.
    pub doctor: DoctorId,
}

/// Payload of [`Action::AnswerChallenge`](crate::Action::AnswerChallenge).
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct AnswerChallenge {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// That the index and the trapdoor that the challenge kept match, or that they do not, made for
    /// [`answer_context`](crate::answer_context).
    pub proof: ProofBytes,
}

impl AnswerChallenge {
    /// What its proof claims; none where it does not parse.
    pub fn claims(&self) -> Option<Outcome> {
        let proof = MatchProof::from_bytes(self.proof.as_bytes());
        proof.map(|proof| proof.outcome().into()).ok()
    }
}

/// What a proof of Match proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// All of the doctor's interests are among the record's keywords.
    Match,
    /// They are not.
    NoMatch,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Match => "match",
            Self::NoMatch => "no match",
        })
    }
}

impl From<match_proof::Outcome> for Outcome {
    fn from(outcome: match_proof::Outcome) -> Self {
        match outcome {
            match_proof::Outcome::Match => Self::Match,
            match_proof::Outcome::NoMatch => Self::NoMatch,
        }
    }
}

/// Why a challenge or an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the nouns of the message above them"
)]
#[non_exhaustive]
pub enum ChallengeRejection {
    /// The doctor's interests came too late for the record.
    #[error(
        "record {record}: doctor {doctor} posted the present interests after the record's matching window ended: nobody had to compare them"
    )]
    NeverCompared { record: RecordId, doctor: DoctorId },
    /// The match stands on the ledger.
    #[error("record {record}: that doctor {doctor} matches stands on the ledger, with its proof")]
    AlreadyProven { record: RecordId, doctor: DoctorId },
    /// One at a time, and once for each trapdoor.
    #[error(
        "record {record}: a challenge about doctor {doctor} and these interests is {status} already"
    )]
    AlreadyChallenged {
        record: RecordId,
        doctor: DoctorId,
        status: ChallengeStatus,
    },
    /// Each answer publishes a bit.
    #[error(
        "record {record}: {limit} challenges were made in this period, the most there may be; the next one is taken from block time {from} on"
    )]
    LimitReached {
        record: RecordId,
        limit: u32,
        from: BlockTime,
    },
    /// Nothing to answer.
    #[error("record {record}: no challenge about doctor {doctor} is open")]
    NotChallenged { record: RecordId, doctor: DoctorId },
    /// Too late.
    #[error(
        "record {record}: the time to answer the challenge about doctor {doctor} ended at {until}"
    )]
    TooLate {
        record: RecordId,
        doctor: DoctorId,
        until: BlockTime,
    },
    /// The match itself is the answer.
    #[error(
        "record {record}: doctor {doctor} matches and hospital {hospital} can still post it: the match answers the challenge"
    )]
    PostTheMatch {
        record: RecordId,
        doctor: DoctorId,
        hospital: HospitalId,
    },
    /// The proof does not hold.
    #[error(
        "record {record}: the proof about doctor {doctor} does not verify for the index and the trapdoor of the challenge"
    )]
    NotProven { record: RecordId, doctor: DoctorId },
}

impl ChallengeRejection {
    /// A short code that does not change, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeverCompared { .. } => "never-compared",
            Self::AlreadyProven { .. } => "already-proven",
            Self::AlreadyChallenged { .. } => "already-challenged",
            Self::LimitReached { .. } => "challenge-limit",
            Self::NotChallenged { .. } => "not-challenged",
            Self::TooLate { .. } => "answer-too-late",
            Self::PostTheMatch { .. } => "post-the-match",
            Self::NotProven { .. } => "answer-not-proven",
        }
    }
}
