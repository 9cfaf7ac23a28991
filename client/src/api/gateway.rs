//! A hospital's gateway.
//!
//! | endpoint | scope | request → response |
//! |---|---|---|
//! | `GET /v1/status` | gateway.operator | → [`GatewayStatus`] |
//! | `POST /v1/invitations` | gateway.operator | [`InvitationRequest`] → [`Invited`] |
//! | `POST /v1/registrations` | the invitation | [`RegistrationRequest`] → [`Registration`] |
//! | `POST /v1/proof-nonces` | doctor | `ProofNonceRequest` → `ProofNonce` (of the KGC) |
//! | `POST /v1/enrolments` | doctor | [`DoctorEnrolmentRequest`] → `Enrolment` |
//! | `GET /v1/enrolments` | gateway.operator, doctor (own) | → `EnrolmentList` |
//! | `POST /v1/enrolments/{doctor}/approve` | gateway.operator | [`ApprovalRequest`] → `Enrolment` |
//! | `DELETE /v1/enrolments/{doctor}` | gateway.operator | → 204 |
//! | `POST /v1/revocations` | gateway.operator | [`HospitalRevocationRequest`] → receipt |
//! | `POST /v1/keyword-tokens/evaluate` | doctor, patient | as at the KGC, relayed |
//! | `POST /v1/records` | patient | [`RecordSubmission`] → [`RecordView`] |
//! | `PUT /v1/records/{record}/cthd` | patient (its own) | octet-stream → [`RecordView`]; registers the record |
//! | `GET /v1/records` | patient (own), gateway.operator | → [`RecordList`] |
//! | `GET /v1/records/{record}` | patient (its own), gateway.operator | → [`RecordView`] |
//! | `GET /v1/records/{record}/report` | patient (its own) | → [`ReportView`] |
//! | `POST /v1/authorizations` | gateway.operator | [`AuthorizationRequest`] → [`AuthorizationView`] |
//! | `GET /v1/authorizations` | gateway.operator | → [`AuthorizationList`] |
//! | `DELETE /v1/authorizations/{authorization}` | gateway.operator | → receipt |
//! | `GET /v1/doctor` | doctor | → [`DoctorStatus`] |
//! | `GET /v1/inbox` | doctor | → [`Inbox`] |
//! | `POST /v1/records/{record}/open` | doctor | [`OpenRequest`] → [`OpenedRecord`] |
//! | `GET /v1/records/{record}/cthd` | doctor (after open) | → octet-stream |
//! | `POST /v1/records/{record}/reports` | doctor | [`ReportSubmission`] → receipt |
//! | `GET /v1/shared/records/{record}` | hospital (assigned) | → [`SharedRecord`] |
//! | `GET /v1/shared/records/{record}/cthd` | hospital (assigned) | → octet-stream |
//! | `POST /v1/shared/reports` | hospital (assigned) | [`SharedReport`] → 204 |
//!
//! and those of [`super::ledger`]. Declining an assignment, posting and withdrawing a trapdoor, withdrawing consent,
//! acknowledging, complaining about and disputing a report are transactions that the device signs and posts to `POST /v1/ledger/transactions`.

use std::fmt;

use consilium_contracts::{
    AuthorizationId, Digest, DisputeEntry, DoctorId, FederationId, HospitalId, RecordId, Settlement,
};
use consilium_schemes::signature::Purpose;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::kgc::Enrolment;
use super::ledger::{LedgerStatus, TransactionReceipt};
use super::terms::{ComplaintReason, PurposeOfUse, ReportDefect, RevocationReason};
use crate::signed::Transcript;
use crate::wire::{HexBytes, PublicKey, SecretText, Text};

/// What a device signs when it redeems an invitation ([`RegistrationRequest::signed_bytes`]); the context is the federation id.
pub const REGISTRATION_PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-REGISTRATION");

