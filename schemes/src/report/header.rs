//! The header of a report.

use super::ReportContext;
use super::error::Defect;
use crate::curve::{DecodeError, InField as _, Reader};
use crate::digest::Digest;
use crate::signature::VerifyingKey;

const MAGIC: &[u8; 4] = b"CTHR";
const VERSION: u8 = 1;
/// RSA-KEM with e = 65537, HKDF-SHA-256, HMAC-SHA-256, AES-256-GCM.
const SUITE: u8 = 1;

/// Bytes of the tag that commits to the key.
pub(super) const TAG: usize = 32;
/// Bytes of a header: core and tag.
pub(super) const HEADER: usize = HeaderCore::LENGTH + TAG;

/// Who sent what to whom, in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderCore {
    pub(super) context: ReportContext,
    pub(super) doctor: VerifyingKey,
    pub(super) recipient: Digest,
}

impl HeaderCore {
    pub(super) const LENGTH: usize = 4 + 2 + 4 * 32;

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, SUITE]);
        out.extend_from_slice(&self.context.federation);
        out.extend_from_slice(&self.context.record);
        out.extend_from_slice(self.doctor.as_bytes());
        out.extend_from_slice(self.recipient.as_bytes());
        out
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.array::<4>().in_field("magic")? != *MAGIC {
            return Err(DecodeError::Rule("not a sealed report").in_field("magic"));
        }
        reader.version(VERSION).in_field("version")?;
        reader.version(SUITE).in_field("suite")?;
        let federation = reader.array().in_field("federation")?;
        let record = reader.array().in_field("record")?;
        let doctor = VerifyingKey::from_bytes(&reader.array().in_field("doctor")?)
            .map_err(|_| DecodeError::Rule("not an Ed25519 key").in_field("doctor"))?;
        let recipient = Digest::from_bytes(reader.array().in_field("report key")?);
        Ok(Self {
            context: ReportContext { federation, record },
            doctor,
            recipient,
        })
    }

    /// Each part that differs from what is expected, by name.
    pub(super) fn expect(&self, other: &Self) -> Result<(), Defect> {
        let same = [
            (
                "federation",
                self.context.federation == other.context.federation,
            ),
            ("record", self.context.record == other.context.record),
            ("doctor", self.doctor == other.doctor),
            ("report key", self.recipient == other.recipient),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            Some((name, _)) => Err(Defect::Context(name)),
            None => Ok(()),
        }
    }
}
