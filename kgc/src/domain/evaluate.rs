//! Keyword tokens: RFC 9497, verifiable, a batch at a time. The KGC sees blinded elements only.

use consilium_client::api::kgc::{MAX_TOKEN_BATCH, TokenEvaluation, TokenEvaluationRequest};
use consilium_schemes::tokens::{BlindedBatch, KeyPair};
use rand_core::CryptoRng;

use crate::error::KgcError;

/// Parses a batch, within the limit.
pub(crate) fn parse(request: &TokenEvaluationRequest) -> Result<BlindedBatch, KgcError> {
    let batch = BlindedBatch::from_bytes(request.blinded.as_bytes())
        .map_err(|error| KgcError::field("blinded", error))?;
    match batch.count() {
        0 => Err(KgcError::field("blinded", "must hold at least one element")),
        count if count > MAX_TOKEN_BATCH => Err(KgcError::field(
            "blinded",
            format!("at most {MAX_TOKEN_BATCH} elements at once"),
        )),
        _ => Ok(batch),
    }
}

/// Evaluates it.
pub(crate) fn evaluate(
    key: &KeyPair,
    batch: &BlindedBatch,
    rng: &mut impl CryptoRng,
) -> TokenEvaluation {
    TokenEvaluation {
        evaluated: key.evaluate(batch, rng).to_bytes().into(),
    }
}
