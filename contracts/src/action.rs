//! What a transaction does: one type per action.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::match_proof::MatchProof;
use consilium_schemes::signature::{Signature, VerifyingKey};

use crate::card_update::UpdateCard;
use crate::challenge::{AnswerChallenge, Challenge};
use crate::codec::{Blob, Canonical};
use crate::complaint::ComplainTransform;
use crate::consent::{Consent, PurposeOfUse};
use crate::crypto::{
    RECORD_CONSENT, read_epoch, read_key, read_signature, write_epoch, write_key, write_signature,
};
use crate::filter::FilterBytes;
use crate::hospital::HospitalCard;
use crate::ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, FederationId, Height, HospitalId, Leaf, RecordId,
};
use crate::patient::{Complain, Decrypted, Dispute};
use consilium_schemes::abe::Epoch;

/// The most bytes of a doctor's encoded ABE public key.
pub const MAX_ABE_KEY: usize = 128;
/// The most bytes of a posted index.
pub const MAX_INDEX: usize = 32 * 1024;
/// The most bytes of a posted trapdoor.
pub const MAX_TRAPDOOR: usize = 48 * 1024;
/// The most bytes of a proof of Match, of either outcome.
pub const MAX_PROOF: usize = MatchProof::NO_MATCH;

/// A doctor's ABE public key pk = g1^beta, in the encoding of `schemes::abe`.
pub type AbeKeyBytes = Blob<MAX_ABE_KEY>;
/// An index encrypted to a hospital, in the encoding of `schemes::matching`: with its proof where it is posted, without in the
/// state.
pub type IndexBytes = Blob<MAX_INDEX>;
/// A trapdoor encrypted to a hospital likewise.
pub type TrapdoorBytes = Blob<MAX_TRAPDOOR>;
/// A proof of Match, in the encoding of `schemes::match_proof`.
pub type ProofBytes = Blob<MAX_PROOF>;

/// Everything that can be done to the state. The tags are part of the encoding: append only.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[non_exhaustive]
pub enum Action {
    /// KGC: a hospital joins.
    AdmitHospital(Box<HospitalCard>) = 1,
    /// KGC: an update key is published, by its digest.
    PublishEpoch(PublishEpoch) = 2,
    /// KGC: a doctor and the first leaf of the doctor.
    RegisterDoctor(RegisterDoctor) = 3,
    /// KGC: a doctor's attributes changed; the old leaf is revoked, a new one taken.
    ReissueDoctor(ReissueDoctor) = 4,
    /// KGC or the doctor's hospital: a doctor is revoked for good.
    RevokeDoctor(RevokeDoctor) = 5,
    /// Owner hospital, co-signed by the record's key: a record.
    RegisterRecord(Box<RegisterRecord>) = 6,
    /// Owner hospital: another hospital may match and read.
    Authorize(Authorize) = 7,
    /// Owner hospital: an authorization ends.
    WithdrawAuthorization(WithdrawAuthorization) = 8,
    /// Record key: the patient's consent ends.
    WithdrawConsent(WithdrawConsent) = 9,
    /// Owner hospital: an index for itself or an authorized hospital.
    PostIndex(PostIndex) = 10,
    /// Doctor: interests; replaces the former.
    PostTrapdoor(PostTrapdoor) = 11,
    /// Doctor: no more interests.
    WithdrawTrapdoor = 12,
    /// The doctor's hospital: the doctor's interests match the record.
    PostMatch(PostMatch) = 13,
    /// Doctor or the doctor's hospital: an assignment is declined.
    Decline(Decline) = 14,
    /// The doctor's hospital: the doctor is about to be given SemiCT.
    Access(Access) = 15,
    /// Doctor: the digest of the health report.
    Report(Report) = 16,
    /// Record key: the patient decrypted the report.
    Acknowledge(Box<Decrypted>) = 17,
    /// Record key: the report does not open.
    Dispute(Box<Dispute>) = 18,
    /// KGC: a hospital is to join or leave the validators.
    ProposeValidatorChange(ValidatorChange) = 19,
    /// Validator: the open proposal is approved.
    ApproveValidatorChange(ApproveValidatorChange) = 20,
    /// Hospital: parts of its own card are replaced.
    UpdateCard(Box<UpdateCard>) = 21,
    /// Owner hospital or record key: a hospital is to prove whether a doctor of it matches a record.
    Challenge(Challenge) = 22,
    /// The doctor's hospital: the proof that it was asked for.
    AnswerChallenge(AnswerChallenge) = 23,
    /// Doctor: what the hospital pre-decrypted does not open.
    ComplainTransform(ComplainTransform) = 25,
    /// Record key: the patient decrypted the report, and its content is wrong.
    Complain(Box<Complain>) = 24,
}

