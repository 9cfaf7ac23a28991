//! Hospital to hospital: the ciphertexts of this hospital's records, for the hospital of an assigned doctor and nobody else.
//!
//! Decided on *this* hospital's copy of the ledger, whatever the caller says: assigned to a doctor of the calling hospital who is not
//! revoked, consent and authorization live, tip fresh. Every answer has its audit line before it.

use actix_web::{HttpResponse, web};
use consilium_client::api::gateway::SharedRecord;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::RecordId;
use consilium_service::transfer::send_file;
use consilium_service::{ApiError, Caller, scope};

use crate::access;
use crate::files::Shelf;
use crate::hospital::Hospital;
use crate::store::{RECORDS, RecordRow, Stage};

/// CTSym and the record's RSA key, for the hospital of the assigned doctor.
#[utoipa::path(get, path = "/v1/shared/records/{record}", tag = "sharing",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = SharedRecord),
        (status = 403, description = "`not-assigned`, `doctor-revoked`, `consent-withdrawn`, `authorization-withdrawn`."),
        (status = 503, description = "`tip-too-old`.")))]
pub(crate) async fn record(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<scope::Hospital>,
) -> Result<web::Json<SharedRecord>, ApiError> {
    let record = record.into_inner().0;
    let line = caller.audit("share-record", record);
    let row = hospital
        .decide_now(line, || allowed(&hospital, &record, caller.principal()))
        .await?;
    Ok(web::Json(SharedRecord {
        record: Text(record),
        ctsym: row.ctsym.into(),
        rsa_public_key: row.rsa_key.into(),
        cthd_length: row.cthd_length,
    }))
}

/// The CTHD, for the hospital of the assigned doctor.
#[utoipa::path(get, path = "/v1/shared/records/{record}/cthd", tag = "sharing",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 403, description = "As for the record.")))]
pub(crate) async fn cthd(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<scope::Hospital>,
) -> Result<HttpResponse, ApiError> {
    let record = record.into_inner().0;
    let line = caller.audit("share-ciphertext", record);
    hospital
        .decide_now(line, || allowed(&hospital, &record, caller.principal()))
        .await?;
    let path = hospital.files.path(Shelf::Own, &record);
    send_file(&path, &format!("ciphertext of record {record} here")).await
}

fn allowed(
    hospital: &Hospital,
    record: &RecordId,
    principal: &PublicKey,
) -> Result<RecordRow, ApiError> {
    hospital.check_tip()?;
    let caller = hospital.calling_hospital(principal)?;
    access::serving(&hospital.state(), &hospital.id, &caller, record)?;
    let missing = || ApiError::internal(format!("record {record} is not in the store"));
    let row = hospital.store.get(&RECORDS, record)?.ok_or_else(missing)?;
    match row.stage {
        // The follower may not have marked it yet; the ledger has it.
        Stage::Registered | Stage::Queued => Ok(row),
        Stage::AwaitsCthd | Stage::Refused(_) | Stage::Deleted => Err(missing()),
    }
}
