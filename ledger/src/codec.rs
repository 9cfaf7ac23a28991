//! Bounded reading of lists.

use std::io::{Error, ErrorKind, Read, Result};

use borsh::BorshDeserialize;

/// An error that borsh passes on.
pub(crate) fn malformed(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidData, reason.to_string())
}

/// Reads a list of at most `limit` elements; the length is checked before anything is allocated.
pub(crate) fn bounded_vec<T: BorshDeserialize>(
    reader: &mut impl Read,
    what: &str,
    limit: usize,
) -> Result<Vec<T>> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > limit {
        return Err(malformed(format!(
            "{what} of {length} elements, at most {limit} allowed"
        )));
    }
    (0..length).map(|_| T::deserialize_reader(reader)).collect()
}
