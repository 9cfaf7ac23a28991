//! The handle that services hold.

use std::sync::{Arc, Weak};

use consilium_contracts::{
    BlockTime, FederationId, Height, Key, Receipt, SignedTransaction, TransactionHash,
};
use consilium_ledger::{
    Block, BlockEvents, BlockHash, CommitCertificate, Equivocation, Handover, InclusionProof,
    KeyProof, StateRoot, ValidatorSet,
};
use tokio::sync::{broadcast, mpsc, watch};

use crate::error::{HistoryError, ProofError, StoreError, SubmitError};
use crate::false_proofs::FalseProof;
use crate::shared::{Command, Shared};
use crate::snapshot::SnapshotFile;
use crate::store::Snapshot;
use crate::stream::BlockStream;
use crate::votes::LastVotes;

/// A running node. Clones share it; it runs until [`NodeHandle::shutdown`] or until the last
/// handle is dropped.
#[derive(Clone)]
pub struct NodeHandle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    /// Closes when everything is torn down.
    ended: watch::Receiver<()>,
}

/// A committed block, what it did, and the certificate for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedBlock {
    /// The block.
    pub block: Block,
    /// What was due at its time and what its transactions did.
    pub events: BlockEvents,
    /// The quorum that committed it.
    pub certificate: CommitCertificate,
}

/// How a node stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The federation.
    pub federation: FederationId,
    /// The last committed block; 0 before the first.
    pub height: Height,
    /// Its hash.
    pub hash: BlockHash,
    /// Its block time.
    pub time: BlockTime,
    /// Milliseconds since that block time by this machine's clock, or since this node last applied a block (or started),
    /// whichever is more: a clock that was set back does not make an old tip young.
    pub tip_age_ms: u64,
    /// Milliseconds that the block time is ahead of this machine's clock; beyond the federation's `max_clock_skew_ms`,
    /// this clock is wrong, or a validator's was.
    pub ahead_ms: u64,
    /// The root of the state after it.
    pub state_root: StateRoot,
    /// The validators of the next block.
    pub validators: ValidatorSet,
    /// Whether this node votes.
    pub votes: bool,
    /// Whether it does not vote with its validator key because the log of its votes is lost: it watches first.
    pub abstains: bool,
    /// How many peers are connected.
    pub peers: usize,
    /// Transactions that wait to be committed.
    pub pool_transactions: usize,
    /// Their bytes.
    pub pool_bytes: usize,
    /// The most transactions that may wait.
    pub pool_max_transactions: usize,
    /// The most bytes of them.
    pub pool_max_bytes: usize,
    /// Who voted last when, of the validators.
    pub last_votes: LastVotes,
    /// Whether a peer is known to be ahead and blocks are being fetched.
    pub sync: SyncState,
    /// The oldest block that is kept here; older ones were pruned, or lie before the snapshot that the node began with.
    pub oldest_block: Height,
    /// Pieces of evidence against validators that this node keeps, see [`NodeHandle::evidence`].
    pub evidence: u64,
    /// Why the node halted, if it did.
    pub failure: Option<String>,
}

/// Whether a node is at the tip as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncState {
    /// It follows the tip.
    Following,
    /// It fetches missed blocks.
    CatchingUp {
        /// The highest height heard of.
        target: Height,
    },
    /// It has halted.
    Halted,
}

