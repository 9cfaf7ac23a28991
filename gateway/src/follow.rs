//! The gateway's tasks: one follows the ledger, the others work through what is to be done.
//!
//! The follower reads every block from the persisted height on and makes each event's local effect; every effect can be repeated, so a crash
//! between effect and cursor costs nothing. What needs the network or time is left to a task that works through what is missing
//! whenever it is woken, and again after a while. Blocks that were pruned before they were read are made up for from the state, see
//! [`crate::reconcile`].

use std::sync::Arc;
use std::time::Duration;

use consilium_contracts::{CloseReason, Event, HospitalId, RecordStatus, Scope, View};
use consilium_node::{CommittedBlock, HistoryError};
use consilium_service::ApiError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::false_proofs;
use crate::files::Shelf;
use crate::hospital::{Hospital, Wake};
use crate::store::{AUTHORIZATIONS, CURSOR, Changes, TO_INDEX, TOKENS};
use crate::{challenges, indexes, matching, open, reconcile, records, reports};

/// Wait before the follower tries again to make an effect that its own store refused.
const AGAIN: Duration = Duration::from_secs(1);
/// Wait of a job after its first failure; doubles up to `gateway.retry_s`.
const SOON: Duration = Duration::from_millis(250);

/// What is worked through whenever it is woken, and again after a while.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// Queued records are registered, old leftovers removed.
    Records,
    /// Missing indexes are posted.
    Indexes,
    /// Pairs are compared.
    Matching,
    /// Reports are relayed.
    Reports,
    /// Attribute keys and update keys are fetched.
    Keys,
    /// Challenges are answered.
    Challenges,
    /// Matches that were found are posted.
    Posting,
}

impl Job {
    const ALL: [Self; 7] = [
        Self::Records,
        Self::Indexes,
        Self::Matching,
        Self::Reports,
        Self::Keys,
        Self::Challenges,
        Self::Posting,
    ];

    fn wake(self, wake: &Wake) -> &Notify {
        match self {
            Self::Records => &wake.records,
            Self::Indexes => &wake.indexes,
            Self::Matching => &wake.matching,
            Self::Reports => &wake.reports,
            Self::Keys => &wake.keys,
            Self::Challenges => &wake.challenges,
            Self::Posting => &wake.posting,
        }
    }

    async fn work_through(self, hospital: &Arc<Hospital>) -> Result<(), ApiError> {
        match self {
            Self::Records => records::work_through(hospital).await,
            Self::Indexes => indexes::work_through(hospital).await,
            Self::Matching => matching::work_through(hospital).await,
            Self::Reports => reports::work_through(hospital).await,
            Self::Keys => open::fetch_missing(hospital).await,
            Self::Challenges => challenges::work_through(hospital).await,
            Self::Posting => matching::post_found(hospital).await,
        }
    }

