//! A transform that opens nothing: what the doctor's device keeps of it, and posts.
//!
//! Opening a case tries Dec. Where nothing opens, the device has decrypted nothing and holds a [`WrongTransform`]: who is shown at fault,
//! and the complaint that shows it ([`abe::Complaint`]). It reveals nothing that opens a record. [`WrongTransform::keep`] carries it to
//! the process that posts it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use consilium_contracts::{Action, ComplainTransform, ComplaintBytes, Fault, RecordId};
use consilium_schemes::abe;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use super::doctor::DoctorKeys;
use super::error::DeviceError;
use super::federation::Federation;
use super::files::{damaged, private_folder, read_kept};
use super::transaction;
use crate::GatewayClient;
use crate::api::ledger::TransactionReceipt;
use crate::file::{Existing, Readers, write_atomically};
use crate::wire::{HexBytes, Text};

/// The longest file that is read: the complaint as hexadecimal, and what stands around it.
const MAX_FILE_BYTES: u64 = 2 * abe::Complaint::LIMIT as u64 + 1024;

/// A transform that opens nothing, with what shows whose fault it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTransform {
    record: RecordId,
    fault: Fault,
    complaint: abe::Complaint,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    record: Text<RecordId>,
    fault: HexBytes,
    complaint: HexBytes,
}

impl WrongTransform {
    pub(super) fn new(record: RecordId, fault: Fault, complaint: abe::Complaint) -> Self {
        Self {
            record,
            fault,
            complaint,
        }
    }

    /// The record.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// Who is shown at fault. [`Fault::TransformRight`]: the encryptor, for this device, which has tried; it can show others no more
    /// than that it is not the hospital.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// What shows it.
    pub fn complaint(&self) -> &abe::Complaint {
        &self.complaint
    }

    /// Keeps it in `folder`, which is made where it is not there, instead of what was kept for the record before.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn keep(&self, folder: &Path) -> Result<(), DeviceError> {
        private_folder(folder)?;
        let fault = borsh::to_vec(&self.fault)?;
        let kept = Kept {
            record: Text(self.record),
            fault: fault.into(),
            complaint: self.complaint.to_bytes().into(),
        };
        let text = serde_json::to_vec(&kept).map_err(io::Error::from)?;
        let path = file_of(folder, &self.record);
        Ok(write_atomically(
            &path,
            &text,
            Readers::Owner,
            Existing::Replace,
        )?)
    }

    /// What was kept in `folder` for a record; nothing, where no opening failed.
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
        let fault = borsh::from_slice(kept.fault.as_bytes());
        let fault = fault.map_err(|error| damaged(&path, error))?;
        let complaint = abe::Complaint::from_bytes(kept.complaint.as_bytes())
            .map_err(|error| damaged(&path, error))?;
        Ok(Some(Self::new(record, fault, complaint)))
    }

    /// Removes what was kept, once the complaint is posted. That the case opens later takes back nothing.
    ///
    /// # Errors
    /// [`DeviceError::File`].
    pub fn forget(folder: &Path, record: RecordId) -> Result<(), DeviceError> {
        match fs::remove_file(file_of(folder, &record)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn file_of(folder: &Path, record: &RecordId) -> PathBuf {
    folder.join(format!("{record}.complaint.json"))
}

/// Posts a complaint. Everyone settles it anew; the assignment goes on.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn complain(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    wrong: &WrongTransform,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let complaint = ComplaintBytes::try_from(wrong.complaint.to_bytes())
        .expect("no encoding of a complaint is longer");
    let action = Action::ComplainTransform(ComplainTransform {
        record: wrong.record,
        complaint,
    });
    transaction::submit(gateway, federation, keys.signing(), action, rng).await
}
