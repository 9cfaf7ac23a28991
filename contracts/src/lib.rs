//! Transactions and the deterministic state machine of the ledger.
//!
//! What stands on the ledger of the paper's system (002, section III.B) and who may put it there:
//! hospitals, doctors and their leaves, epochs, records with consent, authorizations, indexes,
//! trapdoors, matches, the assignment of the doctor with more interests, accesses, reports.
//! `docs/spec/contracts.md` has the life of a record, the table of rights and the layout of keys.
//!
//! ```
//! use consilium_contracts::{
//!     Action, FederationId, Height, Nonce, SigningKey, Transaction,
//! };
//!
//! let key = SigningKey::from_bytes(&[7; 32]);
//! let federation = FederationId::from_bytes([1; 32]);
//! let transaction = Transaction {
//!     federation,
//!     sender: key.verifying_key(),
//!     nonce: Nonce::new(42),
//!     expires: Height::new(100),
//!     action: Action::WithdrawTrapdoor,
//! };
//! let signed = transaction.sign(&key);
//! assert!(signed.clone().verify(&federation).is_ok());
//! let refused = signed.verify(&FederationId::from_bytes([2; 32])).unwrap_err();
//! assert_eq!(refused.code(), "wrong-federation");
//! ```
//!
//! | noun | type |
//! |---|---|
//! | how a federation begins | [`Genesis`] → [`SignedGenesis`] → [`VerifiedGenesis`] |
//! | what a sender wants | [`Transaction`] → [`SignedTransaction`] → [`VerifiedTransaction`] |
//! | what it does | [`Action`]; its effect a [`Transition`]: [`Writes`] and [`Event`]s; or a [`Rejection`] |
//! | what its proofs are about | [`index_context`], [`trapdoor_context`], [`match_context`], [`answer_context`]; verified ahead by [`VerifiedTransaction::verify_proofs`] |
//! | what a patient shows about a report | [`Decrypted`], with a [`ComplaintReason`] or none; [`Dispute`], and its [`Settlement`] |
//! | the state | [`StateRead`]; with changes on top an [`Overlay`]; by nouns a [`View`] |
//!
//! [`apply`] and [`begin_block`] know no clock, no randomness and no order but that of keys; time is the
//! block's. Every stored or signed value has one [`Canonical`] encoding.
//!
//! Assumptions: Ed25519 is unforgeable, SHA-256 collision-resistant; the KGC is honest. Deviations
//! from the paper: consent bounds authorizations, an assignment has deadlines and passes on, and the
//! policy does not stand on the ledger (its text would name the disease).

mod action;
mod apply;
mod card_update;
mod challenge;
mod codec;
mod complaint;
mod consent;
mod crypto;
mod event;
mod false_proof;
mod filter;
mod genesis;
mod hospital;
mod ids;
mod kind;
mod parse;
mod patient;
mod proof;
mod rejection;
mod report_proof;
mod settings;
mod state;
mod transaction;
mod work;

pub use consilium_schemes::abe::Epoch;
pub use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};

pub use action::{
    AbeKeyBytes, Access, Action, ApproveValidatorChange, Authorize, Decline, DeclineReason,
    IndexBytes, MAX_ABE_KEY, MAX_INDEX, MAX_PROOF, MAX_TRAPDOOR, PostIndex, PostMatch,
    PostTrapdoor, ProofBytes, PublishEpoch, RecordTerms, RegisterDoctor, RegisterRecord,
    ReissueDoctor, Report, RevocationReason, RevokeDoctor, Scope, TrapdoorBytes, ValidatorChange,
    WithdrawAuthorization, WithdrawConsent,
};
pub use apply::{
    DUE_PER_BLOCK, MAX_AUTHORIZATIONS, MAX_MATCHES, PEER_GRACE_MS, PROPOSAL_LIFETIME_MS,
    PRUNED_PER_BLOCK, REKEY_INTERVAL_MS, VALIDATOR_DELAY, apply, begin_block, next_deadline,
    rekey_refusal,
};
pub use card_update::{KeyUse, ProvenKey, UpdateCard};
pub use challenge::{AnswerChallenge, Challenge, ChallengeRejection, Outcome};
pub use codec::{Blob, BoundError, Canonical, DecodeError, ENCODING_VERSION, OrderedSet, Text};
pub use complaint::{ComplainTransform, ComplaintBytes, ComplaintEntry, Fault, MAX_COMPLAINT};
pub use consent::{Consent, MAX_CONSENT_HOSPITALS, PURPOSES, PurposeOfUse};
pub use event::{EndReason, Event, Receipt};
pub use filter::{
    FilterBytes, FilterRejection, MAX_FILTER, index_filter_context, trapdoor_filter_context,
};
pub use genesis::{
    Genesis, GenesisError, Hospitals, MAX_GENESIS_BYTES, MAX_GENESIS_HOSPITALS, MAX_VALIDATORS,
    ParameterBytes, SignedGenesis, VerifiedGenesis,
};
pub use hospital::{
    Address, CardError, DisplayName, HPKE_KEY_LENGTH, HospitalCard, KgcCard, MAX_MATCHING_KEYS,
};
#[doc(hidden)]
pub use ids::identifier;
pub use ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, FederationId, Height, HospitalId, KeyName, Leaf,
    Nonce, ParseIdError, RecordId, TransactionHash,
};
pub use kind::ProofKind;
pub use patient::{
    Complain, ComplaintReason, Decrypted, DecryptionProofBytes, Dispute, EncapsulationBytes,
    EvidenceBytes, MAX_DECRYPTION_PROOF, MAX_ENCAPSULATION, MAX_EVIDENCE, MAX_REPORT_KEY,
    ReportDefect, ReportKeyBytes, Settlement,
};
pub use proof::{answer_context, index_context, match_context, trapdoor_context};
pub use rejection::{Rejection, Role};
pub use settings::{MAX_N, MIN_TRANSACTION_BYTES, Prefilter, Settings, SettingsError};
pub use state::{
    AccessEntry, AssignmentEntry, AssignmentStatus, AuthorizationEntry, BlockContext,
    ChallengeEntry, ChallengeQuota, ChallengeStatus, Challenger, CloseReason, ConductEntry,
    DisputeEntry, DoctorEntry, Due, EpochEntry, FederationEntry, FormerPeer, HospitalEntry,
    IndexEntry, Key, LeafEntry, MatchEntry, MemoryState, OpenChallenge, Overlay, Pairs, Principal,
    ProposalEntry, RecordEntry, RecordStatus, ReportComplaintEntry, ReportEntry, Revocation,
    RevokedLeaf, ScheduledValidators, StateRead, Transition, TrapdoorEntry, UnmatchedReason,
    Validator, ValidatorSchedule, Validators, ValidatorsError, View, Writes,
};
pub use transaction::{MAX_TRANSACTION_BYTES, SignedTransaction, Transaction, VerifiedTransaction};
