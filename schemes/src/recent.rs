//! Values that were made lately, within a bound on what they weigh together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by name; the one that was not used for longest makes room.
#[derive(Debug)]
pub struct Recent<K, V> {
    limit: usize,
    held: Mutex<Held<K, V>>,
}

#[derive(Debug)]
struct Held<K, V> {
    values: BTreeMap<K, Value<V>>,
    weight: usize,
    uses: u64,
}

#[derive(Debug)]
struct Value<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Ord + Clone, V: Clone> Recent<K, V> {
    /// Holds nothing yet; all that is held weighs at most `limit`, in what unit its user likes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        let held = Held {
            values: BTreeMap::new(),
            weight: 0,
            uses: 0,
        };
        Self {
            limit,
            held: Mutex::new(held),
        }
    }

    /// The value, if it is held: an [`std::sync::Arc`], where cloning should cost nothing.
    pub fn get(&self, name: &K) -> Option<V> {
        let mut held = self.lock();
        held.uses += 1;
        let used = held.uses;
        let one = held.values.get_mut(name)?;
        one.used = used;
        Some(one.value.clone())
    }

    /// Holds a value in place of what has its name; one that weighs more than the limit is not held, nor is anything else then.
    pub fn keep(&self, name: K, value: V, weight: usize) {
        let mut held = self.lock();
        held.uses += 1;
        let used = held.uses;
        let new = Value {
            value,
            weight,
            used,
        };
        held.weight += weight;
        held.weight -= held.values.insert(name, new).map_or(0, |old| old.weight);
        while held.weight > self.limit && held.drop_oldest() {}
    }

    /// Lets go of those whose name is not wanted.
    pub fn retain(&self, mut wanted: impl FnMut(&K) -> bool) {
        let mut held = self.lock();
        held.values.retain(|name, _| wanted(name));
        held.weight = held.values.values().map(|one| one.weight).sum();
    }

    fn lock(&self) -> MutexGuard<'_, Held<K, V>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, V> Held<K, V> {
    fn drop_oldest(&mut self) -> bool {
        let oldest = self.values.iter().min_by_key(|(_, one)| one.used);
        let oldest = oldest.map(|(name, _)| name.clone());
        let dropped = oldest.and_then(|name| self.values.remove(&name));
        self.weight -= dropped.as_ref().map_or(0, |one| one.weight);
        dropped.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(recent: &Recent<u8, u8>) -> Vec<u8> {
        recent.lock().values.keys().copied().collect()
    }

    #[test]
    fn the_bound_holds_and_what_was_not_used_for_longest_goes() {
        let recent = Recent::new(10);
        for name in [1, 2, 3] {
            recent.keep(name, name, 5);
            assert!(recent.lock().weight <= 10);
        }
        assert_eq!(held(&recent), [2, 3]);
        assert_eq!(recent.get(&2), Some(2));
        recent.keep(4, 4, 5);
        assert_eq!(held(&recent), [2, 4], "3 was used before 2");
        assert_eq!((recent.get(&3), recent.get(&4)), (None, Some(4)));
    }

    #[test]
    fn what_is_put_in_anothers_place_weighs_once() {
        let recent = Recent::new(10);
        recent.keep(1, 1, 9);
        recent.keep(1, 2, 4);
        recent.keep(2, 2, 6);
        assert_eq!((recent.get(&1), recent.lock().weight), (Some(2), 10));
    }

    #[test]
    fn what_is_too_heavy_is_not_held() {
        let recent = Recent::new(10);
        recent.keep(1, 1, 11);
        assert_eq!((held(&recent).len(), recent.lock().weight), (0, 0));
    }

    #[test]
    fn what_is_not_wanted_weighs_nothing() {
        let recent = Recent::new(10);
        recent.keep(1, 1, 4);
        recent.keep(2, 2, 6);
        recent.retain(|name| *name == 2);
        assert_eq!((held(&recent), recent.lock().weight), (vec![2], 6));
    }
}
