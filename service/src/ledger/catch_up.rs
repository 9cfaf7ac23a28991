//! Before a service's node starts: where its peers have pruned the blocks that it misses, their newest snapshot is restored.

use std::io::{self, Read};

use consilium_client::ClientError;
use consilium_client::http::HttpClient;
use consilium_contracts::Height;
use consilium_node::{
    NodeConfig, NodeHome, RestoreError, Restored, Standing, StoreError, restore, standing,
};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::runtime::Handle;
use tokio::task::JoinError;

use super::peers::{Answered, LedgerPeers, SNAPSHOT_PATH, needs_snapshot};

/// Bytes of a snapshot between the network and the disk.
const BETWEEN: usize = 1 << 20;

/// Why one peer's snapshot was not restored.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("it cannot be fetched: {0}")]
    Fetch(#[from] ClientError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("the restore died: {0}")]
    Died(#[from] JoinError),
}

/// Asks the peers how far they are, and restores a snapshot of at most `most` bytes where this node's next block is pruned there. An
/// archive node is left alone: it would lose its blocks.
///
/// What fails here is told in the log and is no reason not to start: the ledger's readiness says that the node is behind.
///
/// # Errors
/// [`StoreError`] when the data directory cannot be used, as at the node's start.
pub async fn catch_up(
    config: &NodeConfig,
    peers: &LedgerPeers,
    most: u64,
) -> Result<(), StoreError> {
    let home = config.home();
    let Standing { height, hospitals } = standing(&home)?;
    let (tip, answers) = (height, peers.ask(hospitals).await);
    if !needs_snapshot(tip.value(), &answers) {
        return Ok(());
    }
    if config.tuning.history.archive {
        tracing::warn!(%tip, "no peer has the next block; an archive node takes no snapshot: find another archive node to be its peer");
        return Ok(());
    }
    restore_one(&home, tip, (peers, &answers), most).await;
    Ok(())
}

/// Tries one peer after another, the newest snapshot first, until the next block can be had.
async fn restore_one(
    home: &NodeHome,
    tip: Height,
    (peers, answers): (&LedgerPeers, &[Answered]),
    most: u64,
) {
    let mut candidates: Vec<_> = answers
        .iter()
        .filter(|one| {
            one.status
                .snapshot
                .is_some_and(|height| height > tip.value())
        })
        .collect();
    candidates.sort_by_key(|one| std::cmp::Reverse(one.status.snapshot));
    for Answered { endpoint, .. } in candidates {
        let from = endpoint.url().as_str();
        match restore_from(home, peers.client(endpoint), most).await {
            Ok(Restored { height, pairs }) => {
                tracing::info!(%height, pairs, from, "restored a snapshot of the ledger");
                if !needs_snapshot(height.value(), answers) {
                    return;
                }
            }
            Err(error) => tracing::warn!(from, %error, "a snapshot is not restored"),
        }
    }
    tracing::warn!(%tip, "the next block is pruned at the peers, and none of them has a snapshot that will do: start again later");
}

/// Streams a peer's snapshot into a restore; nothing of it is kept in memory or beside the new store.
async fn restore_from(
    home: &NodeHome,
    client: Result<HttpClient, ClientError>,
    most: u64,
) -> Result<Restored, Failed> {
    let client = client?;
    let (mut sink, source) = tokio::io::duplex(BETWEEN);
    let (home, runtime) = (home.clone(), Handle::current());
    let restoring = tokio::task::spawn_blocking(move || {
        let source = io::BufReader::new(Source { source, runtime });
        restore(&home, source, most)
    });
    let fetched = client.download(SNAPSHOT_PATH, &mut sink, most).await;
    // Whether whole or not, it ends here: a broken transfer is a snapshot that is cut off.
    drop(sink);
    match (restoring.await?, fetched) {
        // A restore that refuses ends the transfer: the refusal is the reason.
        (Err(RestoreError::CutOff), Err(fetch)) => Err(fetch.into()),
        (Err(refused), _) => Err(refused.into()),
        (Ok(restored), _) => Ok(restored),
    }
}

/// What arrives, for a thread that may wait.
struct Source {
    source: DuplexStream,
    runtime: Handle,
}

impl Read for Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.source.read(bytes))
    }
}
