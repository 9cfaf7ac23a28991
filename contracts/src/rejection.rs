//! Why a transaction is refused: each message names the thing, the rule and what to do.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::action::ValidatorChange;
use crate::challenge::ChallengeRejection;
use crate::consent::PurposeOfUse;
use crate::crypto::{read_epoch, write_epoch};
use crate::filter::FilterRejection;
use crate::genesis::MAX_VALIDATORS;
use crate::hospital::CardError;
use crate::ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, FederationId, Height, HospitalId, KeyName, Leaf,
    Nonce, RecordId,
};
use crate::state::CloseReason;
use consilium_schemes::abe::Epoch;

/// Who an action is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Role {
    /// The KGC.
    Kgc,
    /// A hospital.
    Hospital,
    /// The hospital that keeps the record or gave the authorization.
    OwnerHospital,
    /// The hospital of the doctor.
    DoctorsHospital,
    /// The KGC or the hospital of the doctor.
    KgcOrDoctorsHospital,
    /// A doctor.
    Doctor,
    /// The doctor or the doctor's hospital.
    DoctorOrHospital,
    /// The key of the record.
    RecordKey,
    /// The hospital that keeps the record, or the key of the record.
    OwnerOrRecordKey,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kgc => "the KGC",
            Self::Hospital => "a hospital",
            Self::OwnerHospital => "the owner hospital",
            Self::DoctorsHospital => "the doctor's hospital",
            Self::KgcOrDoctorsHospital => "the KGC or the doctor's hospital",
            Self::Doctor => "a doctor",
            Self::DoctorOrHospital => "the assigned doctor or the doctor's hospital",
            Self::RecordKey => "the record's key",
            Self::OwnerOrRecordKey => "the owner hospital or the record's key",
        })
    }
}

