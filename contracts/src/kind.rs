//! Actions and proofs by their names: what an auditor counts.

use std::fmt;

use crate::action::Action;
use crate::challenge::Outcome;

/// What a transaction proves beside its sender's signature. Whether it holds is checked when the transaction is verified or applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum ProofKind {
    /// That an index or a trapdoor is its poster's own.
    Posting,
    /// The number of a trapdoor's interests.
    Interests,
    /// That an index and a trapdoor match.
    Match,
    /// That they do not.
    NoMatch,
    /// That a patient decrypted a report.
    Decryption,
    /// That a report opens, or does not.
    Dispute,
    /// That a hospital's transform does not open, and for whose fault.
    Transform,
    /// That a hospital knows the secrets of its matching keys.
    MatchingKeys,
    /// That whoever brings a new key holds it.
    Possession,
    /// That a record's key signed the terms of its record.
    Consent,
}

impl ProofKind {
    /// Whether the state says half of what it is about
    /// ([`VerifiedTransaction::verify_proofs`](crate::VerifiedTransaction::verify_proofs)); the others are verified with the signature.
    #[must_use]
    pub const fn is_about_state(self) -> bool {
        match self {
            Self::Posting
            | Self::Interests
            | Self::Match
            | Self::NoMatch
            | Self::Decryption
            | Self::Dispute
            | Self::Transform => true,
            Self::MatchingKeys | Self::Possession | Self::Consent => false,
        }
    }
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Posting => "posting",
            Self::Interests => "interests",
            Self::Match => "match",
            Self::NoMatch => "no-match",
            Self::Transform => "transform",
            Self::Decryption => "decryption",
            Self::Dispute => "dispute",
            Self::MatchingKeys => "matching-keys",
            Self::Possession => "possession",
            Self::Consent => "consent",
        })
    }
}

impl Action {
    /// Its name. Every action has its line here, so that none is left out of a count.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AdmitHospital(_) => "admit-hospital",
            Self::PublishEpoch(_) => "publish-epoch",
            Self::RegisterDoctor(_) => "register-doctor",
            Self::ReissueDoctor(_) => "reissue-doctor",
            Self::RevokeDoctor(_) => "revoke-doctor",
            Self::RegisterRecord(_) => "register-record",
            Self::Authorize(_) => "authorize",
            Self::WithdrawAuthorization(_) => "withdraw-authorization",
            Self::WithdrawConsent(_) => "withdraw-consent",
            Self::PostIndex(_) => "post-index",
            Self::PostTrapdoor(_) => "post-trapdoor",
            Self::WithdrawTrapdoor => "withdraw-trapdoor",
            Self::PostMatch(_) => "post-match",
            Self::Decline(_) => "decline",
            Self::Access(_) => "access",
            Self::Report(_) => "report",
            Self::Acknowledge(_) => "acknowledge",
            Self::Dispute(_) => "dispute",
            Self::ProposeValidatorChange(_) => "propose-validator-change",
            Self::ApproveValidatorChange(_) => "approve-validator-change",
            Self::UpdateCard(_) => "update-card",
            Self::Challenge(_) => "challenge",
            Self::AnswerChallenge(_) => "answer-challenge",
            Self::ComplainTransform(_) => "complain-transform",
            Self::Complain(_) => "complain",
        }
    }

    /// The proofs that it carries. Every action has its line here, too.
    pub fn proofs(&self) -> Vec<ProofKind> {
        match self {
            Self::AdmitHospital(_) => vec![ProofKind::MatchingKeys],
            Self::RegisterRecord(_) => vec![ProofKind::Consent],
            Self::PostIndex(_) => vec![ProofKind::Posting],
            Self::PostTrapdoor(_) => vec![ProofKind::Posting, ProofKind::Interests],
            Self::PostMatch(_) => vec![ProofKind::Match],
            Self::AnswerChallenge(action) => vec![match action.claims() {
                Some(Outcome::NoMatch) => ProofKind::NoMatch,
                _ => ProofKind::Match,
            }],
            Self::ComplainTransform(_) => vec![ProofKind::Transform],
            Self::Acknowledge(_) | Self::Complain(_) => vec![ProofKind::Decryption],
            Self::Dispute(_) => vec![ProofKind::Dispute],
            Self::UpdateCard(update) => {
                let keys = update.new_keys();
                keys.map(|_| ProofKind::Possession).collect()
            }
            Self::PublishEpoch(_)
            | Self::RegisterDoctor(_)
            | Self::ReissueDoctor(_)
            | Self::RevokeDoctor(_)
            | Self::Authorize(_)
            | Self::WithdrawAuthorization(_)
            | Self::WithdrawConsent(_)
            | Self::WithdrawTrapdoor
            | Self::Decline(_)
            | Self::Access(_)
            | Self::Report(_)
            | Self::ProposeValidatorChange(_)
            | Self::ApproveValidatorChange(_)
            | Self::Challenge(_) => Vec::new(),
        }
    }
}
