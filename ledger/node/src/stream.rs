//! Committed blocks as they come.

use std::sync::Arc;

use consilium_contracts::Height;
use tokio::sync::watch;

use crate::error::HistoryError;
use crate::handle::CommittedBlock;
use crate::readers::ReaderId;
use crate::shared::{Progress, Shared};

/// Committed blocks in order, none missed; see [`crate::NodeHandle::subscribe`]. While it lives, what it has not given is not pruned.
pub struct BlockStream {
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    reader: ReaderId,
    next: Height,
}

impl BlockStream {
    pub(crate) fn new(shared: Arc<Shared>, from: Height) -> Self {
        let progress = shared.progress.subscribe();
        let next = from.max(Height::new(1));
        Self {
            reader: shared.readers.join(next),
            shared,
            progress,
            next,
        }
    }

    /// The next block; waits until it is committed. `None` when the node has stopped. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    /// [`HistoryError::Pruned`] where the block went before the stream was made: read the state and go on above it.
    /// [`HistoryError::Store`] when the store cannot be read.
    pub async fn next(&mut self) -> Option<Result<CommittedBlock, HistoryError>> {
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
                    .damaged(format!("block {next} is missing"))
                    .into()));
            }
            Err(error) => return Some(Err(error)),
        };
        self.next = next.plus(1);
        self.shared.readers.moved(&self.reader, self.next);
        Some(Ok(block))
    }

    /// The height of the block that [`BlockStream::next`] gives next.
    pub fn position(&self) -> Height {
        self.next
    }
}

impl Drop for BlockStream {
    fn drop(&mut self) {
        self.shared.readers.leave(&self.reader);
    }
}
