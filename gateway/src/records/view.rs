//! A record as its patient and the operator see it: the ledger's state, and where that says nothing yet, the store's.

use consilium_client::api::gateway::{AssignmentView, DisputeView, RecordState, RecordView};
use consilium_client::wire::Text;
use consilium_contracts::{
    AssignmentEntry, CloseReason, HospitalId, RecordEntry, RecordId, RecordStatus,
    SignedTransaction, UnmatchedReason, View,
};
use consilium_node::{HistoryError, Snapshot};
use consilium_service::{ApiError, ledger};

use super::unknown;
use crate::hospital::Hospital;
use crate::store::{QUEUE, RECORDS, RecordRow, Stage};

pub(crate) fn of_record(hospital: &Hospital, record: &RecordId) -> Result<RecordView, ApiError> {
    let row = hospital
        .store
        .get(&RECORDS, record)?
        .ok_or_else(|| unknown(record))?;
    of_row(hospital, &row)
}

pub(crate) fn of_row(hospital: &Hospital, row: &RecordRow) -> Result<RecordView, ApiError> {
    let state = hospital.state();
    let view = View::new(&state);
    let terms = &row.registration.terms;
    let entry = view
        .record(&terms.record)
        .filter(|entry| entry.terms == *terms);
    let (stands, reason) = match &entry {
        Some(entry) => on_ledger(entry),
        None => in_store(row),
    };
    let mut assignments: Vec<_> = view.assignments(&terms.record).collect();
    assignments.sort_by_key(|one| one.height);
    let authorized = entry
        .as_ref()
        .map(|entry| authorized(&state, entry))
        .unwrap_or_default();
    let assignments = assignments
        .iter()
        .map(|one| assignment(&state, one))
        .collect();
    Ok(RecordView {
        record: Text(terms.record),
        state: stands,
        reason,
        epoch: terms.epoch.number(),
        registration: entry.map_or(Ok(None), |_| registration(hospital, row))?,
        authorized: authorized.into_iter().map(Text).collect(),
        assignments,
    })
}

fn registration(
    hospital: &Hospital,
    row: &RecordRow,
) -> Result<Option<consilium_client::api::ledger::TransactionReceipt>, ApiError> {
    let Some(bytes) = &row.transaction else {
        return Ok(None);
    };
    let hash = SignedTransaction::from_bytes(bytes)
        .map_err(ApiError::internal)?
        .hash();
    let receipt = match hospital.node.transaction(&hash) {
        // It is registered: the state says so. Where, only an archive node can tell.
        Err(HistoryError::Pruned { .. }) => None,
        found => found.map_err(ApiError::internal)?,
    };
    Ok(receipt.map(|receipt| ledger::receipt(&receipt)))
}

fn authorized(state: &Snapshot, entry: &RecordEntry) -> Vec<HospitalId> {
    let view = View::new(state);
    let hospitals = entry.terms.consent.hospitals.iter();
    let may = hospitals.filter(|id| view.authorization_for(entry, id, state.time()).is_some());
    may.cloned().collect()
}

fn assignment(state: &Snapshot, one: &AssignmentEntry) -> AssignmentView {
    let view = View::new(state);
    let report = view.report(&one.record, &one.doctor);
    let complaint = report.as_ref().and_then(|report| report.complaint);
    let dispute = report.as_ref().and_then(|report| report.dispute);
    AssignmentView {
        doctor: Text(one.doctor),
        hospital: Text(one.hospital.clone()),
        assigned_height: one.height.value(),
        accessed_height: view
            .access(&one.record, &one.doctor)
            .map(|access| access.first.value()),
        report_digest: report.map(|report| Text(report.digest)),
        complaint: complaint.map(|complaint| complaint.reason.into()),
        dispute: dispute.map(DisputeView::from),
    }
}

fn on_ledger(entry: &RecordEntry) -> (RecordState, Option<String>) {
    match entry.status {
        RecordStatus::Registered => (RecordState::Registered, None),
        RecordStatus::Matching { .. } => (RecordState::Matching, None),
        RecordStatus::Assigned { .. } => (RecordState::Assigned, None),
        RecordStatus::Accessed { .. } => (RecordState::Opened, None),
        RecordStatus::Reported { .. } => (RecordState::Reported, None),
        RecordStatus::Closed(CloseReason::Acknowledged) => (RecordState::Acknowledged, None),
        RecordStatus::Closed(reason @ CloseReason::Complained(_)) => {
            (RecordState::Complained, Some(reason.to_string()))
        }
        RecordStatus::Closed(CloseReason::ConsentWithdrawn) => (
            RecordState::Withdrawn,
            Some("the patient withdrew consent".to_owned()),
        ),
        RecordStatus::Closed(CloseReason::ConsentExpired) => (
            RecordState::Withdrawn,
            Some("the consent's time is over".to_owned()),
        ),
        RecordStatus::Closed(CloseReason::Unmatched(why)) => {
            let why = match why {
                UnmatchedReason::NoMatch => "no doctor's interests matched in time",
                UnmatchedReason::Exhausted => "every doctor who matched declined or cannot read it",
            };
            (RecordState::Unmatched, Some(why.to_owned()))
        }
    }
}

fn in_store(row: &RecordRow) -> (RecordState, Option<String>) {
    match &row.stage {
        Stage::AwaitsCthd => (RecordState::AwaitsCthd, None),
        Stage::Queued | Stage::Registered => (RecordState::Queued, row.waits_for.clone()),
        Stage::Refused(reason) => (RecordState::Refused, Some(reason.clone())),
        Stage::Deleted => (RecordState::Withdrawn, None),
    }
}

/// How many records there are on the ledger, and how many wait.
pub(crate) fn count(hospital: &Hospital) -> Result<(u64, u64), ApiError> {
    let records = View::new(hospital.state()).records_of(&hospital.id).count();
    let queued = hospital.store.rows(QUEUE).count();
    Ok((records as u64, queued as u64))
}
