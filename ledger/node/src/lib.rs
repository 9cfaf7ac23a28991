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

mod abstain;
mod clock;
mod config;
mod core;
mod disk;
mod engine;
mod error;
mod false_proofs;
mod handle;
mod keeper;
mod log;
mod never_voted;
mod parts;
mod pool;
mod readers;
mod shared;
mod snapshot;
mod start;
mod store;
mod stream;
mod verify;
mod votes;

/// Log directives that keep the engine to what a person can act on. It tells each vote at `info`; with one validator, or while peers are
/// away, its network logs each message that finds nobody as an error, and each peer that is always connected as a warning.
pub const QUIET_LOG_DIRECTIVES: [&str; 6] = [
    "arc_malachitebft=warn",
    "arc_malachitebft_network=off",
    "arc_malachitebft_engine::network=off",
    "arc_malachitebft_discovery=off",
    "libp2p_gossipsub=error",
    "libp2p_swarm=warn",
];

pub use config::{History, NodeConfig, NodeHome, Peer, Tuning};
pub use error::{HistoryError, ProofError, RestoreError, StartError, StoreError, SubmitError};
pub use false_proofs::FalseProof;
pub use handle::{CommittedBlock, NodeHandle, NodeWatch, Status, SyncState};
pub use never_voted::NeverVoted;
pub use snapshot::{Restored, SnapshotFile, Standing, restore, standing};
pub use start::start;
pub use store::Snapshot;
pub use stream::BlockStream;
pub use votes::LastVotes;
