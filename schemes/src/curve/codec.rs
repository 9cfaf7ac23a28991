//! Reading canonical encodings: bounded, typed, nothing left over.

use super::error::DecodeError;
use super::gt::Gt;
use super::point::{G1, G2};
use super::scalar::Scalar;

/// Reads the values of an encoding one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins to read `bytes`, of which there may be at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::Limit`].
    pub fn new(bytes: &'a [u8], limit: usize) -> Result<Self, DecodeError> {
        if bytes.len() > limit {
            return Err(exceeds(limit, bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A count or length of four bytes, at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::Limit`].
    pub fn count(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if count > limit {
            Err(exceeds(limit, count))
        } else {
            Ok(count)
        }
    }

    /// Bytes behind their length of four bytes, at most `limit` of them.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::Limit`].
    pub fn variable(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let length = self.count(limit)?;
        self.take(length)
    }

    /// Text behind its length of four bytes.
    ///
    /// # Errors
    /// As [`Reader::variable`], and [`DecodeError::NonCanonical`] if it is not UTF-8.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, DecodeError> {
        core::str::from_utf8(self.variable(limit)?).map_err(|_| DecodeError::NonCanonical)
    }

    /// The format version, which must be `expected`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::UnknownVersion`].
    pub fn version(&mut self, expected: u8) -> Result<(), DecodeError> {
        let found = self.u8()?;
        if found == expected {
            Ok(())
        } else {
            Err(DecodeError::UnknownVersion(found))
        }
    }

    /// A point of G1 other than the identity.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or as [`G1::from_bytes`].
    pub fn g1(&mut self) -> Result<G1, DecodeError> {
        G1::from_bytes(self.take(G1::BYTES)?)
    }

    /// A point of G2 other than the identity.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or as [`G2::from_bytes`].
    pub fn g2(&mut self) -> Result<G2, DecodeError> {
        G2::from_bytes(self.take(G2::BYTES)?)
    }

    /// An element of GT other than 1.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or as [`Gt::from_bytes`].
    pub fn gt(&mut self) -> Result<Gt, DecodeError> {
        Gt::from_bytes(self.take(Gt::BYTES)?)
    }

    /// A scalar.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or as [`Scalar::from_bytes`].
    pub fn scalar(&mut self) -> Result<Scalar, DecodeError> {
        Scalar::from_bytes(self.take(Scalar::BYTES)?)
    }

    /// Ends the reading; nothing may be left.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`].
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes(self.0.len()))
        }
    }
}

fn exceeds(limit: usize, actual: usize) -> DecodeError {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    DecodeError::Limit {
        limit: wide(limit),
        actual: wide(actual),
    }
}

/// Names the field in which decoding failed.
pub trait InField<T> {
    /// Adds the field's name to the error.
    ///
    /// # Errors
    /// The same error, wrapped.
    fn in_field(self, field: &'static str) -> Result<T, DecodeError>;
}

impl<T> InField<T> for Result<T, DecodeError> {
    fn in_field(self, field: &'static str) -> Result<T, DecodeError> {
        self.map_err(|error| error.in_field(field))
    }
}

/// Appends bytes behind their length of four bytes, as [`Reader::variable`] reads them.
///
/// # Panics
/// If there are 2³² bytes or more; every caller's type is bounded far below.
pub fn put_variable(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a count as four bytes, as [`Reader::count`] reads it.
///
/// # Panics
/// If it is 2³² or more; every caller's type is bounded far below.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("bounded types have fewer than 2^32 items");
    out.extend_from_slice(&count.to_be_bytes());
}
