//! Health reports: from the doctor to his hospital, to the owner, to the patient.
//!
//! The report's body is durable here before its transaction is submitted: the ledger has its digest only, so nothing could bring it back.
//! A doctor's device that hears nothing seals the report anew: until the ledger has one of them, each is kept.
//! It goes on to the owner when the digest stands on the ledger, and is tried again until the owner has it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use consilium_client::ClientError;
use consilium_client::api::gateway::{ReportSubmission, ReportView, SharedReport};
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::wire::Text;
use consilium_contracts::{
    Action, Digest, DoctorId, HospitalId, RecordId, RecordStatus, Report, ReportEntry,
    SignedTransaction, View,
};
use consilium_schemes::report::{ReportError, ReportParts, SealedReport};
use consilium_service::ledger::{receipt, submit_error};
use consilium_service::{ApiError, Call, Caller, scope};

use crate::access;
use crate::codes;
use crate::hospital::Hospital;
use crate::records;
use crate::store::{Changes, FORMER_OUTGOING, OUTGOING, OutgoingRow, REPORTS, RowKey as _};
use crate::verdict;

/// Reports of one doctor on one record that are kept at once.
const AT_ONCE: usize = 8;

fn mismatch(text: impl Into<String>) -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        codes::REPORT_MISMATCH,
        text,
    )
}

/// A doctor returns his report.
#[utoipa::path(post, path = "/v1/records/{record}/reports", tag = "reports", request_body = ReportSubmission,
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = TransactionReceipt),
        (status = 422, description = "`report-mismatch`, or the contracts refuse the transaction.")))]
pub(crate) async fn submit(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    call: Call<scope::Doctor, ReportSubmission>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let hospital = hospital.into_inner();
    let record = record.into_inner().0;
    let doctor = hospital.doctor_of(call.caller.principal());
    let line = call.caller.audit("take-report", record);
    let at = Arc::clone(&hospital);
    let work = async move { take(&at, record, doctor, call.body).await };
    Ok(web::Json(hospital.decide(line, work).await?))
}

async fn take(
    hospital: &Arc<Hospital>,
    record: RecordId,
    doctor: DoctorId,
    submission: ReportSubmission,
) -> Result<TransactionReceipt, ApiError> {
    let state = hospital.state();
    let entry = access::reading(&state, &hospital.id, &record, &doctor)?;
    let bytes = submission.report.into_bytes();
    let digest = check(hospital, &record, &doctor, &bytes)?;
    let transaction = SignedTransaction::from_bytes(submission.transaction.as_bytes())
        .map_err(|error| ApiError::malformed("transaction", error))?;
    let expected = Action::Report(Report { record, digest });
    if transaction.transaction().action != expected {
        return Err(mismatch(
            "transaction: must be the Report of this record with this report's digest",
        ));
    }
    let key = (record, doctor, digest);
    let kept = View::new(&state).report(&record, &doctor);
    drop(state);
    if kept.is_some_and(|kept| kept.digest != digest) {
        return Err(mismatch(
            "report: another report of this doctor stands on the ledger already",
        ));
    }
    let waiting = hospital.store.rows_from(OUTGOING, prefix(&record, &doctor));
    if waiting.count() >= AT_ONCE {
        return Err(ApiError::busy());
    }
    let row = OutgoingRow {
        owner: entry.terms.owner,
        report: bytes,
        attempts: 0,
        last_error: None,
    };
    hospital.store.put(&OUTGOING, &key, &row)?;
    match hospital.node.submit(transaction.clone()).await {
        Ok(committed) => {
            hospital.wake.reports.notify_one();
            Ok(receipt(&committed))
        }
        Err(error @ consilium_node::SubmitError::Rejected(_)) => {
            let there = View::new(hospital.state()).report(&record, &doctor);
            let there = there.is_some_and(|there| there.digest == digest);
            if !there && verdict::refusal(hospital, &transaction).is_some() {
                hospital.store.delete(&OUTGOING, &key)?;
            }
            Err(submit_error(error))
        }
        // It may still be committed: the body stays.
        Err(error) => Err(submit_error(error)),
    }
}

