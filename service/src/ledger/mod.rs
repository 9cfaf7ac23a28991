//! The ledger as both services show it and use it: the endpoints of [`consilium_client::api::ledger`], and signing and submitting
//! a service's own transactions; the settings of its node, and catching up by a snapshot before it starts.

mod blocks;
mod catch_up;
mod endpoints;
mod errors;
mod evidence;
mod lag;
mod metrics;
mod peers;
mod proofs;
mod sender;
mod settings;
mod status;
mod validators;

use std::path::PathBuf;
use std::sync::Arc;

use consilium_client::api::ledger::{EpochList, EpochView, GenesisDocument, TransactionReceipt};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, Epoch, EpochEntry, Receipt, StateRead, VerifiedGenesis, View,
};
use consilium_node::NodeHandle;

use crate::error::ApiError;

pub use catch_up::catch_up;
pub use endpoints::{TRANSFER_ROUTES, description, hospitals, list_epochs, routes};
pub use errors::{LEDGER_STALLED, PRUNED, STALE_EPOCH, history_error, submit_error};
pub use lag::Lag;
pub use metrics::register as register_metrics;
pub use peers::{LedgerPeers, is_node};
pub use sender::LedgerSender;
pub use settings::{HISTORY_SETTINGS, LedgerSettings, NamedService};
pub use status::{readiness, status};

/// Gives the file with a published update key, if the service has it: it is sent as it is, and whoever receives it checks it against the
/// ledger's digest.
pub type UpdateKeys = Arc<dyn Fn(Epoch) -> Result<Option<PathBuf>, ApiError> + Send + Sync>;

/// What the ledger's endpoints answer from.
pub struct LedgerApi {
    node: NodeHandle,
    genesis: GenesisDocument,
    update_keys: UpdateKeys,
}

impl LedgerApi {
    /// Answers from `node`; files of update keys come from `update_keys`.
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
