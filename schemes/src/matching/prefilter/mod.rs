//! The prefilter: buckets of keywords, so that a hospital need not pair every trapdoor with every
//! index. Off by default.
//!
//! Encrypted to the hospital, a bitmap of B bits stands beside each index and the buckets of its
//! interests beside each trapdoor. Only a record whose bitmap covers a trapdoor's buckets is paired.
//!
//! | symbol | type |
//! |---|---|
//! | B | [`FilterSize`] |
//! | Fr("BUCKET", hospital, h) mod B | [`Bucket`] |
//! | bitmap with exactly w bits set | [`Bitmap`] |
//! | the buckets of a trapdoor's interests | [`Buckets`] |
//! | key of the PRF that fills a bitmap up | [`FillKey`] |
//! | what encryption binds either to | [`FilterContext`] |
//!
//! A true match is never left out: each keyword's bucket is set, so interests among the keywords are
//! covered. A record that lacks some of m interests is paired all the same with probability about
//! (w / B)^k, k the number of those that it lacks.
//!
//! Bitmap and buckets are encoded alike, B / 8 bytes, and encrypted by [`wrap`](crate::wrap) with the
//! hospital's HPKE key, signed by the poster: [`Bitmap::seal`], [`Buckets::seal`]. The length shows B and
//! nothing else. Bound are the federation, poster, subject, hospital, epoch and expiry, and the digest of
//! the index or trapdoor beside it: moved or copied, it does not open. Whether it is the right
//! one, nobody can check: an owner or a doctor who sets other bits hides matches, their own only.
//!
//! Assumptions: HMAC-SHA-256 is a pseudorandom function; the key stays with the owner gateway. Those of
//! [`wrap`](crate::wrap).
//!
//! **What it leaks**, to the matching hospital and beyond what Match tells it: which buckets each
//! trapdoor asks for, and for each record a set of w buckets that contains all of its keywords'.
//! Over many records the frequency of a bucket shows the frequency of its keywords, hence often
//! which disease it is; records that share keywords share bits. How many buckets a trapdoor has is at most
//! its m, which is public. The bits filled up are the same
//! whenever one record's bitmap is made again, so comparing does not wash them out. Another
//! hospital's buckets are others. Everybody else sees that there is a filter. There is no forward
//! secrecy: who gets the hospital's HPKE key later opens what was kept.

mod bitmap;
mod sealed;

use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::curve::{DecodeError, Label, Transcript, hash_to_scalar};
use crate::tokens::KeywordToken;

pub use bitmap::{Bitmap, Buckets, Weight};
pub use sealed::{FilterContext, FilterError, sealed_length};

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

    const fn bytes(self) -> usize {
        self.0 as usize / 8
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
