//! The parts of a running KGC together, and the steps that wait for the ledger.

use std::sync::Arc;
use std::time::Duration;

use consilium_client::api::kgc::{KgcStatus, Revoked};
use consilium_client::api::ledger::EpochView;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::{
    Action, DoctorId, EpochEntry, Height, HospitalCard, HospitalId, Leaf, Principal, Receipt,
    Rejection, RevocationReason, RevokeDoctor, SignedTransaction, ValidatorChange, VerifiedGenesis,
};
use consilium_node::{NodeHandle, Snapshot, SubmitError};
use consilium_policies::AttributeSet;
use consilium_service::ledger::{epoch_view, history_error, receipt, register_metrics};
use consilium_service::limiter::{Rate, RateLimiter};
use consilium_service::pool::WorkPool;
use consilium_service::{ApiError, Clock, Frame};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::config::KgcSettings;
use crate::domain::{Ledger, enrol, epoch, issue};
use crate::error::KgcError;
use crate::home::PublicFile;
use crate::metrics::KgcMetrics;
use crate::seal::{Opened, Seal};
use crate::store::Store;

/// Hospitals whose rate is remembered at once.
const MAX_LIMITED_HOSPITALS: usize = 10_000;
/// Requests to issue that may wait while another is issued; beyond, the KGC is busy.
const MAX_WAITING_ISSUES: usize = 8;
/// How often a step is decided anew when the ledger moved on meanwhile.
const ATTEMPTS: usize = 8;

/// What every handler and the follower share.
pub(crate) struct Core {
    pub(crate) frame: Arc<Frame>,
    pub(crate) node: NodeHandle,
    pub(crate) genesis: VerifiedGenesis,
    pub(crate) store: Arc<Store>,
    pub(crate) seal: Seal,
    pub(crate) settings: KgcSettings,
    pub(crate) metrics: KgcMetrics,
    /// By hospital.
    pub(crate) tokens: RateLimiter<HospitalId>,
    /// By nobody: the passphrase is one.
    pub(crate) unseals: RateLimiter<()>,
    /// Held while an enrolment changes: each step is decided on what the former left.
    enrolling: Mutex<()>,
    /// Places for the request that is being issued and those that wait.
    issues: Semaphore,
    /// Held from the leaf to the key: leaves are given, and keys made, one after the other.
    issuing: Mutex<()>,
    /// Where attribute keys are made: beside the pool that answers callers, so that a large one delays nobody else.
    key_maker: WorkPool,
    /// Where update keys are made, likewise.
    epoch_maker: WorkPool,
    /// Held while an epoch is made: one update key for each.
    publishing: Mutex<()>,
    /// Rung when there may be work for the follower.
    pub(crate) wake: Notify,
}

/// What issuing gives.
pub(crate) struct IssuedLeaf {
    pub(crate) leaf: Leaf,
    pub(crate) receipt: Receipt,
}

impl Core {
    pub(crate) fn new(
        frame: Arc<Frame>,
        node: NodeHandle,
        genesis: VerifiedGenesis,
        store: Store,
        public: PublicFile,
        settings: KgcSettings,
        sealed: std::path::PathBuf,
    ) -> Self {
        let clock: &Clock = frame.clock();
        let tokens = Rate {
            per_minute: settings.tokens_per_minute,
            burst: settings.tokens_burst,
        };
        let attempts = settings.unseal_per_minute.max(1);
        let unseals = Rate {
            per_minute: attempts,
            burst: attempts,
        };
        let metrics = KgcMetrics::new(frame.metrics());
        register_metrics(frame.metrics(), &node);
        Self {
            seal: Seal::new(sealed, public, genesis.federation(), node.clone()),
            tokens: RateLimiter::new(tokens, MAX_LIMITED_HOSPITALS, clock.clone()),
            unseals: RateLimiter::new(unseals, 1, clock.clone()),
            store: Arc::new(store),
            enrolling: Mutex::new(()),
            issues: Semaphore::new(MAX_WAITING_ISSUES.saturating_add(1)),
            issuing: Mutex::new(()),
            key_maker: WorkPool::new(1, 1),
            epoch_maker: WorkPool::new(1, 0),
            publishing: Mutex::new(()),
            wake: Notify::new(),
            frame,
            node,
            genesis,
            settings,
            metrics,
        }
    }

    /// The ledger's state now.
    pub(crate) fn ledger(&self) -> Ledger<Snapshot> {
        Ledger::from(self.node.state())
    }

    /// The keys, or 503.
    pub(crate) fn opened(&self) -> Result<Arc<Opened>, ApiError> {
        self.seal.opened().ok_or_else(ApiError::sealed)
    }