/// How a gateway stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GatewayStatus {
    /// The hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// Its node.
    pub ledger: LedgerStatus,
    /// The current epoch; absent before the first.
    pub epoch: Option<u64>,
    /// Whether the KGC answers.
    pub kgc_reachable: bool,
    /// Registered doctors' devices.
    pub doctors: u64,
    /// Registered patients' devices.
    pub patients: u64,
    /// Records it owns.
    pub records: u64,
    /// Records that wait (for an epoch, for the ledger), not yet registered.
    pub queued: u64,
    /// Pairs of index and trapdoor that were compared since the gateway was started.
    pub pairs_compared: u64,
    /// Pairs that the matching under way has still to compare, or to leave out by the prefilter.
    pub pairs_pending: u64,
}

/// Who an invitation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceRole {
    /// A patient's device.
    Patient,
    /// A doctor's device.
    Doctor,
}

impl DeviceRole {
    /// The role's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
        }
    }
}

impl fmt::Display for DeviceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes an invitation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// For whom.
    pub role: DeviceRole,
    /// A note for the operator's list; never leaves the gateway.
    pub note: String,
    /// How long the code holds, in seconds.
    pub lifetime_s: u64,
}

/// The invitation, to be handed over out of band.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// The code: a one-time secret with the gateway's URL, the federation id and the TLS pin
    /// ([`crate::invitation::Invitation`]).
    pub code: SecretText,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// Redeems an invitation: the device's key takes the role.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    /// The one-time secret of the invitation, as hexadecimal.
    pub secret: SecretText,
    /// The role the device expects.
    pub role: DeviceRole,
    /// The device's key.
    pub signing_key: PublicKey,
    /// The key's signature over [`RegistrationRequest::signed_bytes`].
    pub signature: HexBytes,
}

impl RegistrationRequest {
    /// What the device signs: the secret, the role, the key.
    pub fn signed_bytes(&self) -> Vec<u8> {
        Transcript::new()
            .part(self.secret.expose_secret().as_bytes())
            .part(self.role.as_str().as_bytes())
            .part(self.signing_key.as_bytes())
            .finish()
    }
}

/// The device is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// The hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The federation.
    #[schema(value_type = String)]
    pub federation: Text<FederationId>,
    /// The role.
    pub role: DeviceRole,
}

/// A doctor asks to be enrolled; the hospital adds the attributes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorEnrolmentRequest {
    /// The doctor's pseudonym, derived from the federation and the device's key.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// pk = g1^beta.
    pub abe_public_key: HexBytes,
    /// The KGC's nonce.
    pub nonce: HexBytes,
    /// The Schnorr proof of beta under that nonce.
    pub proof: HexBytes,
    /// Whether to begin anew where an enrolment with this key stands already: for other attributes, or after a refusal. Without it the
    /// enrolment stays as it is and is the answer.
    #[serde(default)]
    pub renew: bool,
}

/// The operator vouches for a doctor's attributes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The attributes, as text of the policy language.
    pub attributes: String,
}

/// The hospital revokes one of its own doctors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HospitalRevocationRequest {
    /// Whom.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// Why; stands on the ledger.
    pub reason: RevocationReason,
}

/// An encrypted record; the CTHD follows by `PUT`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSubmission {
    /// The registration, canonically encoded ([`consilium_contracts::RegisterRecord`]): id, owner, digests, epoch, keys and
    /// consent, co-signed by the record's key.
    pub registration: HexBytes,
    /// The record's RSA public key for the report, with the proof that it is a permutation.
    pub rsa_public_key: HexBytes,
    /// CTSym, complete.
    pub ctsym: HexBytes,
    /// Bytes of the CTHD to come.
    pub cthd_length: u64,
    /// Keyword tokens h_i, each 32 bytes as hexadecimal; sealed at the owner gateway.
    pub keyword_tokens: Vec<SecretText>,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordState {
    /// The metadata is there, the CTHD is not.
    AwaitsCthd,
    /// Complete here, not yet on the ledger.
    Queued,
    /// On the ledger; no index posted yet.
    Registered,
    /// Its matching window is open.
    Matching,
    /// A doctor has it.
    Assigned,
    /// The doctor opened it.
    Opened,
    /// A report is there.
    Reported,
    /// The patient acknowledged the report.
    Acknowledged,
    /// The patient decrypted the report and complained about it.
    Complained,
    /// Closed: no doctor matched.
    Unmatched,
    /// The patient withdrew consent; the ciphertext is deleted.
    Withdrawn,
    /// Refused by the contracts; encrypt again.
    Refused,
}

