//! What stands in the state: one type per kind of key.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::signature::VerifyingKey;

use crate::action::{
    AbeKeyBytes, DeclineReason, IndexBytes, RecordTerms, RevocationReason, Scope, TrapdoorBytes,
};
use crate::consent::PurposeOfUse;
use crate::crypto::{read_epoch, read_key, write_epoch, write_key};
use crate::filter::FilterBytes;
use crate::genesis::ParameterBytes;
use crate::hospital::{Address, DisplayName, HospitalCard, KgcCard};
use crate::ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, FederationId, Height, HospitalId, Leaf, RecordId,
};
use crate::patient::{ComplaintReason, ReportDefect, Settlement};
use consilium_schemes::abe::Epoch;

/// Who a signing key is. A key is one principal only.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Principal {
    /// The KGC.
    Kgc,
    /// A hospital.
    Hospital(HospitalId),
    /// A doctor.
    Doctor(DoctorId),
    /// The patient of one record.
    Record(RecordId),
}

/// The federation, as genesis made it.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct FederationEntry {
    /// SHA-256 of the canonical genesis.
    pub id: FederationId,
    /// Its name for people.
    pub name: DisplayName,
    /// When it was made.
    pub created: BlockTime,
    /// The ABE public parameters.
    pub parameters: ParameterBytes,
    /// How many leaves their tree has.
    pub leaves: u64,
    /// The VOPRF public key.
    pub token_key: [u8; 32],
    /// The KGC.
    pub kgc: KgcCard,
}

/// A hospital of the federation.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct HospitalEntry {
    /// Its card.
    pub card: HospitalCard,
    /// When it was admitted; 0 at genesis.
    pub admitted: Height,
    /// How its node was known before it last got another network identity.
    pub former_peer: Option<FormerPeer>,
    /// When its voting key was last replaced while it voted.
    pub rekeyed: Option<BlockTime>,
}

/// A network identity that a node had: until it is over the others let the node in under it, too.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct FormerPeer {
    /// The former key.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub key: VerifyingKey,
    /// The multiaddress that the node listened on.
    pub listen: Address,
    /// From this block time on it is a stranger's.
    pub until: BlockTime,
}

/// A published epoch.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct EpochEntry {
    /// Its number.
    #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
    pub epoch: Epoch,
    /// SHA-256 of its update key.
    pub update_key: Digest,
    /// It excludes every leaf revoked up to this height.
    pub as_of: Height,
    /// When it was published.
    pub height: Height,
    /// When it was published.
    pub time: BlockTime,
}

/// A doctor.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct DoctorEntry {
    /// The pseudonym.
    pub id: DoctorId,
    /// The doctor's only hospital.
    pub hospital: HospitalId,
    /// Signs the doctor's transactions and reports.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub signing_key: VerifyingKey,
    /// pk = g1^beta.
    pub abe_key: AbeKeyBytes,
    /// The doctor's current leaf.
    pub leaf: Leaf,
    /// When the doctor was registered.
    pub registered: Height,
    /// Set when the doctor was revoked, for good.
    pub revocation: Option<Revocation>,
}

/// That a doctor was revoked.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Revocation {
    /// Why.
    pub reason: RevocationReason,
    /// By whom: the KGC or the doctor's hospital.
    pub by: Principal,
    /// When.
    pub height: Height,
}

/// A leaf of the KGC's tree that was given out.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct LeafEntry {
    /// The leaf.
    pub leaf: Leaf,
    /// To whom.
    pub doctor: DoctorId,
    /// When.
    pub given: Height,
    /// Set when it was revoked, for good.
    pub revoked: Option<RevokedLeaf>,
}

/// That a leaf was revoked: the update keys exclude it from
/// [`View::revoked_since`](super::View::revoked_since) on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RevokedLeaf {
    /// When.
    pub height: Height,
}

/// A record and where it is in its life.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct RecordEntry {
    /// What was registered.
    pub terms: RecordTerms,
    /// When.
    pub registered: Height,
    /// How many matches were taken.
    pub matches: u32,
    /// When its matching window ends, or ended; none before it opens.
    pub window: Option<BlockTime>,
    /// How many reports on it were shown not to open.
    pub refuted: u32,
    /// Where it is now.
    pub status: RecordStatus,
}

/// The life of a record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum RecordStatus {
    /// No index is posted yet.
    Registered,
    /// Matches are taken before `until`.
    Matching {
        /// The end of the window.
        until: BlockTime,
    },
    /// A doctor is assigned and has not read it.
    Assigned {
        /// The doctor.
        doctor: DoctorId,
        /// The first access must come before.
        until: BlockTime,
    },
    /// The assigned doctor was given SemiCT.
    Accessed {
        /// The doctor.
        doctor: DoctorId,
        /// The report must come before.
        until: BlockTime,
    },
    /// The doctor's report waits for the patient.
    Reported {
        /// The doctor.
        doctor: DoctorId,
    },
    /// Nothing follows.
    Closed(CloseReason),
}

/// Why a record is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum CloseReason {
    /// No doctor suits.
    Unmatched(UnmatchedReason),
    /// The patient decrypted the report.
    Acknowledged,
    /// The patient withdrew consent.
    ConsentWithdrawn,
    /// The consent's time is over.
    ConsentExpired,
    /// The patient decrypted the report and complained about it.
    Complained(ComplaintReason),
}

