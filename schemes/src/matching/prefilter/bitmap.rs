//! Bits of buckets: a record's, filled up to the fixed weight, and a trapdoor's.

use core::fmt;

use super::{Bucket, FillKey, FilterSize};
use crate::curve::DecodeError;
use crate::tokens::KeywordToken;

/// w: how many bits of every bitmap are set, at most half of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight(u16);

impl Weight {
    /// Accepts 1 to B / 2.
    ///
    /// # Errors
    /// [`DecodeError::Zero`], [`DecodeError::Limit`].
    pub fn new(weight: u16, size: FilterSize) -> Result<Self, DecodeError> {
        let limit = size.0 / 2;
        match weight {
            0 => Err(DecodeError::Zero),
            _ if weight > limit => Err(DecodeError::Limit {
                limit: limit.into(),
                actual: weight.into(),
            }),
            _ => Ok(Self(weight)),
        }
    }

    /// The number of bits set.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

/// B bits; bit i stands in byte i / 8 at 2^(i mod 8).
#[derive(Clone, PartialEq, Eq)]
struct Bits(Vec<u8>);

impl Bits {
    fn none(size: FilterSize) -> Self {
        Self(vec![0; size.bytes()])
    }

    fn from_bytes(bytes: &[u8], size: FilterSize) -> Result<Self, DecodeError> {
        let (expected, actual) = (size.bytes(), bytes.len());
        if expected == actual {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(DecodeError::Length { expected, actual })
        }
    }

    fn count(&self) -> u16 {
        self.0.iter().map(|byte| byte.count_ones() as u16).sum()
    }

    fn set(&mut self, bit: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
}

/// A record's buckets, filled up to the fixed weight.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap(Bits);

impl Bitmap {
    /// Sets the keywords' buckets and fills up to `weight` bits.
    ///
    /// # Errors
    /// [`DecodeError::Limit`] if the keywords alone take more bits.
    pub fn build(
        tokens: &[KeywordToken],
        hospital: &[u8],
        record: &[u8; 32],
        size: FilterSize,
        weight: Weight,
        key: &FillKey,
    ) -> Result<Self, DecodeError> {
        let mut bits = Bits::none(size);
        tokens
            .iter()
            .for_each(|token| bits.set(Bucket::of(token, hospital, size).0));
        let (limit, actual) = (u64::from(weight.0), u64::from(bits.count()));
        if actual > limit {
            return Err(DecodeError::Limit { limit, actual });
        }
        let mut attempt = 0;
        while bits.count() < weight.0 {
            bits.set(key.draw(record, hospital, attempt, size));
            attempt += 1;
        }
        Ok(Self(bits))
    }

    /// Whether every bucket is set: only then can the record match. Nothing is covered in another size.
    #[must_use]
    pub fn covers(&self, buckets: &Buckets) -> bool {
        let (own, asked) = (&self.0.0, &buckets.0.0);
        own.len() == asked.len()
            && own
                .iter()
                .zip(asked)
                .all(|(own, asked)| own & asked == *asked)
    }

    /// The encoding: B / 8 bytes, bit i in byte i / 8 at 2^(i mod 8).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.0.clone()
    }

    /// Parses the encoding; exactly `weight` bits must be set.
    ///
    /// # Errors
    /// [`DecodeError::Length`], [`DecodeError::NonCanonical`].
    pub fn from_bytes(bytes: &[u8], size: FilterSize, weight: Weight) -> Result<Self, DecodeError> {
        let bits = Bits::from_bytes(bytes, size)?;
        if bits.count() == weight.0 {
            Ok(Self(bits))
        } else {
            Err(DecodeError::NonCanonical)
        }
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitmap({} bits, REDACTED)", self.0.0.len() * 8)
    }
}

/// The buckets of a trapdoor's interests.
#[derive(Clone, PartialEq, Eq)]
pub struct Buckets(Bits);

impl Buckets {
    /// The buckets of these interests; two that share one set one bit.
    #[must_use]
    pub fn of(interests: &[KeywordToken], hospital: &[u8], size: FilterSize) -> Self {
        let mut bits = Bits::none(size);
        interests
            .iter()
            .for_each(|token| bits.set(Bucket::of(token, hospital, size).0));
        Self(bits)
    }

    /// The encoding, as a bitmap's.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.0.clone()
    }

    /// Parses the encoding; at least one bit must be set, and no more than the trapdoor has interests.
    ///
    /// # Errors
    /// [`DecodeError::Length`], [`DecodeError::Zero`], [`DecodeError::Limit`].
    pub fn from_bytes(bytes: &[u8], size: FilterSize, interests: u16) -> Result<Self, DecodeError> {
        let bits = Bits::from_bytes(bytes, size)?;
        match bits.count() {
            0 => Err(DecodeError::Zero),
            count if count > interests => Err(DecodeError::Limit {
                limit: interests.into(),
                actual: count.into(),
            }),
            _ => Ok(Self(bits)),
        }
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({} bits, REDACTED)", self.0.0.len() * 8)
    }
}
