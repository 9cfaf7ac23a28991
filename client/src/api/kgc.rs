//! The key service.
//!
//! | endpoint | scope | request → response |
//! |---|---|---|
//! | `GET /v1/status` | anyone | → [`KgcStatus`] |
//! | `POST /v1/unseal` | kgc.admin | [`UnsealRequest`] → [`KgcStatus`] |
//! | `POST /v1/hospitals` | kgc.admin | [`AdmitHospitalRequest`] → receipt |
//! | `POST /v1/proof-nonces` | hospital | [`ProofNonceRequest`] → [`ProofNonce`] |
//! | `POST /v1/enrolments` | hospital | [`EnrolmentRequest`] → [`Enrolment`] |
//! | `GET /v1/enrolments` | kgc.admin, hospital (its own) | → [`EnrolmentList`] |
//! | `POST /v1/enrolments/{doctor}/issue` | kgc.admin | [`IssueRequest`] → [`Issued`] |
//! | `DELETE /v1/enrolments/{doctor}` | kgc.admin | → 204; refuses a request that waits |
//! | `GET /v1/attribute-keys/{doctor}` | hospital (the doctor's) | → [`WrappedAttributeKey`] |
//! | `POST /v1/revocations` | kgc.admin | [`RevocationRequest`] → [`Revoked`] |
//! | `POST /v1/epochs` | kgc.admin | [`PublishEpochRequest`] → epoch |
//! | `POST /v1/keyword-tokens/evaluate` | hospital | [`TokenEvaluationRequest`] → [`TokenEvaluation`] |
//!
//! and those of [`super::ledger`] and [`super::validators`]. A sealed service answers 503 with the code `sealed` to everything that needs a key.

use consilium_contracts::{DoctorId, FederationId, HospitalId};
use consilium_schemes::signature::Purpose;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ledger::{EpochView, TransactionReceipt};
use super::terms::RevocationReason;
use crate::signed::Transcript;
use crate::wire::{HexBytes, PublicKey, SecretText, Text};

/// What a hospital signs when it vouches for a doctor ([`EnrolmentRequest::signed_bytes`]); the context is the federation id.
pub const ENROLMENT_PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-ENROLMENT");
/// What the KGC signs over a wrapped attribute key ([`WrappedAttributeKey::signed_bytes`]); the context is the federation id.
pub const ATTRIBUTE_KEY_PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-ATTRIBUTE-KEY");
/// The most blinded elements in one evaluation.
pub const MAX_TOKEN_BATCH: usize = 64;

/// How the key service stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KgcStatus {
    /// Whether the keys are sealed.
    pub sealed: bool,
    /// Whose KGC, once there is a genesis.
    #[schema(value_type = Option<String>)]
    pub federation: Option<Text<FederationId>>,
    /// The height its node applied.
    pub height: u64,
    /// The current epoch; absent before the first.
    pub epoch: Option<u64>,
    /// Doctors who were ever issued a key.
    pub issued: u64,
    /// Those of them who were revoked.
    pub revoked: u64,
    /// Those who were not.
    pub in_force: u64,
    /// Enrolments that wait for the administrator.
    pub pending: u64,
}

/// Opens the sealed keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsealRequest {
    /// The passphrase of the sealed keys.
    pub passphrase: SecretText,
}

/// Admits a hospital to the running federation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmitHospitalRequest {
    /// Its card, canonically encoded, with the proofs of possession.
    pub card: HexBytes,
}

/// Asks for a nonce to prove an ABE public key under.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofNonceRequest {
    /// The doctor who will prove.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
}

/// A nonce, used once, by this doctor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProofNonce {
    /// 32 bytes.
    pub nonce: HexBytes,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// A hospital vouches for a doctor: the keys, and the attributes it says he has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The hospital; `hospital:` in the attributes can name only it.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The doctor's pseudonym, derived from the federation and the signing key.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// The doctor's signing key.
    pub signing_key: PublicKey,
    /// pk = g1^beta.
    pub abe_public_key: HexBytes,
    /// The KGC's nonce.
    pub nonce: HexBytes,
    /// The Schnorr proof of beta under that nonce.
    pub proof: HexBytes,
    /// The attributes, as text of the policy language (`role:cardiologist, icu, clearance=4`).
    pub attributes: String,
    /// The hospital's signature over [`EnrolmentRequest::signed_bytes`].
    pub signature: HexBytes,
}

