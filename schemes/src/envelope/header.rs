//! `header_core`: everything about an encrypted record that is said in the clear, but the
//! commitment.
//!
//! ```text
//! "CTHD" || version 1 || suite 1 || record id 32 || epoch 8 || record key 32
//!        || report key len32 + n || nonce prefix 7
//! ```

use super::error::EnvelopeError;
use crate::curve::{DecodeError, InField as _, Reader, put_variable};
use crate::signature::VerifyingKey;

const MAGIC: &[u8; 4] = b"CTHD";
const VERSION: u8 = 1;
/// HKDF-SHA-256, HMAC-SHA-256, AES-256-GCM in STREAM BE32 segments of 1 MiB.
const SUITE: u8 = 1;

/// Bytes of a record's identifier.
pub const RECORD_ID_BYTES: usize = 32;

/// Largest encoding of a report key: a modulus of 8192 bits and its certificate are 9230 bytes.
pub const REPORT_KEY_LIMIT: usize = 16 * 1024;

/// AES-GCM nonces are 12 bytes; STREAM takes 4 for the counter and 1 for the last-segment mark.
pub(super) const NONCE_PREFIX: usize = 7;

const FIXED: usize =
    MAGIC.len() + 2 + RECORD_ID_BYTES + 8 + VerifyingKey::LENGTH + 4 + NONCE_PREFIX;
const CORE_LIMIT: usize = FIXED + REPORT_KEY_LIMIT;

/// What the encryptor says about a record in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFields {
    /// The record's random identifier.
    pub record: [u8; RECORD_ID_BYTES],
    /// The epoch that the capsule was made for.
    pub epoch: u64,
    /// The patient's Ed25519 key of this record.
    pub record_key: VerifyingKey,
    /// The patient's RSA key of this record with its certificate, as encoded by the module
    /// `report`.
    pub report_key: Vec<u8>,
}

/// `header_core`: the fields and the nonce prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderCore {
    fields: HeaderFields,
    nonce_prefix: [u8; NONCE_PREFIX],
}

impl HeaderCore {
    /// Completes the fields with a fresh nonce prefix.
    ///
    /// # Errors
    /// [`EnvelopeError::Header`] if the report key is longer than [`REPORT_KEY_LIMIT`].
    pub fn new(
        fields: HeaderFields,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Self, EnvelopeError> {
        if fields.report_key.len() > REPORT_KEY_LIMIT {
            let (limit, actual) = (REPORT_KEY_LIMIT as u64, fields.report_key.len() as u64);
            return Err(DecodeError::Limit { limit, actual }
                .in_field("report key")
                .into());
        }
        let mut nonce_prefix = [0; NONCE_PREFIX];
        rng.fill_bytes(&mut nonce_prefix);
        Ok(Self {
            fields,
            nonce_prefix,
        })
    }

    /// What the encryptor said.
    #[must_use]
    pub fn fields(&self) -> &HeaderFields {
        &self.fields
    }

    pub(super) fn nonce_prefix(&self) -> &[u8; NONCE_PREFIX] {
        &self.nonce_prefix
    }

    /// The canonical encoding: what the record's key is derived from.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED + self.fields.report_key.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, SUITE]);
        out.extend_from_slice(&self.fields.record);
        out.extend_from_slice(&self.fields.epoch.to_be_bytes());
        out.extend_from_slice(self.fields.record_key.as_bytes());
        put_variable(&mut out, &self.fields.report_key);
        out.extend_from_slice(&self.nonce_prefix);
        out
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, CORE_LIMIT)?;
        if reader.array::<4>().in_field("magic")? != *MAGIC {
            return Err(DecodeError::Rule("not an encrypted record").in_field("magic"));
        }
        reader.version(VERSION).in_field("version")?;
        reader.version(SUITE).in_field("suite")?;
        let record = reader.array().in_field("record id")?;
        let epoch = reader.u64().in_field("epoch")?;
        let record_key = VerifyingKey::from_bytes(&reader.array().in_field("record key")?)
            .map_err(|_| DecodeError::Rule("not an Ed25519 key").in_field("record key"))?;
        let report_key = reader
            .variable(REPORT_KEY_LIMIT)
            .in_field("report key")?
            .to_vec();
        let nonce_prefix = reader.array().in_field("nonce prefix")?;
        reader.finish()?;
        let fields = HeaderFields {
            record,
            epoch,
            record_key,
            report_key,
        };
        Ok(Self {
            fields,
            nonce_prefix,
        })
    }
}

/// The length that precedes a core.
pub(super) fn encoded_length(core: usize) -> [u8; 4] {
    u32::try_from(core)
        .expect("a core is bounded by its constructors")
        .to_be_bytes()
}

/// Reads the length that precedes a core, before that much is allocated.
pub(super) fn checked_length(bytes: [u8; 4]) -> Result<usize, DecodeError> {
    Reader::new(&bytes, 4)?
        .count(CORE_LIMIT)
        .in_field("header length")
}
