//! What happened since the engine last looked: which records may have pairs that were not compared.
//!
//! It is not kept across a restart: then every record is looked at, once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use consilium_contracts::{RecordId, Scope};

/// What is new.
#[derive(Debug)]
pub(crate) struct Todo(Mutex<New>);

/// Taken from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct New {
    /// Every record: a trapdoor was posted, or the gateway was started.
    pub(super) all: bool,
    /// These records: an index was posted, or they may be used now.
    pub(super) records: BTreeSet<RecordId>,
    /// These were closed.
    pub(super) closed: BTreeSet<RecordId>,
}

impl Default for Todo {
    fn default() -> Self {
        Self(Mutex::new(New {
            all: true,
            ..New::default()
        }))
    }
}

impl Todo {
    fn change<T>(&self, change: impl FnOnce(&mut New) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every record may have pairs that were not compared.
    pub(crate) fn everything(&self) {
        self.change(|new| new.all = true);
    }

    /// Whether every record is to be looked at.
    pub(super) fn is_everything(&self) -> bool {
        self.change(|new| new.all)
    }

    /// A record has an index now.
    pub(crate) fn record(&self, record: RecordId) {
        self.change(|new| new.records.insert(record));
    }

    /// Records may be used now.
    pub(crate) fn authorized(&self, scope: Scope) {
        match scope {
            Scope::All => self.everything(),
            Scope::Record(record) => self.record(record),
        }
    }

    pub(super) fn closed(&self, record: RecordId) {
        self.change(|new| new.closed.insert(record));
    }

    /// Takes all of it.
    pub(super) fn take(&self) -> New {
        self.change(std::mem::take)
    }

    /// Takes the single records, for a run that is under way.
    pub(super) fn take_records(&self) -> BTreeSet<RecordId> {
        self.change(|new| std::mem::take(&mut new.records))
    }

    pub(super) fn take_closed(&self) -> BTreeSet<RecordId> {
        self.change(|new| std::mem::take(&mut new.closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_everything_and_is_taken_once() {
        let todo = Todo::default();
        assert!(todo.take().all);
        assert_eq!(todo.take(), New::default());
        let record = RecordId::from_bytes([7; 32]);
        todo.authorized(Scope::Record(record));
        todo.record(record);
        todo.closed(record);
        assert_eq!(todo.take_records(), BTreeSet::from([record]));
        let left = todo.take();
        assert_eq!(
            (left.all, left.records.len(), left.closed.len()),
            (false, 0, 1)
        );
        todo.authorized(Scope::All);
        assert!(todo.take().all);
    }
}
