//! The ledger as both services show it and use it: the endpoints of [`consilium_client::api::ledger`], and signing and submitting
//! a service's own transactions; the settings of its node, and catching up by a snapshot before it starts.

mod catch_up;
mod endpoints;
mod errors;
mod lag;
mod peers;
mod sender;
mod settings;
mod validators;

use std::sync::Arc;

use consilium_client::api::health::Check;
use consilium_client::api::ledger::{
    EpochList, EpochView, GenesisDocument, LedgerStatus, SyncState, TransactionReceipt,
};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, Epoch, EpochEntry, Receipt, StateRead, VerifiedGenesis, View,
};
use consilium_node::{NodeHandle, Status};

use crate::error::ApiError;

pub use catch_up::catch_up;
pub use endpoints::{TRANSFER_ROUTES, description, hospitals, list_epochs, routes};
pub use errors::{LEDGER_STALLED, PRUNED, STALE_EPOCH, history_error, submit_error};
pub use lag::Lag;
pub use peers::{LedgerPeers, is_node};
pub use sender::LedgerSender;
pub use settings::{HISTORY_SETTINGS, LedgerSettings};

/// Gives the body of a published update key, if the service has it; checked against the ledger's digest before it is given on.
pub type UpdateKeys = Arc<dyn Fn(Epoch) -> Result<Option<Vec<u8>>, ApiError> + Send + Sync>;

/// What the ledger's endpoints answer from.
pub struct LedgerApi {
    node: NodeHandle,
    genesis: GenesisDocument,
    update_keys: UpdateKeys,
}

impl LedgerApi {
    /// Answers from `node`; bodies of update keys come from `update_keys`.
    pub fn new(node: NodeHandle, genesis: &VerifiedGenesis, update_keys: UpdateKeys) -> Self {
        Self {
            node,
            genesis: GenesisDocument::from(genesis),
            update_keys,
        }
    }

    /// The node.
    pub fn node(&self) -> &NodeHandle {
        &self.node
    }
}

impl std::fmt::Debug for LedgerApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LedgerApi({})", self.genesis.federation)
    }
}

/// A receipt as it stands in answers.
pub fn receipt(receipt: &Receipt) -> TransactionReceipt {
    TransactionReceipt {
        hash: Text(receipt.transaction),
        height: receipt.height.value(),
        index: receipt.index,
        events: receipt
            .events
            .iter()
            .map(|event| event.to_canonical_bytes().into())
            .collect(),
    }
}

/// Where a node stands, as it stands in answers.
pub fn status(node: &NodeHandle) -> LedgerStatus {
    let state = node.state();
    let validators = View::new(&state)
        .validators()
        .map(|one| Text(one.hospital))
        .collect();
    let status = node.status();
    let sync = sync_of(&status);
    // A folder that cannot be read offers nothing.
    let snapshot = node.latest_snapshot().ok().flatten();
    let snapshot = snapshot.map(|one| one.height.value());
    LedgerStatus {
        federation: Text(status.federation),
        height: status.height.value(),
        state_root: status.state_root.as_bytes().as_slice().into(),
        tip_time_ms: status.time.value(),
        tip_age_ms: status.tip_age_ms,
        validators,
        peers: status.peers,
        pool: status.pool_transactions,
        sync,
        oldest_block: status.oldest_block.value(),
        snapshot,
    }
}

fn sync_of(status: &Status) -> SyncState {
    match status.sync {
        consilium_node::SyncState::Following => SyncState::Following,
        consilium_node::SyncState::CatchingUp { .. } => SyncState::CatchingUp,
        _ => SyncState::Halted,
    }
}

/// The readiness check `ledger`: it runs and its tip is as fresh as the federation asks.
pub fn readiness(node: &NodeHandle) -> Check {
    let status = node.status();
    let settings = View::new(node.state()).settings();
    let limit = settings.max_tip_age_ms;
    let halted = status.failure.is_some() || sync_of(&status) == SyncState::Halted;
    let detail = match &status.failure {
        Some(failure) => format!("halted: {failure}"),
        None => format!(
            "height {}, tip {} ms old (at most {limit}), {} peers{}",
            status.height,
            status.tip_age_ms,
            status.peers,
            clock_note(&status, settings.max_clock_skew_ms),
        ),
    };
    Check {
        ok: !halted && status.tip_age_ms <= limit,
        detail,
    }
}

/// A word where this machine's clock cannot be right, or a validator's was not.
fn clock_note(status: &Status, skew_ms: u64) -> String {
    match status.ahead_ms {
        ahead if ahead > skew_ms => {
            format!("; block time is {ahead} ms ahead of this machine's clock: is it right?")
        }
        _ => String::new(),
    }
}

/// The published epochs of a state.
pub fn epochs(state: &impl StateRead) -> EpochList {
    let view = View::new(state);
    EpochList {
        current: view.current_epoch().map(|entry| entry.epoch.number()),
        epochs: view.epochs().map(|entry| epoch_view(&entry)).collect(),
    }
}

/// A published epoch, as it stands in answers.
pub fn epoch_view(entry: &EpochEntry) -> EpochView {
    let digest = Digest::from_bytes(*entry.update_key.as_bytes());
    EpochView {
        epoch: entry.epoch.number(),
        update_key_digest: Text(digest),
        height: entry.height.value(),
    }
}
