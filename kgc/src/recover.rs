//! What a restored backup lacks and others have: update keys. They are public; each is believed for its digest on the ledger.
//!
//! The task looks whenever the ledger names another current epoch, and again after a while until every epoch's key is here. Sealed or
//! not: it needs no secret. Leaves and revocations are no part of it, they are read from the ledger itself.

use std::sync::Arc;
use std::time::Duration;

use consilium_client::GatewayClient;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_contracts::{Epoch, EpochEntry, HospitalCard};
use consilium_schemes::abe::{PublicParameters, Tree, UpdateKey};
use consilium_service::ApiError;
use consilium_service::audit::AuditEntry;
use consilium_service::update_keys::{ReceiveError, UpdateKeyPart};

use crate::core::Core;
use crate::error::KgcError;
use crate::store::UpdateKeyEntry;

/// The longest wait between attempts: a gateway that was away comes back unannounced.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Runs until it is aborted.
pub(crate) async fn recover(core: Arc<Core>) {
    let soon = Duration::from_millis(core.settings.retry_ms.max(1));
    let (mut whole_up_to, mut wait) = (None, soon);
    loop {
        let current = current(&core);
        if current != whole_up_to {
            match fetch_missing(&core).await {
                Ok(0) => (whole_up_to, wait) = (current, soon),
                Ok(missing) => {
                    tracing::warn!(missing, "update keys that no gateway gives now");
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                }
                Err(error) => {
                    let cause = error.cause().unwrap_or_default();
                    tracing::error!(%error, cause, "update keys cannot be recovered");
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                }
            }
        }
        tokio::time::sleep(wait).await;
    }
}

fn current(core: &Core) -> Option<Epoch> {
    core.ledger().view.current_epoch().map(|entry| entry.epoch)
}

/// The published epochs whose update keys are not here.
pub(crate) fn missing(core: &Core) -> Result<Vec<EpochEntry>, KgcError> {
    let ledger = core.ledger();
    let mut missing = Vec::new();
    for entry in ledger.view.epochs() {
        let here = core.store.update_key(entry.epoch)?;
        let here = here.filter(|here| here.digest == entry.update_key);
        let file = here.map_or(Ok(None), |here| core.store.update_key_file(&here))?;
        if file.is_none() {
            missing.push(entry);
        }
    }
    Ok(missing)
}

/// Fetches what is missing from whichever gateway gives it; how many still are.
async fn fetch_missing(core: &Arc<Core>) -> Result<usize, ApiError> {
    let missing = core.step(missing).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    let gateways = gateways(core);
    let parameters = core.genesis.genesis().parameters.as_bytes();
    let parameters = PublicParameters::from_bytes(parameters).map_err(ApiError::internal)?;
    let mut left = missing.len();
    for entry in missing {
        if let Some((hospital, part)) = from_any(core, &gateways, parameters.tree(), &entry).await?
        {
            keep(core, &entry, &hospital, part).await?;
            left = left.saturating_sub(1);
        }
    }
    Ok(left)
}

/// Every hospital's gateway, called as nobody: what is public needs no name.
fn gateways(core: &Core) -> Vec<(HospitalCard, GatewayClient)> {
    let settings = ClientSettings {
        connect_timeout: Duration::from_secs(3),
        call_timeout: Duration::from_secs(20),
        retries: 0,
        ..ClientSettings::default()
    };
    let ledger = core.ledger();
    let cards = ledger.view.hospitals().map(|entry| entry.card);
    let client = |card: HospitalCard| {
        let endpoint = Endpoint::of_hospital(&card).ok()?;
        let client = GatewayClient::new(endpoint, None, settings.clone()).ok()?;
        Some((card, client))
    };
    cards.filter_map(client).collect()
}

/// The update key with the ledger's digest, from the first gateway that gives it: the client refuses any other.
async fn from_any(
    core: &Core,
    gateways: &[(HospitalCard, GatewayClient)],
    tree: &Tree,
    entry: &EpochEntry,
) -> Result<Option<(HospitalCard, UpdateKeyPart)>, ApiError> {
    for (card, gateway) in gateways {
        match from_one(core, gateway, tree, entry).await {
            Ok(part) => return Ok(Some((card.clone(), part))),
            // Our disk: no other gateway helps.
            Err(error @ ReceiveError::Disk(_)) => return Err(error.into()),
            Err(error) => {
                tracing::debug!(hospital = %card.id, epoch = %entry.epoch, %error, "no update key");
            }
        }
    }
    Ok(None)
}

async fn from_one(
    core: &Core,
    gateway: &GatewayClient,
    tree: &Tree,
    entry: &EpochEntry,
) -> Result<UpdateKeyPart, ReceiveError> {
    let limit = UpdateKey::max_bytes(tree.depth()) as u64;
    let download = gateway.update_key(entry.epoch, &entry.update_key, limit);
    let files = core.store.update_key_files();
    files.receive(download.await?, *tree, entry.epoch).await
}

async fn keep(
    core: &Arc<Core>,
    entry: &EpochEntry,
    from: &HospitalCard,
    part: UpdateKeyPart,
) -> Result<(), ApiError> {
    let (number, kept) = (
        entry.epoch.number(),
        UpdateKeyEntry {
            epoch: entry.epoch.number(),
            as_of: entry.as_of,
            digest: entry.update_key,
            length: part.length(),
        },
    );
    let line = AuditEntry::by_service("kgc", "recover-update-key", number)
        .allowed(format!("from {}, with the ledger's digest", from.id))
        .height(core.node.state().height().value());
    // The digest is checked: what is decided is written before it is done.
    core.frame.audit().record(line).await?;
    core.step(move |core| Ok(core.store.keep_update_key(part, &kept)?))
        .await
}
