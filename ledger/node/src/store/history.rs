//! Committed blocks: put, found again, and pruned. Headers are never pruned.

use std::sync::atomic::{AtomicU64, Ordering};

use consilium_contracts::{Height, Receipt, TransactionHash};
use consilium_ledger::{
    CommitCertificate, Header, InclusionProof, TransactionProof, ValidatorAddress,
};
use rocksdb::WriteBatch;

use super::columns::{BLOCKS, HEADERS, TRANSACTIONS};
use super::records::{Located, Recorded};
use super::{Store, receipt};
use crate::error::{HistoryError, StoreError};
use crate::handle::CommittedBlock;

/// The height of the oldest block that is kept; one above the tip where none is.
pub(super) struct Oldest(AtomicU64);

impl Oldest {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    fn get(&self) -> Height {
        Height::new(self.0.load(Ordering::Acquire))
    }

    fn set(&self, height: Height) {
        self.0.store(height.value(), Ordering::Release);
    }
}

impl Store {
    /// The height of the oldest block that is kept; one above the tip where none is.
    pub(crate) fn oldest(&self) -> Height {
        self.oldest.get()
    }

    /// Finds [`Store::oldest`] when the store is opened.
    pub(super) fn find_oldest(&self) -> Result<(), StoreError> {
        let first = BLOCKS.iter_from(&self.db, &[]).next().transpose();
        let first = first.map_err(|fault| self.at(fault))?;
        let oldest = match first {
            Some((_, recorded)) => recorded.block.header().height,
            None => self.tip()?.parent.height.plus(1),
        };
        self.oldest.set(oldest);
        Ok(())
    }

    pub(super) fn put_block(&self, batch: &mut WriteBatch, recorded: &Recorded) {
        let header = recorded.block.header();
        let height = header.height;
        for (index, transaction) in (0..).zip(recorded.block.transactions()) {
            let located = Located { height, index };
            TRANSACTIONS.put(&self.db, batch, &transaction.hash(), &located);
        }
        HEADERS.put(&self.db, batch, &height, header);
        BLOCKS.put(&self.db, batch, &height, recorded);
    }

    /// Deletes the blocks from the oldest on that are below `floor`, with what is known of their transactions; at most `most` of
    /// them. Whether there are more. It is not synced: what a crash brings back is deleted again.
    pub(crate) fn prune(&self, floor: Height, most: u64) -> Result<bool, StoreError> {
        let from = self.oldest();
        let to = floor.min(from.plus(most)).min(self.tip()?.parent.height);
        if from >= to {
            return Ok(false);
        }
        let mut batch = WriteBatch::default();
        for height in from.value()..to.value() {
            let height = Height::new(height);
            let Some(recorded) = self.recorded(height)? else {
                continue;
            };
            for transaction in recorded.block.transactions() {
                TRANSACTIONS.delete(&self.db, &mut batch, &transaction.hash());
            }
            BLOCKS.delete(&self.db, &mut batch, &height);
        }
        // First said, then done: who finds nothing learns that it was pruned.
        self.oldest.set(to);
        self.write_lazily(batch)?;
        Ok(to < floor)
    }

    /// A committed block as it stands in the store.
    pub(crate) fn recorded(&self, height: Height) -> Result<Option<Recorded>, StoreError> {
        self.read(&BLOCKS, &height)
    }

    /// A committed block; none above the tip.
    pub(crate) fn block(&self, height: Height) -> Result<Option<CommittedBlock>, HistoryError> {
        let recorded = self.recorded(height)?;
        let pruned = recorded.is_none() && height.value() > 0 && height < self.oldest();
        if pruned {
            return Err(self.was_pruned());
        }
        Ok(recorded.map(
            |Recorded {
                 block,
                 events,
                 certificate,
                 ..
             }| CommittedBlock {
                block,
                events,
                certificate,
            },
        ))
    }

    /// The certificate of a committed block; none above the tip.
    pub(crate) fn certificate(
        &self,
        height: Height,
    ) -> Result<Option<CommitCertificate>, HistoryError> {
        Ok(self.block(height)?.map(|block| block.certificate))
    }

    /// Whether a transaction stands in one of the blocks that are kept.
    pub(crate) fn has_transaction(&self, hash: &TransactionHash) -> Result<bool, StoreError> {
        Ok(self.read(&TRANSACTIONS, hash)?.is_some())
    }

    /// The receipt of a transaction in one of the blocks that are kept.
    pub(crate) fn kept_receipt(
        &self,
        hash: &TransactionHash,
    ) -> Result<Option<Receipt>, StoreError> {
        let Some((located, recorded)) = self.locate(hash)? else {
            return Ok(None);
        };
        Ok(receipt(*hash, located.index, &recorded))
    }

    /// The receipt of a committed transaction; none only where every block is kept.
    pub(crate) fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, HistoryError> {
        let found = self.kept_receipt(hash)?;
        self.unless_pruned(found)
    }

    /// That a committed transaction stands in its block; none only where every block is kept.
    pub(crate) fn inclusion(
        &self,
        hash: &TransactionHash,
    ) -> Result<Option<InclusionProof>, HistoryError> {
        let Some((located, recorded)) = self.locate(hash)? else {
            return self.unless_pruned(None);
        };
        let transactions = recorded.block.transactions();
        let index = located.index as usize;
        let path = TransactionProof::new(transactions, index);
        let header = *recorded.block.header();
        let found = path.zip(transactions.get(index));
        Ok(found.map(|(path, transaction)| {
            InclusionProof::new(header, recorded.certificate, path, transaction.clone())
        }))
    }

    /// What is not found may be in a block that was pruned.
    fn unless_pruned<T>(&self, found: Option<T>) -> Result<Option<T>, HistoryError> {
        match found {
            None if self.oldest().value() > 1 => Err(self.was_pruned()),
            found => Ok(found),
        }
    }

    fn was_pruned(&self) -> HistoryError {
        HistoryError::Pruned {
            oldest: self.oldest(),
        }
    }

    fn locate(&self, hash: &TransactionHash) -> Result<Option<(Located, Recorded)>, StoreError> {
        let Some(located) = self.read(&TRANSACTIONS, hash)? else {
            return Ok(None);
        };
        match self.recorded(located.height)? {
            Some(recorded) => Ok(Some((located, recorded))),
            // Pruned between the two looks.
            None if located.height < self.oldest() => Ok(None),
            None => Err(self.damaged(format!("block {} is missing", located.height))),
        }
    }

    /// The header of a committed block, pruned or not; a node that began with a snapshot has not all of them.
    pub(crate) fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.read(&HEADERS, &height)
    }

    /// The headers of the blocks up to `last`, newest first, `most` at the most.
    pub(crate) fn headers(&self, last: Height, most: u64) -> Result<Vec<Header>, StoreError> {
        let lowest = last.value().saturating_sub(most.saturating_sub(1)).max(1);
        let heights = (lowest..=last.value()).rev();
        let headers = heights.filter_map(|height| self.header(Height::new(height)).transpose());
        headers.collect()
    }

    /// Who proposed the last `window` blocks, oldest first.
    pub(crate) fn recent_proposers(
        &self,
        window: u64,
    ) -> Result<Vec<ValidatorAddress>, StoreError> {
        let headers = self.headers(self.tip()?.parent.height, window)?;
        Ok(headers.iter().rev().map(|header| header.proposer).collect())
    }
}
