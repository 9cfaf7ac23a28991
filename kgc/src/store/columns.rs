//! Typed column families: a name bound to a type of keys and a type of values.

use std::marker::PhantomData;

use consilium_contracts::{Canonical, Digest, DoctorId, HospitalId, Leaf};
use rocksdb::{ColumnFamily, DB, IteratorMode, WriteBatch};

use super::StoreError;
use super::entries::{EnrolmentEntry, KeyEntry, NonceEntry, UpdateKeyEntry};

/// A column family.
pub(crate) struct Column<K, V> {
    name: &'static str,
    types: PhantomData<fn(K) -> V>,
}

/// What hospitals asked for, by doctor.
pub(crate) const ENROLMENTS: Column<DoctorId, EnrolmentEntry> = Column::new("enrolments");
/// Nonces that were given and not used.
pub(crate) const NONCES: Column<Digest, NonceEntry> = Column::new("nonces");
/// Wrapped attribute keys, by leaf.
pub(crate) const KEYS: Column<Leaf, KeyEntry> = Column::new("attribute-keys");
/// Update keys, by epoch.
pub(crate) const UPDATE_KEYS: Column<u64, UpdateKeyEntry> = Column::new("update-keys");
/// How many tokens a hospital had evaluated.
pub(crate) const EVALUATIONS: Column<HospitalId, u64> = Column::new("evaluations");

/// The names of all columns.
pub(crate) const NAMES: [&str; 5] = [
    ENROLMENTS.name,
    NONCES.name,
    KEYS.name,
    UPDATE_KEYS.name,
    EVALUATIONS.name,
];

/// Keys sort as what they stand for.
pub(crate) trait ColumnKey {
    fn encode(&self) -> Vec<u8>;
}

impl ColumnKey for DoctorId {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ColumnKey for Digest {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ColumnKey for Leaf {
    fn encode(&self) -> Vec<u8> {
        self.value().to_be_bytes().to_vec()
    }
}

impl ColumnKey for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
}

impl ColumnKey for HospitalId {
    fn encode(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }
}

/// Values with the bytes of their keys.
type Rows<V> = Vec<(Box<[u8]>, V)>;

impl<K, V> Column<K, V> {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }
}

impl<K: ColumnKey, V: Canonical> Column<K, V> {
    fn handle<'a>(&self, db: &'a DB) -> &'a ColumnFamily {
        db.cf_handle(self.name)
            .expect("the store is opened with every column of NAMES")
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, StoreError> {
        V::from_canonical_bytes(bytes).map_err(|error| StoreError::Damaged {
            column: self.name,
            detail: error.to_string(),
        })
    }

    pub(super) fn get(&self, db: &DB, key: &K) -> Result<Option<V>, StoreError> {
        let bytes = db.get_cf(self.handle(db), key.encode())?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    pub(super) fn put(&self, db: &DB, batch: &mut WriteBatch, key: &K, value: &V) {
        batch.put_cf(self.handle(db), key.encode(), value.to_canonical_bytes());
    }

    pub(super) fn delete(&self, db: &DB, batch: &mut WriteBatch, key: &K) {
        batch.delete_cf(self.handle(db), key.encode());
    }

    /// All values in the order of their keys, with the keys' bytes.
    pub(super) fn all(&self, db: &DB) -> Result<Rows<V>, StoreError> {
        let pairs = db.iterator_cf(self.handle(db), IteratorMode::Start);
        pairs
            .map(|pair| pair.map_err(StoreError::from))
            .map(|pair| pair.and_then(|(key, value)| Ok((key, self.decode(&value)?))))
            .collect()
    }

    /// The last value.
    pub(super) fn last(&self, db: &DB) -> Result<Option<V>, StoreError> {
        let mut pairs = db.iterator_cf(self.handle(db), IteratorMode::End);
        let Some(pair) = pairs.next() else {
            return Ok(None);
        };
        let (_, value) = pair?;
        self.decode(&value).map(Some)
    }
}
