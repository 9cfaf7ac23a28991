//! What the node's core publishes and its handles read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use consilium_contracts::{
    BlockTime, FederationId, Height, Key, Receipt, SignedTransaction, StateRead as _,
    VerifiedTransaction,
};
use consilium_ledger::{CommitCertificate, KeyProof, ValidatorSet};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::disk;
use crate::error::{ProofError, StoreError, SubmitError};
use crate::false_proofs::FalseProofs;
use crate::handle::{Status, SyncState};
use crate::pool::Bounds;
use crate::readers::Readers;
use crate::snapshot::{Shelf, SnapshotFile};
use crate::store::{Snapshot, Store};
use crate::verify::Verifier;
use crate::votes::LastVotes;

/// What a handle asks of the core.
pub(crate) enum Command {
    /// Have this committed and answer when it is.
    Submit(Box<VerifiedTransaction>, Answer),
    /// Stop.
    Shutdown,
}

/// Where the outcome of a submission goes.
pub(crate) type Answer = oneshot::Sender<Result<Receipt, SubmitError>>;

/// How far the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) height: Height,
    pub(crate) running: bool,
}

/// What changes with every block.
pub(crate) struct View {
    pub(crate) latest: Snapshot,
    /// Since when `latest` is the latest here.
    pub(crate) moved: Instant,
    /// The state one block earlier: the one that the last header certifies.
    pub(crate) previous: Option<Snapshot>,
    pub(crate) validators: Arc<ValidatorSet>,
    pub(crate) votes: bool,
    /// Whether the log of its votes is lost.
    pub(crate) abstains: bool,
    /// The highest block that others are believed to build on, by what they said of late.
    pub(crate) heard: Height,
    pub(crate) last_votes: LastVotes,
    pub(crate) evidence: u64,
    pub(crate) failure: Option<String>,
}

/// Numbers that change all the time.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) pool_transactions: AtomicUsize,
    pub(crate) pool_bytes: AtomicUsize,
    pub(crate) peers: AtomicUsize,
}