/// Why no doctor suits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum UnmatchedReason {
    /// Nobody matched within the window.
    NoMatch,
    /// Everybody who matched declined, let it lapse, was revoked or lost the authorization.
    Exhausted,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Complained(reason) => return write!(f, "the patient complained: {reason}"),
            Self::Unmatched(UnmatchedReason::NoMatch) => "no doctor matched",
            Self::Unmatched(UnmatchedReason::Exhausted) => "no doctor who matched took it",
            Self::Acknowledged => "the patient has the report",
            Self::ConsentWithdrawn => "the patient withdrew consent",
            Self::ConsentExpired => "the consent has expired",
        };
        f.write_str(text)
    }
}

/// A live or past authorization.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct AuthorizationEntry {
    /// Its id.
    pub id: AuthorizationId,
    /// The owner.
    pub from: HospitalId,
    /// Who may match.
    pub to: HospitalId,
    /// Which records.
    pub scope: Scope,
    /// For what.
    pub purpose: PurposeOfUse,
    /// From this block time on it is over.
    pub expiry: BlockTime,
    /// When it was given.
    pub height: Height,
    /// The time of that block.
    pub given: BlockTime,
    /// When it ended before its expiry or at it.
    pub ended: Option<Height>,
}

impl AuthorizationEntry {
    /// Whether by it `hospital` may use a record at `time`: live, not expired, for this record, and within the record's consent.
    pub fn allows(&self, terms: &RecordTerms, hospital: &HospitalId, time: BlockTime) -> bool {
        let covers = match self.scope {
            Scope::All => true,
            Scope::Record(record) => record == terms.record,
        };
        self.ended.is_none()
            && self.from == terms.owner
            && self.to == *hospital
            && covers
            && time < self.expiry
            && terms.consent.allows(hospital, self.purpose, time)
    }
}

/// An index that is posted to a hospital.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct IndexEntry {
    /// The record.
    pub record: RecordId,
    /// The hospital it is encrypted to.
    pub to: HospitalId,
    /// (U, V), without the proof that it was posted with.
    pub index: IndexBytes,
    /// When it was posted.
    pub height: Height,
    /// The time of that block.
    pub posted: BlockTime,
    /// The bitmap that it was posted with.
    pub filter: Option<FilterBytes>,
}

/// A doctor's current interests.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct TrapdoorEntry {
    /// The doctor.
    pub doctor: DoctorId,
    /// The doctor's hospital.
    pub hospital: HospitalId,
    /// (D, M), without the proofs that it was posted with.
    pub trapdoor: TrapdoorBytes,
    /// How many interests, as proven.
    pub interests: u16,
    /// From this block time on it is gone.
    pub expiry: BlockTime,
    /// When it was posted.
    pub height: Height,
    /// The time of that block.
    pub posted: BlockTime,
    /// The buckets that it was posted with.
    pub filter: Option<FilterBytes>,
}

/// That a doctor's interests match a record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct MatchEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The doctor's hospital.
    pub hospital: HospitalId,
    /// How many interests the trapdoor had, as proven.
    pub interests: u16,
    /// How many matches the ledger saw before: ties are decided by it.
    pub order: u64,
    /// When it was posted.
    pub height: Height,
    /// The authorization it rests on; none when the hospital is the owner.
    pub authorization: Option<AuthorizationId>,
}

/// That a doctor was assigned a record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct AssignmentEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The doctor's hospital.
    pub hospital: HospitalId,
    /// When.
    pub height: Height,
    /// What became of it.
    pub status: AssignmentStatus,
}

/// What became of an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum AssignmentStatus {
    /// It waits for the first access or the report.
    Open,
    /// The doctor reported; it waits for the patient.
    Reported,
    /// The patient decrypted the report.
    Acknowledged,
    /// The doctor or the hospital declined.
    Declined(DeclineReason),
    /// The deadline passed.
    Lapsed,
    /// The doctor was revoked.
    Revoked,
    /// The hospital's authorization ended.
    Unauthorized,
    /// The patient's consent ended.
    ConsentEnded,
    /// The patient decrypted the report and complained about it.
    Complained(ComplaintReason),
    /// The report was shown not to open.
    Refuted(ReportDefect),
}

/// The accesses of a doctor to a record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct AccessEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The hospital that pre-decrypted.
    pub hospital: HospitalId,
    /// When first.
    pub first: Height,
    /// When last.
    pub last: Height,
    /// How often.
    pub count: u64,
}

/// A doctor's report on a record.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ReportEntry {
    /// The record.
    pub record: RecordId,
    /// The doctor.
    pub doctor: DoctorId,
    /// The digest of the encrypted report.
    pub digest: Digest,
    /// When.
    pub height: Height,
    /// When the patient acknowledged it.
    pub acknowledged: Option<Height>,
    /// The patient's complaint about its content.
    pub complaint: Option<ReportComplaintEntry>,
    /// The patient's dispute, settled.
    pub dispute: Option<DisputeEntry>,
}

/// That a patient complained about a report's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ReportComplaintEntry {
    /// Why.
    pub reason: ComplaintReason,
    /// When.
    pub height: Height,
}

/// That a patient disputed a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct DisputeEntry {
    /// What it showed.
    pub settled: Settlement,
    /// When.
    pub height: Height,
}

/// Something that happens at a block time. The order of the variants is the order within one time.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Due {
    /// A record's consent is over.
    ConsentExpiry(RecordId),
    /// An authorization is over.
    AuthorizationExpiry(AuthorizationId),
    /// A doctor's trapdoor is over.
    TrapdoorExpiry(DoctorId),
    /// A record's matching window ends.
    WindowEnd(RecordId),
    /// An assigned doctor's time for the first access, or the report, is over.
    AssignmentLapse(RecordId),
    /// The time to answer a challenge is over.
    ChallengeEnd {
        /// The record.
        record: RecordId,
        /// The doctor.
        doctor: DoctorId,
    },
    /// A record that nobody suited loses its indexes.
    IndexesEnd(RecordId),
}
