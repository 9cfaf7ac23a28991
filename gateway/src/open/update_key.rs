//! The update key of a record's epoch: fetched whole to this hospital's disk, read at the nodes that are needed.
//!
//! It comes from the KGC or any gateway and gets its name on disk only with the ledger's digest and the form of an update key. Its points are
//! checked when a doctor opens a record, and only the one pair over the doctor's leaf: a large federation's update key has tens of
//! thousands, which take many seconds. Nothing of it is kept in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use consilium_client::{KgcClient, UpdateKeyDownload};
use consilium_contracts::{Epoch, EpochEntry, View};
use consilium_schemes::abe::{
    AttributeKey, PreDecryptionKey, UpdateKey, UpdateKeyHeader, UpdateReadError, pre_keygen_from,
};
use consilium_service::ApiError;
use consilium_service::update_keys::ReceiveError;

use crate::codes;
use crate::failures::{bad_answer, unavailable};
use crate::files::digest_file;
use crate::hospital::Hospital;

/// An update key on this hospital's disk.
pub(super) struct StoredUpdateKey {
    entry: EpochEntry,
    header: UpdateKeyHeader,
    file: File,
}

/// The update key of an epoch: from here, the KGC or any gateway; believed for its digest on the ledger.
pub(super) async fn of_epoch(
    hospital: &Arc<Hospital>,
    epoch: Epoch,
) -> Result<StoredUpdateKey, ApiError> {
    let entry = View::new(hospital.state()).epoch(epoch);
    let entry = entry.ok_or_else(|| missing(epoch, "the epoch is not on the ledger"))?;
    stored(hospital, &entry).await
}

/// As [`of_epoch`], of an epoch on the ledger.
pub(super) async fn stored(
    hospital: &Arc<Hospital>,
    entry: &EpochEntry,
) -> Result<StoredUpdateKey, ApiError> {
    if let Some(key) = here(hospital, entry)? {
        return Ok(key);
    }
    let epoch = entry.epoch;
    let fetched = fetch(hospital, entry).await;
    fetched.map_err(|error| match error {
        ReceiveError::Disk(error) => ApiError::internal(error),
        ReceiveError::Malformed { source, .. } => malformed(epoch, source),
        error => missing(epoch, error),
    })?;
    here(hospital, entry)?.ok_or_else(|| missing(epoch, "it was removed again"))
}

/// The stored one, if it is there in its length.
fn here(hospital: &Hospital, entry: &EpochEntry) -> Result<Option<StoredUpdateKey>, ApiError> {
    let file = match File::open(hospital.update_keys.path(entry.epoch)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ApiError::internal(error)),
    };
    let mut header = [0; UpdateKeyHeader::BYTES];
    let read = file.read_exact_at(&mut header, 0);
    let header = read
        .ok()
        .and_then(|()| UpdateKeyHeader::from_bytes(&header).ok());
    let length = file.metadata().map_err(ApiError::internal)?.len();
    let whole = header.filter(|header| header.update_key_bytes() == length);
    Ok(whole.map(|header| StoredUpdateKey {
        entry: entry.clone(),
        header,
        file,
    }))
}

async fn fetch(hospital: &Hospital, entry: &EpochEntry) -> Result<(), ReceiveError> {
    let kgc = KgcClient::update_key(
        &hospital.kgc,
        entry.epoch,
        &entry.update_key,
        limit(hospital),
    );
    let from_kgc = match kgc.await {
        Ok(download) => receive(hospital, entry, download).await,
        Err(error) => Err(error.into()),
    };
    match from_kgc {
        // Neither our disk nor an update key that is wrong though it has the ledger's digest gets better elsewhere.
        Err(ReceiveError::Client(error)) => {
            let from_gateway = from_any_gateway(hospital, entry).await?;
            from_gateway.ok_or(ReceiveError::Client(error))
        }
        received => received,
    }
}

async fn from_any_gateway(
    hospital: &Hospital,
    entry: &EpochEntry,
) -> Result<Option<()>, ReceiveError> {
    let others: Vec<_> = View::new(hospital.state())
        .hospitals()
        .map(|one| one.card.id)
        .collect();
    for other in others.into_iter().filter(|id| *id != hospital.id) {
        let Ok(gateway) = hospital.gateway(&other) else {
            continue;
        };
        let download = gateway.update_key(entry.epoch, &entry.update_key, limit(hospital));
        let Ok(download) = download.await else {
            continue;
        };
        match receive(hospital, entry, download).await {
            Err(ReceiveError::Client(error)) => {
                tracing::debug!(hospital = %other, epoch = %entry.epoch, %error, "no update key");
            }
            received => return received.map(Some),
        }
    }
    Ok(None)
}

async fn receive(
    hospital: &Hospital,
    entry: &EpochEntry,
    download: UpdateKeyDownload<'_>,
) -> Result<(), ReceiveError> {
    let tree = *hospital.parameters.tree();
    let part = hospital.update_keys.receive(download, tree, entry.epoch);
    Ok(part.await?.keep_async().await?)
}

/// No update key of this federation is longer.
fn limit(hospital: &Hospital) -> u64 {
    UpdateKey::max_bytes(hospital.parameters.tree().depth()) as u64
}

impl StoredUpdateKey {
    /// PreKeyGen, for the threads that compute: the node over the doctor's leaf is found, read and checked.
    pub(super) fn pre_keygen(
        &self,
        key: &AttributeKey,
    ) -> Result<PreDecryptionKey, UpdateReadError<io::Error>> {
        let read = |at, buffer: &mut [u8]| self.file.read_exact_at(buffer, at);
        pre_keygen_from(key, &self.header, read)
    }

    /// Whether this hospital's disk is at fault where the update key does not serve: then the file goes, to be fetched again.
    pub(super) fn check_file(&self, hospital: &Hospital) -> Result<(), ApiError> {
        let epoch = self.entry.epoch;
        let (digest, _) =
            digest_file(&hospital.update_keys.path(epoch)).map_err(ApiError::internal)?;
        if digest == self.entry.update_key {
            return Ok(());
        }
        let removed = hospital.update_keys.remove(epoch);
        removed.map_err(ApiError::internal)?;
        Err(missing(epoch, "the file here was damaged and is removed"))
    }

    /// The refusal where what the KGC published does not serve.
    pub(super) fn malformed(&self, why: impl ToString) -> ApiError {
        malformed(self.entry.epoch, why)
    }
}

fn missing(epoch: Epoch, why: impl ToString) -> ApiError {
    let text = format!("the update key of epoch {epoch} cannot be had now; try again later");
    unavailable(codes::UPDATE_KEY_UNAVAILABLE, text).because(why.to_string())
}

fn malformed(epoch: Epoch, why: impl ToString) -> ApiError {
    let why = why.to_string();
    let text = format!(
        "what the KGC published as the update key of epoch {epoch} does not serve here; tell the KGC's administrator: {why}"
    );
    bad_answer(codes::UPDATE_KEY_MALFORMED, text)
}
