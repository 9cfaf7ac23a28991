//! Keyword tokens, asked for again while the KGC does not answer: on a busy machine it may take longer than its callers wait.

use std::time::{Duration, Instant};

use consilium_client::GatewayClient;
use consilium_client::device::{DeviceError, keyword_tokens};
use consilium_gateway::codes::KGC_UNREACHABLE;
use consilium_records::Keyword;
use consilium_schemes::tokens::KeywordToken;
use rand::rngs::StdRng;

use super::services::Services;
use crate::cli::{Failure, keywords};

/// How long a device goes on asking.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);

/// The tokens of keywords, as the device's gateway has them evaluated.
pub async fn tokens(
    services: &Services,
    gateway: &GatewayClient,
    chosen: &[Keyword],
    rng: &mut StdRng,
) -> Result<Vec<KeywordToken>, Failure> {
    let chosen = keywords::convert(chosen).keywords;
    let started = Instant::now();
    loop {
        match keyword_tokens(gateway, &services.federation, &chosen, rng).await {
            Err(DeviceError::Gateway(error))
                if error.code() == Some(&KGC_UNREACHABLE) && started.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}
