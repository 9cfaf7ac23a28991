//! The endpoints of [`consilium_client::api::ledger`].

use actix_web::{HttpResponse, web};
use consilium_client::api::ledger::{
    BlockView, EpochList, GenesisDocument, HospitalList, HospitalView, LedgerStatus,
    SubmitTransaction, TransactionReceipt, TransactionView,
};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, Epoch, Height, SignedTransaction, TransactionHash, View,
};
use utoipa::OpenApi;

use super::peers::SNAPSHOT_PATH;
use super::{
    LedgerApi, blocks, epochs, evidence, history_error, proofs, receipt, status, submit_error,
    validators,
};
use crate::auth::{Call, Caller, scope};
use crate::error::ApiError;
use crate::frame::Frame;
use crate::transfer::send_file;

#[derive(OpenApi)]
#[openapi(paths(
    genesis,
    hospitals,
    ledger_status,
    latest_snapshot,
    block,
    blocks::blocks,
    evidence::evidence,
    proofs::handovers,
    proofs::record,
    proofs::authorization,
    proofs::report,
    proofs::report_of,
    transaction,
    submit,
    list_epochs,
    update_key,
    validators::validators
))]
struct LedgerDescription;

/// Routes of the ledger that move large bodies.
pub const TRANSFER_ROUTES: &[&str] = &[SNAPSHOT_PATH, UPDATE_KEY_PATH];

const UPDATE_KEY_PATH: &str = "/v1/epochs/{epoch}/update-key";

/// The description of these endpoints, to merge into the service's.
pub fn description() -> utoipa::openapi::OpenApi {
    LedgerDescription::openapi()
}

/// Registers these endpoints; the service has given a [`LedgerApi`] as `app_data`. [`hospitals`] and [`list_epochs`] are left to the
/// service, which may take other methods on the same paths.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/genesis").route(web::get().to(genesis)))
        .service(web::resource("/v1/validators").route(web::get().to(validators::validators)))
        .service(web::resource("/v1/ledger/status").route(web::get().to(ledger_status)))
        .service(web::resource(SNAPSHOT_PATH).route(web::get().to(latest_snapshot)))
        .service(web::resource("/v1/ledger/blocks").route(web::get().to(blocks::blocks)))
        .service(web::resource("/v1/ledger/blocks/{height}").route(web::get().to(block)))
        .service(web::resource("/v1/ledger/evidence").route(web::get().to(evidence::evidence)))
        .configure(proof_routes)
        .service(web::resource("/v1/ledger/transactions").route(web::post().to(submit)))
        .service(web::resource("/v1/ledger/transactions/{hash}").route(web::get().to(transaction)))
        .service(web::resource(UPDATE_KEY_PATH).route(web::get().to(update_key)));
}

fn proof_routes(config: &mut web::ServiceConfig) {
    let proofs = |path: &str| web::resource(format!("/v1/ledger/proofs/{path}"));
    config
        .service(web::resource("/v1/ledger/handovers").route(web::get().to(proofs::handovers)))
        .service(proofs("records/{record}").route(web::get().to(proofs::record)))
        .service(
            proofs("authorizations/{authorization}").route(web::get().to(proofs::authorization)),
        )
        .service(proofs("reports/{record}").route(web::get().to(proofs::report)))
        .service(proofs("reports/{record}/{doctor}").route(web::get().to(proofs::report_of)));
}

/// The signed genesis.
#[utoipa::path(get, path = "/v1/genesis", tag = "ledger",
    responses((status = 200, body = GenesisDocument)))]
pub(crate) async fn genesis(api: web::Data<LedgerApi>) -> web::Json<GenesisDocument> {
    web::Json(api.genesis.clone())
}

/// The hospitals of the federation.
#[utoipa::path(get, path = "/v1/hospitals", tag = "ledger",
    responses((status = 200, body = HospitalList)))]
pub async fn hospitals(api: web::Data<LedgerApi>) -> web::Json<HospitalList> {
    let state = api.node.state();
    let view = View::new(&state);
    let validators: Vec<_> = view.validators().map(|one| one.hospital).collect();
    let hospitals = view.hospitals().map(|entry| HospitalView {
        id: Text(entry.card.id.clone()),
        display_name: entry.card.name.to_string(),
        validator: validators.contains(&entry.card.id),
        card: entry.card.to_canonical_bytes().into(),
    });
    let hospitals = hospitals.collect();
    web::Json(HospitalList {
        height: state.height().value(),
        hospitals,
    })
}

/// Where the service's node stands.
#[utoipa::path(get, path = "/v1/ledger/status", tag = "ledger",
    responses((status = 200, body = LedgerStatus)))]
pub(crate) async fn ledger_status(api: web::Data<LedgerApi>) -> web::Json<LedgerStatus> {
    web::Json(status(&api.node))
}

