//! H("attr", A) with the tables of its multiples, for the attributes that were issued lately.
//!
//! A federation has few attributes and many doctors. Hashing an attribute and making its table cost AttKeyGen as much as half of its
//! multiplications; nothing here is secret, and nothing that comes out depends on what is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_policies::Attribute;

use super::labels;
use crate::curve::FixedG1;

/// Tables that are kept: 48 KiB each, 48 MiB together. A key has up to 2,048 attributes, if it has 64 numbers.
const KEPT: usize = 1024;

/// The tables that were used last.
#[derive(Default)]
pub(super) struct AttributeTables(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tables: BTreeMap<Attribute, (Arc<FixedG1>, u64)>,
    uses: u64,
}

impl AttributeTables {
    /// The table of an attribute, made where it is not kept.
    pub(super) fn of(&self, attribute: &Attribute) -> Arc<FixedG1> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = kept().get(attribute) {
            return table;
        }
        // Made without the lock: another thread may make the same meanwhile.
        let table = Arc::new(FixedG1::new(&labels::h_attribute(attribute)));
        kept().keep(attribute, &table, KEPT);
        table
    }
}

impl Kept {
    fn get(&mut self, attribute: &Attribute) -> Option<Arc<FixedG1>> {
        self.uses += 1;
        let (table, used) = self.tables.get_mut(attribute)?;
        *used = self.uses;
        Some(Arc::clone(table))
    }

    /// The one that was not used for longest makes room.
    fn keep(&mut self, attribute: &Attribute, table: &Arc<FixedG1>, limit: usize) {
        self.uses += 1;
        let entry = (Arc::clone(table), self.uses);
        self.tables.insert(attribute.clone(), entry);
        if self.tables.len() > limit {
            let oldest = self.tables.iter().min_by_key(|(_, (_, used))| *used);
            let oldest = oldest.map(|(attribute, _)| attribute.clone());
            oldest.and_then(|attribute| self.tables.remove(&attribute));
        }
    }
}

#[cfg(test)]
mod tests {
    use consilium_policies::AttributeSet;

    use super::*;
    use crate::curve::Scalar;

    #[test]
    fn no_more_than_the_limit_are_kept_and_the_longest_unused_goes() {
        let set: AttributeSet = "a, b, c".parse().unwrap();
        let [a, b, c] = set.attributes().collect::<Vec<_>>().try_into().unwrap();
        let table = Arc::new(FixedG1::new(&labels::h_w()));
        let mut kept = Kept::default();
        kept.keep(&a, &table, 2);
        kept.keep(&b, &table, 2);
        assert!(kept.get(&a).is_some());
        kept.keep(&c, &table, 2);
        assert!(kept.get(&b).is_none() && kept.get(&a).is_some() && kept.get(&c).is_some());
    }

    #[test]
    fn a_table_that_is_kept_is_the_one_of_its_attribute() {
        let tables = AttributeTables::default();
        let set: AttributeSet = "a, b".parse().unwrap();
        for attribute in set.attributes().chain(set.attributes()) {
            let k = Scalar::from(7);
            assert_eq!(
                &*tables.of(&attribute) * k,
                labels::h_attribute(&attribute) * k
            );
        }
    }
}