impl NodeHandle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Sender<Command>,
        ended: watch::Receiver<()>,
    ) -> Self {
        Self {
            shared,
            commands,
            ended,
        }
    }

    /// Submits a transaction; resolves when it is committed *and applied by this node*, so that
    /// [`NodeHandle::state`] shows its effect. A transaction that is committed already gets its
    /// receipt again. Cancelling the future does not withdraw the transaction.
    ///
    /// # Errors
    /// [`SubmitError`]; a [`SubmitError::Rejected`] was decided against a state at least as new
    /// as this node's.
    pub async fn submit(&self, transaction: SignedTransaction) -> Result<Receipt, SubmitError> {
        let submission = Arc::clone(&self.shared).submit(self.commands.clone(), transaction);
        // On the node's runtime: the caller's may be any, and a dropped future withdraws nothing.
        let outcome = self.shared.runtime.spawn(submission).await;
        outcome.unwrap_or_else(|_| Err(self.shared.stopped()))
    }

    /// The state after the last block that this node applied. The snapshot does not change.
    pub fn state(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Waits until this node has applied the block at `height`. Whoever hears of a height from
    /// another node waits here before relying on [`NodeHandle::state`].
    ///
    /// # Errors
    /// [`SubmitError::ShuttingDown`] or [`SubmitError::Halted`].
    pub async fn reached(&self, height: Height) -> Result<Snapshot, SubmitError> {
        self.shared.reached(height).await
    }

    /// All committed blocks from `from` (at least 1) on, in order, none missed; waits for those
    /// to come. Ends when the node stops. While the stream lives, what it has not given is not pruned.
    pub fn subscribe(&self, from: Height) -> BlockStream {
        BlockStream::new(Arc::clone(&self.shared), from)
    }

    /// How the node stands.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// The committed block at a height; none above the tip.
    ///
    /// # Errors
    /// [`HistoryError`] when it is pruned here, or the store cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<CommittedBlock>, HistoryError> {
        self.shared.store.block(height)
    }

    /// The receipt of a committed transaction; none is a certain no only where this node keeps every block, and an error elsewhere.
    ///
    /// # Errors
    /// [`HistoryError`] when it may be pruned here, or the store cannot be read.
    pub fn transaction(&self, hash: &TransactionHash) -> Result<Option<Receipt>, HistoryError> {
        self.shared.store.receipt(hash)
    }

    /// The certificate of a committed block; none above the tip.
    ///
    /// # Errors
    /// [`HistoryError`] when it is pruned here, or the store cannot be read.
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, HistoryError> {
        self.shared.store.certificate(height)
    }

    /// What stands under a key, provable to someone who holds the genesis alone. The last
    /// header certifies the state *before* its block: what block h did is provable from h+1 on.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn proof(&self, key: &Key) -> Result<KeyProof, ProofError> {
        self.shared.key_proof(key)
    }

    /// As [`NodeHandle::proof`], of what stands under the key after block `height` or a later one: what the last block changed is not
    /// provable before the next.
    ///
    /// # Errors
    /// [`ProofError`]; `NotYet` and `NotCertified` end with the next block.
    pub fn proof_as_of(&self, key: &Key, height: Height) -> Result<KeyProof, ProofError> {
        self.shared.proof_as_of(key, height)
    }

    /// The last `most` pieces of evidence against validators that signed two different things, the newest first. Each is proven by
    /// its signatures; of one validator no more than 100 are kept.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn evidence(&self, most: usize) -> Result<Vec<Equivocation>, StoreError> {
        self.shared.store.evidence(most)
    }

    /// Transactions that this node refuses from now on because their proofs do not hold, each once. A listener that falls far behind
    /// misses the oldest.
    pub fn false_proofs(&self) -> broadcast::Receiver<FalseProof> {
        self.shared.false_proofs.listen()
    }

    /// A look at the node that does not keep it alive.
    pub fn watch(&self) -> NodeWatch {
        NodeWatch(Arc::downgrade(&self.shared))
    }

    /// That a committed transaction stands in its block.
    ///
    /// # Errors
    /// [`HistoryError`] when it may be pruned here, or the store cannot be read.
    pub fn inclusion(
        &self,
        hash: &TransactionHash,
    ) -> Result<Option<InclusionProof>, HistoryError> {
        self.shared.store.inclusion(hash)
    }

    /// The proofs of every change of the validators, in order: [`consilium_ledger::Trust`] follows them from genesis.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn handovers(&self) -> Result<Vec<Handover>, StoreError> {
        self.shared.store.handovers()
    }

    /// The newest snapshot that this node made, for a node that joins or was away for long.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read.
    pub fn latest_snapshot(&self) -> Result<Option<SnapshotFile>, StoreError> {
        self.shared.latest_snapshot()
    }

    /// Stops the node: pending submissions end with [`SubmitError::ShuttingDown`], the engine is
    /// down when this returns. The directory is released with the last handle, stream and
    /// snapshot.
    pub async fn shutdown(mut self) {
        // A closed queue: the node is stopping already.
        let _ = self.commands.send(Command::Shutdown).await;
        // Nothing is ever sent: this ends when the node's thread lets go of the sender.
        while self.ended.changed().await.is_ok() {}
    }
}

/// A look at a node: neither keeps it running nor its directory open.
#[derive(Clone)]
pub struct NodeWatch(Weak<Shared>);

impl NodeWatch {
    /// How the node stands; `None` once it is gone.
    pub fn status(&self) -> Option<Status> {
        Some(self.0.upgrade()?.status())
    }

    /// The state after the last block that the node applied; `None` once it is gone.
    pub fn state(&self) -> Option<Snapshot> {
        Some(self.0.upgrade()?.snapshot())
    }
}

impl std::fmt::Debug for NodeWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let height = self.status().map(|status| status.height.value());
        write!(f, "NodeWatch({height:?})")
    }
}
