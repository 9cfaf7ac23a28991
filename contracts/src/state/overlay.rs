//! A state with changes on top of it that are not written yet.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::{Key, Pairs, StateRead, Transition, Writes};

/// Changes over a state; reads see the changes.
///
/// A node applies a block's transactions one after the other on one overlay and writes
/// [`Overlay::into_writes`] in one batch.
pub struct Overlay<S> {
    base: S,
    writes: Writes,
}

impl<S: StateRead> Overlay<S> {
    /// No changes yet.
    pub const fn new(base: S) -> Self {
        Self {
            base,
            writes: Writes::new(),
        }
    }

    /// Sets a value.
    pub(crate) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Deletes a key.
    pub(crate) fn delete(&mut self, key: Key) {
        self.writes.insert(key, None);
    }

    /// Makes the changes of a transition.
    pub fn commit(&mut self, transition: &Transition) {
        for (key, value) in transition.writes() {
            self.writes.insert(key.clone(), value.clone());
        }
    }

    /// All changes, in key order.
    pub fn into_writes(self) -> Writes {
        self.writes
    }
}

impl<S: StateRead> StateRead for Overlay<S> {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        match self.writes.get(key) {
            Some(change) => change.clone(),
            None => self.base.get(key),
        }
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let prefix_bytes = prefix.to_vec();
        let from = Key::from_bytes(prefix_bytes.clone());
        let changes = self
            .writes
            .range(from..)
            .take_while(move |(key, _)| key.starts_with(&prefix_bytes))
            .map(|(key, change)| (key.clone(), change.clone()));
        Box::new(Merged {
            base: self.base.scan(prefix).peekable(),
            changes: changes.peekable(),
        })
    }
}

/// Two ordered streams as one; a change replaces the pair beneath it.
struct Merged<'a, C: Iterator<Item = (Key, Option<Vec<u8>>)>> {
    base: Peekable<Pairs<'a>>,
    changes: Peekable<C>,
}

impl<C: Iterator<Item = (Key, Option<Vec<u8>>)>> Iterator for Merged<'_, C> {
    type Item = (Key, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.base.peek(), self.changes.peek()) {
                (Some((base, _)), Some((change, _))) => base.cmp(change),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order == Ordering::Less {
                return self.base.next();
            }
            if order == Ordering::Equal {
                self.base.next();
            }
            let (key, change) = self.changes.next()?;
            if let Some(value) = change {
                return Some((key, value));
            }
        }
    }
}
