//! The service's store: domain calls → typed columns → RocksDB → bytes. Every write is one synced batch.
//!
//! Update keys lie in files beside it ([`UpdateKeyFiles`]): an entry is written only when its file is whole and synced, so that every entry had
//! its file, and a file without an entry was never told to anybody.
//!
//! The store is no authority: who is registered with which leaf, who is revoked and which epoch is current stands on the ledger. Here
//! lies what the ledger has no room for, and what a crash would otherwise cut in two.

mod columns;
mod entries;

use std::io;
use std::path::PathBuf;

use consilium_contracts::{Digest, DoctorId, Epoch, HospitalId, Leaf};
use consilium_service::update_keys::{UpdateKeyFiles, UpdateKeyPart};
use rocksdb::{DB, IteratorMode, Options, WriteBatch, WriteOptions};

use crate::home::Home;
pub(crate) use columns::NAMES;
use columns::{ENROLMENTS, EVALUATIONS, KEYS, NONCES, UPDATE_KEYS};
pub(crate) use entries::{EnrolmentEntry, Intent, KeyEntry, NonceEntry, UpdateKeyEntry};

/// The most nonces of one hospital that wait for their doctors' proofs.
pub(crate) const MAX_NONCES: usize = 10_000;

/// What is wrong with the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database's reason: another process has it, the disk is full or damaged.
    #[error("the KGC's store: {0}")]
    Database(#[from] rocksdb::Error),
    /// The files of update keys: the disk is full, or the folder cannot be written.
    #[error("the KGC's update keys: {0}")]
    UpdateKeys(#[from] io::Error),
    /// A value that this program did not write.
    #[error("the KGC's store, column {column}: {detail}; restore a backup")]
    Damaged {
        /// Where.
        column: &'static str,
        /// What.
        detail: String,
    },
}

/// The store.
pub(crate) struct Store {
    db: DB,
    path: PathBuf,
    update_keys: UpdateKeyFiles,
}

/// Every pair of every column, as bytes: for a backup.
pub(crate) type Dump = Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>;

impl Store {
    /// Opens it, or begins it.
    pub(crate) fn open(home: &Home) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_keep_log_file_num(4);
        let path = home.store();
        Ok(Self {
            db: DB::open_cf(&options, &path, NAMES)?,
            path,
            update_keys: UpdateKeyFiles::open(home.update_keys())?,
        })
    }

    /// Opens it beside the process that has it: what that one had written when this returns.
    pub(crate) fn open_for_backup(home: &Home) -> Result<Self, StoreError> {
        let path = home.store();
        let db = DB::open_cf_for_read_only(&Options::default(), &path, NAMES, false)?;
        Ok(Self {
            db,
            path,
            update_keys: UpdateKeyFiles::beside(home.update_keys()),
        })
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.db.write_opt(batch, &options)?)
    }

    /// Keeps a nonce; those that have expired go.
    pub(crate) fn add_nonce(
        &self,
        nonce: &[u8; 32],
        entry: &NonceEntry,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut batch = WriteBatch::default();
        let mut waiting: usize = 0;
        for (key, other) in NONCES.all(&self.db)? {
            match <[u8; 32]>::try_from(&*key) {
                Ok(key) if other.expires_ms <= now_ms => {
                    NONCES.delete(&self.db, &mut batch, &Digest::from_bytes(key));
                }
                _ if other.hospital == entry.hospital => waiting = waiting.saturating_add(1),
                _ => {}
            }
        }
        if waiting >= MAX_NONCES {
            return Ok(false);
        }
        NONCES.put(&self.db, &mut batch, &Digest::from_bytes(*nonce), entry);
        self.commit(batch)?;
        Ok(true)
    }

    pub(crate) fn nonce(&self, nonce: &[u8; 32]) -> Result<Option<NonceEntry>, StoreError> {
        NONCES.get(&self.db, &Digest::from_bytes(*nonce))
    }

    /// Stores an enrolment and uses up its nonce, both or neither.
    pub(crate) fn enrol(&self, entry: &EnrolmentEntry) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        NONCES.delete(&self.db, &mut batch, &Digest::from_bytes(entry.nonce));
        ENROLMENTS.put(&self.db, &mut batch, &entry.doctor, entry);
        self.commit(batch)
    }

    /// Replaces an enrolment.
    pub(crate) fn put_enrolment(&self, entry: &EnrolmentEntry) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        ENROLMENTS.put(&self.db, &mut batch, &entry.doctor, entry);
        self.commit(batch)
    }

    pub(crate) fn enrolment(
        &self,
        doctor: &DoctorId,
    ) -> Result<Option<EnrolmentEntry>, StoreError> {
        ENROLMENTS.get(&self.db, doctor)
    }

    pub(crate) fn enrolments(&self) -> Result<Vec<EnrolmentEntry>, StoreError> {
        Ok(ENROLMENTS
            .all(&self.db)?
            .into_iter()
            .map(|(_, entry)| entry)
            .collect())
    }

    pub(crate) fn put_key(&self, entry: &KeyEntry) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        KEYS.put(&self.db, &mut batch, &entry.leaf, entry);
        self.commit(batch)
    }

    pub(crate) fn key(&self, leaf: Leaf) -> Result<Option<KeyEntry>, StoreError> {
        KEYS.get(&self.db, &leaf)
    }

    /// Begins the file of an epoch's update key; nothing of it is here until it is kept.
    pub(crate) fn begin_update_key(&self, epoch: Epoch) -> Result<UpdateKeyPart, StoreError> {
        Ok(self.update_keys.begin(epoch)?)
    }

    /// Keeps an update key: its file first, then the entry that makes it the epoch's.
    pub(crate) fn keep_update_key(
        &self,
        part: UpdateKeyPart,
        entry: &UpdateKeyEntry,
    ) -> Result<(), StoreError> {
        part.keep()?;
        let mut batch = WriteBatch::default();
        UPDATE_KEYS.put(&self.db, &mut batch, &entry.epoch, entry);
        self.commit(batch)
    }

    pub(crate) fn update_key(&self, epoch: Epoch) -> Result<Option<UpdateKeyEntry>, StoreError> {
        UPDATE_KEYS.get(&self.db, &epoch.number())
    }

    /// The entry's file, if it is there in its length.
    pub(crate) fn update_key_file(
        &self,
        entry: &UpdateKeyEntry,
    ) -> Result<Option<PathBuf>, StoreError> {
        let epoch = Epoch::new(entry.epoch);
        let there = self.update_keys.length(epoch)? == Some(entry.length);
        Ok(there.then(|| self.update_keys.path(epoch)))
    }

    /// The files of update keys.
    pub(crate) fn update_key_files(&self) -> &UpdateKeyFiles {
        &self.update_keys
    }

    /// The last epoch that a key was ever made for.
    pub(crate) fn last_update_key(&self) -> Result<Option<UpdateKeyEntry>, StoreError> {
        UPDATE_KEYS.last(&self.db)
    }

    /// Adds to what a hospital had evaluated; gives the sum.
    pub(crate) fn count_evaluations(
        &self,
        hospital: &HospitalId,
        tokens: u64,
    ) -> Result<u64, StoreError> {
        let former = EVALUATIONS.get(&self.db, hospital)?.unwrap_or(0);
        let sum = former.saturating_add(tokens);
        let mut batch = WriteBatch::default();
        EVALUATIONS.put(&self.db, &mut batch, hospital, &sum);
        self.commit(batch)?;
        Ok(sum)
    }

    /// Every pair, from one moment.
    pub(crate) fn dump(&self) -> Result<Dump, StoreError> {
        let snapshot = self.db.snapshot();
        let column = |name: &str| {
            let handle = self
                .db
                .cf_handle(name)
                .expect("opened with every column of NAMES");
            let pairs = snapshot.iterator_cf(handle, IteratorMode::Start);
            let pairs = pairs.map(|pair| pair.map(|(k, v)| (k.into_vec(), v.into_vec())));
            Ok((
                name.to_owned(),
                pairs.collect::<Result<_, rocksdb::Error>>()?,
            ))
        };
        NAMES.into_iter().map(column).collect()
    }

    /// Fills a store that was just begun.
    pub(crate) fn load(&self, dump: &Dump) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (name, pairs) in dump {
            let handle = self.db.cf_handle(name).ok_or_else(|| StoreError::Damaged {
                column: "backup",
                detail: format!("unknown column {name}"),
            })?;
            pairs
                .iter()
                .for_each(|(key, value)| batch.put_cf(handle, key, value));
        }
        self.commit(batch)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}
