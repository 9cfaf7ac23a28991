//! Whether a running node is so far behind that its peers no longer have the block that it needs next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use consilium_client::api::health::Check;
use consilium_contracts::View;
use consilium_node::NodeHandle;

use super::peers::{LedgerPeers, needs_snapshot};

/// How often a node whose tip is old asks.
const EVERY: Duration = Duration::from_secs(10);

/// What was found last.
#[derive(Clone, Debug, Default)]
pub struct Lag(Arc<AtomicBool>);

impl Lag {
    /// Looks after the node until the future is dropped.
    pub async fn watch(self, node: NodeHandle, peers: LedgerPeers) {
        loop {
            let (status, settings) = (node.status(), View::new(node.state()).settings());
            let old = status.tip_age_ms > settings.max_tip_age_ms;
            let behind = old && {
                let view = View::new(node.state());
                let cards: Vec<_> = view.hospitals().map(|entry| entry.card).collect();
                needs_snapshot(status.height.value(), &peers.ask(cards).await)
            };
            if behind && !self.0.swap(behind, Ordering::Relaxed) {
                tracing::warn!(height = %status.height, "{TEXT}");
            }
            self.0.store(behind, Ordering::Relaxed);
            tokio::time::sleep(EVERY).await;
        }
    }

    /// The ledger's readiness check, with a word on this.
    #[must_use]
    pub fn on(&self, check: Check) -> Check {
        match self.0.load(Ordering::Relaxed) {
            false => check,
            true => Check {
                ok: false,
                detail: format!("{}; {TEXT}", check.detail),
            },
        }
    }
}

const TEXT: &str = "the peers no longer have the blocks that follow: restart the service, it will fetch a snapshot";
