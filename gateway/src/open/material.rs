//! A record's ciphertexts, from this hospital or the owner's, as the ledger says they must be.

use std::sync::Arc;
use std::time::Duration;

use consilium_client::api::gateway::SharedRecord;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{Digest, RecordEntry, RecordTerms};
use consilium_service::{ApiError, PromisedFile};
use tokio::fs::OpenOptions;

use crate::codes;
use crate::failures::{bad_answer, from_owner};
use crate::files::{Shelf, digest_file};
use crate::hospital::Hospital;
use crate::store::{RECORDS, Stage};

/// How often, and after which wait, the owner is asked again when its copy of the ledger does not have the assignment yet.
const OWNER_BEHIND: (u32, Duration) = (10, Duration::from_millis(300));

/// What PreDec works on; digests as on the ledger.
pub(super) struct Material {
    pub(super) ctsym: Vec<u8>,
    pub(super) rsa_key: Vec<u8>,
    pub(super) cthd_length: u64,
}

/// Where a record's file is here.
pub(super) fn shelf_of(hospital: &Hospital, entry: &RecordEntry) -> Shelf {
    match entry.terms.owner == hospital.id {
        true => Shelf::Own,
        false => Shelf::Fetched,
    }
}

/// Gets and verifies everything.
pub(super) async fn get(
    hospital: &Arc<Hospital>,
    entry: &RecordEntry,
) -> Result<Material, ApiError> {
    let material = match shelf_of(hospital, entry) {
        Shelf::Own => own(hospital, &entry.terms)?,
        Shelf::Fetched => fetch(hospital, &entry.terms).await?,
    };
    let terms = &entry.terms;
    if Digest::of(&material.ctsym) != terms.ctsym {
        let text = format!(
            "CTSym from {} is not the one that the patient registered",
            terms.owner
        );
        return Err(bad_answer(codes::CAPSULE_DIGEST_MISMATCH, text));
    }
    if Digest::of(&material.rsa_key) != terms.rsa_key {
        let text = format!(
            "the RSA key from {} is not the one that the patient registered",
            terms.owner
        );
        return Err(bad_answer(codes::REPORT_KEY_MISMATCH, text));
    }
    verify_cthd(hospital, entry).await?;
    Ok(material)
}

fn own(hospital: &Hospital, terms: &RecordTerms) -> Result<Material, ApiError> {
    let missing = || ApiError::internal(format!("record {} is not in the store", terms.record));
    let row = hospital
        .store
        .get(&RECORDS, &terms.record)?
        .ok_or_else(missing)?;
    match row.stage {
        Stage::Registered | Stage::Queued => Ok(Material {
            ctsym: row.ctsym,
            rsa_key: row.rsa_key,
            cthd_length: row.cthd_length,
        }),
        _ => Err(missing()),
    }
}

async fn fetch(hospital: &Arc<Hospital>, terms: &RecordTerms) -> Result<Material, ApiError> {
    let owner = hospital.gateway(&terms.owner)?;
    let shared = ask(&owner, terms).await?;
    let limit = hospital.settings.max_record_bytes;
    if shared.cthd_length > limit {
        let text = format!(
            "the ciphertext has {} bytes, this gateway takes {limit}",
            shared.cthd_length
        );
        return Err(bad_answer(codes::RECORD_DIGEST_MISMATCH, text));
    }
    if !hospital.files.path(Shelf::Fetched, &terms.record).exists() {
        download(hospital, &owner, terms, shared.cthd_length).await?;
    }
    Ok(Material {
        ctsym: shared.ctsym.into_bytes(),
        rsa_key: shared.rsa_public_key.into_bytes(),
        cthd_length: shared.cthd_length,
    })
}

/// Asks the owner; its node may be a block behind this one's.
async fn ask(owner: &GatewayClient, terms: &RecordTerms) -> Result<SharedRecord, ApiError> {
    let (mut left, wait) = OWNER_BEHIND;
    loop {
        match owner.shared_record(&terms.record).await.map_err(from_owner) {
            Err(error) if left > 0 && error.code() == &codes::NOT_ASSIGNED => {
                left = left.saturating_sub(1);
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
}

/// Streams the ciphertext into a part; it gets its name when it is whole and its digest is the registered one.
async fn download(
    hospital: &Arc<Hospital>,
    owner: &GatewayClient,
    terms: &RecordTerms,
    length: u64,
) -> Result<(), ApiError> {
    let record = &terms.record;
    let part = hospital.files.part(Shelf::Fetched, record);
    let promised = hospital.space.promise(length)?;
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .await;
    let file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            ApiError::busy().because("the ciphertext is being fetched already")
        }
        _ => ApiError::internal(error),
    })?;
    let unfinished = RemoveOnDrop(part.clone());
    let mut file = PromisedFile::new(file, promised);
    owner
        .download_shared_cthd(record, &mut file, length)
        .await
        .map_err(|error| match error {
            // Our disk, not the owner.
            ClientError::File(error) => ApiError::internal(error),
            error => from_owner(error),
        })?;
    file.sync_all().await.map_err(ApiError::internal)?;
    let digested = tokio::task::spawn_blocking(move || digest_file(&part)).await;
    let (digest, _) = digested
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    if digest != terms.cthd {
        return Err(mismatch(terms));
    }
    hospital
        .files
        .keep(Shelf::Fetched, record)
        .map_err(ApiError::internal)?;
    drop(unfinished);
    Ok(())
}

/// Removes a part that did not become a whole file.
struct RemoveOnDrop(std::path::PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // Renamed when it was whole; otherwise it must go. What is left behind goes at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn mismatch(terms: &RecordTerms) -> ApiError {
    let text = format!(
        "the ciphertext from {} is not the one that the patient registered",
        terms.owner
    );
    bad_answer(codes::RECORD_DIGEST_MISMATCH, text)
}

/// The file that the doctor will be given, read once more in full.
async fn verify_cthd(hospital: &Arc<Hospital>, entry: &RecordEntry) -> Result<(), ApiError> {
    let shelf = shelf_of(hospital, entry);
    let path = hospital.files.path(shelf, &entry.terms.record);
    let digested = tokio::task::spawn_blocking(move || digest_file(&path)).await;
    let digested = digested.map_err(ApiError::internal)?;
    let same = digested.map_err(ApiError::internal)?.0 == entry.terms.cthd;
    if same {
        return Ok(());
    }
    if shelf == Shelf::Fetched {
        hospital
            .files
            .remove(shelf, &entry.terms.record)
            .map_err(ApiError::internal)?;
    }
    Err(mismatch(&entry.terms))
}
