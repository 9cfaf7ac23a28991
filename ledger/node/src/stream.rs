//! Committed blocks as they come.

use std::sync::Arc;

use consilium_contracts::Height;
use tokio::sync::watch;

use crate::error::StoreError;
use crate::handle::CommittedBlock;
use crate::shared::{Progress, Shared};

/// Committed blocks in order, none missed; see [`crate::NodeHandle::subscribe`].
pub struct BlockStream {
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    next: Height,
}

impl BlockStream {
    pub(crate) fn new(shared: Arc<Shared>, from: Height) -> Self {
        let progress = shared.progress.subscribe();
        Self {
            shared,
            progress,
            next: from.max(Height::new(1)),
        }
    }

    /// The next block; waits until it is committed. `None` when the node has stopped. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn next(&mut self) -> Option<Result<CommittedBlock, StoreError>> {
        let next = self.next;
        let there = self
            .progress
            .wait_for(|now| now.height >= next || !now.running)
            .await;
        if there.is_err() || there.is_ok_and(|now| now.height < next) {
            return None;
        }
        let block = match self.shared.store.block(next) {
            Ok(Some(block)) => block,
            Ok(None) => {
                return Some(Err(self
                    .shared
                    .store
                    .damaged(format!("block {next} is missing"))));
            }
            Err(error) => return Some(Err(error)),
        };
        self.next = next.plus(1);
        Some(Ok(block))
    }

    /// The height of the block that [`BlockStream::next`] gives next.
    pub fn position(&self) -> Height {
        self.next
    }
}
