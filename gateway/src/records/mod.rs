//! Records of this hospital's patients: submitted, verified, durable, registered, indexed.
//!
//! ```text
//! POST /v1/records        everything but the ciphertext is verified            AwaitsCthd
//! PUT  .../cthd           streamed to a part, length, digest, header verified
//!                         synced, renamed, queued with its signed transaction  Queued
//! RegisterRecord          committed                                            Registered
//!                         refused (the epoch ended meanwhile, say)             Refused
//! PostIndex               to this hospital and to each that is authorized
//! consent over            ciphertext and tokens deleted                        Deleted
//! ```
//!
//! What is not on the ledger is served to nobody.

mod queue;
mod submission;
pub(crate) mod upload;
mod view;

use std::sync::Arc;

use actix_web::web;
use consilium_client::api::auth::Scope;
use consilium_client::api::gateway::{RecordList, RecordSubmission, RecordView};
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::RecordId;
use consilium_service::{AcceptedScopes, ApiError, Call, Caller, scope};

use crate::hospital::Hospital;
use crate::store::{OF_PATIENT, RECORDS, RecordRow};

pub(crate) use queue::{
    delete_contents, mark_registered, sweep_fetched, sweep_files, work_through,
};
pub(crate) use view::count;

/// A patient sees his own, the operator all.
pub(crate) struct OperatorOrPatient;

impl AcceptedScopes for OperatorOrPatient {
    const ANY_OF: &'static [Scope] = &[Scope::GatewayOperator, Scope::Patient];
}

/// Takes everything of a record but its ciphertext.
#[utoipa::path(post, path = "/v1/records", tag = "records", request_body = RecordSubmission,
    responses((status = 200, body = RecordView),
        (status = 409, description = "`stale-epoch`: encrypt again to the current epoch."),
        (status = 422, description = "`capsule-malformed`: CTSym was not made as it should be.")))]
pub(crate) async fn submit(
    hospital: web::Data<Hospital>,
    call: Call<scope::Patient, RecordSubmission>,
) -> Result<web::Json<RecordView>, ApiError> {
    let hospital = hospital.into_inner();
    let patient = *call.caller.principal();
    // The record's id is inside what is verified; until then the line has the key that signs.
    let parsed = submission::parse(&hospital, patient, call.body);
    let subject = parsed
        .as_ref()
        .map_or_else(|_| "unreadable".to_owned(), |one| one.record().to_string());
    let line = call.caller.audit("submit-record", subject);
    let at = Arc::clone(&hospital);
    let work = async move {
        let parsed = parsed?;
        let record = *parsed.record();
        submission::accept(&at, parsed).await?;
        view::of_record(&at, &record)
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// Records: a patient's own, or all for the operator.
#[utoipa::path(get, path = "/v1/records", tag = "records", responses((status = 200, body = RecordList)))]
pub(crate) async fn list(
    hospital: web::Data<Hospital>,
    caller: Caller<OperatorOrPatient>,
) -> Result<web::Json<RecordList>, ApiError> {
    let mut records = Vec::new();
    if caller.has(Scope::GatewayOperator) {
        for row in hospital.store.rows(RECORDS) {
            records.push(view::of_row(&hospital, &row?.1)?);
        }
    } else {
        let own = caller.principal().as_bytes().to_vec();
        for row in hospital.store.rows_from(OF_PATIENT, own) {
            let ((_, record), ()) = row?;
            records.push(view::of_record(&hospital, &record)?);
        }
    }
    Ok(web::Json(RecordList { records }))
}

/// One record.
#[utoipa::path(get, path = "/v1/records/{record}", tag = "records",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = RecordView), (status = 404, description = "None of this caller's.")))]
pub(crate) async fn one(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<OperatorOrPatient>,
) -> Result<web::Json<RecordView>, ApiError> {
    let record = record.into_inner().0;
    let row = visible(&hospital, &record, &caller)?;
    Ok(web::Json(view::of_row(&hospital, &row)?))
}

/// A patient's own record; another's does not exist for him.
pub(crate) fn own(
    hospital: &Hospital,
    record: &RecordId,
    patient: &PublicKey,
) -> Result<RecordRow, ApiError> {
    let row = hospital.store.get(&RECORDS, record)?;
    row.filter(|row| row.patient == *patient.as_bytes())
        .ok_or_else(|| unknown(record))
}

/// The caller's own record, or for the operator any of this hospital.
pub(crate) fn visible(
    hospital: &Hospital,
    record: &RecordId,
    caller: &Caller<OperatorOrPatient>,
) -> Result<RecordRow, ApiError> {
    match caller.has(Scope::GatewayOperator) {
        true => {
            let row = hospital.store.get(&RECORDS, record)?;
            row.ok_or_else(|| unknown(record))
        }
        false => own(hospital, record, caller.principal()),
    }
}

fn unknown(record: &RecordId) -> ApiError {
    ApiError::not_found(format!("record {record}"))
}
