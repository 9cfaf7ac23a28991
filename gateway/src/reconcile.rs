//! What the follower does when blocks that it has not read are gone: after a snapshot was restored, or a stop for so long that they were
//! pruned. The state says what they came to; each effect is made from it as its event would have made it.
//!
//! | events missed | from the state |
//! |---|---|
//! | `RecordRegistered` | queued records that stand on the ledger are registered |
//! | `Authorized` | every authorization ever given is listed again; every record that takes indexes is looked at |
//! | `DoctorRevoked` | attribute keys of revoked doctors go, with an audit line |
//! | `AssignmentEnded` | fetched ciphertexts without an assignment go |
//! | `RecordClosed` | ended consents: contents go, with an audit line; others: tokens go; what matching kept of closed records goes |
//! | `IndexPosted`, `TrapdoorPosted`, `Reported`, `DoctorRegistered`, `DoctorReissued`, `EpochPublished`, `Challenged` | the tasks are woken: they read the state anyway |
//!
//! What is not made up for: nothing here ever knew an assignment that came and went meanwhile, and nobody could have acted on it.

use std::sync::Arc;

use consilium_contracts::{
    CloseReason, DoctorId, Height, RecordId, RecordStatus, Scope, StateRead, View,
};
use consilium_service::ApiError;

use crate::follow::{closed, index_again};
use crate::hospital::Hospital;
use crate::store::{ATTRIBUTE_KEYS, AUTHORIZATIONS, Changes, QUEUE, RECORDS, Stage, TOKENS};
use crate::{matching, open, records};

/// Makes every effect that the state asks for; gives the height up to which nothing is missed. Can be repeated.
pub(crate) async fn with_state(hospital: &Arc<Hospital>) -> Result<Height, ApiError> {
    let state = hospital.state();
    let height = state.height();
    tracing::warn!(%height, "blocks were pruned before they were read: what they came to is read from the state");
    register(hospital, &state)?;
    list_authorizations(hospital, &state)?;
    for doctor in revoked(hospital, &state)? {
        open::drop_key(hospital, &doctor)?;
        hospital
            .note("drop-attribute-key", doctor, "the doctor is revoked")
            .await?;
    }
    for (record, reason) in closed_here(hospital, &state)? {
        closed(hospital, &record, &hospital.id, reason).await?;
    }
    matching::forget_closed(hospital, &state)?;
    records::sweep_fetched(hospital)?;
    index_again(hospital, Scope::All)?;
    hospital.prepared.todo.everything();
    let wake = &hospital.wake;
    for task in [
        &wake.records,
        &wake.matching,
        &wake.reports,
        &wake.keys,
        &wake.challenges,
        &wake.posting,
    ] {
        task.notify_one();
    }
    Ok(height)
}

fn register(hospital: &Hospital, state: &impl StateRead) -> Result<(), ApiError> {
    let queued: Vec<_> = hospital.store.rows(QUEUE).collect::<Result<_, _>>()?;
    let view = View::new(state);
    for (record, ()) in queued {
        let there = view.record(&record);
        if there.is_some_and(|entry| entry.terms.owner == hospital.id) {
            records::mark_registered(hospital, &record)?;
        }
    }
    Ok(())
}

fn list_authorizations(hospital: &Hospital, state: &impl StateRead) -> Result<(), ApiError> {
    let mut changes = Changes::new();
    for entry in View::new(state).authorizations_ever_from(&hospital.id) {
        if !hospital.store.has(&AUTHORIZATIONS, &entry.id)? {
            changes = changes.put(&AUTHORIZATIONS, &entry.id, &());
        }
    }
    Ok(hospital.store.commit(changes)?)
}

/// Revoked doctors whose keys are still here.
fn revoked(hospital: &Hospital, state: &impl StateRead) -> Result<Vec<DoctorId>, ApiError> {
    let view = View::new(state);
    let mut revoked = Vec::new();
    for row in hospital.store.rows(ATTRIBUTE_KEYS) {
        let (doctor, _) = row?;
        let entry = view.doctor(&doctor);
        if entry.is_some_and(|entry| entry.revocation.is_some()) {
            revoked.push(doctor);
        }
    }
    Ok(revoked)
}

/// This hospital's closed records of which something is kept that should not be.
fn closed_here(
    hospital: &Hospital,
    state: &impl StateRead,
) -> Result<Vec<(RecordId, CloseReason)>, ApiError> {
    let mut left = Vec::new();
    for entry in View::new(state).records_of(&hospital.id) {
        let record = entry.terms.record;
        let RecordStatus::Closed(reason) = entry.status else {
            continue;
        };
        let something = match reason {
            CloseReason::ConsentWithdrawn | CloseReason::ConsentExpired => {
                let row = hospital.store.get(&RECORDS, &record)?;
                row.is_some_and(|row| row.stage != Stage::Deleted)
            }
            CloseReason::Acknowledged | CloseReason::Complained(_) | CloseReason::Unmatched(_) => {
                hospital.store.has(&TOKENS, &record)?
            }
        };
        if something {
            left.push((record, reason));
        }
    }
    Ok(left)
}