impl EnrolmentRequest {
    /// What the hospital signs: every field but the signature, each with its length.
    pub fn signed_bytes(&self) -> Vec<u8> {
        Transcript::new()
            .part(self.hospital.0.as_str().as_bytes())
            .part(self.doctor.0.as_bytes())
            .part(self.signing_key.as_bytes())
            .part(self.abe_public_key.as_bytes())
            .part(self.nonce.as_bytes())
            .part(self.proof.as_bytes())
            .part(self.attributes.as_bytes())
            .finish()
    }
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentState {
    /// Waits for the hospital's operator.
    AwaitsHospital,
    /// Waits for the KGC's administrator.
    AwaitsIssue,
    /// The doctor is registered on the ledger; the key is being made.
    Registered,
    /// The attribute key is there.
    Issued,
    /// Refused by the hospital or the administrator.
    Refused,
    /// Revoked.
    Revoked,
}

/// An enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Enrolment {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// His hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// His signing key.
    pub signing_key: PublicKey,
    /// The attributes, canonical; empty until the hospital has given them.
    pub attributes: String,
    /// Where it stands.
    pub state: EnrolmentState,
    /// The leaf, once registered.
    pub leaf: Option<u64>,
}

/// Enrolments.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentList {
    /// In order of the doctors' ids.
    pub enrolments: Vec<Enrolment>,
}

/// The administrator issues what the hospital asked for, and only that.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The attributes as the administrator read them; refused when they are no longer those of the enrolment.
    pub attributes: String,
}

/// The doctor is registered and his attribute key made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Issued {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// His leaf.
    pub leaf: u64,
    /// The registration on the ledger, committed before the key was made.
    pub registration: TransactionReceipt,
}

/// A doctor's attribute key, encrypted to his hospital and signed by the KGC.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WrappedAttributeKey {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// The hospital it is encrypted to.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The leaf.
    pub leaf: u64,
    /// The attributes that the key holds.
    pub attributes: String,
    /// HPKE: encapsulated key and ciphertext, with [`WrappedAttributeKey::associated_data`].
    pub ciphertext: HexBytes,
    /// The KGC's signature over [`WrappedAttributeKey::signed_bytes`].
    pub signature: HexBytes,
}

impl WrappedAttributeKey {
    /// What the encryption is bound to: doctor, hospital, leaf, attributes.
    pub fn associated_data(&self) -> Vec<u8> {
        self.transcript().finish()
    }

    /// What the KGC signs: the associated data and the ciphertext.
    pub fn signed_bytes(&self) -> Vec<u8> {
        self.transcript().part(self.ciphertext.as_bytes()).finish()
    }

    fn transcript(&self) -> Transcript {
        Transcript::new()
            .part(self.doctor.0.as_bytes())
            .part(self.hospital.0.as_str().as_bytes())
            .part(&self.leaf.to_be_bytes())
            .part(self.attributes.as_bytes())
    }
}

/// Revokes a doctor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// Whom.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// Why; stands on the ledger.
    pub reason: RevocationReason,
    /// Whether to open a new epoch at once, so that the cryptography takes it too.
    pub now: bool,
}

/// The doctor is revoked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    /// The revocation on the ledger.
    pub revocation: TransactionReceipt,
    /// The epoch that was opened for it.
    pub epoch: Option<EpochView>,
}

/// Publishes the next epoch's update key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishEpochRequest {
    /// The epoch to open: one after the current, so that two administrators do not open two.
    pub epoch: u64,
}

/// Blinded keywords to evaluate, at most [`MAX_TOKEN_BATCH`].
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenEvaluationRequest {
    /// RFC 9497 blinded elements, as `schemes::tokens::BlindedBatch` encodes them.
    pub blinded: HexBytes,
}

/// Evaluated elements, in the order of the request, and one proof for all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenEvaluation {
    /// RFC 9497 evaluated elements and the proof that the genesis' key evaluated all of them, as
    /// `schemes::tokens::EvaluatedBatch` encodes them.
    pub evaluated: HexBytes,
}
