//! Transactions and the deterministic state machine of the ledger.

mod action;
mod apply;
mod codec;
mod consent;
mod crypto;
mod event;
mod genesis;
mod hospital;
mod ids;
mod parse;
mod rejection;
mod settings;
mod state;
mod transaction;

pub use consilium_schemes::abe::Epoch;
pub use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};

pub use action::{
    AbeKeyBytes, Access, Acknowledge, Action, Authorize, Decline, DeclineReason, Dispute,
    IndexBytes, MAX_ABE_KEY, MAX_INDEX, MAX_PROOF, MAX_TRAPDOOR, PostIndex, PostMatch,
    PostTrapdoor, PublishEpoch, RecordTerms, RegisterDoctor, RegisterRecord, ReissueDoctor, Report,
    RevocationReason, RevokeDoctor, Scope, TrapdoorBytes, WithdrawAuthorization, WithdrawConsent,
};
pub use apply::{
    DUE_PER_BLOCK, MAX_AUTHORIZATIONS, MAX_MATCHES, PRUNED_PER_BLOCK, apply, begin_block,
    next_deadline,
};
pub use codec::{Blob, BoundError, Canonical, DecodeError, ENCODING_VERSION, OrderedSet, Text};
pub use consent::{Consent, MAX_CONSENT_HOSPITALS, PURPOSES, PurposeOfUse};
pub use event::{EndReason, Event, Receipt};
pub use genesis::{
    Genesis, GenesisError, Hospitals, MAX_GENESIS_BYTES, MAX_GENESIS_HOSPITALS, MAX_VALIDATORS,
    ParameterBytes, SignedGenesis, VerifiedGenesis,
};
pub use hospital::{
    Address, CardError, DisplayName, HPKE_KEY_LENGTH, HospitalCard, KgcCard, MAX_MATCHING_KEYS,
};
pub use ids::{
    AuthorizationId, BlockTime, Digest, DoctorId, FederationId, Height, HospitalId, Leaf, Nonce,
    ParseIdError, RecordId, TransactionHash,
};
pub use rejection::{Rejection, Role};
pub use settings::{MAX_N, Prefilter, Settings, SettingsError};
pub use state::{
    AccessEntry, AssignmentEntry, AssignmentStatus, AuthorizationEntry, BlockContext, CloseReason,
    DoctorEntry, Due, EpochEntry, FederationEntry, HospitalEntry, IndexEntry, Key, LeafEntry,
    MatchEntry, MemoryState, Overlay, Pairs, Principal, RecordEntry, RecordStatus, ReportEntry,
    Revocation, RevokedLeaf, StateRead, Transition, TrapdoorEntry, UnmatchedReason, Validator,
    View, Writes,
};
pub use transaction::{MAX_TRANSACTION_BYTES, SignedTransaction, Transaction, VerifiedTransaction};
