//! Where the readers of committed blocks are: what one of them has not read is not pruned.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use consilium_contracts::Height;

/// The readers of this process.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<Positions>);

#[derive(Debug, Default)]
struct Positions {
    next: u64,
    by_reader: BTreeMap<u64, Height>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct ReaderId(u64);

impl Readers {
    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody reads from a height on.
    pub(crate) fn join(&self, from: Height) -> ReaderId {
        let mut positions = self.lock();
        positions.next += 1;
        let id = positions.next;
        positions.by_reader.insert(id, from);
        ReaderId(id)
    }

    /// A reader needs nothing below a height any more.
    pub(crate) fn moved(&self, reader: &ReaderId, to: Height) {
        self.lock().by_reader.insert(reader.0, to);
    }

    /// A reader is gone.
    pub(crate) fn leave(&self, reader: &ReaderId) {
        self.lock().by_reader.remove(&reader.0);
    }

    /// The lowest height that somebody still needs.
    pub(crate) fn lowest(&self) -> Height {
        let positions = self.lock();
        let lowest = positions.by_reader.values().min();
        lowest.copied().unwrap_or(Height::new(u64::MAX))
    }
}
