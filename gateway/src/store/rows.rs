//! What stands in the columns. Formats only grow: a new version byte leads what changed.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_client::api::gateway::DeviceRole;
use consilium_contracts::{DoctorId, Height, HospitalId, RecordId, RegisterRecord};
use sha2::{Digest as _, Sha256};

/// Who a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum Role {
    Patient,
    Doctor,
}

impl From<DeviceRole> for Role {
    fn from(role: DeviceRole) -> Self {
        match role {
            DeviceRole::Patient => Self::Patient,
            DeviceRole::Doctor => Self::Doctor,
        }
    }
}

/// A registered device.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Device {
    pub(crate) role: Role,
    pub(crate) registered_ms: u64,
}

/// SHA-256 of an invitation's secret: the secret itself is kept nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SecretHash(pub(super) [u8; 32]);

impl SecretHash {
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// An invitation.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct InvitationRow {
    pub(crate) role: Role,
    pub(crate) note: String,
    pub(crate) expires_ms: u64,
    pub(crate) used_by: Option<[u8; 32]>,
}

/// How far the hospital's part of an enrolment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum EnrolmentStage {
    AwaitsHospital,
    Approved,
    Refused,
}

/// What a doctor asked to be enrolled with.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct EnrolmentRow {
    pub(crate) signing_key: [u8; 32],
    pub(crate) abe_public_key: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) proof: Vec<u8>,
    pub(crate) attributes: String,
    pub(crate) stage: EnrolmentStage,
    /// The leaf that the doctor had when he asked: with these attributes he gets another.
    pub(crate) former_leaf: Option<u64>,
}

/// A doctor's attribute key.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct KeyRow {
    pub(crate) leaf: u64,
    pub(crate) sealed: Vec<u8>,
}

/// How far a submitted record is.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum Stage {
    /// The ciphertext is still to come.
    AwaitsCthd,
    /// Complete and durable; to be registered.
    Queued,
    /// On the ledger.
    Registered,
    /// The contracts refused it.
    Refused(String),
    /// Consent ended; nothing of it is kept.
    Deleted,
}

/// A submitted record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct RecordRow {
    /// The patient's device.
    pub(crate) patient: [u8; 32],
    pub(crate) registration: RegisterRecord,
    pub(crate) rsa_key: Vec<u8>,
    pub(crate) ctsym: Vec<u8>,
    pub(crate) cthd_length: u64,
    pub(crate) submitted_ms: u64,
    pub(crate) stage: Stage,
    /// The registration's signed transaction: submitted again, it has one effect.
    pub(crate) transaction: Option<Vec<u8>>,
    /// Why it still waits.
    pub(crate) waits_for: Option<String>,
}

/// A record that may be removed when it waits too long.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct StagedRow {
    pub(crate) patient: [u8; 32],
    pub(crate) since_ms: u64,
}

/// An index and a trapdoor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pair {
    pub(crate) record: RecordId,
    pub(crate) doctor: DoctorId,
    /// SHA-256 of the encrypted trapdoor.
    pub(crate) trapdoor: [u8; 32],
}

/// Where a trapdoor stands among those that were ever posted to this hospital: a doctor posts one in a block at the most that stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Position {
    /// The block it was posted in.
    pub(crate) height: Height,
    pub(crate) doctor: DoctorId,
}

/// A report on its way to the owner.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct OutgoingRow {
    pub(crate) owner: HospitalId,
    pub(crate) report: Vec<u8>,
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<String>,
}