/// A record, as its patient and its hospital's operator see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// The record.
    #[schema(value_type = String)]
    pub record: Text<RecordId>,
    /// Where it stands.
    pub state: RecordState,
    /// Why, where a reason is known (refused, unmatched, complained).
    pub reason: Option<String>,
    /// The epoch it is encrypted to.
    pub epoch: u64,
    /// Its registration on the ledger.
    pub registration: Option<TransactionReceipt>,
    /// Who may match it, the owner not among them.
    #[schema(value_type = Vec<String>)]
    pub authorized: Vec<Text<HospitalId>>,
    /// Every assignment, in order; the last is the present one.
    pub assignments: Vec<AssignmentView>,
}

/// A doctor to whom a record was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignmentView {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// His hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The height at which it was assigned.
    pub assigned_height: u64,
    /// The height of the access event, once he opened it.
    pub accessed_height: Option<u64>,
    /// Digest of the report, once there.
    #[schema(value_type = Option<String>)]
    pub report_digest: Option<Text<Digest>>,
    /// The patient's complaint about the report.
    pub complaint: Option<ComplaintReason>,
    /// The patient's dispute of the report.
    pub dispute: Option<DisputeView>,
}

/// A dispute, settled by the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisputeView {
    /// Who is shown at fault.
    pub fault: Fault,
    /// What is wrong with the report; absent where it opens.
    pub defect: Option<ReportDefect>,
    /// The height it was settled at.
    pub height: u64,
}

/// Who a dispute shows at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The report opens.
    Patient,
    /// The report does not open.
    Doctor,
}

impl From<DisputeEntry> for DisputeView {
    fn from(entry: DisputeEntry) -> Self {
        let (fault, defect) = match entry.settled {
            Settlement::Opens => (Fault::Patient, None),
            Settlement::DoesNotOpen(defect) => (Fault::Doctor, Some(defect.into())),
        };
        Self {
            fault,
            defect,
            height: entry.height.value(),
        }
    }
}

/// Records.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecordList {
    /// In order of their ids.
    pub records: Vec<RecordView>,
}

/// A report for the patient.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    /// CTHR, complete.
    pub report: HexBytes,
    /// Its digest on the ledger.
    #[schema(value_type = String)]
    pub digest: Text<Digest>,
    /// Who wrote it.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// His signing key, as registered.
    pub doctor_key: PublicKey,
    /// The height of the report's transaction.
    pub height: u64,
}

/// What an authorization covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum AuthorizationScope {
    /// Every record whose consent allows it.
    All,
    /// One record.
    Record {
        /// Which.
        #[schema(value_type = String)]
        record: Text<RecordId>,
    },
}

/// Lets another hospital match.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationRequest {
    /// Whom.
    #[schema(value_type = String)]
    pub to: Text<HospitalId>,
    /// For what.
    pub scope: AuthorizationScope,
    /// The purpose of use.
    pub purpose: PurposeOfUse,
    /// Until when, in milliseconds since the Unix epoch, in block time.
    pub expires_ms: u64,
}

/// An authorization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorizationView {
    /// Its id.
    #[schema(value_type = String)]
    pub authorization: Text<AuthorizationId>,
    /// Whom.
    #[schema(value_type = String)]
    pub to: Text<HospitalId>,
    /// For what.
    pub scope: AuthorizationScope,
    /// The purpose of use.
    pub purpose: PurposeOfUse,
    /// Until when.
    pub expires_ms: u64,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

/// Authorizations that this hospital gave.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuthorizationList {
    /// In order of their ids.
    pub authorizations: Vec<AuthorizationView>,
}

