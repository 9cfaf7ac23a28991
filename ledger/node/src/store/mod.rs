//! The store: RocksDB under typed columns under the nouns of the ledger.
//!
//! | layer | here |
//! |---|---|
//! | domain | [`Store`] |
//! | typed columns | `columns` |
//! | database | `rocksdb` |
//! | bytes | canonical borsh, `records` |
//!
//! Blocks may be pruned; headers, the state, evidence and the tip never are.
//!
//! A decided block is one atomic, synced batch: block, certificate, events, state, tree, tip. What
//! is acknowledged to the engine or to a submitter was synced before.

mod columns;
mod evidence;
mod guard;
mod handovers;
mod history;
mod records;
mod snapshot;
mod staged;
mod tree;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use consilium_contracts::{Height, Receipt, TransactionHash, VerifiedGenesis};
use consilium_ledger::{
    Block, BlockHash, CommitCertificate, Executed, Parent, TreeVersion, genesis_tree, update_tree,
};
use rocksdb::{ColumnFamilyDescriptor, DB, DBRecoveryMode, Options, WriteBatch, WriteOptions};

use crate::error::StoreError;
use crate::votes::LastVotes;

pub(crate) use guard::{Guard, Owner};
pub(crate) use records::{Recorded, Tip, Undecided};
pub use snapshot::Snapshot;
pub(crate) use staged::{Expected, Staged, height_of, settle, state_of};

use columns::{
    BLOCKS, Column, ColumnKey, ColumnValue, EVIDENCE, HANDOVERS, HEADERS, NAMES, STALE, STATE, TIP,
    TRANSACTIONS, TREE, UNDECIDED,
};
use history::Oldest;

/// The folder of the database in the data directory.
const STORE: &str = "store";

/// Bytes as they stand.
pub(crate) struct Raw(pub(crate) Vec<u8>);

/// What goes wrong inside the store, before a path is put to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// RocksDB's own error; it names its file.
    #[error(transparent)]
    Database(#[from] rocksdb::Error),
    /// What is read is not what was written.
    #[error("{0}")]
    Damaged(String),
}

/// The store of one node.
pub(crate) struct Store {
    db: Arc<DB>,
    path: PathBuf,
    /// How many versions of the tree are kept.
    tree_versions: u64,
    /// Up to which version stale nodes are forgotten.
    pruned: AtomicU64,
    oldest: Oldest,
    pub(crate) guard: Guard,
}

/// A decided block, ready to be written.
pub(crate) struct Decided<'a> {
    pub(crate) block: &'a Block,
    pub(crate) certificate: CommitCertificate,
    pub(crate) executed: Executed,
    /// From which height on others vote, where the state before the block has that scheduled.
    pub(crate) scheduled: Option<Height>,
}

impl Store {
    /// Opens the store of `dir`, or makes one that stands at genesis.
    pub(crate) fn open(
        dir: &Path,
        guard: Guard,
        genesis: &VerifiedGenesis,
        tree_versions: u64,
    ) -> Result<Self, StoreError> {
        let path = dir.join(STORE);
        check_current(&path)?;
        let db = open_database(&path)?;
        let store = Self {
            db: Arc::new(db),
            path,
            tree_versions,
            pruned: AtomicU64::new(0),
            oldest: Oldest::new(),
            guard,
        };
        store.check_all()?;
        if store.read(&TIP, &())?.is_none() {
            // The engine's log is made after the genesis is written.
            if crate::log::path(dir).exists() {
                return Err(store.damaged("it holds no ledger, though a node has run here: its MANIFEST was cut off, or files were deleted"));
            }
            store.write_genesis(genesis)?;
        }
        store.find_oldest()?;
        store.check_tip()?;
        Ok(store)
    }

    /// Reads everything once, so that no damaged file is met later.
    fn check_all(&self) -> Result<(), StoreError> {
        self.check(&BLOCKS)?;
        self.check(&HEADERS)?;
        self.check(&TRANSACTIONS)?;
        self.check(&STATE)?;
        self.check(&TREE)?;
        self.check(&STALE)?;
        self.check(&UNDECIDED)?;
        self.check(&EVIDENCE)?;
        self.check(&HANDOVERS)?;
        self.check(&TIP)
    }

    fn check<K: ColumnKey, V: ColumnValue>(&self, column: &Column<K, V>) -> Result<(), StoreError> {
        column
            .iter_from(&self.db, &[])
            .try_for_each(|pair| pair.map(drop))
            .map_err(|fault| self.at(fault))
    }