/// Shared between the core, handles and streams.
pub(crate) struct Shared {
    pub(crate) federation: FederationId,
    pub(crate) store: Store,
    pub(crate) verifier: Verifier,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) submit_timeout: Duration,
    pub(crate) pool_bounds: Bounds,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) gauges: Gauges,
    pub(crate) readers: Readers,
    pub(crate) snapshots: Shelf,
    pub(crate) false_proofs: FalseProofs,
    view: RwLock<View>,
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        view: View,
        runtime: tokio::runtime::Handle,
        submit_timeout: Duration,
        pool_bounds: Bounds,
    ) -> Self {
        let height = view.latest.height();
        let federation = view.latest.tip().parent.federation;
        Self {
            federation,
            snapshots: Shelf::of(store.guard.dir()),
            readers: Readers::default(),
            false_proofs: FalseProofs::default(),
            store,
            verifier: Verifier::new(federation),
            runtime,
            submit_timeout,
            pool_bounds,
            progress: watch::Sender::new(Progress {
                height,
                running: true,
            }),
            gauges: Gauges::default(),
            view: RwLock::new(view),
        }
    }

    /// Reads the published view. A panic elsewhere leaves it whole: it is only ever replaced.
    fn read<T>(&self, read: impl FnOnce(&View) -> T) -> T {
        read(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the published view.
    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Publishes a new tip and who voted for it.
    pub(crate) fn advance(
        &self,
        latest: Snapshot,
        certificate: &CommitCertificate,
        validators: Arc<ValidatorSet>,
        votes: bool,
    ) {
        let height = latest.height();
        self.change(|view| {
            view.previous = Some(std::mem::replace(&mut view.latest, latest));
            view.moved = Instant::now();
            view.last_votes.count(certificate);
            view.last_votes.keep(&validators);
            view.validators = validators;
            view.votes = votes;
        });
        self.progress
            .send_modify(|progress| progress.height = height);
    }

    /// Says that the node stopped; with the reason, if it did not mean to.
    pub(crate) fn stop(&self, failure: Option<String>) {
        self.change(|view| view.failure = failure);
        self.progress
            .send_modify(|progress| progress.running = false);
    }

    /// The highest block that others are believed to build on.
    pub(crate) fn heard(&self) -> Height {
        self.read(|view| view.heard)
    }

    /// How many peers are connected.
    pub(crate) fn peers(&self) -> usize {
        self.gauges.peers.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.read(|view| view.latest.clone())
    }

    /// Why nothing is submitted any more.
    pub(crate) fn stopped(&self) -> SubmitError {
        self.read(|view| view.failure.clone())
            .map_or(SubmitError::ShuttingDown, SubmitError::Halted)
    }

    pub(crate) async fn reached(&self, height: Height) -> Result<Snapshot, SubmitError> {
        let mut progress = self.progress.subscribe();
        let there = progress
            .wait_for(|now| now.height >= height || !now.running)
            .await;
        match there.map(|now| now.height >= height) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(self.stopped()),
        }
        Ok(self.snapshot())
    }

    pub(crate) fn status(&self) -> Status {
        let (peers, transactions, bytes) = (
            &self.gauges.peers,
            &self.gauges.pool_transactions,
            &self.gauges.pool_bytes,
        );
        self.read(|view| {
            let parent = view.latest.tip().parent;
            Status {
                federation: self.federation,
                height: parent.height,
                hash: parent.hash,
                time: parent.time,
                tip_age_ms: age(parent.time).max(clock::millis(view.moved.elapsed())),
                ahead_ms: parent.time.value().saturating_sub(clock::now().value()),
                state_root: parent.state,
                validators: ValidatorSet::clone(&view.validators),
                votes: view.votes,
                abstains: view.abstains,
                peers: peers.load(Ordering::Relaxed),
                pool_transactions: transactions.load(Ordering::Relaxed),
                pool_bytes: bytes.load(Ordering::Relaxed),
                pool_max_transactions: self.pool_bounds.transactions,
                pool_max_bytes: self.pool_bounds.bytes,
                last_votes: view.last_votes.clone(),
                sync: sync_state(view),
                oldest_block: self.store.oldest(),
                evidence: view.evidence,
                failure: view.failure.clone(),
            }
        })
    }

    /// The newest snapshot that this node made.
    pub(crate) fn latest_snapshot(&self) -> Result<Option<SnapshotFile>, StoreError> {
        let listed = self.snapshots.list();
        let mut listed = listed.map_err(|error| disk::failed(self.store.guard.dir(), &error))?;
        Ok(listed.pop())
    }

    /// What stands under a key after block `height` or a later one. What the last block did not change is shown by the state before.
    pub(crate) fn proof_as_of(&self, key: &Key, height: Height) -> Result<KeyProof, ProofError> {
        let (latest, previous) = self.read(|view| (view.latest.clone(), view.previous.clone()));
        let previous = previous.ok_or(ProofError::NotYet)?;
        let unchanged = || latest.height() >= height && previous.get(key) == latest.get(key);
        match previous.height() >= height || unchanged() {
            true => self.prove(&latest, &previous, key),
            false => Err(ProofError::NotCertified {
                height: latest.height(),
            }),
        }
    }

    pub(crate) fn key_proof(&self, key: &Key) -> Result<KeyProof, ProofError> {
        let (latest, previous) = self.read(|view| (view.latest.clone(), view.previous.clone()));
        let previous = previous.ok_or(ProofError::NotYet)?;
        self.prove(&latest, &previous, key)
    }

    /// What `previous` has under a key, certified by the header that led from it to `latest`.
    fn prove(
        &self,
        latest: &Snapshot,
        previous: &Snapshot,
        key: &Key,
    ) -> Result<KeyProof, ProofError> {
        let certified = self.store.recorded(latest.height())?;
        let certified = certified.ok_or(ProofError::NotYet)?;
        let proof = self.store.state_proof(previous, key)?;
        Ok(KeyProof::new(
            *certified.block.header(),
            certified.certificate,
            proof,
        ))
    }

    /// The whole way of a submission; runs on the node's own runtime.
    pub(crate) async fn submit(
        self: Arc<Self>,
        commands: mpsc::Sender<Command>,
        transaction: SignedTransaction,
    ) -> Result<Receipt, SubmitError> {
        let hash = transaction.hash();
        match self.store.kept_receipt(&hash) {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) => {}
            Err(error) => return Err(SubmitError::Halted(error.to_string())),
        }
        let verified = self.verifier.submitted(transaction, self.snapshot()).await;
        let verified = verified
            .ok_or_else(|| self.stopped())?
            .map_err(SubmitError::Rejected)?;
        let (answer, outcome) = oneshot::channel();
        commands
            .try_send(Command::Submit(Box::new(verified), answer))
            .map_err(|error| match error {
                TrySendError::Full(_) => SubmitError::Busy {
                    waiting: commands.max_capacity(),
                },
                TrySendError::Closed(_) => self.stopped(),
            })?;
        match tokio::time::timeout(self.submit_timeout, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(self.stopped()),
            Err(_) => Err(SubmitError::NoProgress {
                hash,
                height: self.snapshot().height(),
            }),
        }
    }
}

fn age(time: BlockTime) -> u64 {
    clock::now().value().saturating_sub(time.value())
}

fn sync_state(view: &View) -> SyncState {
    match view.heard {
        _ if view.failure.is_some() => SyncState::Halted,
        target if target > view.latest.height() => SyncState::CatchingUp { target },
        _ => SyncState::Following,
    }
}
