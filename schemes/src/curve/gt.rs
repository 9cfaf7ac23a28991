//! The target group GT, the pairing, and exponentiation by a secret.

use core::fmt;
use core::ops::{Div, Mul, MulAssign};

use blst::{blst_fp2, blst_fp6, blst_fp12};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

use super::error::DecodeError;
use super::point::{G1, G2};
use super::raw;
use super::scalar::{Scalar, SecretScalar};

/// Length of one coefficient.
const COEFFICIENT: usize = 48;

/// An element of GT, of prime order r, written multiplicatively.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Gt(blst_fp12);

impl Gt {
    /// Length of the encoding: twelve coefficients.
    pub const BYTES: usize = 12 * COEFFICIENT;

    /// The identity, 1.
    #[must_use]
    pub fn one() -> Self {
        Self(blst_fp12::default())
    }

    /// Whether this is 1.
    #[must_use]
    pub fn is_one(&self) -> bool {
        *self == Self::one()
    }

    /// 1/a.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self(raw::fp12_conjugate(&self.0))
    }

    /// a^k for a public k.
    #[must_use]
    pub fn pow(&self, exponent: &Scalar) -> Self {
        self.ladder(&exponent.to_bytes())
    }

    /// a^k for a secret k: 256 squarings, 256 multiplications and selections, whatever k is.
    #[must_use]
    pub fn pow_secret(&self, exponent: &SecretScalar) -> Self {
        self.ladder(&exponent.to_bytes())
    }

    /// Square and always multiply, most significant bit first; no branch or index depends on a bit.
    fn ladder(&self, exponent: &[u8; Scalar::BYTES]) -> Self {
        let mut accumulator = blst_fp12::default();
        for byte in exponent {
            for position in (0..8).rev() {
                let squared = raw::fp12_cyclotomic_square(&accumulator);
                let multiplied = raw::fp12_mul(&squared, &self.0);
                accumulator = select(&squared, &multiplied, Choice::from((byte >> position) & 1));
            }
        }
        Self(accumulator)
    }

    /// The canonical encoding: twelve coefficients of 48 bytes, big-endian, in the order
    /// c0.c0.c0, c0.c0.c1, c0.c1.c0, … c1.c2.c1 of the tower Fp12 = Fp6\[w\], Fp6 = Fp2\[v\], Fp2 = Fp\[u\].
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0u8; Self::BYTES];
        let coefficients = self.0.fp6.iter().flat_map(|c| &c.fp2).flat_map(|c| &c.fp);
        for (chunk, coefficient) in out.chunks_exact_mut(COEFFICIENT).zip(coefficients) {
            chunk.copy_from_slice(&raw::fp_to_be(coefficient));
        }
        out
    }

    /// Reads an element of GT other than 1.
    ///
    /// # Errors
    /// As [`Gt::from_bytes_or_one`], and [`DecodeError::Identity`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let element = Self::from_bytes_or_one(bytes)?;
        if element.is_one() {
            Err(DecodeError::Identity)
        } else {
            Ok(element)
        }
    }

    /// Reads an element of GT where 1 is allowed.
    ///
    /// The test of order r is blst's: a^(p⁴−p²+1) = 1 (the cyclotomic subgroup) *and* a^p = a^z, z the
    /// curve parameter. The order then divides gcd(p⁴−p²+1, p−z), which is r itself, as computing it with
    /// integers shows (Scott, eprint 2021/1130, section 5). The vectors have an element that passes the first half only.
    ///
    /// # Errors
    /// [`DecodeError`]: length, non-canonical coefficient, wrong subgroup (which includes zero).
    pub fn from_bytes_or_one(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() != Self::BYTES {
            return Err(DecodeError::Length {
                expected: Self::BYTES,
                actual: bytes.len(),
            });
        }
        let mut chunks = bytes.chunks_exact(COEFFICIENT);
        let mut next_fp2 = || -> Result<blst_fp2, DecodeError> {
            let mut fp2 = blst_fp2::default();
            for fp in &mut fp2.fp {
                let chunk = chunks.next().and_then(|chunk| chunk.try_into().ok());
                *fp = chunk
                    .and_then(raw::fp_from_be)
                    .ok_or(DecodeError::NonCanonical)?;
            }
            Ok(fp2)
        };
        let mut next_fp6 = || {
            Ok(blst_fp6 {
                fp2: [next_fp2()?, next_fp2()?, next_fp2()?],
            })
        };
        let element = blst_fp12 {
            fp6: [next_fp6()?, next_fp6()?],
        };
        if element.in_group() {
            Ok(Self(element))
        } else {
            Err(DecodeError::WrongSubgroup)
        }
    }
}

/// `a` if `choice` is 0, else `b`, limb by limb.
fn select(a: &blst_fp12, b: &blst_fp12, choice: Choice) -> blst_fp12 {
    let mut out = *a;
    let limbs = out
        .fp6
        .iter_mut()
        .flat_map(|c| &mut c.fp2)
        .flat_map(|c| &mut c.fp)
        .flat_map(|c| &mut c.l);
    let others = b
        .fp6
        .iter()
        .flat_map(|c| &c.fp2)
        .flat_map(|c| &c.fp)
        .flat_map(|c| &c.l);
    for (limb, other) in limbs.zip(others) {
        limb.conditional_assign(other, choice);
    }
    out
}

/// e(P, Q).
#[must_use]
pub fn pairing(p: &G1, q: &G2) -> Gt {
    multi_pairing([(*p, *q)])
}

/// Π e(Pᵢ, Qᵢ): one Miller loop with shared squarings and one final exponentiation.
#[must_use]
pub fn multi_pairing(pairs: impl IntoIterator<Item = (G1, G2)>) -> Gt {
    let pairs: Vec<_> = pairs
        .into_iter()
        .filter_map(|(p, q)| Some((p.to_affine()?, q.to_affine()?)))
        .collect();
    Gt(raw::pairing_product(&pairs))
}

impl Zeroize for Gt {
    /// Overwrites the element; what is left is 1.
    fn zeroize(&mut self) {
        let fp6 = self.0.fp6.iter_mut();
        fp6.flat_map(|c| &mut c.fp2)
            .flat_map(|c| &mut c.fp)
            .for_each(|c| c.l.zeroize());
        self.0 = blst_fp12::default();
    }
}

impl fmt::Debug for Gt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Gt({}..)",
            hex::encode(self.to_bytes().first_chunk::<8>().unwrap_or(&[0; 8]))
        )
    }
}

impl Mul for Gt {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(raw::fp12_mul(&self.0, &other.0))
    }
}

impl MulAssign for Gt {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

impl Div for Gt {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "a/b is a · 1/b")]
    fn div(self, other: Self) -> Self {
        self * other.invert()
    }
}