/// Payload of [`Action::PublishEpoch`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct PublishEpoch {
    /// One more than the current epoch; 1 for the first.
    #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
    pub epoch: Epoch,
    /// SHA-256 of the encoded update key.
    pub update_key: Digest,
    /// The height of the state that the revocations were read from: the key excludes every leaf
    /// revoked up to it. Before this block, and not before the former epoch's.
    pub as_of: Height,
}

/// Payload of [`Action::RegisterDoctor`]. The doctor's id follows from the signing key.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RegisterDoctor {
    /// The doctor's only hospital.
    pub hospital: HospitalId,
    /// Signs the doctor's transactions and reports.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub signing_key: VerifyingKey,
    /// pk = g1^beta; the KGC has checked the proof of possession.
    pub abe_key: AbeKeyBytes,
    /// The next free leaf.
    pub leaf: Leaf,
}

/// Payload of [`Action::ReissueDoctor`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ReissueDoctor {
    /// The doctor, not revoked.
    pub doctor: DoctorId,
    /// The ABE public key, new or as before.
    pub abe_key: AbeKeyBytes,
    /// The next free leaf.
    pub leaf: Leaf,
}

/// Why a doctor is revoked; no free text, for the ledger forgets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum RevocationReason {
    /// The doctor left the hospital.
    Departed,
    /// A key was lost.
    KeyLost,
    /// A key may be known to others.
    KeyCompromised,
    /// The doctor broke the rules.
    Misconduct,
    /// Anything else.
    Other,
}

/// Payload of [`Action::RevokeDoctor`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RevokeDoctor {
    /// The doctor.
    pub doctor: DoctorId,
    /// Why.
    pub reason: RevocationReason,
}

/// What the record's key signs and the owner registers.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RecordTerms {
    /// A fresh random id.
    pub record: RecordId,
    /// The hospital that keeps the ciphertexts: the sender.
    pub owner: HospitalId,
    /// SHA-256 of CTHD, the encrypted record.
    pub cthd: Digest,
    /// SHA-256 of CTSym, the capsule with its policy.
    pub ctsym: Digest,
    /// The epoch it was encrypted to: must be the current one.
    #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
    pub epoch: Epoch,
    /// The record's own key, held by the patient.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub record_key: VerifyingKey,
    /// SHA-256 of the record's RSA key for the report.
    pub rsa_key: Digest,
    /// What the patient consents to.
    pub consent: Consent,
}

impl RecordTerms {
    /// The bytes that the record's key signs under [`RECORD_CONSENT`].
    pub fn signing_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Co-signs the terms with the record's key.
    pub fn co_sign(
        self,
        federation: &FederationId,
        record_key: &consilium_schemes::signature::SigningKey,
    ) -> RegisterRecord {
        let signature =
            record_key.sign(RECORD_CONSENT, federation.as_bytes(), &self.signing_bytes());
        RegisterRecord {
            terms: self,
            co_signature: signature,
        }
    }
}

/// Payload of [`Action::RegisterRecord`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RegisterRecord {
    /// What is registered.
    pub terms: RecordTerms,
    /// By the record's key, over [`RecordTerms::signing_bytes`].
    #[borsh(
        serialize_with = "write_signature",
        deserialize_with = "read_signature"
    )]
    pub co_signature: Signature,
}

/// Which records an authorization covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, BorshSerialize, BorshDeserialize)]
pub enum Scope {
    /// Every record of the owner whose consent allows it, now or later.
    All,
    /// One record.
    Record(RecordId),
}

