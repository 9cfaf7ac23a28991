//! Records on their way to the ledger, and off it.

use std::sync::Arc;

use consilium_client::wire::PublicKey;
use consilium_contracts::{
    Action, AssignmentStatus, Canonical as _, RecordId, Rejection, SignedTransaction, View,
};
use consilium_node::SubmitError;
use consilium_service::ApiError;
use consilium_service::ledger::submit_error;

use crate::files::Shelf;
use crate::hospital::Hospital;
use crate::store::{
    Changes, OF_PATIENT, QUEUE, RECORDS, RecordRow, STAGED, Stage, StagedRow, TO_INDEX, TOKENS,
};
use crate::verdict;

/// Registers a queued record. What cannot be now stays queued and is no error: the record's state shows it.
///
/// Submitting the same signed transaction again has one effect, so this may run twice for one record.
pub(crate) async fn register(hospital: &Arc<Hospital>, record: &RecordId) -> Result<(), ApiError> {
    let Some(row) = hospital.store.get(&RECORDS, record)? else {
        return Ok(hospital.store.delete(&QUEUE, record)?);
    };
    if row.stage != Stage::Queued {
        return Ok(hospital.store.delete(&QUEUE, record)?);
    }
    let (row, transaction) = transaction(hospital, record, row)?;
    match hospital.node.submit(transaction.clone()).await {
        Ok(_) => mark_registered(hospital, record),
        Err(SubmitError::Rejected(rejection)) => {
            refused(hospital, record, row, (&transaction, rejection))
        }
        Err(error) => waits(hospital, record, row, &error),
    }
}

/// The record's transaction; signed anew when the former can no longer be committed.
fn transaction(
    hospital: &Hospital,
    record: &RecordId,
    row: RecordRow,
) -> Result<(RecordRow, SignedTransaction), ApiError> {
    let kept = row
        .transaction
        .as_deref()
        .map(SignedTransaction::from_bytes)
        .transpose();
    let kept = kept.map_err(ApiError::internal)?;
    match kept {
        Some(kept) if kept.transaction().expires > hospital.state().height() => Ok((row, kept)),
        _ => {
            let action = Action::RegisterRecord(Box::new(row.registration.clone()));
            let signed = hospital.ledger.sign(action);
            let row = RecordRow {
                transaction: Some(signed.to_canonical_bytes()),
                ..row
            };
            hospital.store.put(&RECORDS, record, &row)?;
            Ok((row, signed))
        }
    }
}

fn refused(
    hospital: &Hospital,
    record: &RecordId,
    row: RecordRow,
    (transaction, rejection): (&SignedTransaction, Rejection),
) -> Result<(), ApiError> {
    let there = View::new(hospital.state()).record(record);
    if there.is_some_and(|entry| entry.terms == row.registration.terms) {
        return mark_registered(hospital, record);
    }
    let rejection = match verdict::refusal(hospital, transaction) {
        // Signed anew at the next attempt.
        Some(expired @ Rejection::Expired { .. }) => {
            return waits(hospital, record, row, &expired);
        }
        // Because of what waits in the node's pool: it need never be committed.
        None => return waits(hospital, record, row, &rejection),
        Some(rejection) => rejection,
    };
    let row = RecordRow {
        stage: Stage::Refused(rejection.to_string()),
        ..row
    };
    let staged = StagedRow {
        patient: row.patient,
        since_ms: hospital.clock().now_ms(),
    };
    let changes = Changes::new()
        .put(&RECORDS, record, &row)
        .put(&STAGED, record, &staged)
        .delete(&QUEUE, record)
        .delete(&TOKENS, record);
    hospital.store.commit(changes)?;
    hospital
        .files
        .remove(Shelf::Own, record)
        .map_err(ApiError::internal)?;
    Err(submit_error(SubmitError::Rejected(rejection)))
}

fn waits(
    hospital: &Hospital,
    record: &RecordId,
    row: RecordRow,
    why: &dyn std::fmt::Display,
) -> Result<(), ApiError> {
    tracing::warn!(%record, %why, "a record waits for the ledger");
    // The follower may have seen it committed meanwhile.
    match hospital.store.get(&RECORDS, record)? {
        Some(now) if now.stage == Stage::Queued => {
            let row = RecordRow {
                waits_for: Some(why.to_string()),
                ..row
            };
            Ok(hospital.store.put(&RECORDS, record, &row)?)
        }
        _ => Ok(()),
    }
}