/// The newest snapshot of the ledger's state, for a node that joins or was away for long.
#[utoipa::path(get, path = "/v1/ledger/snapshots/latest", tag = "ledger",
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 404, description = "None was made here yet.")))]
pub(crate) async fn latest_snapshot(
    frame: web::Data<Frame>,
    api: web::Data<LedgerApi>,
    caller: Caller<scope::LedgerNode>,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::not_found("snapshot of the ledger here yet");
    let found = api.node.latest_snapshot().map_err(ApiError::internal);
    let found = found.and_then(|found| found.ok_or_else(missing));
    let line = caller.audit("give-snapshot", "ledger");
    let line = line.height(api.node.status().height.value()).result(&found);
    frame.audit().record(line).await?;
    let found = found?;
    send_file(
        &found.path,
        &format!("snapshot of block {} here", found.height),
    )
    .await
}

/// A block with its certificate.
#[utoipa::path(get, path = "/v1/ledger/blocks/{height}", tag = "ledger",
    params(("height" = u64, Path, description = "The block's number.")),
    responses((status = 200, body = BlockView), (status = 404, description = "Not committed."),
        (status = 410, description = "`pruned`: ask an archive node.")))]
pub(crate) async fn block(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    height: web::Path<u64>,
) -> Result<web::Json<BlockView>, ApiError> {
    let height = Height::new(*height);
    let committed = api.node.block(height).map_err(history_error)?;
    let committed = committed.ok_or_else(|| ApiError::not_found(format!("block {height}")))?;
    let block = &committed.block;
    Ok(web::Json(BlockView {
        height: height.value(),
        hash: Text(Digest::from_bytes(*block.hash().as_bytes())),
        time_ms: block.header().time.value(),
        transactions: block
            .transactions()
            .iter()
            .map(|one| Text(one.hash()))
            .collect(),
        block: block.to_bytes().into(),
        certificate: committed.certificate.to_bytes().into(),
    }))
}

/// A committed transaction.
#[utoipa::path(get, path = "/v1/ledger/transactions/{hash}", tag = "ledger",
    params(("hash" = String, Path, description = "SHA-256 of the signed transaction.")),
    responses((status = 200, body = TransactionView), (status = 404, description = "Not committed."),
        (status = 410, description = "`pruned`: not in the blocks that are kept here; ask an archive node.")))]
pub(crate) async fn transaction(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    hash: web::Path<Text<TransactionHash>>,
) -> Result<web::Json<TransactionView>, ApiError> {
    let hash = hash.into_inner().0;
    let missing = || ApiError::not_found(format!("committed transaction {hash}"));
    let found = api
        .node
        .transaction(&hash)
        .map_err(history_error)?
        .ok_or_else(missing)?;
    let block = api
        .node
        .block(found.height)
        .map_err(history_error)?
        .ok_or_else(missing)?;
    let place = usize::try_from(found.index).map_err(ApiError::internal)?;
    let signed = block.block.transactions().get(place).ok_or_else(missing)?;
    let transaction = signed.to_canonical_bytes().into();
    Ok(web::Json(TransactionView {
        receipt: receipt(&found),
        transaction,
    }))
}

/// Submits a transaction that a device signed; answers when it is committed and applied here.
#[utoipa::path(post, path = "/v1/ledger/transactions", tag = "ledger",
    request_body = SubmitTransaction,
    responses((status = 200, body = TransactionReceipt), (status = 422, description = "The contracts refuse it.")))]
pub(crate) async fn submit(
    frame: web::Data<Frame>,
    api: web::Data<LedgerApi>,
    call: Call<scope::Anyone, SubmitTransaction>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let signed = SignedTransaction::from_bytes(call.body.transaction.as_bytes())
        .map_err(|error| ApiError::malformed("transaction", error))?;
    let line = call.caller.audit("submit-transaction", signed.hash());
    let node = api.node.clone();
    let audit = frame.audit().clone();
    let work = async move {
        let result = node.submit(signed).await.map_err(submit_error);
        let line = line.height(node.status().height.value()).result(&result);
        audit.record(line).await?;
        result
    };
    Ok(web::Json(receipt(&frame.to_the_end(work).await?)))
}

/// The published epochs.
#[utoipa::path(get, path = "/v1/epochs", tag = "ledger",
    responses((status = 200, body = EpochList)))]
pub async fn list_epochs(api: web::Data<LedgerApi>) -> web::Json<EpochList> {
    web::Json(epochs(&api.node.state()))
}

/// The update key of an epoch, whose digest stands on the ledger.
#[utoipa::path(get, path = "/v1/epochs/{epoch}/update-key", tag = "ledger",
    params(("epoch" = u64, Path, description = "The epoch.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 404, description = "No such epoch, or this service does not have its key.")))]
pub(crate) async fn update_key(
    api: web::Data<LedgerApi>,
    epoch: web::Path<u64>,
) -> Result<HttpResponse, ApiError> {
    let epoch = Epoch::new(*epoch);
    let missing = || ApiError::not_found(format!("update key of epoch {epoch} here"));
    View::new(api.node.state())
        .epoch(epoch)
        .ok_or_else(missing)?;
    let file = (api.update_keys)(epoch)?.ok_or_else(missing)?;
    send_file(&file, &format!("update key of epoch {epoch} here")).await
}