/// Payload of [`Action::Authorize`]; the owner is the sender.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Authorize {
    /// A fresh random id.
    pub id: AuthorizationId,
    /// The hospital that may match.
    pub to: HospitalId,
    /// Which records.
    pub scope: Scope,
    /// For what.
    pub purpose: PurposeOfUse,
    /// From this block time on it is over.
    pub expiry: BlockTime,
}

/// Payload of [`Action::WithdrawAuthorization`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct WithdrawAuthorization {
    /// The authorization.
    pub id: AuthorizationId,
}

/// Payload of [`Action::WithdrawConsent`]; the record's key is the sender.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct WithdrawConsent {
    /// The record.
    pub record: RecordId,
}

/// Payload of [`Action::PostIndex`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct PostIndex {
    /// The record.
    pub record: RecordId,
    /// The hospital it is encrypted to.
    pub to: HospitalId,
    /// (U, V) with the proof that it is the owner's own, made for [`index_context`](crate::index_context).
    pub index: IndexBytes,
    /// The record's bitmap, encrypted to the hospital for [`index_filter_context`](crate::index_filter_context): in a federation with a
    /// prefilter, and in no other.
    pub filter: Option<FilterBytes>,
}

/// Payload of [`Action::PostTrapdoor`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct PostTrapdoor {
    /// The doctor's hospital, to which it is encrypted.
    pub hospital: HospitalId,
    /// (D, M) with the proofs that it is the doctor's own and of its number m of interests, 2m - 2 <= n, made for
    /// [`trapdoor_context`](crate::trapdoor_context).
    pub trapdoor: TrapdoorBytes,
    /// From this block time on it is gone.
    pub expiry: BlockTime,
    /// The interests' buckets, encrypted to the hospital for [`trapdoor_filter_context`](crate::trapdoor_filter_context): in a federation
    /// with a prefilter, and in no other.
    pub filter: Option<FilterBytes>,
}

/// Payload of [`Action::PostMatch`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct PostMatch {
    /// The record.
    pub record: RecordId,
    /// The doctor whose trapdoor matches.
    pub doctor: DoctorId,
    /// The authorization that it rests on, in force and for this record; none in the owner's own hospital.
    pub authorization: Option<AuthorizationId>,
    /// That the index and the trapdoor that stand on the ledger match, made for [`match_context`](crate::match_context).
    pub proof: ProofBytes,
}

/// Why an assignment is declined; no free text, for the ledger forgets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum DeclineReason {
    /// No time, on leave.
    Unavailable,
    /// Not the doctor's field.
    OutsideExpertise,
    /// The doctor should not see this patient.
    ConflictOfInterest,
    /// The policy is not satisfied, or the ciphertext does not open.
    CannotOpen,
    /// Anything else.
    Other,
}

/// Payload of [`Action::Decline`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Decline {
    /// The record.
    pub record: RecordId,
    /// The assigned doctor.
    pub doctor: DoctorId,
    /// Why.
    pub reason: DeclineReason,
}

/// Payload of [`Action::Access`].
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Access {
    /// The record.
    pub record: RecordId,
    /// The assigned doctor.
    pub doctor: DoctorId,
}

/// Payload of [`Action::Report`]; the doctor is the sender.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Report {
    /// The record.
    pub record: RecordId,
    /// The digest of the encrypted report: `SealedReport::digest`.
    pub digest: Digest,
}

/// How the validators change.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum ValidatorChange {
    /// A hospital votes, with the validator key of its card.
    Join {
        /// Which.
        hospital: HospitalId,
    },
    /// A hospital votes no more.
    Leave {
        /// Which.
        hospital: HospitalId,
    },
}

impl ValidatorChange {
    /// The hospital that joins or leaves.
    pub const fn hospital(&self) -> &HospitalId {
        match self {
            Self::Join { hospital } | Self::Leave { hospital } => hospital,
        }
    }
}

impl std::fmt::Display for ValidatorChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Join { hospital } => write!(f, "join {hospital}"),
            Self::Leave { hospital } => write!(f, "leave {hospital}"),
        }
    }
}

/// Payload of [`Action::ApproveValidatorChange`]; it names what it approves, so that it counts for no other proposal.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ApproveValidatorChange {
    /// What is proposed.
    pub change: ValidatorChange,
    /// The height it was proposed at.
    pub proposed: Height,
}