    async fn repeat(self, hospital: Arc<Hospital>) {
        let longest = Duration::from_secs(hospital.settings.retry_s.max(1));
        let mut wait = longest;
        loop {
            wait = match self.work_through(&hospital).await {
                Ok(()) => longest,
                Err(error) => {
                    let cause = error.cause().unwrap_or_default();
                    tracing::warn!(job = ?self, %error, cause, "some of it has to wait");
                    // At first soon: another service may be a moment behind.
                    if wait == longest {
                        SOON
                    } else {
                        wait.saturating_mul(2).min(longest)
                    }
                }
            };
            tokio::select! {
                () = self.wake(&hospital.wake).notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Starts every task; each ends when `stopped` says so.
pub(crate) fn spawn(
    hospital: &Arc<Hospital>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let follower = tokio::spawn(until(stopped.clone(), follow(Arc::clone(hospital))));
    let jobs =
        Job::ALL.map(|job| tokio::spawn(until(stopped.clone(), job.repeat(Arc::clone(hospital)))));
    let refusals = tokio::spawn(until(
        stopped.clone(),
        false_proofs::record(Arc::clone(hospital)),
    ));
    jobs.into_iter().chain([follower, refusals]).collect()
}

pub(crate) async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        // An error means that the gateway is gone.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn follow(hospital: Arc<Hospital>) {
    loop {
        match follow_until_failure(&hospital).await {
            Ok(()) => {
                tracing::info!("the ledger's node has stopped; so does its follower");
                return;
            }
            Err(error) => {
                let cause = error.cause().unwrap_or_default();
                tracing::error!(%error, cause, "the follower tries again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn follow_until_failure(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let done = hospital.store.get(&CURSOR, &())?.unwrap_or_default();
    let mut blocks = hospital.node.subscribe(done.plus(1));
    while let Some(block) = blocks.next().await {
        let height = match block {
            Ok(block) => {
                for event in events(&block) {
                    react(hospital, event).await?;
                }
                block.block.header().height
            }
            Err(HistoryError::Pruned { .. }) => {
                let height = reconcile::with_state(hospital).await?;
                blocks = hospital.node.subscribe(height.plus(1));
                height
            }
            Err(error) => return Err(ApiError::internal(error)),
        };
        hospital.store.put(&CURSOR, &(), &height)?;
    }
    Ok(())
}

fn events(block: &CommittedBlock) -> impl Iterator<Item = &Event> {
    block
        .events
        .begin
        .iter()
        .chain(block.events.transactions.iter().flatten())
}

/// The local effect of one event. Can be repeated, also long after. An effect that is added here is added to [`crate::reconcile`], too.
async fn react(hospital: &Arc<Hospital>, event: &Event) -> Result<(), ApiError> {
    let (me, wake) = (&hospital.id, &hospital.wake);
    match event {
        Event::RecordRegistered { record, owner, .. } if owner == me => {
            records::mark_registered(hospital, record)?;
        }
        Event::Authorized {
            id, from, scope, ..
        } if from == me => {
            hospital.store.put(&AUTHORIZATIONS, id, &())?;
            index_again(hospital, *scope)?;
        }
        Event::Authorized { to, scope, .. } if to == me => {
            hospital.prepared.todo.authorized(*scope);
            wake.matching.notify_one();
            wake.posting.notify_one();
        }
        Event::IndexPosted { to, record, .. } if to == me => {
            hospital.prepared.todo.record(*record);
            wake.matching.notify_one();
        }
        Event::TrapdoorPosted { hospital: of, .. } if of == me => {
            hospital.prepared.todo.everything();
            wake.matching.notify_one();
        }
        Event::DoctorRegistered { hospital: of, .. }
        | Event::DoctorReissued { hospital: of, .. }
            if of == me =>
        {
            wake.keys.notify_one();
        }
        Event::EpochPublished { .. } => wake.keys.notify_one(),
        Event::CardUpdated { hospital: of } => hospital.forget_gateway(of),
        Event::DoctorRevoked {
            doctor,
            hospital: of,
            ..
        } if of == me => {
            open::drop_key(hospital, doctor)?;
            hospital.filters.forget_doctor(doctor);
            hospital
                .note("drop-attribute-key", doctor, "the doctor is revoked")
                .await?;
        }
        Event::AssignmentEnded {
            record,
            owner,
            hospital: of,
            ..
        } if of == me && owner != me => {
            drop_fetched(hospital, record)?;
        }
        Event::Reported { hospital: of, .. } if of == me => wake.reports.notify_one(),
        Event::Challenged { hospital: of, .. } if of == me => {
            wake.challenges.notify_one();
        }
        Event::RecordClosed {
            record,
            owner,
            reason,
        } => {
            closed(hospital, record, owner, *reason).await?;
        }
        _ => {}
    }
    Ok(())
}

/// An authorization may want indexes of records that had all of theirs.
pub(crate) fn index_again(hospital: &Hospital, scope: Scope) -> Result<(), ApiError> {
    let state = hospital.state();
    let view = View::new(&state);
    let mut changes = Changes::new();
    match scope {
        Scope::Record(record) => changes = changes.put(&TO_INDEX, &record, &()),
        Scope::All => {
            for entry in view.records_of(&hospital.id) {
                if matches!(
                    entry.status,
                    RecordStatus::Registered | RecordStatus::Matching { .. }
                ) {
                    changes = changes.put(&TO_INDEX, &entry.terms.record, &());
                }
            }
        }
    }
    hospital.store.commit(changes)?;
    hospital.wake.indexes.notify_one();
    Ok(())
}

/// Nothing follows for the record. Where consent ended, nothing of it is kept.
pub(crate) async fn closed(
    hospital: &Arc<Hospital>,
    record: &consilium_contracts::RecordId,
    owner: &HospitalId,
    reason: CloseReason,
) -> Result<(), ApiError> {
    matching::forget(hospital, record)?;
    if *owner != hospital.id {
        return drop_fetched(hospital, record);
    }
    match reason {
        CloseReason::ConsentWithdrawn | CloseReason::ConsentExpired => {
            records::delete_contents(hospital, record)?;
            hospital
                .note("delete-record", record, "the patient's consent is over")
                .await
        }
        CloseReason::Acknowledged | CloseReason::Complained(_) | CloseReason::Unmatched(_) => {
            let changes = Changes::new()
                .delete(&TOKENS, record)
                .delete(&TO_INDEX, record);
            Ok(hospital.store.commit(changes)?)
        }
    }
}

fn drop_fetched(
    hospital: &Hospital,
    record: &consilium_contracts::RecordId,
) -> Result<(), ApiError> {
    hospital
        .files
        .remove(Shelf::Fetched, record)
        .map_err(ApiError::internal)
}
