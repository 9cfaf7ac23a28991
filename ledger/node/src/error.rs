//! Why a node does not start, does not take a transaction, or has stopped.

use std::path::PathBuf;

use consilium_contracts::{Height, Rejection, TransactionHash};
use consilium_ledger::{HandoverError, SnapshotError, StateRoot};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A multiaddress that cannot be read, or that names no TCP port.
    #[error("{what} {address:?} is not a TCP multiaddress such as /ip4/127.0.0.1/tcp/7400")]
    Address {
        /// Which address.
        what: &'static str,
        /// What was given.
        address: String,
    },
    /// Somebody else listens there, or this machine has no such address.
    #[error("cannot listen on {address}: {detail}")]
    Listen {
        /// The listen address.
        address: String,
        /// What the operating system says.
        detail: String,
    },
    /// The store refuses to open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The consensus engine does not start.
    #[error("the consensus engine does not start: {0}")]
    Engine(String),
}

/// What is wrong with the data directory.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process uses it.
    #[error("{path} is locked: another process runs a node in this directory")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// It belongs to another federation.
    #[error("{path} belongs to federation {found}, not to {expected}")]
    OtherFederation {
        /// The marker file.
        path: PathBuf,
        /// The federation it names.
        found: String,
        /// The federation of the given genesis.
        expected: String,
    },
    /// It belongs to another node.
    #[error(
        "{path} belongs to the node with key {found}, not {expected}: a key never moves to another node's data"
    )]
    OtherNode {
        /// The marker file.
        path: PathBuf,
        /// The key it names.
        found: String,
        /// The key that was given.
        expected: String,
    },
    /// Its hospital has another voting key on the ledger, which is not in force yet.
    #[error(
        "{path}: the former key votes up to the height before {from}, and is needed until then; start with it, and with the new one once that height is next"
    )]
    KeyInForce {
        /// The marker file.
        path: PathBuf,
        /// The first height of the new key.
        from: Height,
    },
    /// It was copied from another machine, where the same key may still run.
    #[error(
        "{path} was made on another machine: two machines voting with one key is equivocation. If the other one is gone for good, delete this file and start again"
    )]
    OtherMachine {
        /// The marker file.
        path: PathBuf,
    },
    /// It was written by a version of this program that this one does not read.
    #[error("{path} has store format {found}; this program reads format {expected}")]
    Format {
        /// The marker file.
        path: PathBuf,
        /// The format it names.
        found: u32,
        /// The format this program reads.
        expected: u32,
    },
    /// Something in it is torn or damaged.
    #[error(
        "{path} is damaged ({detail}). To recover: move the directory away, keep it, and start with an empty one; the node fetches the ledger from its peers. A single validator restores its backup instead"
    )]
    Corrupt {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It cannot be read or written.
    #[error("cannot use {path}: {detail}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system or the database says.
        detail: String,
    },
}

/// Why a block or a transaction is not given.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// It is not in the blocks that this node keeps; it may be in an older one.
    #[error(
        "this node keeps the blocks from {oldest} on; older ones are pruned here: ask an archive node (one with ledger.archive = true)"
    )]
    Pruned {
        /// The oldest block that is kept.
        oldest: Height,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a snapshot is not restored. The store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The data directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes do not come.
    #[error("the snapshot cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// It begins with something else.
    #[error("this is no snapshot of a ledger")]
    NotASnapshot,
    /// It ends too early.
    #[error("the snapshot is cut off")]
    CutOff,
    /// Something follows its end.
    #[error("the snapshot has bytes behind its end")]
    Trailing,
    /// It does not end.
    #[error("the snapshot is longer than the {most} bytes that are taken")]
    TooLong {
        /// The most bytes that are taken.
        most: u64,
    },
    /// A part that is too long.
    #[error("a part of the snapshot has {found} bytes, at most {most} are allowed")]
    Part {
        /// Its bytes.
        found: usize,
        /// The most that are allowed.
        most: usize,
    },
    /// Its head or order.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The validators that certify it do not follow from genesis.
    #[error("a change of the validators in the snapshot does not hold: {0}")]
    Handover(#[from] HandoverError),
    /// A change of the validators is not in it, by which others would follow from genesis.
    #[error(
        "the snapshot leaves out a change of the validators: those that it shows lead to others than its state names for block {height}; fetch it from another node"
    )]
    HandoverLeftOut {
        /// The block whose validators they are.
        height: Height,
    },
    /// It has no state.
    #[error("the snapshot has no state")]
    Empty,
    /// The state is not the certified one: a pair was changed, left out or added.
    #[error("the snapshot's state has root {found}, certified is {expected}")]
    Root {
        /// The root of its pairs.
        found: StateRoot,
        /// The certified one.
        expected: StateRoot,
    },
    /// This node is further already, or may have voted further.
    #[error("the snapshot is of block {snapshot}; this node needs one of {reached} or later")]
    Older {
        /// Its block.
        snapshot: Height,
        /// The first that would do.
        reached: Height,
    },
}

/// Why a transaction was not committed, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The contracts reject it; it was not and will not be committed as it is.
    #[error("rejected: {0}")]
    Rejected(#[source] Rejection),
    /// Too many transactions wait; try again later.
    #[error("busy: {waiting} transactions wait to be committed; try again later")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// It was not committed in time. It may still be, until it expires; submitting it again is
    /// safe, and [`crate::NodeHandle::transaction`] tells.
    #[error(
        "transaction {hash} was not committed in time (the ledger stands at {height}); it may still be until it expires"
    )]
    NoProgress {
        /// The transaction.
        hash: TransactionHash,
        /// Where the ledger stood.
        height: Height,
    },
    /// The node is stopping or has stopped.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The node has halted; see [`crate::Status::failure`].
    #[error("the node has halted: {0}")]
    Halted(String),
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No block was committed since this node started: it holds no certified state yet. The next
    /// one comes within the federation's heartbeat.
    #[error("no block was committed since this node started; try again after the next one")]
    NotYet,
    /// The last block changed what stands under the key, and no later one certifies it yet; it comes within the federation's
    /// heartbeat.
    #[error(
        "block {height} changed this and no later block certifies it yet; try again after the next one"
    )]
    NotCertified {
        /// The last block.
        height: Height,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
