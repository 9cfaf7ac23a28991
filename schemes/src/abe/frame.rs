//! What every encoding of this module begins with: four letters for the kind, format version, suite.

use crate::curve::{DecodeError, InField, Reader};

const VERSION: u8 = 1;
/// BLS12-381, RFC 9380 with SHA-256, HKDF-SHA-256.
const SUITE: u8 = 1;

/// Length of the frame.
pub(super) const FRAME: usize = 6;

/// The kind of an encoding.
pub(super) type Kind = [u8; 4];

/// Begins an encoding of this kind.
pub(super) fn begin(kind: &Kind) -> Vec<u8> {
    [kind.as_slice(), &[VERSION, SUITE]].concat()
}

/// Begins to read an encoding of this kind, at most `limit` bytes long.
pub(super) fn open<'a>(
    bytes: &'a [u8],
    kind: &Kind,
    limit: usize,
) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader::new(bytes, limit)?;
    if reader.array::<4>().in_field("kind")? != *kind {
        return Err(DecodeError::Rule("an encoding of another kind").in_field("kind"));
    }
    reader.version(VERSION).in_field("version")?;
    reader.version(SUITE).in_field("suite")?;
    Ok(reader)
}
