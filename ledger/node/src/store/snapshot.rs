//! The state after one block, unchanging while later blocks are committed.

use std::path::PathBuf;
use std::sync::Arc;

use consilium_contracts::{BlockTime, Height, Key, Pairs, StateRead};
use consilium_ledger::{BlockHash, StateRoot, TreeVersion};
use rocksdb::{DB, Direction, IteratorMode, ReadOptions};
use self_cell::self_cell;

use super::Tip;
use super::columns::STATE;

/// A key and a value as the database has them.
type StoredPair = (Box<[u8]>, Box<[u8]>);
type DatabaseSnapshot<'a> = rocksdb::Snapshot<'a>;

self_cell!(
    /// A database snapshot that keeps its database open.
    struct Held {
        owner: Arc<DB>,
        #[covariant]
        dependent: DatabaseSnapshot,
    }
);

/// The contracts' state after one block. Cheap to clone; it keeps the store open and old data on
/// disk while it lives, so do not hold one for longer than a request.
#[derive(Clone)]
pub struct Snapshot {
    held: Arc<Held>,
    path: Arc<PathBuf>,
    tip: Tip,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot(height {})", self.height())
    }
}

impl Snapshot {
    pub(super) fn take(db: Arc<DB>, path: PathBuf, tip: Tip) -> Self {
        let held = Held::new(db, |db| db.snapshot());
        Self {
            held: Arc::new(held),
            path: Arc::new(path),
            tip,
        }
    }

    /// The last block whose effects it shows; 0 for genesis.
    pub fn height(&self) -> Height {
        self.tip.parent.height
    }

    /// That block's time: "now" for everything that compares with block time.
    pub fn time(&self) -> BlockTime {
        self.tip.parent.time
    }

    /// That block's hash.
    pub fn hash(&self) -> BlockHash {
        self.tip.parent.hash
    }

    /// The root of this state.
    pub fn root(&self) -> StateRoot {
        self.tip.parent.state
    }

    /// All pairs in key order, read one at a time and kept out of the cache.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = Result<StoredPair, rocksdb::Error>> + '_ {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let column = STATE.handle(self.held.borrow_owner());
        let database = self.held.borrow_dependent();
        database.iterator_cf_opt(column, options, IteratorMode::Start)
    }

    pub(crate) fn tip(&self) -> &Tip {
        &self.tip
    }

    pub(crate) fn tree_version(&self) -> TreeVersion {
        self.tip.tree_version
    }

    /// A node whose disk fails must not go on with half a state: every answer would be a guess.
    fn fail(&self, error: &rocksdb::Error) -> ! {
        panic!(
            "the ledger's store {} cannot be read: {error}",
            self.path.display()
        )
    }
}

/// # Panics
/// When the disk fails or is damaged under the store. There is no answer that would be safe:
/// "not revoked" and "not found" both look like an absent key.
impl StateRead for Snapshot {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let column = STATE.handle(self.held.borrow_owner());
        let read = self.held.borrow_dependent().get_cf(column, key.as_bytes());
        read.unwrap_or_else(|error| self.fail(&error))
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let column = STATE.handle(self.held.borrow_owner());
        let from = IteratorMode::From(prefix, Direction::Forward);
        let pairs = self.held.borrow_dependent().iterator_cf(column, from);
        let prefix = prefix.to_vec();
        let pairs = pairs
            .map(|pair| pair.unwrap_or_else(|error| self.fail(&error)))
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(key, value)| (Key::from_bytes(key.into_vec()), value.into_vec()));
        Box::new(pairs)
    }
}
