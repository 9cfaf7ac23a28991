//! H("attr", A) with the tables of its multiples, for the attributes that were issued lately.
//!
//! A federation has few attributes and many doctors. Hashing an attribute and making its table cost AttKeyGen as much as half of its
//! multiplications; nothing here is secret, and nothing that comes out depends on what is kept.

use std::sync::Arc;

use consilium_policies::Attribute;

use super::labels;
use crate::curve::FixedG1;
use crate::recent::Recent;

/// Tables that are kept: 48 KiB each, 48 MiB together. A key has up to 2,048 attributes, if it has 64 numbers.
const KEPT: usize = 1024;

/// The tables that were used last.
pub(super) struct AttributeTables(Recent<Attribute, Arc<FixedG1>>);

impl Default for AttributeTables {
    fn default() -> Self {
        Self(Recent::new(KEPT))
    }
}

impl AttributeTables {
    /// The table of an attribute, made where it is not kept.
    pub(super) fn of(&self, attribute: &Attribute) -> Arc<FixedG1> {
        self.0.get(attribute).unwrap_or_else(|| {
            // Another thread may make the same meanwhile.
            let table = Arc::new(FixedG1::new(&labels::h_attribute(attribute)));
            self.0.keep(attribute.clone(), Arc::clone(&table), 1);
            table
        })
    }
}

#[cfg(test)]
mod tests {
    use consilium_policies::AttributeSet;

    use super::*;
    use crate::curve::Scalar;

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
