//! What happened: services react to these.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::action::{RevocationReason, Scope, ValidatorChange};
use crate::complaint::Fault;
use crate::consent::PurposeOfUse;
use crate::crypto::{read_epoch, write_epoch};
use crate::ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, Height, HospitalId, Leaf, RecordId,
    TransactionHash,
};
use crate::patient::{ComplaintReason, Settlement};
use crate::state::{AssignmentStatus, ChallengeStatus, CloseReason};
use consilium_schemes::abe::Epoch;

/// An effect of a transaction or of a block's beginning.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
#[allow(
    missing_docs,
    reason = "the fields repeat the nouns of the variant's line"
)]
#[non_exhaustive]
pub enum Event {
    /// A hospital joined.
    HospitalAdmitted { hospital: HospitalId },
    /// An epoch is current.
    EpochPublished {
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        epoch: Epoch,
        update_key: Digest,
    },
    /// A doctor was registered: the KGC may now make the attribute key.
    DoctorRegistered {
        doctor: DoctorId,
        hospital: HospitalId,
        leaf: Leaf,
    },
    /// A doctor has a new leaf; the old one is revoked.
    DoctorReissued {
        doctor: DoctorId,
        hospital: HospitalId,
        revoked_leaf: Leaf,
        leaf: Leaf,
    },
    /// A doctor was revoked: PreDec is refused from now on.
    DoctorRevoked {
        doctor: DoctorId,
        hospital: HospitalId,
        leaf: Leaf,
        reason: RevocationReason,
    },
    /// A record was registered.
    RecordRegistered {
        record: RecordId,
        owner: HospitalId,
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        epoch: Epoch,
    },
    /// A hospital was authorized.
    Authorized {
        id: AuthorizationId,
        from: HospitalId,
        to: HospitalId,
        scope: Scope,
        purpose: PurposeOfUse,
        expiry: BlockTime,
    },
    /// An authorization is over.
    AuthorizationEnded {
        id: AuthorizationId,
        from: HospitalId,
        to: HospitalId,
        scope: Scope,
        why: EndReason,
    },
    /// An index was posted to a hospital: match it.
    IndexPosted {
        record: RecordId,
        owner: HospitalId,
        to: HospitalId,
    },
    /// A record's first index opened its matching window.
    WindowOpened {
        record: RecordId,
        owner: HospitalId,
        until: BlockTime,
    },
    /// A doctor posted interests: match them.
    TrapdoorPosted {
        doctor: DoctorId,
        hospital: HospitalId,
        interests: u16,
    },
    /// A doctor's interests are gone.
    TrapdoorRemoved {
        doctor: DoctorId,
        hospital: HospitalId,
        why: EndReason,
    },
    /// A match was taken.
    Matched {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        interests: u16,
    },
    /// A doctor was assigned: the hospital may fetch the ciphertexts.
    Assigned {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        until: BlockTime,
    },
    /// An assignment is over; who follows, if anybody, comes in the next event.
    AssignmentEnded {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        why: AssignmentStatus,
    },
    /// SemiCT may leave for the doctor.
    Accessed {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
    },
    /// A report was made.
    Reported {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        digest: Digest,
    },
    /// The patient decrypted the report.
    Acknowledged {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        digest: Digest,
    },
    /// Nothing follows for the record; where consent ended the owner deletes the ciphertexts.
    RecordClosed {
        record: RecordId,
        owner: HospitalId,
        reason: CloseReason,
    },
    /// The KGC proposed to change the validators; replaces what it proposed before.
    ValidatorChangeProposed {
        change: ValidatorChange,
        expires: BlockTime,
    },
    /// A validator approved the proposal: so many of so many have.
    ValidatorChangeApproved {
        change: ValidatorChange,
        hospital: HospitalId,
        approvals: u32,
        validators: u32,
    },
    /// A hospital joins or leaves the validators, or votes with another key, from this height on.
    ValidatorsScheduled { hospital: HospitalId, from: Height },
    /// The scheduled validators certify this block and those that follow.
    ValidatorsInForce { from: Height },
    /// A hospital replaced parts of its card.
    CardUpdated { hospital: HospitalId },
    /// A hospital is to prove whether a doctor of it matches a record.
    Challenged {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        until: BlockTime,
    },
    /// It did, or did not in time.
    ChallengeSettled {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        status: ChallengeStatus,
    },
    /// A doctor showed that a transform does not open, and whose fault it is.
    TransformComplained {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        fault: Fault,
    },
    /// The patient decrypted the report and complained about it.
    Complained {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        digest: Digest,
        reason: ComplaintReason,
    },
    /// The patient disputed the report; what that showed.
    Disputed {
        record: RecordId,
        owner: HospitalId,
        doctor: DoctorId,
        hospital: HospitalId,
        digest: Digest,
        settled: Settlement,
    },
}

/// Why an authorization or a trapdoor is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum EndReason {
    /// Withdrawn by who gave it.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// The record's consent ended.
    ConsentEnded,
    /// The doctor was revoked.
    Revoked,
}

/// What a submitter gets once a transaction is committed and applied.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The transaction.
    pub transaction: TransactionHash,
    /// Its block.
    pub height: Height,
    /// Its place in the block.
    pub index: u32,
    /// What it did.
    pub events: Vec<Event>,
}
