//! What stands in the store. Nothing of it is secret: attribute keys are wrapped to their hospitals.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{
    AbeKeyBytes, Blob, Digest, DoctorId, Height, HospitalId, Leaf, SignedTransaction, Text,
};

/// The longest attributes, as text.
pub(crate) const MAX_ATTRIBUTES: usize = 16 * 1024;

/// What a hospital asked for, and what became of it here.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub(crate) struct EnrolmentEntry {
    /// The doctor.
    pub(crate) doctor: DoctorId,
    /// Who vouches.
    pub(crate) hospital: HospitalId,
    /// The doctor's signing key.
    pub(crate) signing_key: [u8; 32],
    /// pk.
    pub(crate) abe_key: AbeKeyBytes,
    /// The nonce that the proof answers.
    pub(crate) nonce: [u8; 32],
    /// The proof of possession, kept: a key is made only from a verified one, after a crash too.
    pub(crate) proof: Blob<256>,
    /// Canonical.
    pub(crate) attributes: Text<MAX_ATTRIBUTES>,
    /// As the hospital wrote and signed them: with the signature, its word.
    pub(crate) signed_attributes: Blob<MAX_ATTRIBUTES>,
    /// The hospital's signature.
    pub(crate) signature: [u8; 64],
    /// Set when the administrator issued: durable before the transaction is submitted.
    pub(crate) intent: Option<Intent>,
    /// Whether the administrator refused it.
    pub(crate) refused: bool,
}

/// The leaf that an enrolment is to have, and the transaction that asks for it.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub(crate) struct Intent {
    /// The leaf.
    pub(crate) leaf: Leaf,
    /// The transaction; submitting it again has no second effect.
    pub(crate) transaction: SignedTransaction,
}

/// A nonce for a proof of possession.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub(crate) struct NonceEntry {
    /// For whom.
    pub(crate) doctor: DoctorId,
    /// Who asked.
    pub(crate) hospital: HospitalId,
    /// In milliseconds since the Unix epoch.
    pub(crate) expires_ms: u64,
}

/// A wrapped attribute key.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub(crate) struct KeyEntry {
    /// Whose.
    pub(crate) doctor: DoctorId,
    /// For which hospital.
    pub(crate) hospital: HospitalId,
    /// The leaf.
    pub(crate) leaf: Leaf,
    /// Canonical.
    pub(crate) attributes: Text<MAX_ATTRIBUTES>,
    /// HPKE.
    pub(crate) ciphertext: Vec<u8>,
    /// By the KGC.
    pub(crate) signature: [u8; 64],
}

/// An update key that was made or recovered; it lies in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct UpdateKeyEntry {
    /// The epoch's number.
    pub(crate) epoch: u64,
    /// The height whose revocations it excludes.
    pub(crate) as_of: Height,
    /// SHA-256 of the file.
    pub(crate) digest: Digest,
    /// How long the file is, in bytes.
    pub(crate) length: u64,
}