/// Why a transaction is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the nouns of the message above them"
)]
#[non_exhaustive]
pub enum Rejection {
    // Envelope
    /// Another federation's transaction.
    #[error(
        "the transaction is for federation {named}, this is {expected}; check the genesis file"
    )]
    WrongFederation {
        named: FederationId,
        expected: FederationId,
    },
    /// The sender's signature fails.
    #[error(
        "the sender's signature does not verify; sign the canonical bytes with the sender's key"
    )]
    BadSignature,
    /// The record key's co-signature fails.
    #[error(
        "record {record}: the co-signature of the record's key does not verify; the patient's device must sign exactly these terms"
    )]
    BadCoSignature { record: RecordId },
    /// The sender is nobody.
    #[error(
        "sender {sender} is not the KGC, a hospital, a doctor or a record's key; a doctor's is registered when the KGC issues (`consilium \
         doctor status` says how far that is), a record's with its record"
    )]
    UnknownSender { sender: KeyName },
    /// Too late.
    #[error("the transaction expired at height {expires}, this is height {height}; sign a new one")]
    Expired { expires: Height, height: Height },
    /// Lives too long.
    #[error(
        "the transaction expires at height {expires}, the latest allowed now is {latest}; choose an earlier one"
    )]
    ExpiresTooLate { expires: Height, latest: Height },
    /// Replayed.
    #[error(
        "the sender already used nonce {nonce}; the transaction was applied, or take a fresh random nonce"
    )]
    NonceUsed { nonce: Nonce },
    /// Too long.
    #[error("the transaction has {found} bytes, the federation takes {limit}")]
    TooLong { found: u64, limit: u64 },

    // Who
    /// The sender may not do this.
    #[error("only {needed} may do this; the sender is not")]
    Forbidden { needed: Role },
    /// Nothing of this name.
    #[error("hospital {hospital} is not in the federation; admit it first")]
    UnknownHospital { hospital: HospitalId },
    /// Nothing of this name.
    #[error("doctor {doctor} is not registered")]
    UnknownDoctor { doctor: DoctorId },
    /// Nothing of this name.
    #[error("record {record} is not registered")]
    UnknownRecord { record: RecordId },
    /// Nothing of this name.
    #[error("authorization {id} does not exist")]
    UnknownAuthorization { id: AuthorizationId },
    /// The doctor was revoked.
    #[error(
        "doctor {doctor} is revoked and can do nothing more; a returning doctor enrols with new keys"
    )]
    DoctorRevoked { doctor: DoctorId },

    // Hospitals, epochs, doctors
    /// The id is taken.
    #[error("hospital {hospital} is already in the federation")]
    HospitalExists { hospital: HospitalId },
    /// A card that does not hold.
    #[error(transparent)]
    BadHospitalCard {
        #[from]
        error: CardError,
    },
    /// One key, one principal.
    #[error(
        "key {key} already belongs to somebody in the federation; every key is used by one principal for one thing"
    )]
    KeyTaken { key: KeyName },
    /// Epochs count up by one.
    #[error("epoch {given} cannot follow; the next epoch is {next}")]
    WrongEpoch {
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        given: Epoch,
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        next: Epoch,
    },
    /// The revocations an update key covers.
    #[error(
        "the update key's revocations were read at height {given}; it must be from {from} and before {height}, the block's"
    )]
    WrongRevocationHeight {
        given: Height,
        from: Height,
        height: Height,
    },
    /// Leaves are given in order, once.
    #[error("leaf {given} cannot be given; the next free leaf is {next}")]
    WrongLeaf { given: Leaf, next: Leaf },
    /// The tree is full.
    #[error("all {capacity} leaves of the tree are given; the federation needs new parameters")]
    TreeFull { capacity: u64 },
    /// Not a group element.
    #[error("the doctor's ABE key is not a valid public key")]
    BadAbeKey,

    // Records and authorizations
    /// The id is taken.
    #[error("record {record} is already registered; draw a fresh random id")]
    RecordExists { record: RecordId },
    /// Encrypted to another epoch.
    #[error("the record is encrypted to epoch {given}, current is {current}; encrypt it again")]
    StaleEpoch {
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        given: Epoch,
        #[borsh(serialize_with = "write_epoch", deserialize_with = "read_epoch")]
        current: Epoch,
    },
    /// No update key yet.
    #[error("no epoch is published yet; the KGC must publish one before records are encrypted")]
    NoEpoch,
    /// In the past.
    #[error("the expiry {expiry} is not after the block time {time}; choose a later one")]
    ExpiryPassed { expiry: BlockTime, time: BlockTime },
    /// The id is taken.
    #[error("authorization {id} already exists; draw a fresh random id")]
    AuthorizationExists { id: AuthorizationId },
    /// A hospital needs no authorization for its own records.
    #[error("hospital {hospital} cannot authorize itself; it always may match its own records")]
    SelfAuthorization { hospital: HospitalId },
    /// Not in the consent.
    #[error("record {record}: the consent does not name hospital {hospital}; ask the patient")]
    HospitalNotConsented {
        record: RecordId,
        hospital: HospitalId,
    },
    /// Not in the consent.
    #[error("record {record}: the consent does not allow the purpose {purpose}; ask the patient")]
    PurposeNotConsented {
        record: RecordId,
        purpose: PurposeOfUse,
    },
    /// Longer than the consent.
    #[error(
        "record {record}: the consent ends at {consent}, the authorization would at {given}; choose an earlier expiry"
    )]
    BeyondConsent {
        record: RecordId,
        given: BlockTime,
        consent: BlockTime,
    },
    /// Too many.
    #[error(
        "there are already {limit} live authorizations of this scope from this owner to this hospital; withdraw one"
    )]
    TooManyAuthorizations { limit: u32 },
    /// Over already.
    #[error("authorization {id} is already over")]
    AuthorizationOver { id: AuthorizationId },
    /// Consent over already.
    #[error("record {record}: its consent is already over")]
    ConsentOver { record: RecordId },
    /// Nothing more happens to it.
    #[error("record {record} is closed: {reason}; nothing more can be posted about it")]
    RecordClosed {
        record: RecordId,
        reason: CloseReason,
    },

    // Indexes, trapdoors, matches
    /// Without authorization.
    #[error(
        "hospital {hospital} is not authorized for record {record} now; the owner hospital must authorize it within the consent"
    )]
    NotAuthorized {
        hospital: HospitalId,
        record: RecordId,
    },
    /// Posted already.
    #[error("record {record}: an index for hospital {hospital} is already posted")]
    IndexExists {
        record: RecordId,
        hospital: HospitalId,
    },
    /// No index for the matching hospital.
    #[error("record {record}: no index is posted to hospital {hospital}; the owner must post one")]
    NoIndex {
        record: RecordId,
        hospital: HospitalId,
    },
    /// Malformed.
    #[error(
        "the index is malformed: every point must be canonical, in the group and not the identity, its proof must follow"
    )]
    BadIndex,
    /// Malformed.
    #[error(
        "the trapdoor is malformed: every point must be canonical, in the group and not the identity, its proofs must follow, with 1 to          n / 2 + 1 interests"
    )]
    BadTrapdoor,
    /// Malformed.
    #[error("the proof of Match is malformed")]
    BadProof,
    /// Stolen, or made for something else.
    #[error(
        "record {record}: the index for hospital {hospital} is not proven to be the owner's own; prove it for this record, hospital, epoch          of the record and expiry"
    )]
    IndexNotProven {
        record: RecordId,
        hospital: HospitalId,
    },
    /// Stolen, or made for something else.
    #[error(
        "the trapdoor is not proven to be doctor {doctor}'s own; prove it for this doctor, hospital and expiry"
    )]
    TrapdoorNotProven { doctor: DoctorId },
    /// More interests claimed than there are.
    #[error("the trapdoor of doctor {doctor} is not proven to have {claimed} interests")]
    InterestsNotProven { doctor: DoctorId, claimed: u16 },
    /// A lie, or made for something else.
    #[error(
        "record {record}, doctor {doctor}: the proof of Match does not hold for the index and the trapdoor on the ledger, or was made for          another authorization or expiry; look at the ledger and prove it again"
    )]
    MatchNotProven { record: RecordId, doctor: DoctorId },
    /// The wrong outcome.
    #[error("record {record}, doctor {doctor}: the proof shows that they do not match")]
    ProofOfNoMatch { record: RecordId, doctor: DoctorId },
    /// Rests on nothing.
    #[error(
        "record {record}: the match of hospital {hospital} must name an authorization in force that covers the record, and none in the          owner's own hospital"
    )]
    WrongAuthorization {
        record: RecordId,
        hospital: HospitalId,
    },
    /// Made for another n.
    #[error("it is not made for n = {n}, the setting of this federation; build it again")]
    WrongSize { n: u16 },
    /// A doctor's trapdoor goes to the doctor's hospital.
    #[error("the doctor belongs to hospital {expected}, not to {given}")]
    WrongHospital {
        given: HospitalId,
        expected: HospitalId,
    },
    /// No trapdoor.
    #[error("doctor {doctor} has no trapdoor posted")]
    NoTrapdoor { doctor: DoctorId },
    /// Same block.
    #[error(
        "a match refers only to indexes and trapdoors of earlier blocks; post it in the next block"
    )]
    TooEarly,
    /// The window has not opened, or is over.
    #[error("record {record}: its matching window is over; matches are no longer taken")]
    WindowClosed { record: RecordId },
    /// Once each.
    #[error("doctor {doctor} already matched record {record}")]
    AlreadyMatched { record: RecordId, doctor: DoctorId },
    /// Too many.
    #[error("record {record} already has {limit} matches, the most a record takes")]
    TooManyMatches { record: RecordId, limit: u32 },

    // Assignments, access, reports
    /// Not the assigned doctor.
    #[error("doctor {doctor} is not assigned to record {record} now")]
    NotAssigned { record: RecordId, doctor: DoctorId },
    /// Too late to decline.
    #[error("record {record}: the report is already posted, the assignment cannot be declined")]
    ReportPosted { record: RecordId },
    /// Report or complaint before access.
    #[error(
        "record {record}: no access of this doctor is committed; the hospital must commit Access before the doctor reports or complains"
    )]
    NoAccess { record: RecordId },
    /// Acknowledge before report.
    #[error("record {record}: no report is posted")]
    NoReport { record: RecordId },
    /// Another report.
    #[error("record {record}: the posted report's digest is {posted}, not {given}")]
    WrongReport {
        record: RecordId,
        posted: Digest,
        given: Digest,
    },

    // Validators, cards
    /// Nothing to approve.
    #[error(
        "no change of the validators is proposed, or it is scheduled already; the KGC proposes"
    )]
    NoProposal,
    /// Another proposal.
    #[error(
        "the open proposal is another: {change}, of height {proposed}; look at it and approve that"
    )]
    OtherProposal {
        change: ValidatorChange,
        proposed: Height,
    },
    /// Too late.
    #[error(
        "the proposal expired at {expires}, the block time is {time}; the KGC must propose it again"
    )]
    ProposalExpired { expires: BlockTime, time: BlockTime },
    /// Once each.
    #[error("hospital {hospital} already approved this proposal; the others must")]
    AlreadyApproved { hospital: HospitalId },
    /// Does not vote.
    #[error("hospital {hospital} is not a validator")]
    NotValidator { hospital: HospitalId },
    /// Votes already.
    #[error("hospital {hospital} is a validator already")]
    AlreadyValidator { hospital: HospitalId },
    /// Nobody would be left.
    #[error("hospital {hospital} is the last validator; another must join before it leaves")]
    LastValidator { hospital: HospitalId },
    /// Full.
    #[error(
        "there are already {MAX_VALIDATORS} validators, the most there may be; one must leave first"
    )]
    TooManyValidators,
    /// One at a time.
    #[error(
        "a change of the validators is scheduled for height {from}; try again once that is committed"
    )]
    ChangeScheduled { from: Height },
    /// Nothing in it.
    #[error("the card's update changes nothing; give at least one key or address")]
    NothingToChange,
    /// No proof of possession.
    #[error("key {key}: its proof of possession does not verify; make it with the new key itself")]
    BadPossession { key: KeyName },
    /// A validator that is voted out keeps its key.
    #[error(
        "hospital {hospital} votes with the key it has up to the height before {from}, and is removed then: wait until height {from}"
    )]
    RemovalScheduled { hospital: HospitalId, from: Height },
    /// One voting key a day.
    #[error(
        "hospital {hospital} replaced its voting key less than a day ago: another one is taken from block time {from} on, in {} minutes. If the key is stolen, the KGC proposes that the hospital leaves",
        from.value().saturating_sub(time.value()).div_ceil(60_000)
    )]
    RekeyedLately {
        hospital: HospitalId,
        from: BlockTime,
        time: BlockTime,
    },
    /// A challenge, or its answer.
    #[error(transparent)]
    Challenge(#[from] ChallengeRejection),
    /// Its encoding is wrong.
    #[error("the complaint does not parse; make it again with `consilium doctor open`")]
    BadComplaint,
    /// Once for each that the hospital signed.
    #[error(
        "doctor {doctor} complained about this transform of record {record} already; what the hospital gives at another opening is another one"
    )]
    Complained { record: RecordId, doctor: DoctorId },
    /// Nobody's transform.
    #[error(
        "the complaint about record {record} says nothing: hospital {hospital} did not sign this transform for this record, doctor and doctor's key; open the case again"
    )]
    TransformNotSigned {
        record: RecordId,
        hospital: HospitalId,
    },
    /// The doctor's own part.
    #[error(
        "the complaint about record {record} says nothing: doctor {doctor} does not prove the share that belongs to the doctor's key"
    )]
    ShareNotProven { record: RecordId, doctor: DoctorId },

    // What a patient shows about a report
    /// Malformed.
    #[error("the proof of having decrypted is malformed")]
    BadDecryptionProof,
    /// Malformed.
    #[error("what the dispute reveals is malformed: z, c, header and ciphertext")]
    BadEvidence,
    /// Another key.
    #[error(
        "record {record}: the RSA key's digest is {given}, registered is {registered}; show the key that the record was registered with"
    )]
    WrongReportKey {
        record: RecordId,
        registered: Digest,
        given: Digest,
    },
    /// Registered unchecked, and wrong.
    #[error(
        "record {record}: the RSA key that it was registered with is malformed, or its certificate does not hold: nothing can be shown with it"
    )]
    BadReportKey { record: RecordId },
    /// Not decrypted, or proven for something else.
    #[error(
        "record {record}: it is not proven that the report was decrypted with the record's RSA key; prove it for this record and report"
    )]
    DecryptionNotProven { record: RecordId },
    /// Forged.
    #[error(
        "record {record}: the opening is not the one of the report's c, which settles nothing; reveal c^(1/e)"
    )]
    WrongOpening { record: RecordId },
    /// Once each.
    #[error(
        "record {record}: the report was disputed before, and opens; acknowledge it, or complain about its content"
    )]
    AlreadyDisputed { record: RecordId },
    /// The prefilter's part of a posting.
    #[error(transparent)]
    Filter(#[from] FilterRejection),
}

