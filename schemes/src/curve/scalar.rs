//! Scalars modulo r: public ones, and secret ones that are wiped and never compared by branches.

use core::fmt;
use core::ops::{Add, Mul, Neg, Sub};

use ff::Field;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{DefaultIsZeroes, Zeroize, Zeroizing};

use super::error::DecodeError;
use super::raw;

/// Random bytes per sampled scalar: 512 bits leave a bias of 2^-257 after reduction modulo r.
const WIDE: usize = 64;

/// A public scalar modulo r. Comparison takes variable time; secrets belong in [`SecretScalar`].
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scalar(pub(super) blstrs::Scalar);

impl DefaultIsZeroes for Scalar {}

impl Scalar {
    /// Length of the encoding.
    pub const BYTES: usize = 32;
    /// Zero.
    pub const ZERO: Self = Self(blstrs::Scalar::ZERO);
    /// One.
    pub const ONE: Self = Self(blstrs::Scalar::ONE);

    /// A uniformly random non-zero scalar.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        loop {
            let mut wide = Zeroizing::new([0u8; WIDE]);
            rng.fill_bytes(wide.as_mut());
            let scalar = Self::reduce_be(wide.as_ref());
            if scalar != Self::ZERO {
                return scalar;
            }
        }
    }

    /// The canonical encoding: 32 bytes, big-endian, below r.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        self.0.to_bytes_be()
    }

    /// Reads the canonical encoding; zero is a value like any other.
    ///
    /// # Errors
    /// [`DecodeError::Length`] or [`DecodeError::NonCanonical`] (r or more).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let array: &[u8; Self::BYTES] = bytes.try_into().map_err(|_| DecodeError::Length {
            expected: Self::BYTES,
            actual: bytes.len(),
        })?;
        Option::from(blstrs::Scalar::from_bytes_be(array))
            .map(Self)
            .ok_or(DecodeError::NonCanonical)
    }

    /// A big-endian integer of any length, modulo r.
    pub(super) fn reduce_be(bytes: &[u8]) -> Self {
        let reduced = raw::reduce_be(bytes);
        Self(reduced.try_into().expect("blst reduced the value below r"))
    }

    /// The multiplicative inverse; `None` for zero.
    #[must_use]
    pub fn invert(&self) -> Option<Self> {
        Option::from(self.0.invert()).map(Self)
    }
}

/// The library's field type, for algorithms that are generic over `ff::PrimeField`.
pub(crate) type FieldElement = blstrs::Scalar;

/// Secret field elements for such an algorithm; wiped on drop.
pub(crate) struct SecretVector(Vec<FieldElement>);

impl SecretVector {
    pub(crate) fn new(elements: Vec<FieldElement>) -> Self {
        Self(elements)
    }

    pub(crate) fn from_secrets<'a>(
        secrets: impl ExactSizeIterator<Item = &'a SecretScalar>,
    ) -> Self {
        let mut elements = Vec::with_capacity(secrets.len());
        elements.extend(secrets.map(|secret| secret.0.0));
        Self(elements)
    }

    pub(crate) fn as_slice(&self) -> &[FieldElement] {
        &self.0
    }

    pub(crate) fn to_secrets(&self) -> Vec<SecretScalar> {
        self.0
            .iter()
            .map(|element| SecretScalar(Scalar(*element)))
            .collect()
    }
}

impl Drop for SecretVector {
    fn drop(&mut self) {
        self.0.fill(FieldElement::ZERO);
        zeroize::optimization_barrier(self.0.as_slice());
    }
}

impl From<FieldElement> for Scalar {
    fn from(element: FieldElement) -> Self {
        Self(element)
    }
}

impl From<Scalar> for FieldElement {
    fn from(scalar: Scalar) -> Self {
        scalar.0
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self(blstrs::Scalar::from(value))
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar({})", hex::encode(self.to_bytes()))
    }
}

impl Add for Scalar {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Scalar {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for Scalar {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl Neg for Scalar {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A secret scalar: wiped on drop, printed as `SecretScalar(..)`, compared and used in constant time.
///
/// # Security
/// Arithmetic works on copies in registers and on the stack which Rust gives no means to wipe.
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// A uniformly random non-zero secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Scalar::random(rng))
    }

    /// Treats a scalar as secret from here on.
    #[must_use]
    pub fn new(scalar: Scalar) -> Self {
        Self(scalar)
    }

    /// The value, for a formula whose result is public or for a sealed store.
    #[must_use]
    pub fn expose_secret(&self) -> &Scalar {
        &self.0
    }

    /// The canonical encoding, wiped on drop.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; Scalar::BYTES]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Reads the canonical encoding of a non-zero secret.
    ///
    /// # Errors
    /// As [`Scalar::from_bytes`], and [`DecodeError::Zero`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let secret = Self(Scalar::from_bytes(bytes)?);
        if bool::from(secret.is_zero()) {
            Err(DecodeError::Zero)
        } else {
            Ok(secret)
        }
    }

    /// Whether the value is zero.
    #[must_use]
    pub fn is_zero(&self) -> Choice {
        self.0.0.is_zero()
    }

    /// The inverse, in constant time; `None` for zero.
    #[must_use]
    pub fn invert(&self) -> Option<Self> {
        self.0.invert().map(Self)
    }

    /// An explicit copy of the secret.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl zeroize::ZeroizeOnDrop for SecretScalar {}

impl ConstantTimeEq for SecretScalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.0.ct_eq(&other.0.0)
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

impl Add for &SecretScalar {
    type Output = SecretScalar;
    fn add(self, other: Self) -> SecretScalar {
        SecretScalar(self.0 + other.0)
    }
}

impl Sub for &SecretScalar {
    type Output = SecretScalar;
    fn sub(self, other: Self) -> SecretScalar {
        SecretScalar(self.0 - other.0)
    }
}

impl Mul for &SecretScalar {
    type Output = SecretScalar;
    fn mul(self, other: Self) -> SecretScalar {
        SecretScalar(self.0 * other.0)
    }
}

impl Mul<&Scalar> for &SecretScalar {
    type Output = SecretScalar;
    fn mul(self, other: &Scalar) -> SecretScalar {
        SecretScalar(self.0 * *other)
    }
}

impl Neg for &SecretScalar {
    type Output = SecretScalar;
    fn neg(self) -> SecretScalar {
        SecretScalar(-self.0)
    }
}
