//! The ciphertext: streamed to disk, verified, then the record is registered.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use actix_web::{HttpRequest, web};
use consilium_client::api::gateway::RecordView;
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::{Action, Canonical as _, RecordId, RecordTerms};
use consilium_schemes::envelope::UnopenedEnvelope;
use consilium_service::transfer::{Received, receive_file};
use consilium_service::{ApiError, Caller, scope};

use super::{own, queue, view};
use crate::files::Shelf;
use crate::hospital::Hospital;
use crate::store::{Changes, QUEUE, RECORDS, RecordRow, STAGED, Stage};

/// Takes the ciphertext and registers the record.
#[utoipa::path(put, path = "/v1/records/{record}/cthd", tag = "records",
    params(("record" = String, Path, description = "The record.")),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 200, body = RecordView, description = "Registered; or `queued`, where the ledger does not go on now."),
        (status = 409, description = "`stale-epoch`: the epoch ended meanwhile; encrypt again.")))]
pub(crate) async fn upload(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<scope::Patient>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<RecordView>, ApiError> {
    let hospital = hospital.into_inner();
    let (record, patient) = (record.into_inner().0, *caller.principal());
    let line = caller.audit("store-record", record);
    let received = receive(&hospital, &record, &patient, &request, payload).await;
    let at = Arc::clone(&hospital);
    let work = async move {
        if let Some(received) = received? {
            keep(&at, &record, &patient, received).await?;
            queue::register(&at, &record).await?;
        }
        view::of_record(&at, &record)
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// The whole body in a part, synced; nothing, where the ciphertext is here already.
async fn receive(
    hospital: &Hospital,
    record: &RecordId,
    patient: &PublicKey,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Option<Received>, ApiError> {
    let row = own(hospital, record, patient)?;
    match row.stage {
        Stage::AwaitsCthd => {}
        Stage::Queued | Stage::Registered => return Ok(None),
        Stage::Refused(reason) => return Err(ApiError::conflict(reason)),
        Stage::Deleted => return Err(ApiError::conflict("the patient's consent is over")),
    }
    let part = hospital.files.part(Shelf::Own, record);
    let promised = hospital.space.promise(row.cthd_length)?;
    receive_file(request, payload, &part, row.cthd_length, promised)
        .await
        .map(Some)
}

/// Verifies the part and gives it its name, the record queued with its transaction.
async fn keep(
    hospital: &Arc<Hospital>,
    record: &RecordId,
    patient: &PublicKey,
    received: Received,
) -> Result<(), ApiError> {
    let part = hospital.files.part(Shelf::Own, record);
    let row = own(hospital, record, patient)?;
    if let Err(error) = verify(hospital, &part, &row, &received).await {
        std::fs::remove_file(&part).map_err(ApiError::internal)?;
        return Err(error);
    }
    hospital
        .files
        .keep(Shelf::Own, record)
        .map_err(ApiError::internal)?;
    let action = Action::RegisterRecord(Box::new(row.registration.clone()));
    let transaction = Some(hospital.ledger.sign(action).to_canonical_bytes());
    let row = RecordRow {
        stage: Stage::Queued,
        transaction,
        ..row
    };
    let changes = Changes::new()
        .put(&RECORDS, record, &row)
        .put(&QUEUE, record, &())
        .delete(&STAGED, record);
    Ok(hospital.store.commit(changes)?)
}

async fn verify(
    hospital: &Hospital,
    part: &Path,
    row: &RecordRow,
    received: &Received,
) -> Result<(), ApiError> {
    if row.stage != Stage::AwaitsCthd {
        return Err(ApiError::conflict(
            "the record's ciphertext is here already",
        ));
    }
    let terms = row.registration.terms.clone();
    if received.length != row.cthd_length {
        let rule = format!(
            "{} bytes came, {} were announced",
            received.length, row.cthd_length
        );
        return Err(ApiError::malformed("body", rule));
    }
    if received.digest != terms.cthd {
        return Err(ApiError::malformed(
            "body",
            "must have the digest in the registration",
        ));
    }
    let (part, rsa_key) = (part.to_owned(), row.rsa_key.clone());
    hospital
        .frame
        .pool()
        .run(move || check_header(&part, &terms, &rsa_key))
        .await?
}

/// The header in the clear says the same as the registration.
fn check_header(part: &Path, terms: &RecordTerms, rsa_key: &[u8]) -> Result<(), ApiError> {
    let malformed = |rule: &dyn std::fmt::Display| ApiError::malformed("body", rule);
    let file = File::open(part).map_err(ApiError::internal)?;
    let envelope =
        UnopenedEnvelope::read(BufReader::new(file)).map_err(|error| malformed(&error))?;
    let fields = envelope.header().fields();
    let same = [
        ("record", fields.record == *terms.record.as_bytes()),
        ("epoch", fields.epoch == terms.epoch.number()),
        ("record key", fields.record_key == terms.record_key),
        ("report key", fields.report_key == rsa_key),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((name, _)) => Err(malformed(&format!(
            "the header's {name} is not the registration's"
        ))),
        None => Ok(()),
    }
}
