//! Blocks, certificates, proofs and their verification: no I/O.
//!
//! What an auditor's or a patient's device needs to check a ledger that it does not run: a block
//! is a [`Header`] and its transactions; a [`CommitCertificate`] carries the precommits of more
//! than two thirds of the validators for a header's hash; a header binds the transactions by a
//! Merkle root and the state after the previous block by the root of a Jellyfish Merkle tree.
//! [`Trust`] knows the validators of a height from genesis and [`Handover`]s; [`Replay`] believes
//! none of these and computes everything again. The format stands in `docs/spec/ledger.md`.
//!
//! ```
//! use consilium_contracts::{FederationId, Height};
//! use consilium_ledger::{
//!     Ballot, BlockHash, CommitCertificate, CommitSignature, ConsensusStatement, Round,
//!     ValidatorAddress, ValidatorSet,
//! };
//! use consilium_schemes::signature::SigningKey;
//!
//! let federation = FederationId::from_bytes([7; 32]);
//! let key = SigningKey::from_bytes(&[1; 32]);
//! let voter = ValidatorAddress::of(&key.verifying_key());
//! let (height, round, block) = (Height::new(1), Round::new(0), BlockHash::from_bytes([9; 32]));
//!
//! let precommit =
//!     ConsensusStatement::Precommit(Ballot { height, round, block: Some(block), voter });
//! let signature = precommit.sign(&federation, &key);
//! let signatures = vec![CommitSignature { voter, signature }];
//! let certificate = CommitCertificate::new(height, round, block, signatures);
//!
//! let validators = ValidatorSet::new([key.verifying_key()]).unwrap();
//! certificate.verify(&federation, &validators).unwrap();
//! let elsewhere = FederationId::from_bytes([8; 32]);
//! assert!(certificate.verify(&elsewhere, &validators).is_err());
//! ```

mod block;
mod certificate;
mod chain;
mod check;
mod codec;
mod evidence;
mod execute;
mod export;
mod export_reader;
mod handover;
mod hash;
mod lookahead;
mod proof;
mod replay;
mod snapshot;
mod state;
mod transactions;
mod validators;
mod vote;

pub use block::{Block, BlockError, Header, MAX_BLOCK_BYTES, Parent, Slot};
pub use certificate::{CertificateError, CommitCertificate, CommitSignature};
pub use chain::{ChainError, CommittedHeader};
pub use check::ChainCheck;
pub use evidence::{Equivocation, Evidence, EvidenceError, SignedStatement, StatementKind};
pub use execute::{
    BlockEvents, Claimed, Executed, Execution, InvalidTransaction, execute_block, verify_block,
    verify_transactions,
};
pub use export::{
    ExportEntries, ExportEntry, ExportError, ExportPlace, ExportRange, export_entry, export_head,
};
pub use export_reader::{ExportReader, LedgerExport};
pub use handover::{Handover, HandoverError, Handovers, Trust};
pub use hash::{BlockHash, StateRoot, TransactionRoot};
pub use lookahead::{Lookahead, Prepared};
pub use proof::{InclusionProof, KeyProof, ProofError, ProvenTransaction, ProvenValue};
pub use replay::{Checked, Replay, ReplayError, ReplayFault};
pub use snapshot::{
    CertifiedState, SNAPSHOT_HEADERS, SNAPSHOT_MAGIC, SnapshotError, SnapshotHead, SnapshotPart,
};
pub use state::{
    MemoryTree, StateProof, StateProofError, TreeError, TreeKey, TreeStore, TreeUpdate,
    TreeVersion, genesis_tree, update_tree,
};
pub use transactions::{TransactionProof, transaction_root};
pub use validators::{Validator, ValidatorAddress, ValidatorSet, ValidatorSetError, VotingPower};
pub use vote::{Ballot, ConsensusStatement, Round};
