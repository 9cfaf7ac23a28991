//! The prefilter: buckets of keywords, so that a hospital need not pair every trapdoor with every
//! index. Off by default.
//!
//! Inside what is encrypted to the hospital, a bitmap of B bits stands beside each index and the
//! buckets of its interests beside each trapdoor. Only a record whose bitmap covers a trapdoor's
//! buckets is paired.
//!
//! | symbol | type |
//! |---|---|
//! | B | [`FilterSize`] |
//! | Fr("BUCKET", hospital, h) mod B | [`Bucket`] |
//! | bitmap with exactly w bits set | [`Bitmap`] |
//! | key of the PRF that fills it up | [`FillKey`] |
//!
//! Assumptions: HMAC-SHA-256 is a pseudorandom function; the key stays with the owner gateway.
//!
//! **What it leaks**, to the matching hospital and beyond what Match tells it: which buckets each
//! trapdoor asks for, and for each record a set of w buckets that contains all of its keywords'.
//! Over many records the frequency of a bucket shows the frequency of its keywords, hence often
//! which disease it is; records that share keywords share bits. The bits filled up are the same
//! whenever one record's bitmap is made again, so comparing does not wash them out. Another
//! hospital's buckets are others.

use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::curve::{DecodeError, Label, Transcript, hash_to_scalar};
use crate::tokens::KeywordToken;

const LABEL_BUCKET: Label = Label::new("CONSILIUM-V1-BUCKET");
const LABEL_FILL: Label = Label::new("CONSILIUM-V1-BUCKET-FILL");

/// B: 256, 512 or 1024 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSize(u16);

impl FilterSize {
    /// Accepts 256, 512 and 1024.
    ///
    /// # Errors
    /// [`DecodeError::Rule`].
    pub fn new(bits: u16) -> Result<Self, DecodeError> {
        match bits {
            256 | 512 | 1024 => Ok(Self(bits)),
            _ => Err(DecodeError::Rule("a prefilter has 256, 512 or 1024 bits")),
        }
    }

    /// The number of bits.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    fn bytes(self) -> usize {
        usize::from(self.0 / 8)
    }
}

/// A keyword's bucket at one hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

impl Bucket {
    /// Fr("BUCKET", hospital, h) mod B.
    #[must_use]
    pub fn of(token: &KeywordToken, hospital: &[u8], size: FilterSize) -> Self {
        let message = Transcript::new()
            .variable(hospital)
            .scalar(token.scalar().expose_secret());
        let scalar = hash_to_scalar(LABEL_BUCKET, &message).to_bytes();
        // B divides 2^16, so the last two bytes of the big-endian scalar are enough.
        let low = scalar
            .last_chunk()
            .map_or(0, |bytes| u16::from_be_bytes(*bytes));
        Self(low % size.0)
    }

    /// The bit's number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// The key that a gateway fills bitmaps up with; wiped when dropped, redacted when printed.
pub struct FillKey(Zeroizing<[u8; 32]>);

impl FillKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// Reads back a sealed key.
    #[must_use]
    pub fn from_bytes(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The key, to be sealed.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bit that the `attempt`-th drawing for this record and hospital hits.
    fn draw(&self, record: &[u8; 32], hospital: &[u8], attempt: u32, size: FilterSize) -> u16 {
        let message = Transcript::new()
            .variable(LABEL_FILL.as_bytes())
            .fixed(record)
            .variable(hospital)
            .u32(attempt);
        let output = Hmac::<Sha256>::new_from_slice(self.0.as_ref())
            .expect("HMAC takes keys of any length")
            .chain_update(message.as_bytes())
            .finalize()
            .into_bytes();
        output
            .last_chunk()
            .map_or(0, |bytes| u16::from_be_bytes(*bytes))
            % size.0
    }
}

impl fmt::Debug for FillKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FillKey(REDACTED)")
    }
}

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

/// A record's buckets, filled up to the fixed weight.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap {
    size: FilterSize,
    bits: Vec<u8>,
}

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
        let mut bitmap = Self {
            size,
            bits: vec![0; size.bytes()],
        };
        tokens
            .iter()
            .for_each(|token| bitmap.set(Bucket::of(token, hospital, size).0));
        let (limit, actual) = (u64::from(weight.0), u64::from(bitmap.weight()));
        if actual > limit {
            return Err(DecodeError::Limit { limit, actual });
        }
        let mut attempt = 0;
        while bitmap.weight() < weight.0 {
            bitmap.set(key.draw(record, hospital, attempt, size));
            attempt += 1;
        }
        Ok(bitmap)
    }

    /// Whether every bucket is set: only then can the record match.
    #[must_use]
    pub fn covers(&self, buckets: &[Bucket]) -> bool {
        buckets.iter().all(|bucket| self.is_set(bucket.0))
    }

    /// The encoding: B / 8 bytes, bit i in byte i / 8 at 2^(i mod 8).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bits.clone()
    }

    /// Parses the encoding; exactly `weight` bits must be set.
    ///
    /// # Errors
    /// [`DecodeError::Length`], [`DecodeError::NonCanonical`].
    pub fn from_bytes(bytes: &[u8], size: FilterSize, weight: Weight) -> Result<Self, DecodeError> {
        let (expected, actual) = (size.bytes(), bytes.len());
        if expected != actual {
            return Err(DecodeError::Length { expected, actual });
        }
        let bitmap = Self {
            size,
            bits: bytes.to_vec(),
        };
        if bitmap.weight() == weight.0 {
            Ok(bitmap)
        } else {
            Err(DecodeError::NonCanonical)
        }
    }

    fn weight(&self) -> u16 {
        self.bits.iter().map(|byte| byte.count_ones() as u16).sum()
    }

    fn set(&mut self, bit: u16) {
        if let Some(byte) = self.bits.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }

    fn is_set(&self, bit: u16) -> bool {
        self.bits
            .get(usize::from(bit / 8))
            .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitmap({} bits, REDACTED)", self.size.0)
    }
}