/// The record is on the ledger: its indexes are due. Also for events of old blocks.
pub(crate) fn mark_registered(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    let Some(row) = hospital.store.get(&RECORDS, record)? else {
        tracing::warn!(%record, "a record of this hospital is on the ledger and not in its store");
        return Ok(());
    };
    if row.stage == Stage::Queued {
        let row = RecordRow {
            stage: Stage::Registered,
            waits_for: None,
            ..row
        };
        let changes = Changes::new()
            .put(&RECORDS, record, &row)
            .put(&TO_INDEX, record, &())
            .delete(&QUEUE, record);
        hospital.store.commit(changes)?;
    }
    hospital.wake.indexes.notify_one();
    Ok(())
}

/// Registers whatever waits; those that wait longest are not preferred, each gets its turn.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let waiting: Vec<_> = hospital.store.rows(QUEUE).collect::<Result<_, _>>()?;
    let waiting = waiting.into_iter().map(|(record, ())| record);
    for record in waiting {
        if let Err(error) = register(hospital, &record).await {
            tracing::warn!(%record, %error, "a queued record was refused");
        }
    }
    sweep(hospital)
}

/// Removes submissions whose ciphertext never came, and refused ones that nobody sent again.
fn sweep(hospital: &Hospital) -> Result<(), ApiError> {
    let lifetime = hospital.settings.staging_lifetime_s.saturating_mul(1000);
    let now = hospital.clock().now_ms();
    let mut old = Vec::new();
    for row in hospital.store.rows(STAGED) {
        let (record, row) = row?;
        if row.since_ms.saturating_add(lifetime) < now {
            old.push((record, row));
        }
    }
    for (record, row) in old {
        let patient = PublicKey::from_bytes(&row.patient).map_err(ApiError::internal)?;
        let changes = Changes::new()
            .delete(&RECORDS, &record)
            .delete(&TOKENS, &record)
            .delete(&STAGED, &record)
            .delete(&OF_PATIENT, &(patient, record));
        hospital.store.commit(changes)?;
    }
    Ok(())
}

/// Removes, before anything is served, files that no record or case here needs: a crash came between a file and its row.
pub(crate) fn sweep_files(hospital: &Hospital) -> Result<(), ApiError> {
    let files = &hospital.files;
    for record in files.list(Shelf::Own).map_err(ApiError::internal)? {
        let stage = hospital.store.get(&RECORDS, &record)?.map(|row| row.stage);
        if !matches!(stage, Some(Stage::Queued | Stage::Registered)) {
            files
                .remove(Shelf::Own, &record)
                .map_err(ApiError::internal)?;
        }
    }
    sweep_fetched(hospital)
}

/// Removes fetched files of cases that are over. Can be repeated.
pub(crate) fn sweep_fetched(hospital: &Hospital) -> Result<(), ApiError> {
    let (state, files) = (hospital.state(), &hospital.files);
    let view = View::new(&state);
    for record in files.list(Shelf::Fetched).map_err(ApiError::internal)? {
        let needed = view.assignments(&record).any(|one| {
            let open = matches!(
                one.status,
                AssignmentStatus::Open | AssignmentStatus::Reported
            );
            open && one.hospital == hospital.id
        });
        if !needed {
            files
                .remove(Shelf::Fetched, &record)
                .map_err(ApiError::internal)?;
        }
    }
    Ok(())
}

/// Consent is over: nothing that could be read is kept. Can be repeated.
pub(crate) fn delete_contents(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    hospital
        .files
        .remove(Shelf::Own, record)
        .map_err(ApiError::internal)?;
    let mut changes = Changes::new()
        .delete(&TOKENS, record)
        .delete(&TO_INDEX, record)
        .delete(&QUEUE, record);
    if let Some(row) = hospital.store.get(&RECORDS, record)? {
        let row = RecordRow {
            stage: Stage::Deleted,
            ctsym: Vec::new(),
            waits_for: None,
            ..row
        };
        changes = changes.put(&RECORDS, record, &row);
    }
    Ok(hospital.store.commit(changes)?)
}
