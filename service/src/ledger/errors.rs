//! What became of a transaction, as callers see it.

use std::time::Duration;

use actix_web::http::StatusCode;
use consilium_client::api::errors::ErrorCode;
use consilium_contracts::Rejection;
use consilium_node::{HistoryError, SubmitError};

use crate::error::ApiError;

/// 409: the record is encrypted to an epoch that is no longer the current one; encrypt it again.
pub const STALE_EPOCH: ErrorCode = ErrorCode::new("stale-epoch");
/// 410: the block or transaction may be in a block that this service's node no longer keeps; ask an archive node.
pub const PRUNED: ErrorCode = ErrorCode::new("pruned");
/// 503: the transaction was not committed in time; it may still be. Sending it again is safe.
pub const LEDGER_STALLED: ErrorCode = ErrorCode::new("ledger-stalled");

/// Why a block or a transaction is not given.
pub fn history_error(error: HistoryError) -> ApiError {
    match error {
        HistoryError::Pruned { .. } => ApiError::new(StatusCode::GONE, PRUNED, error.to_string()),
        error => ApiError::internal(error),
    }
}

/// The one place where what became of a transaction gets a status and a code.
pub fn submit_error(error: SubmitError) -> ApiError {
    match error {
        SubmitError::Rejected(rejection @ Rejection::StaleEpoch { .. }) => {
            ApiError::new(StatusCode::CONFLICT, STALE_EPOCH, rejection.to_string())
        }
        SubmitError::Rejected(rejection) => ApiError::rejected(rejection),
        SubmitError::Busy { .. } => ApiError::busy().because(error),
        SubmitError::NoProgress { .. } => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            ApiError::new(status, LEDGER_STALLED, error.to_string())
                .retry_after(Duration::from_secs(5))
        }
        error => ApiError::unavailable("this service's ledger node does not run").because(error),
    }
}