    /// The hospital that a key is, if it is one.
    pub(crate) fn hospital_of(&self, key: &PublicKey) -> Option<HospitalId> {
        match self.ledger().view.principal(key.verifying_key()) {
            Some(Principal::Hospital(id)) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn nonce_lifetime(&self) -> Duration {
        Duration::from_secs(self.settings.nonce_lifetime_s)
    }

    pub(crate) fn status(&self) -> Result<KgcStatus, ApiError> {
        let ledger = self.ledger();
        let mut pending: u64 = 0;
        for entry in self.store.enrolments().map_err(KgcError::from)? {
            let state = enrol::state_of(&self.store, &ledger.view, &entry)?;
            if state == consilium_client::api::kgc::EnrolmentState::AwaitsIssue {
                pending = pending.saturating_add(1);
            }
        }
        let (mut issued, mut revoked) = (0_u64, 0_u64);
        for doctor in ledger.view.doctors() {
            issued = issued.saturating_add(1);
            revoked = revoked.saturating_add(u64::from(doctor.revocation.is_some()));
        }
        Ok(KgcStatus {
            sealed: self.seal.opened().is_none(),
            federation: Some(Text(self.genesis.federation())),
            height: ledger.height.value(),
            epoch: ledger
                .view
                .current_epoch()
                .map(|entry| entry.epoch.number()),
            issued,
            revoked,
            in_force: issued.saturating_sub(revoked),
            pending,
        })
    }

    /// Runs a step that changes enrolments while nobody else does.
    pub(crate) async fn exclusively<T: Send + 'static>(
        self: &Arc<Self>,
        step: impl FnOnce(&Self) -> Result<T, KgcError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _held = self.enrolling.lock().await;
        self.step(step).await
    }

    /// Runs a step on the pool for heavy work.
    pub(crate) async fn step<T: Send + 'static>(
        self: &Arc<Self>,
        step: impl FnOnce(&Self) -> Result<T, KgcError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let core = Arc::clone(self);
        let done = self.frame.pool().run(move || step(&core)).await?;
        Ok(done?)
    }

    /// A hospital joins.
    pub(crate) async fn admit(
        &self,
        opened: &Opened,
        card: HospitalCard,
    ) -> Result<Receipt, ApiError> {
        let admitted = opened
            .sender
            .submit(Action::AdmitHospital(Box::new(card)))
            .await;
        Ok(admitted.map_err(KgcError::from)?)
    }

    /// The validators are to change.
    pub(crate) async fn propose_validators(
        &self,
        opened: &Opened,
        change: ValidatorChange,
    ) -> Result<Receipt, ApiError> {
        let action = Action::ProposeValidatorChange(change);
        let proposed = opened.sender.submit(action).await;
        Ok(proposed.map_err(KgcError::from)?)
    }

    /// Issues: the leaf committed, then the key. 503 `busy` where too many wait for that already.
    pub(crate) async fn issue(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        doctor: DoctorId,
        attributes: AttributeSet,
    ) -> Result<IssuedLeaf, ApiError> {
        let _place = self.issues.try_acquire().map_err(|_| ApiError::busy())?;
        let _held = self.issuing.lock().await;
        let (leaf, transaction) = self.commit_leaf(opened, doctor, attributes).await?;
        self.finish(opened, doctor).await?;
        let committed = self.node.transaction(&transaction.hash());
        // Issued long ago: the key is there, and where its transaction stands only an archive node can tell.
        let committed = committed.map_err(history_error)?;
        let receipt = committed.ok_or_else(|| ApiError::internal("a committed leaf's receipt"))?;
        Ok(IssuedLeaf { leaf, receipt })
    }

    async fn commit_leaf(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        doctor: DoctorId,
        attributes: AttributeSet,
    ) -> Result<(Leaf, SignedTransaction), ApiError> {
        let mut rejected: Option<SubmitError> = None;
        for _ in 0..ATTEMPTS {
            let (keys, attributes) = (Arc::clone(opened), attributes.clone());
            let next = self.exclusively(move |core| {
                let limit = core.settings.max_key_attributes;
                let sign = |action| keys.sender.sign(action);
                let ledger = core.ledger();
                issue::intend(&core.store, &ledger, doctor, &attributes, limit, sign)
            });
            let transaction = match (next.await?, rejected.take()) {
                (issue::Next::Committed { leaf, transaction }, _) => {
                    return Ok((leaf, transaction));
                }
                // Decided anew only where the reason is that the ledger moved on.
                (issue::Next::Submit(transaction), reason) => match reason {
                    None | Some(SubmitError::Rejected(Rejection::WrongLeaf { .. })) => transaction,
                    Some(reason) => {
                        let dead = transaction;
                        self.exclusively(move |core| issue::give_up(&core.store, doctor, &dead))
                            .await?;
                        return Err(KgcError::from(reason).into());
                    }
                },
            };
            match self.node.submit(transaction.clone()).await {
                Ok(_) => {}
                Err(reason @ SubmitError::Rejected(_)) => {
                    self.exclusively(move |core| issue::give_up(&core.store, doctor, &transaction))
                        .await?;
                    rejected = Some(reason);
                }
                Err(reason) => return Err(KgcError::from(reason).into()),
            }
        }
        Err(ApiError::busy())
    }

