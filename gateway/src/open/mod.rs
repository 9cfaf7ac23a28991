//! A doctor reads: inbox, PreDec, the ciphertext.
//!
//! The order of PreDec, each step a refusal with its own code:
//!
//! ```text
//! 1 tip fresh; doctor not revoked; assigned; consent and authorization live; purpose allowed       (own copy of the ledger)
//! 2 CTSym, RSA key, CTHD from the owner; digests as on the ledger                                  (another hospital's are fetched)
//! 3 the public check of CTSym
//! 4 PreKeyGen with the update key of the record's epoch
//! 5 PreDec with its proof, signed; an unsatisfied policy makes the hospital decline
//! 6 Access committed, then the audit line, and only then SemiCT leaves
//! ```

mod kept;
mod keys;
mod material;
mod predecrypt;
mod update_key;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use consilium_client::api::gateway::{Case, Inbox, OpenRequest, OpenedRecord};
use consilium_client::wire::Text;
use consilium_contracts::{
    AssignmentEntry, AssignmentStatus, DoctorId, RecordId, RecordStatus, View,
};
use consilium_node::Snapshot;
use consilium_service::transfer::send_file;
use consilium_service::{ApiError, Call, Caller, scope};

use crate::access;
use crate::codes;
use crate::files::Shelf;
use crate::hospital::Hospital;

pub(crate) use kept::KeptKeys;
pub(crate) use keys::{drop_key, fetch_missing};

/// The cases assigned to the doctor.
#[utoipa::path(get, path = "/v1/inbox", tag = "cases", responses((status = 200, body = Inbox)))]
pub(crate) async fn inbox(
    hospital: web::Data<Hospital>,
    caller: Caller<scope::Doctor>,
) -> Result<web::Json<Inbox>, ApiError> {
    let doctor = hospital.doctor_of(caller.principal());
    let state = hospital.state();
    Ok(web::Json(Inbox {
        height: state.height().value(),
        cases: cases(&state, &doctor),
    }))
}

/// The cases of a doctor, oldest first.
pub(crate) fn cases(state: &Snapshot, doctor: &DoctorId) -> Vec<Case> {
    let mut open: Vec<_> = View::new(state)
        .assignments_of(doctor)
        .filter(|one| {
            matches!(
                one.status,
                AssignmentStatus::Open | AssignmentStatus::Reported
            )
        })
        .collect();
    open.sort_by_key(|one| (one.height, one.record));
    open.iter().filter_map(|one| case(state, one)).collect()
}

fn case(state: &Snapshot, one: &AssignmentEntry) -> Option<Case> {
    let view = View::new(state);
    let entry = view.record(&one.record)?;
    let deadline = match entry.status {
        RecordStatus::Assigned { until, .. } | RecordStatus::Accessed { until, .. } => until,
        RecordStatus::Reported { .. } => entry.terms.consent.expiry,
        _ => return None,
    };
    Some(Case {
        record: Text(one.record),
        owner: Text(entry.terms.owner),
        epoch: entry.terms.epoch.number(),
        assigned_height: one.height.value(),
        deadline_ms: deadline.value(),
        opened: view.access(&one.record, &one.doctor).is_some(),
        reported: one.status == AssignmentStatus::Reported,
    })
}

/// Pre-decrypts a case for its doctor.
#[utoipa::path(post, path = "/v1/records/{record}/open", tag = "cases", request_body = OpenRequest,
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = OpenedRecord),
        (status = 403, description = "`not-assigned`, `doctor-revoked`, `consent-withdrawn`, `authorization-withdrawn`, `purpose-not-allowed`, `policy-not-satisfied`."),
        (status = 422, description = "`capsule-malformed`."),
        (status = 502, description = "`capsule-digest-mismatch`, `record-digest-mismatch`, `report-key-mismatch`, `update-key-malformed`."),
        (status = 503, description = "`tip-too-old`, `update-key-unavailable`, `attribute-key-unavailable`, `owner-unreachable`.")))]
pub(crate) async fn open(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    call: Call<scope::Doctor, OpenRequest>,
) -> Result<web::Json<OpenedRecord>, ApiError> {
    let hospital = hospital.into_inner();
    let record = record.into_inner().0;
    let doctor = hospital.doctor_of(call.caller.principal());
    let line = call.caller.audit("pre-decrypt", record);
    let (at, purpose) = (Arc::clone(&hospital), call.body.purpose);
    let work = async move { predecrypt::open(&at, &record, &doctor, purpose.into()).await };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// The ciphertext of an opened case.
#[utoipa::path(get, path = "/v1/records/{record}/cthd", tag = "cases",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 403, description = "As for opening."), (status = 409, description = "`not-opened`.")))]
pub(crate) async fn cthd(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<scope::Doctor>,
) -> Result<HttpResponse, ApiError> {
    let hospital = hospital.into_inner();
    let record = record.into_inner().0;
    let doctor = hospital.doctor_of(caller.principal());
    let line = caller.audit("read-ciphertext", record);
    let shelf = hospital
        .decide_now(line, || check_opened(&hospital, &record, &doctor))
        .await?;
    send_file(
        &hospital.files.path(shelf, &record),
        &format!("ciphertext of record {record} here"),
    )
    .await
}

fn check_opened(
    hospital: &Hospital,
    record: &RecordId,
    doctor: &DoctorId,
) -> Result<Shelf, ApiError> {
    hospital.check_tip()?;
    let state = hospital.state();
    let entry = access::reading(&state, &hospital.id, record, doctor)?;
    if View::new(&state).access(record, doctor).is_none() {
        let status = actix_web::http::StatusCode::CONFLICT;
        return Err(ApiError::new(
            status,
            codes::NOT_OPENED,
            "open the case first",
        ));
    }
    Ok(material::shelf_of(hospital, &entry))
}
