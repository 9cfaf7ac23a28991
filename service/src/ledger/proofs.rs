//! `GET /v1/ledger/proofs/...`: what stands on the ledger, for those who run no node.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use consilium_client::api::errors::codes;
use consilium_client::ledger_proof::{LedgerProof, Subject};
use consilium_client::wire::Text;
use consilium_contracts::{AuthorizationId, DoctorId, Height, Key, RecordId, View};
use consilium_ledger::{Handovers, KeyProof};
use consilium_node::{NodeHandle, ProofError};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{LedgerApi, submit_error};
use crate::auth::{Caller, scope};
use crate::error::ApiError;

/// Beyond the heartbeat, for the next block to be agreed on.
const AGREEMENT: Duration = Duration::from_secs(5);
/// The longest a caller is kept waiting for the next block.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever knows since when it stands there need not wait for another block.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsOf {
    as_of: Option<u64>,
}

impl AsOf {
    fn height(&self) -> Option<Height> {
        self.as_of.map(Height::new)
    }
}

/// A proof of a record, or that there is none.
#[utoipa::path(get, path = "/v1/ledger/proofs/records/{record}", tag = "ledger",
    params(("record" = String, Path, description = "The record."),
        ("as_of" = Option<u64>, Query, description = "As of this block or a later one; without it, as of the last there is now.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 503, description = "It changed in the last block, which no other certifies yet.")))]
pub(crate) async fn record(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    record: web::Path<Text<RecordId>>,
    as_of: web::Query<AsOf>,
) -> Result<HttpResponse, ApiError> {
    let subject = Subject::Record(record.into_inner().0);
    prove(&api.node, subject, as_of.height()).await
}

/// A proof of an authorization, or that there is none.
#[utoipa::path(get, path = "/v1/ledger/proofs/authorizations/{authorization}", tag = "ledger",
    params(("authorization" = String, Path, description = "The authorization.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 503, description = "It changed in the last block, which no other certifies yet.")))]
pub(crate) async fn authorization(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    authorization: web::Path<Text<AuthorizationId>>,
) -> Result<HttpResponse, ApiError> {
    let subject = Subject::Authorization(authorization.into_inner().0);
    prove(&api.node, subject, None).await
}

/// A proof of the report on a record; where there is none, of the record's state, which shows that.
#[utoipa::path(get, path = "/v1/ledger/proofs/reports/{record}", tag = "ledger",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 503, description = "It changed in the last block, which no other certifies yet.")))]
pub(crate) async fn report(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    record: web::Path<Text<RecordId>>,
) -> Result<HttpResponse, ApiError> {
    let record = record.into_inner().0;
    // A report follows another only where that one was refuted: the newest.
    let state = api.node.state();
    let report = View::new(&state)
        .reports(&record)
        .max_by_key(|one| one.height);
    let doctor = report.map(|report| report.doctor);
    prove(&api.node, Subject::Report { record, doctor }, None).await
}

/// A proof of a doctor's report on a record, or that there is none.
#[utoipa::path(get, path = "/v1/ledger/proofs/reports/{record}/{doctor}", tag = "ledger",
    params(("record" = String, Path, description = "The record."),
        ("doctor" = String, Path, description = "The doctor."),
        ("as_of" = Option<u64>, Query, description = "As of this block or a later one; without it, as of the last there is now.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 503, description = "It changed in the last block, which no other certifies yet.")))]
pub(crate) async fn report_of(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    path: web::Path<(Text<RecordId>, Text<DoctorId>)>,
    as_of: web::Query<AsOf>,
) -> Result<HttpResponse, ApiError> {
    let (Text(record), Text(doctor)) = path.into_inner();
    let doctor = Some(doctor);
    let subject = Subject::Report { record, doctor };
    prove(&api.node, subject, as_of.height()).await
}

async fn prove(
    node: &NodeHandle,
    subject: Subject,
    as_of: Option<Height>,
) -> Result<HttpResponse, ApiError> {
    let as_of = as_of.unwrap_or_else(|| node.status().height);
    let proof = certified(node, &subject.key(), as_of).await?;
    let proof = LedgerProof::new(subject, handovers_of(node)?, proof);
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(proof.to_bytes()))
}

/// The changes of the validators since genesis.
#[utoipa::path(get, path = "/v1/ledger/handovers", tag = "ledger",
    responses((status = 200, body = [u8], content_type = "application/octet-stream")))]
pub(crate) async fn handovers(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(handovers_of(&api.node)?.to_bytes()))
}

fn handovers_of(node: &NodeHandle) -> Result<Handovers, ApiError> {
    node.handovers()
        .map(Handovers::new)
        .map_err(ApiError::internal)
}

/// What stands under a key after block `asked` or a later one; waits for the block that certifies it.
async fn certified(node: &NodeHandle, key: &Key, asked: Height) -> Result<KeyProof, ApiError> {
    let heartbeat = View::new(node.state()).settings().heartbeat_ms;
    let patience = Duration::from_millis(heartbeat).saturating_add(AGREEMENT);
    let deadline = Instant::now() + patience.min(PATIENCE);
    loop {
        let before = node.status().height;
        match node.proof_as_of(key, asked) {
            Ok(proof) => return Ok(proof),
            Err(ProofError::NotYet | ProofError::NotCertified { .. }) => {}
            Err(error) => return Err(ApiError::internal(error)),
        }
        match timeout_at(deadline, node.reached(before.plus(1))).await {
            Ok(reached) => drop(reached.map_err(submit_error)?),
            Err(_) => return Err(not_certified(node, before, heartbeat)),
        }
    }
}

fn not_certified(node: &NodeHandle, height: Height, heartbeat_ms: u64) -> ApiError {
    let text = format!(
        "no block after {height} has certified this yet; one is due every {} s at least, the last one is {} s old: try again later",
        heartbeat_ms.div_ceil(1000),
        node.status().tip_age_ms / 1000,
    );
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        codes::NOT_CERTIFIED_YET,
        text,
    )
    .retry_after(Duration::from_millis(heartbeat_ms))
}