    fn write_genesis(&self, genesis: &VerifiedGenesis) -> Result<(), StoreError> {
        let (writes, _) = genesis.initial_state().into_parts();
        let update = genesis_tree(self, &writes).map_err(|error| self.damaged(error))?;
        let created = genesis.genesis().created;
        let parent = Parent::genesis(genesis.federation(), created, update.root);
        let mut batch = WriteBatch::default();
        self.put_state(&mut batch, &writes);
        self.put_tree(&mut batch, &update);
        let tip = Tip {
            parent,
            tree_version: TreeVersion::GENESIS,
        };
        TIP.put(&self.db, &mut batch, &(), &tip);
        self.write(batch)
    }

    /// The last committed block and the state after it.
    pub(crate) fn tip(&self) -> Result<Tip, StoreError> {
        self.read(&TIP, &())?
            .ok_or_else(|| self.damaged("there is no tip"))
    }

    /// The state after the last committed block; later blocks do not change it.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let tip = self.tip()?;
        Ok(Snapshot::take(Arc::clone(&self.db), self.path.clone(), tip))
    }

    /// Checks that the last header is there and what the tip says, and its block, where it is kept, certified.
    fn check_tip(&self) -> Result<(), StoreError> {
        let Tip { parent, .. } = self.tip()?;
        if parent.height.value() == 0 {
            return Ok(());
        }
        let last = self.header(parent.height)?;
        let last = last.ok_or_else(|| self.damaged("the last header is missing"))?;
        let certified = match self.recorded(parent.height)? {
            Some(recorded) => *recorded.certificate.block() == parent.hash,
            // A snapshot was restored: its own certificate was checked then.
            None => self.oldest() > parent.height,
        };
        if Parent::after(&last, parent.state) != parent || !certified {
            return Err(self.damaged("the tip is not the last block"));
        }
        Ok(())
    }

    /// Writes a decided block in one synced batch; the new tip.
    pub(crate) fn commit(&self, decided: Decided<'_>) -> Result<Tip, StoreError> {
        let Decided {
            block,
            certificate,
            executed,
            scheduled,
        } = decided;
        let before = self.tip()?;
        let update = update_tree(self, before.tree_version, &executed.writes)
            .map_err(|error| self.damaged(error))?;
        let (state, tree_version) = match &update {
            Some(update) => (update.root, update.version),
            None => (before.parent.state, before.tree_version),
        };
        let tip = Tip {
            parent: Parent::after(block.header(), state),
            tree_version,
        };
        let mut batch = WriteBatch::default();
        self.put_state(&mut batch, &executed.writes);
        if let Some(update) = &update {
            self.put_tree(&mut batch, update);
            self.prune_tree(&mut batch, update.version)?;
        }
        if let Some(from) = scheduled {
            self.put_handover(&mut batch, from, block, &certificate)?;
        }
        let events = executed.events;
        self.put_block(
            &mut batch,
            &Recorded {
                block: block.clone(),
                events,
                certificate,
                tree_version,
            },
        );
        self.forget_undecided(&mut batch, block.header().height)?;
        TIP.put(&self.db, &mut batch, &(), &tip);
        self.write(batch)?;
        Ok(tip)
    }

    fn put_state(&self, batch: &mut WriteBatch, writes: &consilium_contracts::Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => STATE.put(&self.db, batch, key, &Raw(value.clone())),
                None => STATE.delete(&self.db, batch, key),
            }
        }
    }

    /// Keeps the body of a proposed block, synced: the engine's log holds only its hash.
    pub(crate) fn keep_undecided(&self, undecided: &Undecided) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let key = (undecided.block.header().height, undecided.block.hash());
        UNDECIDED.put(&self.db, &mut batch, &key, undecided);
        self.write(batch)
    }

    /// All bodies kept for a height.
    pub(crate) fn undecided(&self, height: Height) -> Result<Vec<Undecided>, StoreError> {
        let pairs = UNDECIDED.iter_from(&self.db, &height.encode());
        let of_height = |pair: &Result<(_, Undecided), Fault>| !matches!(pair, Ok((_, undecided)) if undecided.block.header().height != height);
        let bodies = pairs
            .take_while(of_height)
            .map(|pair| pair.map(|(_, undecided)| undecided));
        bodies
            .collect::<Result<_, Fault>>()
            .map_err(|fault| self.at(fault))
    }

    /// The body of a proposed block.
    pub(crate) fn find_undecided(
        &self,
        height: Height,
        hash: &BlockHash,
    ) -> Result<Option<Undecided>, StoreError> {
        self.read(&UNDECIDED, &(height, *hash))
    }

    fn forget_undecided(&self, batch: &mut WriteBatch, height: Height) -> Result<(), StoreError> {
        for undecided in self.undecided(height)? {
            UNDECIDED.delete(&self.db, batch, &(height, undecided.block.hash()));
        }
        Ok(())
    }

    /// Which validators' votes stand in the certificates of the last `window` blocks.
    pub(crate) fn recent_votes(&self, window: u64) -> Result<LastVotes, StoreError> {
        let tip = self.tip()?.parent.height.value();
        let from = tip.saturating_sub(window.saturating_sub(1)).max(1);
        let mut votes = LastVotes::since(Height::new(from));
        for height in from..=tip {
            if let Some(recorded) = self.recorded(Height::new(height))? {
                votes.count(&recorded.certificate);
            }
        }
        Ok(votes)
    }

    fn read<K: ColumnKey, V: ColumnValue>(
        &self,
        column: &Column<K, V>,
        key: &K,
    ) -> Result<Option<V>, StoreError> {
        column.get(&self.db, key).map_err(|fault| self.at(fault))
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db
            .write_opt(batch, &options)
            .map_err(|error| self.at(error.into()))
    }

    /// Writes what may be lost in a crash.
    fn write_lazily(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.db.write(batch).map_err(|error| self.at(error.into()))
    }

    fn at(&self, fault: Fault) -> StoreError {
        located(&self.path, fault)
    }

    /// An error that says the store holds something it should not.
    pub(crate) fn damaged(&self, detail: impl std::fmt::Display) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            detail: detail.to_string(),
        }
    }
}

