//! Where a doctor's report goes: to the RSA key that the record was registered with, which its header names too, and to no other.
//!
//! # What binds the key
//!
//! ```text
//! genesis -> ledger: SHA-256(report key), SHA-256(CTSym);     CTSym = the capsule
//! capsule -> sigma -> SymKey -> k_com;   HMAC(k_com, header_core),   report key in header_core
//! ```
//!
//! A report that is bad for the registered key makes its doctor guilty (decision 0004), so no other key is sealed to: opening the case
//! takes none whose digest is not the one on the ledger. Whoever does not hold the capsule's secret cannot change the header, so
//! the key in it is the one that the record's encryptor chose. [`decrypt_record`](super::doctor::decrypt_record) alone makes a [`ReportRecipient`], after the header and every segment
//! were authentic and both keys were the same; [`submit_report`] takes nothing else and asks the gateway for no key.
//!
//! Where reading and reporting are two processes, [`ReportRecipient::keep`] carries the key from one to the other, in a file that
//! its owner alone reads. A record has one registered report key: another one in that file is not this record's.

use std::io;
use std::path::{Path, PathBuf};

use consilium_contracts::{Action, Canonical as _, RecordId, Report as ReportAction};
use consilium_schemes::report::{self, Report};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::doctor::{DoctorKeys, OpenedCase};
use super::error::DeviceError;
use super::federation::Federation;
use super::files::{damaged, private_folder, read_kept};
use super::patient::report_context;
use super::transaction;
use crate::GatewayClient;
use crate::api::gateway::ReportSubmission;
use crate::api::ledger::TransactionReceipt;
use crate::file::{Existing, Readers, write_atomically};
use crate::wire::{HexBytes, Text};

/// The longest file that is read: the key as hexadecimal, and what stands around it.
const MAX_FILE_BYTES: u64 = 2 * report::PublicKey::LIMIT as u64 + 1024;

/// Where the report on a record goes. Only reading the record makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportRecipient {
    record: RecordId,
    key: report::PublicKey,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    record: Text<RecordId>,
    registered_report_key: HexBytes,
}

impl ReportRecipient {
    /// The key that stood in the authentic header of `record`.
    pub(super) fn authentic(record: RecordId, key: report::PublicKey) -> Self {
        Self { record, key }
    }

    /// The record.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// Keeps it in `folder`, which is made where it is not there. What was kept for the record before stays.
    ///
    /// # Errors
    /// [`DeviceError::OtherReportKey`] when another key was kept; [`DeviceError::File`], [`DeviceError::Kept`].
    pub fn keep(&self, folder: &Path) -> Result<(), DeviceError> {
        private_folder(folder)?;
        let path = file_of(folder, &self.record);
        let kept = Kept {
            record: Text(self.record),
            registered_report_key: self.key.to_bytes().into(),
        };
        let text = serde_json::to_vec(&kept).map_err(io::Error::from)?;
        match write_atomically(&path, &text, Readers::Owner, Existing::Keep) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let kept = Self::kept(folder, self.record)?;
                kept.filter(|kept| kept == self)
                    .map(drop)
                    .ok_or(DeviceError::OtherReportKey(self.record))
            }
            written => Ok(written?),
        }
    }

    /// What was kept in `folder` for a record; nothing, where it was not read.
    ///
    /// # Errors
    /// [`DeviceError::File`]; [`DeviceError::Kept`] when the file is damaged.
    pub fn kept(folder: &Path, record: RecordId) -> Result<Option<Self>, DeviceError> {
        let path = file_of(folder, &record);
        let Some(kept) = read_kept::<Kept>(&path, MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        if kept.record.0 != record {
            return Err(damaged(&path, "it is about another record"));
        }
        let key = report::PublicKey::from_bytes(kept.registered_report_key.as_bytes())
            .map_err(|error| damaged(&path, error))?;
        Ok(Some(Self { record, key }))
    }

    /// Checks that this is the registered key, for a case that is opened again.
    ///
    /// # Errors
    /// [`DeviceError::OtherReportKey`].
    pub fn check(&self, case: &OpenedCase) -> Result<(), DeviceError> {
        match (case.record(), case.report_key()) == (self.record, &self.key) {
            true => Ok(()),
            false => Err(DeviceError::OtherReportKey(self.record)),
        }
    }
}

fn file_of(folder: &Path, record: &RecordId) -> PathBuf {
    folder.join(format!("{record}.json"))
}

/// Encrypts a report to the key of the record that was read, signs its digest for the ledger, and hands both to the gateway.
///
/// # Errors
/// [`DeviceError::Report`], [`DeviceError::Gateway`].
///
/// # Security
/// The gateway is asked for no key. It names the tip's height only, which bounds how long the signed transaction holds.
pub async fn submit_report(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    recipient: &ReportRecipient,
    text: Report,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let record = recipient.record;
    let context = report_context(federation, record);
    let sealed = report::seal(&text, &context, &recipient.key, keys.signing(), rng)?;
    let digest = sealed.digest().into();
    let action = Action::Report(ReportAction { record, digest });
    let transaction = transaction::sign(gateway, federation, keys.signing(), action, rng).await?;
    let submission = ReportSubmission {
        report: sealed.to_bytes().into(),
        transaction: transaction.to_canonical_bytes().into(),
    };
    Ok(gateway.submit_report(&record, &submission).await?)
}