/// How a doctor stands: with the hospital, with the KGC, on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorStatus {
    /// The doctor.
    #[schema(value_type = String)]
    pub doctor: Text<DoctorId>,
    /// Her hospital.
    #[schema(value_type = String)]
    pub hospital: Text<HospitalId>,
    /// The height it was read at.
    pub height: u64,
    /// That block's time, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The current epoch; absent before the first.
    pub epoch: Option<u64>,
    /// Her leaf on the ledger; absent until the KGC issued, and when she was revoked.
    pub leaf: Option<u64>,
    /// Her enrolment; absent where she did not ask for one.
    pub enrolment: Option<Enrolment>,
    /// The interests that are searched with; absent where none were posted, or where their time is over.
    pub interests: Option<InterestsView>,
    /// The cases assigned to her, oldest first.
    pub cases: Vec<Case>,
}

/// Interests that stand on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterestsView {
    /// How many.
    pub interests: u16,
    /// Until when, in milliseconds since the Unix epoch, in block time.
    pub expires_ms: u64,
    /// The height they were posted at.
    pub height: u64,
}

/// The cases assigned to a doctor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Inbox {
    /// The height it was read at.
    pub height: u64,
    /// Oldest first.
    pub cases: Vec<Case>,
}

/// A case that waits for a doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Case {
    /// The record.
    #[schema(value_type = String)]
    pub record: Text<RecordId>,
    /// Whose record it is.
    #[schema(value_type = String)]
    pub owner: Text<HospitalId>,
    /// The epoch it is encrypted to.
    pub epoch: u64,
    /// The height at which it was assigned.
    pub assigned_height: u64,
    /// When the assignment lapses, in milliseconds since the Unix epoch, in block time.
    pub deadline_ms: u64,
    /// Whether it was opened.
    pub opened: bool,
    /// Whether a report was returned.
    pub reported: bool,
}

/// The doctor opens a case.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The purpose of use he states.
    pub purpose: PurposeOfUse,
}

/// What the doctor's device needs to decrypt; the CTHD is fetched beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenedRecord {
    /// (A, B), pre-decrypted for him.
    pub semi_ciphertext: HexBytes,
    /// The proof that (A, B) is right.
    pub transform_proof: HexBytes,
    /// The hospital's signature over both, the record, the doctor with his pk, the epoch and the digest of CTSym.
    pub transform_signature: HexBytes,
    /// The record's epoch on the ledger.
    pub epoch: u64,
    /// CTSym, complete.
    pub ctsym: HexBytes,
    /// Digest of CTSym on the ledger.
    #[schema(value_type = String)]
    pub ctsym_digest: Text<Digest>,
    /// Digest of the CTHD on the ledger.
    #[schema(value_type = String)]
    pub cthd_digest: Text<Digest>,
    /// Bytes of the CTHD.
    pub cthd_length: u64,
    /// The record's Ed25519 key on the ledger.
    pub record_key: PublicKey,
    /// The record's RSA public key for the report.
    pub rsa_public_key: HexBytes,
    /// The access event, committed before this answer left.
    pub access: TransactionReceipt,
}

/// A doctor's report.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSubmission {
    /// CTHR, complete.
    pub report: HexBytes,
    /// The doctor's signed report transaction, with its digest.
    pub transaction: HexBytes,
}

/// What the owner gives the hospital of the assigned doctor, beside the CTHD.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedRecord {
    /// The record.
    #[schema(value_type = String)]
    pub record: Text<RecordId>,
    /// CTSym, complete.
    pub ctsym: HexBytes,
    /// The record's RSA public key for the report.
    pub rsa_public_key: HexBytes,
    /// Bytes of the CTHD.
    pub cthd_length: u64,
}

/// The doctor's hospital returns a report to the owner.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedReport {
    /// The record.
    #[schema(value_type = String)]
    pub record: Text<RecordId>,
    /// CTHR, complete; its digest stands on the ledger.
    pub report: HexBytes,
}
