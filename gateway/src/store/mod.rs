//! What the gateway keeps, beside the ciphertexts' files: a RocksDB with a column for each kind of thing.
//!
//! | column | key → value |
//! |---|---|
//! | [`DEVICES`] | device's key → role |
//! | [`INVITATIONS`] | SHA-256 of the secret → role, expiry, who used it |
//! | [`ENROLMENTS`] | doctor → what he asked with, attributes |
//! | [`ATTRIBUTE_KEYS`] | doctor → attribute key, sealed |
//! | [`RECORDS`] | record → submission and stage |
//! | [`TOKENS`] | record → keyword tokens, sealed |
//! | [`OF_PATIENT`] | device's key, record: whose it is |
//! | [`STAGED`] | record → since when it awaits its ciphertext, or is refused |
//! | [`QUEUE`] | record: complete, to be registered |
//! | [`TO_INDEX`] | record: indexes may be missing |
//! | [`COMPARED`] | record → the last trapdoor that it was compared with, by position |
//! | [`TO_POST`] | record, doctor, trapdoor: they match, and the ledger is to be told |
//! | [`PAIRS`] | record, doctor, trapdoor that were compared out of turn, for a challenge → whether they matched |
//! | [`REPORTS`] | record, doctor → CTHR for the patient |
//! | [`OUTGOING`] | record, doctor, digest → CTHR on its way to the owner |
//! | [`AUTHORIZATIONS`] | authorizations that this hospital gave |
//! | [`CURSOR`] | the ledger's height up to which events were acted on |
//!
//! Every write is synced: what is answered is on disk.

mod column;
mod rows;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use consilium_client::wire::PublicKey;
use consilium_contracts::{AuthorizationId, Digest, DoctorId, Height, RecordId};
use rocksdb::{
    ColumnFamilyDescriptor, DB, Direction, IteratorMode, Options, WriteBatch, WriteOptions,
};

use consilium_contracts::Canonical as _;
use consilium_service::ApiError;

use column::Row;
pub(crate) use column::{Column, RowKey};
pub(crate) use rows::{
    Device, EnrolmentRow, EnrolmentStage, InvitationRow, KeyRow, OutgoingRow, Pair, Position,
    RecordRow, Role, SecretHash, Stage, StagedRow,
};

pub(crate) const DEVICES: Column<PublicKey, Device> = Column::new("devices");
pub(crate) const INVITATIONS: Column<SecretHash, InvitationRow> = Column::new("invitations");
pub(crate) const ENROLMENTS: Column<DoctorId, EnrolmentRow> = Column::new("enrolments");
pub(crate) const ATTRIBUTE_KEYS: Column<DoctorId, KeyRow> = Column::new("attribute-keys");
pub(crate) const RECORDS: Column<RecordId, RecordRow> = Column::new("records");
pub(crate) const TOKENS: Column<RecordId, Vec<u8>> = Column::new("tokens");
pub(crate) const OF_PATIENT: Column<(PublicKey, RecordId), ()> = Column::new("of-patient");
pub(crate) const STAGED: Column<RecordId, StagedRow> = Column::new("staged");
pub(crate) const QUEUE: Column<RecordId, ()> = Column::new("queue");
pub(crate) const TO_INDEX: Column<RecordId, ()> = Column::new("to-index");
pub(crate) const COMPARED: Column<RecordId, Position> = Column::new("compared");
pub(crate) const TO_POST: Column<Pair, ()> = Column::new("to-post");
pub(crate) const PAIRS: Column<Pair, bool> = Column::new("pairs");
pub(crate) const REPORTS: Column<(RecordId, DoctorId), Vec<u8>> = Column::new("reports");
pub(crate) const OUTGOING: Column<(RecordId, DoctorId, Digest), OutgoingRow> =
    Column::new("outgoing-reports");
/// As earlier builds kept them, one of each doctor.
pub(crate) const FORMER_OUTGOING: Column<(RecordId, DoctorId), OutgoingRow> =
    Column::new("outgoing");
pub(crate) const AUTHORIZATIONS: Column<AuthorizationId, ()> = Column::new("authorizations");
pub(crate) const CURSOR: Column<(), Height> = Column::new("cursor");

const COLUMNS: [&str; 18] = [
    DEVICES.name(),
    INVITATIONS.name(),
    ENROLMENTS.name(),
    ATTRIBUTE_KEYS.name(),
    RECORDS.name(),
    TOKENS.name(),
    OF_PATIENT.name(),
    STAGED.name(),
    QUEUE.name(),
    TO_INDEX.name(),
    COMPARED.name(),
    TO_POST.name(),
    PAIRS.name(),
    REPORTS.name(),
    OUTGOING.name(),
    FORMER_OUTGOING.name(),
    AUTHORIZATIONS.name(),
    CURSOR.name(),
];