impl Rejection {
    /// A short code that does not change, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongFederation { .. } => "wrong-federation",
            Self::BadSignature => "bad-signature",
            Self::BadCoSignature { .. } => "bad-co-signature",
            Self::UnknownSender { .. } => "unknown-sender",
            Self::Expired { .. } => "expired",
            Self::ExpiresTooLate { .. } => "expires-too-late",
            Self::NonceUsed { .. } => "nonce-used",
            Self::TooLong { .. } => "too-long",
            Self::Forbidden { .. } => "forbidden",
            Self::UnknownHospital { .. } => "unknown-hospital",
            Self::UnknownDoctor { .. } => "unknown-doctor",
            Self::UnknownRecord { .. } => "unknown-record",
            Self::UnknownAuthorization { .. } => "unknown-authorization",
            Self::DoctorRevoked { .. } => "doctor-revoked",
            Self::HospitalExists { .. } => "hospital-exists",
            Self::BadHospitalCard { .. } => "bad-hospital-card",
            Self::KeyTaken { .. } => "key-taken",
            Self::WrongEpoch { .. } => "wrong-epoch",
            Self::WrongRevocationHeight { .. } => "wrong-revocation-height",
            Self::WrongLeaf { .. } => "wrong-leaf",
            Self::TreeFull { .. } => "tree-full",
            Self::BadAbeKey => "bad-abe-key",
            Self::RecordExists { .. } => "record-exists",
            Self::StaleEpoch { .. } => "stale-epoch",
            Self::NoEpoch => "no-epoch",
            Self::ExpiryPassed { .. } => "expiry-passed",
            Self::AuthorizationExists { .. } => "authorization-exists",
            Self::SelfAuthorization { .. } => "self-authorization",
            Self::HospitalNotConsented { .. } => "hospital-not-consented",
            Self::PurposeNotConsented { .. } => "purpose-not-consented",
            Self::BeyondConsent { .. } => "beyond-consent",
            Self::TooManyAuthorizations { .. } => "too-many-authorizations",
            Self::AuthorizationOver { .. } => "authorization-over",
            Self::ConsentOver { .. } => "consent-over",
            Self::RecordClosed { .. } => "record-closed",
            Self::NotAuthorized { .. } => "not-authorized",
            Self::IndexExists { .. } => "index-exists",
            Self::NoIndex { .. } => "no-index",
            Self::BadIndex => "bad-index",
            Self::BadTrapdoor => "bad-trapdoor",
            Self::BadProof => "bad-proof",
            Self::IndexNotProven { .. } => "index-not-proven",
            Self::TrapdoorNotProven { .. } => "trapdoor-not-proven",
            Self::InterestsNotProven { .. } => "interests-not-proven",
            Self::MatchNotProven { .. } => "match-not-proven",
            Self::ProofOfNoMatch { .. } => "proof-of-no-match",
            Self::WrongAuthorization { .. } => "wrong-authorization",
            Self::WrongSize { .. } => "wrong-size",
            Self::WrongHospital { .. } => "wrong-hospital",
            Self::NoTrapdoor { .. } => "no-trapdoor",
            Self::TooEarly => "too-early",
            Self::WindowClosed { .. } => "window-closed",
            Self::AlreadyMatched { .. } => "already-matched",
            Self::TooManyMatches { .. } => "too-many-matches",
            Self::NotAssigned { .. } => "not-assigned",
            Self::ReportPosted { .. } => "report-posted",
            Self::NoAccess { .. } => "no-access",
            Self::NoReport { .. } => "no-report",
            Self::WrongReport { .. } => "wrong-report",
            Self::NoProposal => "no-proposal",
            Self::OtherProposal { .. } => "other-proposal",
            Self::ProposalExpired { .. } => "proposal-expired",
            Self::AlreadyApproved { .. } => "already-approved",
            Self::NotValidator { .. } => "not-validator",
            Self::AlreadyValidator { .. } => "already-validator",
            Self::LastValidator { .. } => "last-validator",
            Self::TooManyValidators => "too-many-validators",
            Self::ChangeScheduled { .. } => "change-scheduled",
            Self::NothingToChange => "nothing-to-change",
            Self::BadPossession { .. } => "bad-possession",
            Self::RemovalScheduled { .. } => "removal-scheduled",
            Self::RekeyedLately { .. } => "rekeyed-lately",
            Self::Challenge(why) => why.code(),
            Self::BadComplaint => "bad-complaint",
            Self::Complained { .. } => "complained",
            Self::TransformNotSigned { .. } => "transform-not-signed",
            Self::ShareNotProven { .. } => "share-not-proven",
            Self::BadDecryptionProof => "bad-decryption-proof",
            Self::BadEvidence => "bad-evidence",
            Self::WrongReportKey { .. } => "wrong-report-key",
            Self::BadReportKey { .. } => "bad-report-key",
            Self::DecryptionNotProven { .. } => "decryption-not-proven",
            Self::WrongOpening { .. } => "wrong-opening",
            Self::AlreadyDisputed { .. } => "already-disputed",
            Self::Filter(why) => why.code(),
        }
    }
}
