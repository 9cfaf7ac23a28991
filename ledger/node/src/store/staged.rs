//! A store that is made from a snapshot: built beside the old one, and put in its place in one step.
//!
//! | folder | what |
//! |---|---|
//! | `store.part` | being built; of no use after a crash |
//! | `store.new` | whole, checked and synced; takes the place of `store` |
//! | `store.old` | what it replaced |
//!
//! Each step is one rename, and [`settle`] goes on from wherever a crash came: there is the old store or the new, never half of one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consilium_contracts::{Canonical as _, Height, Key, ValidatorSchedule, Writes};
use consilium_ledger::{
    CertifiedState, Handover, StateRoot, TreeKey, TreeStore, TreeUpdate, TreeVersion, Trust,
    genesis_tree, update_tree,
};
use rocksdb::{ColumnFamilyDescriptor, DB, WriteBatch, WriteOptions};

use super::columns::{EVIDENCE, HANDOVERS, HEADERS, NAMES, STATE, TIP, TREE};
use super::{
    Fault, Raw, STORE, Snapshot, Tip, column_options, database_options, located, open_database,
};
use crate::disk;
use crate::error::{RestoreError, StoreError};

const PART: &str = "store.part";
const NEW: &str = "store.new";
const OLD: &str = "store.old";
/// Pairs, or bytes of values, that make one version of the tree on the way.
const BATCH_PAIRS: usize = 8192;
/// See [`BATCH_PAIRS`].
const BATCH_BYTES: usize = 8 << 20;

/// What a state's pairs are compared with before they take the old one's place.
pub(crate) struct Expected {
    /// The certified root, and the headers before it.
    pub(crate) state: CertifiedState,
    /// The changes of the validators by which that is known, each with its first height.
    pub(crate) handovers: Vec<(Height, Handover)>,
    /// Where they lead.
    pub(crate) trust: Trust,
}

/// A store in the making.
pub(crate) struct Staged {
    db: DB,
    path: PathBuf,
    /// What the pairs so far make.
    tree: Option<(TreeVersion, StateRoot)>,
    waiting: Writes,
    bytes: usize,
    pairs: u64,
}

impl Staged {
    /// An empty one, beside the store of `dir`.
    pub(crate) fn begin(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(PART);
        Ok(Self {
            db: open_database(&path)?,
            path,
            tree: None,
            waiting: Writes::new(),
            bytes: 0,
            pairs: 0,
        })
    }

    /// Adds pairs of the state.
    pub(crate) fn add(&mut self, pairs: Vec<(Key, Vec<u8>)>) -> Result<(), StoreError> {
        for (key, value) in pairs {
            self.pairs += 1;
            self.bytes += value.len();
            self.waiting.insert(key, Some(value));
            if self.waiting.len() >= BATCH_PAIRS || self.bytes >= BATCH_BYTES {
                self.apply()?;
            }
        }
        Ok(())
    }

    /// How many pairs were added.
    pub(crate) const fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Writes what waits, and grows the tree by it.
    fn apply(&mut self) -> Result<(), StoreError> {
        let writes = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let update = match self.tree {
            None if writes.is_empty() => None,
            None => Some(genesis_tree(self, &writes).map_err(|error| self.damaged(&error))?),
            Some((version, _)) => {
                update_tree(self, version, &writes).map_err(|error| self.damaged(&error))?
            }
        };
        let Some(update) = update else {
            return Ok(());
        };
        let mut batch = WriteBatch::default();
        for (key, value) in &writes {
            if let Some(value) = value {
                batch.put_cf(STATE.handle(&self.db), key.as_bytes(), value);
            }
        }
        self.grow(&mut batch, &update);
        self.write(batch)?;
        self.tree = Some((update.version, update.root));
        Ok(())
    }

    fn grow(&self, batch: &mut WriteBatch, update: &TreeUpdate) {
        for (key, node) in &update.nodes {
            TREE.put(&self.db, batch, key, &Raw(node.clone()));
        }
        // Nobody asks for the versions on the way.
        for key in &update.stale {
            TREE.delete(&self.db, batch, key);
        }
    }