/// The report is by this doctor, for this record; its digest.
fn check(
    hospital: &Hospital,
    record: &RecordId,
    doctor: &DoctorId,
    bytes: &[u8],
) -> Result<consilium_contracts::Digest, ApiError> {
    let malformed = |error: &dyn std::fmt::Display| ApiError::malformed("report", error);
    let sealed = SealedReport::from_bytes(bytes).map_err(|error| malformed(&error))?;
    let key = View::new(hospital.state())
        .doctor(doctor)
        .map(|entry| entry.signing_key);
    let key = key.ok_or_else(|| mismatch("report: its doctor is not registered"))?;
    sealed
        .verify_outside(&key)
        .map_err(|error| mismatch(format!("report: {error}")))?;
    let context = sealed.context();
    if context.federation != *hospital.federation.as_bytes() || context.record != *record.as_bytes()
    {
        return Err(mismatch("report: is for another record or federation"));
    }
    Ok(consilium_contracts::Digest::from_bytes(
        sealed.digest().to_bytes(),
    ))
}

/// Relays every report whose digest stands on the ledger; what cannot be delivered now stays.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    take_former(hospital)?;
    let rows: Vec<_> = hospital.store.rows(OUTGOING).collect::<Result<_, _>>()?;
    for (key, row) in rows {
        let (record, doctor, digest) = key;
        let view_state = hospital.state();
        let view = View::new(&view_state);
        let Some(entry) = view.report(&record, &doctor) else {
            let entry = view.record(&record);
            if entry.is_some_and(|entry| matches!(entry.status, RecordStatus::Closed(_))) {
                hospital.store.delete(&OUTGOING, &key)?;
            }
            continue;
        };
        if digest != entry.digest {
            hospital.store.delete(&OUTGOING, &key)?;
            continue;
        }
        drop(view_state);
        deliver(hospital, key, row).await?;
    }
    Ok(())
}

/// Where a doctor's reports on a record begin.
fn prefix(record: &RecordId, doctor: &DoctorId) -> Vec<u8> {
    (*record, *doctor).to_key()
}

/// What an earlier build kept, under its digest.
fn take_former(hospital: &Hospital) -> Result<(), ApiError> {
    for row in hospital.store.rows(FORMER_OUTGOING) {
        let (key, row) = row?;
        let parts = ReportParts::from_bytes(&row.report).map_err(ApiError::internal)?;
        let changes = Changes::new()
            .put(&OUTGOING, &(key.0, key.1, parts.digest().into()), &row)
            .delete(&FORMER_OUTGOING, &key);
        hospital.store.commit(changes)?;
    }
    Ok(())
}

async fn deliver(
    hospital: &Arc<Hospital>,
    key: (RecordId, DoctorId, Digest),
    row: OutgoingRow,
) -> Result<(), ApiError> {
    let (record, doctor, _) = key;
    if row.owner == hospital.id {
        let changes = Changes::new()
            .put(&REPORTS, &(record, doctor), &row.report)
            .delete(&OUTGOING, &key);
        return Ok(hospital.store.commit(changes)?);
    }
    let report = SharedReport {
        record: Text(record),
        report: row.report.clone().into(),
    };
    match hospital.gateway(&row.owner)?.share_report(&report).await {
        Ok(()) => {
            hospital.store.delete(&OUTGOING, &key)?;
            hospital
                .note("relay-report", record, &format!("to {}", row.owner))
                .await
        }
        Err(error) => {
            tracing::warn!(%record, owner = %row.owner, %error, "a report waits to be relayed");
            let soon = matches!(&error, ClientError::Refused { code, .. } if *code == codes::REPORT_NOT_COMMITTED);
            let row = OutgoingRow {
                attempts: row.attempts.saturating_add(1),
                last_error: Some(error.to_string()),
                ..row
            };
            hospital.store.put(&OUTGOING, &key, &row)?;
            if soon {
                // The owner's node is a block behind.
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                hospital.wake.reports.notify_one();
            }
            Ok(())
        }
    }
}

