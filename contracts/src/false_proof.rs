//! Which refusals say that what the sender shows does not hold: only these are told to whoever runs a node.
//!
//! Every rejection is listed, so that a new one has to say which it is.

use crate::challenge::ChallengeRejection;
use crate::rejection::Rejection;

impl Rejection {
    /// Whether what the sender itself proves or reveals, well-formed and of a sender who may post it, does not hold for what the state says. Not a
    /// signature by another that a transaction carries: its absence says nothing about the sender.
    pub const fn is_false_proof(&self) -> bool {
        match self {
            Self::IndexNotProven { .. }
            | Self::TrapdoorNotProven { .. }
            | Self::InterestsNotProven { .. }
            | Self::MatchNotProven { .. }
            | Self::ShareNotProven { .. }
            | Self::BadReportKey { .. }
            | Self::DecryptionNotProven { .. }
            | Self::WrongOpening { .. } => true,
            Self::Challenge(why) => why.is_false_proof(),
            Self::WrongFederation { .. }
            | Self::BadSignature
            | Self::BadCoSignature { .. }
            | Self::UnknownSender { .. }
            | Self::Expired { .. }
            | Self::ExpiresTooLate { .. }
            | Self::NonceUsed { .. }
            | Self::TooLong { .. }
            | Self::Forbidden { .. }
            | Self::UnknownHospital { .. }
            | Self::UnknownDoctor { .. }
            | Self::UnknownRecord { .. }
            | Self::UnknownAuthorization { .. }
            | Self::DoctorRevoked { .. }
            | Self::HospitalExists { .. }
            | Self::BadHospitalCard { .. }
            | Self::KeyTaken { .. }
            | Self::WrongEpoch { .. }
            | Self::WrongRevocationHeight { .. }
            | Self::WrongLeaf { .. }
            | Self::TreeFull { .. }
            | Self::BadAbeKey
            | Self::RecordExists { .. }
            | Self::StaleEpoch { .. }
            | Self::NoEpoch
            | Self::ExpiryPassed { .. }
            | Self::AuthorizationExists { .. }
            | Self::SelfAuthorization { .. }
            | Self::HospitalNotConsented { .. }
            | Self::PurposeNotConsented { .. }
            | Self::BeyondConsent { .. }
            | Self::TooManyAuthorizations { .. }
            | Self::AuthorizationOver { .. }
            | Self::ConsentOver { .. }
            | Self::RecordClosed { .. }
            | Self::NotAuthorized { .. }
            | Self::IndexExists { .. }
            | Self::NoIndex { .. }
            | Self::BadIndex
            | Self::BadTrapdoor
            | Self::BadProof
            | Self::ProofOfNoMatch { .. }
            | Self::WrongAuthorization { .. }
            | Self::WrongSize { .. }
            | Self::WrongHospital { .. }
            | Self::NoTrapdoor { .. }
            | Self::TooEarly
            | Self::WindowClosed { .. }
            | Self::AlreadyMatched { .. }
            | Self::TooManyMatches { .. }
            | Self::NotAssigned { .. }
            | Self::ReportPosted { .. }
            | Self::NoAccess { .. }
            | Self::NoReport { .. }
            | Self::WrongReport { .. }
            | Self::NoProposal
            | Self::OtherProposal { .. }
            | Self::ProposalExpired { .. }
            | Self::AlreadyApproved { .. }
            | Self::NotValidator { .. }
            | Self::AlreadyValidator { .. }
            | Self::LastValidator { .. }
            | Self::TooManyValidators
            | Self::ChangeScheduled { .. }
            | Self::NothingToChange
            | Self::BadPossession { .. }
            | Self::RemovalScheduled { .. }
            | Self::RekeyedLately { .. }
            | Self::BadComplaint
            | Self::Complained { .. }
            | Self::TransformNotSigned { .. }
            | Self::BadDecryptionProof
            | Self::BadEvidence
            | Self::WrongReportKey { .. }
            | Self::AlreadyDisputed { .. }
            | Self::Filter(_) => false,
        }
    }
}

impl ChallengeRejection {
    const fn is_false_proof(&self) -> bool {
        match self {
            Self::NotProven { .. } => true,
            Self::NeverCompared { .. }
            | Self::AlreadyProven { .. }
            | Self::AlreadyChallenged { .. }
            | Self::LimitReached { .. }
            | Self::NotChallenged { .. }
            | Self::TooLate { .. }
            | Self::PostTheMatch { .. } => false,
        }
    }
}
