//! The replicated ledger: consensus engine, store, forwarding and catching up.
//!
//! ```no_run
//! # async fn example(config: consilium_node::NodeConfig, tx: consilium_contracts::SignedTransaction)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let node = consilium_node::start(config).await?;
//! let receipt = node.submit(tx).await?;
//! println!("committed at {} with {:?}", receipt.height, receipt.events);
//! let state = node.state(); // shows the transaction's effect
//! # let _ = state;
//! node.shutdown().await;
//! # Ok(()) }
//! ```

mod clock;
mod config;
mod core;
mod engine;
mod error;
mod handle;
mod parts;
mod pool;
mod shared;
mod start;
mod store;
mod stream;

/// Log targets of the engine that a program should keep at `error` or lower: with one validator,
/// or while peers are away, each message that finds nobody is logged as an error by the first two.
pub const NOISY_LOG_TARGETS: [&str; 4] = [
    "arc_malachitebft_network",
    "arc_malachitebft_engine::network",
    "arc_malachitebft_discovery",
    "libp2p_gossipsub",
];

pub use config::{NodeConfig, Peer, Tuning};
pub use error::{ProofError, StartError, StoreError, SubmitError};
pub use handle::{CommittedBlock, NodeHandle, Status, SyncState};
pub use start::start;
pub use store::Snapshot;
pub use stream::BlockStream;