/// Why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database's reason.
    #[error("the store cannot be used: {0}")]
    Database(#[from] rocksdb::Error),
    /// A value that this version did not write.
    #[error("the store is damaged: a value in {column} does not parse ({detail})")]
    Damaged {
        /// The column.
        column: &'static str,
        /// What is wrong.
        detail: String,
    },
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

/// The gateway's database.
pub(crate) struct Store {
    db: DB,
    /// Why it was not written the last time, if it was not. It is never written again then: the database asks to be opened anew.
    failure: Mutex<Option<String>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.db.path().display())
    }
}

/// Changes that are made together or not at all.
#[derive(Default)]
pub(crate) struct Changes(Vec<Change>);

struct Change {
    column: &'static str,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put<K: RowKey, V: Row>(
        mut self,
        column: &Column<K, V>,
        key: &K,
        value: &V,
    ) -> Self {
        let value = Some(value.to_canonical_bytes());
        self.0.push(Change {
            column: column.name(),
            key: key.to_key(),
            value,
        });
        self
    }

    pub(crate) fn delete<K: RowKey, V: Row>(mut self, column: &Column<K, V>, key: &K) -> Self {
        self.0.push(Change {
            column: column.name(),
            key: key.to_key(),
            value: None,
        });
        self
    }
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let columns = COLUMNS.map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
        Ok(Self {
            db: DB::open_cf_descriptors(&options, path, columns)?,
            failure: Mutex::default(),
        })
    }

    /// Why it cannot be written, if it cannot.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }

    fn handle(&self, column: &'static str) -> &rocksdb::ColumnFamily {
        self.db
            .cf_handle(column)
            .expect("every column is made when the store is opened")
    }

    pub(crate) fn get<K: RowKey, V: Row>(
        &self,
        column: &Column<K, V>,
        key: &K,
    ) -> Result<Option<V>, StoreError> {
        let value = self
            .db
            .get_pinned_cf(self.handle(column.name()), key.to_key())?;
        value.map(|bytes| column.parse(&bytes)).transpose()
    }

    pub(crate) fn has<K: RowKey, V: Row>(
        &self,
        column: &Column<K, V>,
        key: &K,
    ) -> Result<bool, StoreError> {
        Ok(self
            .db
            .get_pinned_cf(self.handle(column.name()), key.to_key())?
            .is_some())
    }

    pub(crate) fn put<K: RowKey, V: Row>(
        &self,
        column: &Column<K, V>,
        key: &K,
        value: &V,
    ) -> Result<(), StoreError> {
        self.commit(Changes::new().put(column, key, value))
    }

    pub(crate) fn delete<K: RowKey, V: Row>(
        &self,
        column: &Column<K, V>,
        key: &K,
    ) -> Result<(), StoreError> {
        self.commit(Changes::new().delete(column, key))
    }

    /// Makes the changes, on disk when this returns.
    pub(crate) fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for Change { column, key, value } in changes.0 {
            let column = self.handle(column);
            match value {
                Some(value) => batch.put_cf(column, key, value),
                None => batch.delete_cf(column, key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        let written = self.db.write_opt(batch, &options);
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = written.as_ref().err().map(ToString::to_string);
        Ok(written?)
    }

    /// Every row of a column, in key order, read one at a time.
    pub(crate) fn rows<K: RowKey + 'static, V: Row + 'static>(
        &self,
        column: Column<K, V>,
    ) -> impl Iterator<Item = Result<(K, V), StoreError>> + '_ {
        self.rows_from(column, Vec::new())
    }

    /// The keys of a column, in order; values are not looked at.
    pub(crate) fn keys<K: RowKey + 'static, V: Row + 'static>(
        &self,
        column: Column<K, V>,
    ) -> impl Iterator<Item = Result<K, StoreError>> + '_ {
        let pairs = self
            .db
            .iterator_cf(self.handle(column.name()), IteratorMode::Start);
        pairs.map(move |pair| column.parse_key(&pair?.0))
    }

    /// The rows whose keys begin with `prefix`.
    pub(crate) fn rows_from<K: RowKey + 'static, V: Row + 'static>(
        &self,
        column: Column<K, V>,
        prefix: Vec<u8>,
    ) -> impl Iterator<Item = Result<(K, V), StoreError>> + '_ {
        let mode = IteratorMode::From(&prefix, Direction::Forward);
        let pairs = self.db.iterator_cf(self.handle(column.name()), mode);
        pairs
            .take_while(move |pair| {
                pair.as_ref()
                    .map_or(true, |(key, _)| key.starts_with(&prefix))
            })
            .map(move |pair| {
                let (key, value) = pair?;
                Ok((column.parse_key(&key)?, column.parse(&value)?))
            })
    }
}