/// The hospital of the assigned doctor delivers a report for a patient of this one.
#[utoipa::path(post, path = "/v1/shared/reports", tag = "sharing", request_body = SharedReport,
    responses((status = 204),
        (status = 422, description = "`report-mismatch`."),
        (status = 503, description = "`report-not-committed`: not on this hospital's copy of the ledger yet.")))]
pub(crate) async fn deliver_here(
    hospital: web::Data<Hospital>,
    call: Call<scope::Hospital, SharedReport>,
) -> Result<HttpResponse, ApiError> {
    let record = call.body.record.0;
    let line = call.caller.audit("receive-report", record);
    let work = || {
        let caller = hospital.calling_hospital(call.caller.principal())?;
        receive(&hospital, &caller, record, call.body.report.as_bytes())
    };
    hospital.decide_now(line, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn receive(
    hospital: &Hospital,
    caller: &HospitalId,
    record: RecordId,
    bytes: &[u8],
) -> Result<(), ApiError> {
    let state = hospital.state();
    let view = View::new(&state);
    let parts =
        ReportParts::from_bytes(bytes).map_err(|error| ApiError::malformed("report", error))?;
    let digest = parts.digest().into();
    let own = view
        .record(&record)
        .filter(|entry| entry.terms.owner == hospital.id);
    own.ok_or_else(|| ApiError::not_found(format!("record {record} of this hospital")))?;
    let posted: Option<ReportEntry> = view.reports(&record).find(|entry| entry.digest == digest);
    let posted = posted.ok_or_else(|| {
        let text = "the report's digest does not stand on this hospital's copy of the ledger yet";
        crate::failures::unavailable(codes::REPORT_NOT_COMMITTED, text)
    })?;
    let doctor = view
        .doctor(&posted.doctor)
        .filter(|doctor| doctor.hospital == *caller);
    let doctor = doctor.ok_or_else(|| {
        ApiError::forbidden("only the hospital of the report's doctor delivers it")
    })?;
    // What the doctor posted the digest of is kept for the patient to dispute, be it a proper report or not. Only the signature outside
    // is not in the digest: where it alone is wrong, the caller has damaged it.
    let damaged = SealedReport::from_bytes(bytes).is_ok_and(|sealed| {
        sealed.verify_outside(&doctor.signing_key) == Err(ReportError::OuterSignature)
    });
    if damaged {
        return Err(mismatch(format!("report: {}", ReportError::OuterSignature)));
    }
    Ok(hospital
        .store
        .put(&REPORTS, &(record, posted.doctor), &bytes.to_vec())?)
}

/// The patient fetches the report; the newest, where several doctors reported.
#[utoipa::path(get, path = "/v1/records/{record}/report", tag = "reports",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = ReportView), (status = 404, description = "None here yet.")))]
pub(crate) async fn fetch(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<scope::Patient>,
) -> Result<web::Json<ReportView>, ApiError> {
    let record = record.into_inner().0;
    let line = caller.audit("give-report", record);
    let work = || {
        records::own(&hospital, &record, caller.principal())?;
        newest(&hospital, &record)
    };
    Ok(web::Json(hospital.decide_now(line, work).await?))
}

fn newest(hospital: &Hospital, record: &RecordId) -> Result<ReportView, ApiError> {
    let state = hospital.state();
    let view = View::new(&state);
    let missing = || ApiError::not_found(format!("report on record {record} here yet"));
    let entry = view
        .reports(record)
        .max_by_key(|entry| entry.height)
        .ok_or_else(missing)?;
    let report = hospital
        .store
        .get(&REPORTS, &(*record, entry.doctor))?
        .ok_or_else(missing)?;
    let doctor = view.doctor(&entry.doctor).ok_or_else(missing)?;
    Ok(ReportView {
        report: report.into(),
        digest: Text(entry.digest),
        doctor: Text(entry.doctor),
        doctor_key: doctor.signing_key.into(),
        height: entry.height.value(),
    })
}
