//! Why a device stops.

use std::io;
use std::path::PathBuf;

use consilium_contracts::{RecordId, ReportDefect};
use consilium_schemes::abe::HeaderMismatch;
use consilium_schemes::curve::DecodeError;
use consilium_schemes::envelope::EnvelopeError;
use consilium_schemes::report::{
    DecryptionProofError, DisputeRefused, ReportError, ReportKeyError,
};
use consilium_schemes::tokens::TokenError;

use super::complaint::WrongTransform;
use crate::error::ClientError;
use crate::ledger_proof::LedgerProofError;

/// Why a device stops. Nothing it wrote is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The gateway refused, or could not be reached.
    #[error(transparent)]
    Gateway(#[from] ClientError),
    /// The gateway sent something that cannot be read.
    #[error("the gateway's answer does not parse: {field}: {cause}")]
    Answer {
        /// Which part.
        field: &'static str,
        /// Why.
        cause: String,
    },
    /// The gateway sent something else than what was asked for, or than what the ledger has.
    #[error("the gateway's answer is not to be trusted: {0}")]
    Untrusted(&'static str),
    /// The KGC's evaluation of keywords does not hold.
    #[error("the keyword tokens cannot be made: {0}")]
    Tokens(#[from] TokenError),
    /// Pre-decryption or capsule is wrong: the device has decrypted nothing, and can complain.
    #[error(
        "record {} does not open; nothing was decrypted. At fault is {}. `consilium doctor complain {}` posts what shows it to everyone, with the record's policy, \
         `open` asks the hospital again, `decline --reason cannot-open` passes the case on",
        .0.record(), .0.fault(), .0.record()
    )]
    WrongTransform(Box<WrongTransform>),
    /// What the hospital gave carries no signature that holds, so that nobody could be shown it: not used.
    #[error(
        "the hospital did not sign its pre-decryption of record {0} for this doctor and key: it was not used, nothing was decrypted. Open \
         the case again; if your keys changed, `consilium doctor status` says whether the new ones are enrolled"
    )]
    Unsigned(RecordId),
    /// The encrypted record's header belongs to another record or epoch than the capsule.
    #[error(transparent)]
    Header(#[from] HeaderMismatch),
    /// The encrypted record is wrong.
    #[error("the encrypted record cannot be made or opened: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The gateway announces a longer record than the device takes.
    #[error(
        "the gateway announces an encrypted record of {announced} bytes; this device takes at most {limit}"
    )]
    TooLong {
        /// What it announces.
        announced: u64,
        /// What is taken.
        limit: u64,
    },
    /// The record's key for the report is not acceptable.
    #[error("the patient's report key is refused: {0}")]
    ReportKey(#[from] ReportKeyError),
    /// What was kept has another report key than the record was registered with.
    #[error(
        "what this device kept of record {0} has another report key than the record was registered with; nothing was read or sent. \
         Remove the record's file from the folder `cases` and read the record again"
    )]
    OtherReportKey(RecordId),
    /// What the device kept of a record that was read is damaged.
    #[error("{path} cannot be used: {cause}; remove it and read the record again")]
    Kept {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The report is wrong.
    #[error("the report cannot be sealed or opened: {0}")]
    Report(#[from] ReportError),
    /// The report on the ledger does not open: the doctor is at fault.
    #[error(
        "the report on record {record} does not open: {defect}; the doctor is at fault, and a dispute shows it to everybody"
    )]
    Unopenable {
        /// The record.
        record: RecordId,
        /// What is wrong with it.
        defect: ReportDefect,
    },
    /// A dispute that would be lost; nothing was posted.
    #[error("nothing was posted: {0}")]
    DisputeRefused(#[from] DisputeRefused),
    /// A proof of having decrypted was not made.
    #[error("it cannot be proven that the report was decrypted: {0}")]
    DecryptionProof(#[from] DecryptionProofError),
    /// What the gateway says of the ledger does not follow from the genesis.
    #[error("the gateway's proof of what stands on the ledger does not hold: {0}")]
    LedgerProof(#[from] LedgerProofError),
    /// A local file failed.
    #[error("a local file cannot be read or written: {0}")]
    File(#[from] io::Error),
    /// The genesis holds what this program does not understand.
    #[error("the genesis cannot be used: {0}")]
    Genesis(&'static str),
    /// No epoch is published yet.
    #[error("no epoch is published yet: the KGC must be unsealed first")]
    NoEpoch,
    /// More keywords or interests than the federation allows.
    #[error("{found} {what}; this federation allows {limit}: choose fewer")]
    TooMany {
        /// Keywords or interests.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl DeviceError {
    pub(super) fn answer(field: &'static str) -> impl FnOnce(DecodeError) -> Self {
        move |error| Self::Answer {
            field,
            cause: error.to_string(),
        }
    }
}