/// The receipt of the transaction at `index`.
pub(crate) fn receipt(
    transaction: TransactionHash,
    index: u32,
    recorded: &Recorded,
) -> Option<Receipt> {
    let height = recorded.block.header().height;
    let events = recorded.events.transactions.get(index as usize)?.clone();
    Some(Receipt {
        transaction,
        height,
        index,
        events,
    })
}

fn open_database(path: &Path) -> Result<DB, StoreError> {
    let columns = NAMES.map(|name| ColumnFamilyDescriptor::new(name, column_options()));
    DB::open_cf_descriptors(&database_options(), path, columns)
        .map_err(|error| located(path, error.into()))
}

/// A database without the file that names its list of files would be made anew.
fn check_current(store: &Path) -> Result<(), StoreError> {
    let path = store.join("CURRENT");
    let files = store.read_dir().into_iter().flatten().flatten();
    let data = |name: &OsStr| matches!(Path::new(name).extension(), Some(ending) if ending == "sst" || ending == "log");
    if path.exists() || !files.map(|file| file.file_name()).any(|name| data(&name)) {
        return Ok(());
    }
    let detail = "it is missing beside the database's other files".into();
    Err(StoreError::Corrupt { path, detail })
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // All columns reach the disk's tables together: a list of files that was cut off shows older columns, never a tip of another state.
    options.set_atomic_flush(true);
    // A write that was cut off by a crash was never acknowledged and may go; anything else that
    // does not read is damage and must be told.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_keep_log_file_num(4);
    options.set_max_open_files(256);
    options.set_max_background_jobs(2);
    options
}

fn column_options() -> Options {
    let mut options = Options::default();
    options.set_compression_type(rocksdb::DBCompressionType::Lz4);
    options.set_write_buffer_size(8 << 20);
    options
}

/// Puts the path to a fault; corruption and I/O errors are different things to an operator. A file that the database misses is corruption.
fn located(path: &Path, fault: Fault) -> StoreError {
    let (path, detail) = (path.to_owned(), fault.to_string());
    match fault {
        Fault::Damaged(detail) => StoreError::Corrupt { path, detail },
        Fault::Database(error) => match error.kind() {
            rocksdb::ErrorKind::Corruption | rocksdb::ErrorKind::InvalidArgument => {
                StoreError::Corrupt { path, detail }
            }
            rocksdb::ErrorKind::IOError if detail.contains("No such file") => {
                StoreError::Corrupt { path, detail }
            }
            _ => StoreError::Io { path, detail },
        },
    }
}