    /// Makes the key of a committed leaf; before that, closes the old leaf of a doctor whose attributes changed.
    async fn finish(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        doctor: DoctorId,
    ) -> Result<(), ApiError> {
        if let Some(revoked) = self.ledger().uncovered(&doctor) {
            self.publish_covering(opened, revoked).await?;
        }
        let (core, keys) = (Arc::clone(self), Arc::clone(opened));
        let made = self.key_maker.run(move || {
            let (ledger, rng) = (core.ledger(), &mut rand::rng());
            issue::make_key(
                &keys.master,
                &keys.signing,
                &core.store,
                &ledger,
                doctor,
                rng,
            )
        });
        made.await??;
        self.metrics.issued.inc();
        Ok(())
    }

    /// Makes the keys that a crash left unmade; gives whose.
    pub(crate) async fn finish_all(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
    ) -> Result<Vec<DoctorId>, ApiError> {
        let _held = self.issuing.lock().await;
        let doctors = self
            .step(|core| issue::unfinished(&core.store, &core.ledger()))
            .await?;
        for doctor in &doctors {
            self.finish(opened, *doctor).await?;
        }
        Ok(doctors)
    }

    /// Revokes a doctor; `now` opens epochs until one excludes the doctor.
    pub(crate) async fn revoke(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        doctor: DoctorId,
        reason: RevocationReason,
        now: bool,
    ) -> Result<Revoked, ApiError> {
        let action = Action::RevokeDoctor(RevokeDoctor { doctor, reason });
        let revoked = opened.sender.submit(action).await.map_err(KgcError::from)?;
        let epoch: Option<EpochView> = match now {
            true => Some(epoch_view(
                &self.publish_covering(opened, revoked.height).await?,
            )),
            false => None,
        };
        Ok(Revoked {
            revocation: receipt(&revoked),
            epoch,
        })
    }

    /// Publishes exactly the epoch that the administrator named, and another where it was made before a crash and misses revocations that
    /// are committed now.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        named: u64,
    ) -> Result<EpochEntry, ApiError> {
        let height = {
            let _held = self.publishing.lock().await;
            let ledger = self.ledger();
            let next = epoch::next(&ledger).number();
            if next != named {
                return Err(KgcError::WrongEpoch { next }.into());
            }
            self.publish_next(opened).await?;
            let revoked = ledger.view.leaves().filter_map(|leaf| leaf.revoked);
            revoked
                .map(|revoked| revoked.height)
                .max()
                .unwrap_or_default()
        };
        self.publish_covering(opened, height).await
    }

    /// Publishes until the current epoch excludes what was revoked up to `height`; there is a current epoch when this returns.
    pub(crate) async fn publish_covering(
        self: &Arc<Self>,
        opened: &Arc<Opened>,
        height: Height,
    ) -> Result<EpochEntry, ApiError> {
        let _held = self.publishing.lock().await;
        for _ in 0..ATTEMPTS {
            match self.ledger().view.current_epoch() {
                Some(current) if current.as_of >= height => return Ok(current),
                _ => self.publish_next(opened).await?,
            }
        }
        Err(ApiError::busy())
    }

    async fn publish_next(self: &Arc<Self>, opened: &Arc<Opened>) -> Result<(), ApiError> {
        let (core, keys) = (Arc::clone(self), Arc::clone(opened));
        let made = self.epoch_maker.run(move || {
            epoch::prepare(&keys.master, &core.store, &core.ledger(), &mut rand::rng())
        });
        let action = Action::PublishEpoch(epoch::action(&made.await??));
        match opened.sender.submit(action).await {
            // Somebody was faster, or an earlier attempt was committed after all: the caller looks at the ledger again.
            Err(SubmitError::Rejected(Rejection::WrongEpoch { .. })) => Ok(()),
            submitted => Ok(submitted.map(drop).map_err(KgcError::from)?),
        }
    }
}
