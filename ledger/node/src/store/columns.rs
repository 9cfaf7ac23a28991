//! Typed column families: a name bound to a type of keys and a type of values.

use std::marker::PhantomData;

use consilium_contracts::{Canonical, Height, Key, TransactionHash};
use consilium_ledger::{
    BlockHash, CommitCertificate, Evidence, Handover, Header, TreeKey, TreeVersion,
};
use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch};

use super::records::{Located, Recorded, Tip, Undecided};
use super::{Fault, Raw};

/// A column family.
pub(super) struct Column<K, V> {
    name: &'static str,
    types: PhantomData<fn(K) -> V>,
}

/// Committed blocks with their certificates and events.
pub(super) const BLOCKS: Column<Height, Recorded> = Column::new("blocks");
/// The headers of committed blocks. They stay when the blocks are pruned: turns and snapshots need them.
pub(super) const HEADERS: Column<Height, Header> = Column::new("headers");
/// Where a transaction stands.
pub(super) const TRANSACTIONS: Column<TransactionHash, Located> = Column::new("transactions");
/// The contracts' state.
pub(super) const STATE: Column<Key, Raw> = Column::new("state");
/// Nodes of the state tree.
pub(super) const TREE: Column<TreeKey, Raw> = Column::new("tree");
/// Tree nodes that no version from the first number on needs.
pub(super) const STALE: Column<(TreeVersion, TreeKey), Raw> = Column::new("stale");
/// Bodies of blocks that are proposed and not decided.
pub(super) const UNDECIDED: Column<(Height, BlockHash), Undecided> = Column::new("undecided");
/// Proof of validators that signed two different things, verified.
pub(super) const EVIDENCE: Column<u64, Evidence> = Column::new("evidence");
/// Proofs of the changes of the validators, each by the first height of the new ones.
pub(super) const HANDOVERS: Column<Height, Handover> = Column::new("handovers");
/// The tip.
pub(super) const TIP: Column<(), Tip> = Column::new("tip");

/// The names of all columns.
pub(super) const NAMES: [&str; 10] = [
    BLOCKS.name,
    HEADERS.name,
    TRANSACTIONS.name,
    STATE.name,
    TREE.name,
    STALE.name,
    UNDECIDED.name,
    EVIDENCE.name,
    HANDOVERS.name,
    TIP.name,
];

impl<K, V> Column<K, V> {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }
}

impl<K: ColumnKey, V: ColumnValue> Column<K, V> {
    /// The database's handle of the column.
    pub(super) fn handle<'a>(&self, db: &'a DB) -> &'a ColumnFamily {
        db.cf_handle(self.name)
            .expect("the store is opened with every column of NAMES")
    }

    /// The value under a key.
    pub(super) fn get(&self, db: &DB, key: &K) -> Result<Option<V>, Fault> {
        let bytes = db.get_cf(self.handle(db), key.encode())?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// Puts a value under a key when the batch is written.
    pub(super) fn put(&self, db: &DB, batch: &mut WriteBatch, key: &K, value: &V) {
        batch.put_cf(self.handle(db), key.encode(), value.encode());
    }

    /// Deletes a key when the batch is written.
    pub(super) fn delete(&self, db: &DB, batch: &mut WriteBatch, key: &K) {
        batch.delete_cf(self.handle(db), key.encode());
    }

    /// All pairs in key order from the bytes `from` on, keys as bytes.
    pub(super) fn iter_from<'a>(
        &'a self,
        db: &'a DB,
        from: &[u8],
    ) -> impl Iterator<Item = Result<(Box<[u8]>, V), Fault>> + 'a {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let from = IteratorMode::From(from, Direction::Forward);
        db.iterator_cf_opt(self.handle(db), options, from)
            .map(|pair| {
                let (key, value) = pair?;
                Ok((key, self.decode(&value)?))
            })
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Fault> {
        V::decode(bytes).map_err(|reason| Fault::Damaged(format!("column {}: {reason}", self.name)))
    }
}

/// Keys of a column: ordered as their bytes.
pub(super) trait ColumnKey {
    fn encode(&self) -> Vec<u8>;
}

impl ColumnKey for () {
    fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl ColumnKey for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
}

impl ColumnKey for Height {
    fn encode(&self) -> Vec<u8> {
        self.value().encode()
    }
}

impl ColumnKey for TransactionHash {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ColumnKey for Key {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ColumnKey for TreeKey {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ColumnKey for (TreeVersion, TreeKey) {
    fn encode(&self) -> Vec<u8> {
        [self.0.value().encode(), self.1.encode()].concat()
    }
}

impl ColumnKey for (Height, BlockHash) {
    fn encode(&self) -> Vec<u8> {
        [self.0.encode(), self.1.as_bytes().to_vec()].concat()
    }
}

/// Values of a column.
pub(super) trait ColumnValue: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

impl ColumnValue for Raw {
    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(bytes.to_vec()))
    }
}

macro_rules! canonical_values {
    ($($name:ty),*) => {$(
        impl ColumnValue for $name {
            fn encode(&self) -> Vec<u8> {
                self.to_canonical_bytes()
            }

            fn decode(bytes: &[u8]) -> Result<Self, String> {
                Self::from_canonical_bytes(bytes).map_err(|error| error.to_string())
            }
        }
    )*};
}

canonical_values!(
    Recorded,
    Located,
    Undecided,
    Evidence,
    Handover,
    Tip,
    Header,
    CommitCertificate
);
