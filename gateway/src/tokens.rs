//! Keyword tokens: the device blinds, the gateway relays, the KGC evaluates.
//!
//! The KGC sees blinded elements and this hospital's name only. Both sides limit: here each device, there each hospital.

use actix_web::web;
use consilium_client::api::kgc::{MAX_TOKEN_BATCH, TokenEvaluation, TokenEvaluationRequest};
use consilium_schemes::tokens::BlindedBatch;
use consilium_service::{ApiError, Call, scope};

use crate::failures::from_kgc;
use crate::hospital::Hospital;

/// Evaluates blinded keywords, by way of the KGC.
#[utoipa::path(post, path = "/v1/keyword-tokens/evaluate", tag = "keyword tokens",
    request_body = TokenEvaluationRequest,
    responses((status = 200, body = TokenEvaluation),
        (status = 503, description = "`sealed` or `kgc-unreachable`: the KGC cannot evaluate now.")))]
pub(crate) async fn evaluate(
    hospital: web::Data<Hospital>,
    call: Call<scope::Device, TokenEvaluationRequest>,
) -> Result<web::Json<TokenEvaluation>, ApiError> {
    let hospital = hospital.into_inner();
    let batch = BlindedBatch::from_bytes(call.body.blinded.as_bytes())
        .map_err(|error| ApiError::malformed("blinded", error));
    let count = batch.as_ref().map_or(0, BlindedBatch::count);
    let line = call
        .caller
        .audit("evaluate-tokens", format!("{count} keywords"));
    let (principal, request) = (*call.caller.principal(), call.body);
    let relayed = std::sync::Arc::clone(&hospital);
    let work = async move {
        batch?;
        if count > MAX_TOKEN_BATCH {
            let rule = format!("must have at most {MAX_TOKEN_BATCH} elements");
            return Err(ApiError::malformed("blinded", rule));
        }
        let cost = u32::try_from(count).unwrap_or(u32::MAX);
        relayed.token_limiter.take_many(principal, cost)?;
        relayed
            .kgc
            .evaluate_tokens(&request)
            .await
            .map_err(from_kgc)
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}
