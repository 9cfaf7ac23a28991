//! `GET /v1/ledger/blocks?from=N&to=M`: many blocks at once, as bytes.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use consilium_client::api::errors::codes;
use consilium_client::api::ledger::BlockRange;
use consilium_contracts::Height;
use consilium_ledger::{ExportRange, export_entry};
use consilium_node::NodeHandle;

use super::LedgerApi;
use crate::auth::{Caller, scope};
use crate::error::ApiError;

/// Once an answer has so many bytes, no further block is added.
const ENOUGH_BYTES: usize = 4 << 20;
/// The most blocks of one answer.
const MOST_BLOCKS: u64 = 1000;

/// Blocks with their certificates, in order: the first of those asked for, and as many more as fit. Each is two pieces, block and
/// certificate, canonically encoded; before each stands its length, 4 bytes, little-endian.
#[utoipa::path(get, path = "/v1/ledger/blocks", tag = "ledger",
    params(("from" = u64, Query, description = "The first height, at least 1."),
        ("to" = u64, Query, description = "The last height.")),
    responses((status = 200, body = [u8], content_type = "application/octet-stream"),
        (status = 404, description = "The first is not committed, or no longer kept here.")))]
pub(crate) async fn blocks(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
    range: web::Query<BlockRange>,
) -> Result<HttpResponse, ApiError> {
    let (from, to) = (Height::new(range.from), Height::new(range.to));
    let range = ExportRange::new(from, to).ok_or_else(no_range)?;
    let node = api.node.clone();
    let read = tokio::task::spawn_blocking(move || read(&node, range));
    let bytes = read.await.map_err(ApiError::internal)??;
    if bytes.is_empty() {
        return Err(ApiError::not_found(format!("block {from} here")));
    }
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(bytes))
}

fn no_range() -> ApiError {
    let text = "from: must be at least 1 and at most `to`";
    ApiError::new(StatusCode::BAD_REQUEST, codes::MALFORMED_PARAMETER, text)
}

fn read(node: &NodeHandle, range: ExportRange) -> Result<Vec<u8>, ApiError> {
    let from = range.from().value();
    let last = range.to().value().min(from.saturating_add(MOST_BLOCKS - 1));
    let mut bytes = Vec::new();
    for height in from..=last {
        let block = node
            .block(Height::new(height))
            .map_err(ApiError::internal)?;
        let Some(one) = block else { break };
        bytes.extend(export_entry(&one.block, &one.certificate));
        if bytes.len() >= ENOUGH_BYTES {
            break;
        }
    }
    Ok(bytes)
}
