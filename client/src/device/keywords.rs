//! Keyword tokens: blinded here, relayed by the gateway, evaluated by the KGC, checked and unblinded here.

use consilium_schemes::tokens::{Blinding, EvaluatedBatch, Keyword, KeywordToken};
use rand::CryptoRng;

use super::error::DeviceError;
use super::federation::Federation;
use crate::GatewayClient;
use crate::api::kgc::{MAX_TOKEN_BATCH, TokenEvaluationRequest};

/// The tokens of keywords, in their order. Neither gateway nor KGC learns a keyword; both learn how many there are.
///
/// # Errors
/// [`DeviceError::Gateway`], `sealed` and `busy` among its codes; [`DeviceError::Tokens`] when the proof does not hold.
pub async fn keyword_tokens(
    gateway: &GatewayClient,
    federation: &Federation,
    keywords: &[Keyword],
    rng: &mut (impl CryptoRng + Send),
) -> Result<Vec<KeywordToken>, DeviceError> {
    let mut tokens = Vec::with_capacity(keywords.len());
    for batch in keywords.chunks(MAX_TOKEN_BATCH) {
        let (blinding, blinded) = Blinding::new(batch, rng)?;
        let request = TokenEvaluationRequest {
            blinded: blinded.to_bytes().into(),
        };
        let answer = gateway.evaluate_tokens(&request).await?;
        let evaluated = EvaluatedBatch::from_bytes(answer.evaluated.as_bytes())
            .map_err(DeviceError::answer("evaluated"))?;
        tokens.extend(blinding.finalize(
            &evaluated,
            federation.token_key(),
            federation.index_size(),
        )?);
    }
    Ok(tokens)
}