    /// Compares the root with the certified one and its validators with those that the handovers lead to, takes the evidence of the
    /// store that is there along, and takes its place.
    pub(crate) fn finish(mut self, dir: &Path, expected: &Expected) -> Result<(), RestoreError> {
        self.apply()?;
        let parent = *expected.state.parent();
        let (tree_version, root) = self.tree.ok_or(RestoreError::Empty)?;
        if root != parent.state {
            let (found, expected) = (root, parent.state);
            return Err(RestoreError::Root { found, expected });
        }
        let height = parent.height.plus(1);
        if !expected.trust.leads_to(&self.schedule()?, height) {
            return Err(RestoreError::HandoverLeftOut { height });
        }
        let mut batch = WriteBatch::default();
        for header in expected.state.headers() {
            HEADERS.put(&self.db, &mut batch, &header.height, header);
        }
        for (from, handover) in &expected.handovers {
            HANDOVERS.put(&self.db, &mut batch, from, handover);
        }
        let tip = Tip {
            parent,
            tree_version,
        };
        TIP.put(&self.db, &mut batch, &(), &tip);
        self.carry_evidence(dir, &mut batch)?;
        self.write(batch)?;
        for name in NAMES {
            if let Some(column) = self.db.cf_handle(name) {
                let flushed = self.db.flush_cf(column);
                flushed.map_err(|error| located(&self.path, error.into()))?;
            }
        }
        let Self { db, path, .. } = self;
        drop(db);
        let place = || {
            File::open(&path)?.sync_all()?;
            fs::rename(&path, dir.join(NEW))?;
            disk::sync(dir)
        };
        place().map_err(|error| disk::failed(dir, &error))?;
        Ok(settle(dir)?)
    }

    /// Who votes, as the state says.
    fn schedule(&self) -> Result<ValidatorSchedule, StoreError> {
        let found = STATE.get(&self.db, &Key::validators());
        let found = found.map_err(|fault| located(&self.path, fault))?;
        let found = found.ok_or_else(|| self.damaged(&"its state names no validators"))?;
        ValidatorSchedule::from_canonical_bytes(&found.0).map_err(|error| self.damaged(&error))
    }

    /// Who signed two things stays known.
    fn carry_evidence(&self, dir: &Path, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let path = dir.join(STORE);
        let Some(old) = open_to_read(&path)? else {
            return Ok(());
        };
        for (number, pair) in (0..).zip(EVIDENCE.iter_from(&old, &[])) {
            let (_, evidence) = pair.map_err(|fault| located(&path, fault))?;
            EVIDENCE.put(&self.db, batch, &number, &evidence);
        }
        Ok(())
    }

    /// Nothing of it counts before it is whole and flushed: the database's own log would only cost time.
    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        let written = self.db.write_opt(batch, &options);
        written.map_err(|error| located(&self.path, error.into()))
    }

    fn damaged(&self, detail: &dyn std::fmt::Display) -> StoreError {
        located(&self.path, Fault::Damaged(detail.to_string()))
    }
}

impl TreeStore for Staged {
    type Error = Fault;

    fn node(&self, key: &TreeKey) -> Result<Option<Vec<u8>>, Fault> {
        Ok(TREE.get(&self.db, key)?.map(|raw| raw.0))
    }
}

/// Goes on where a crash interrupted a restore: a whole new store takes its place, half of one goes.
pub(crate) fn settle(dir: &Path) -> Result<(), StoreError> {
    let step = || {
        let (store, new, old) = (dir.join(STORE), dir.join(NEW), dir.join(OLD));
        remove(&dir.join(PART))?;
        if new.exists() {
            if store.exists() {
                remove(&old)?;
                fs::rename(&store, &old)?;
            }
            fs::rename(&new, &store)?;
            disk::sync(dir)?;
        }
        remove(&old)
    };
    step().map_err(|error| disk::failed(dir, &error))
}

/// The height of the store in `dir`; 0 where there is none yet.
pub(crate) fn height_of(dir: &Path) -> Result<Height, StoreError> {
    let state = state_of(dir)?;
    Ok(state.map_or(Height::new(0), |state| state.height()))
}

/// The state of the store in `dir`, where there is one.
pub(crate) fn state_of(dir: &Path) -> Result<Option<Snapshot>, StoreError> {
    let path = dir.join(STORE);
    let Some(db) = open_to_read(&path)? else {
        return Ok(None);
    };
    let tip = TIP.get(&db, &()).map_err(|fault| located(&path, fault))?;
    Ok(tip.map(|tip| Snapshot::take(Arc::new(db), path, tip)))
}

fn open_to_read(path: &Path) -> Result<Option<DB>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let columns = NAMES.map(|name| ColumnFamilyDescriptor::new(name, column_options()));
    let opened = DB::open_cf_descriptors_read_only(&database_options(), path, columns, false);
    opened
        .map(Some)
        .map_err(|error| located(path, error.into()))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
