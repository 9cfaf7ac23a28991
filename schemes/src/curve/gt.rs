//! The target group GT, and exponentiation by a secret.
//!
//! The curve's parameter z = -0xd201000000010000 has p = z mod r, so that a^p = a^z for every a of GT: the Frobenius map, which is
//! cheap, is an exponentiation by 64 bits (Galbraith and Scott, *Exponentiation in pairing-friendly groups using
//! homomorphisms*, Pairing 2008).

use core::fmt;
use core::ops::{Div, Mul, MulAssign};

use blst::{blst_fp, blst_fp2, blst_fp6, blst_fp12};
use zeroize::{Zeroize, Zeroizing};

use super::error::DecodeError;
use super::raw;
use super::scalar::{Scalar, SecretScalar};

/// Length of one coefficient.
const COEFFICIENT: usize = 48;
/// |z|.
const Z: u128 = 0xd201_0000_0001_0000;
/// No element of GT: all coefficients zero.
const ZERO: blst_fp12 = {
    let fp2 = blst_fp2 {
        fp: [blst_fp { l: [0; 6] }; 2],
    };
    blst_fp12 {
        fp6: [blst_fp6 { fp2: [fp2; 3] }; 2],
    }
};

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

    /// a^k for a public k, as [`Gt::pow_secret`].
    #[must_use]
    pub fn pow(&self, exponent: &Scalar) -> Self {
        self.power(&exponent.to_bytes())
    }

    /// a^k for a secret k: 63 squarings, 74 multiplications and 64 selections of one in 16, whatever k is.
    #[must_use]
    pub fn pow_secret(&self, exponent: &SecretScalar) -> Self {
        self.power(&exponent.to_bytes())
    }

    /// k = d0 + d1 |z| + d2 |z|² + d3 |z|³, and raising to |z| is the Frobenius map and an inversion. The four powers share their
    /// squarings; no branch or index depends on a digit.
    fn power(&self, exponent: &[u8; Scalar::BYTES]) -> Self {
        let products = products([
            self.0,
            raw::fp12_conjugate(&raw::fp12_frobenius::<1>(&self.0)),
            raw::fp12_frobenius::<2>(&self.0),
            raw::fp12_conjugate(&raw::fp12_frobenius::<3>(&self.0)),
        ]);
        let digits = digits_in_base_z(exponent);
        let factor = |position: u32| {
            let bits = digits.iter().map(|digit| (digit >> position) as u8 & 1);
            let index = bits.rev().fold(0, |index, bit| index << 1 | bit);
            raw::select(ZERO, &products, index)
        };
        let mut power = factor(u64::BITS - 1);
        for position in (0..u64::BITS - 1).rev() {
            raw::fp12_cyclotomic_square(&mut power);
            raw::fp12_mul_assign(&mut power, &factor(position));
        }
        Self(power)
    }

    /// The final exponentiation of a Miller loop's value.
    pub(super) fn from_miller_loop(value: &blst_fp12) -> Self {
        Self(value.final_exp())
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

/// The products of all subsets of four elements; the bits of its number say which are in.
fn products(elements: [blst_fp12; 4]) -> [blst_fp12; 16] {
    let mut out = [blst_fp12::default(); 16];
    for (element, i) in elements.iter().zip(0..) {
        let (done, rest) = out.split_at_mut(1 << i);
        if let [alone, rest @ ..] = rest {
            *alone = *element;
            for (product, without) in rest.iter_mut().zip(done.iter().skip(1)) {
                *product = raw::fp12_mul(without, element);
            }
        }
    }
    out
}

/// The digits of k < r in base |z|, least significant first, by schoolbook division: one bit after the other, without a branch.
fn digits_in_base_z(k: &[u8; Scalar::BYTES]) -> Zeroizing<[u64; 4]> {
    let mut digits = Zeroizing::new([0; 4]);
    let mut dividend = Zeroizing::new(*k);
    for digit in digits.iter_mut().take(3) {
        let mut remainder = 0u128;
        for byte in dividend.iter_mut() {
            let mut quotient = 0;
            for position in (0..8).rev() {
                remainder = remainder << 1 | u128::from((*byte >> position) & 1);
                // The borrow of the subtraction is the highest bit, because both are far below 2^127.
                let less = remainder.wrapping_sub(Z) >> 127;
                // Wrapping, here and below: a check for overflow would be a branch.
                remainder = remainder.wrapping_sub(Z & less.wrapping_sub(1));
                quotient = quotient << 1 | (less as u8 ^ 1);
            }
            *byte = quotient;
        }
        *digit = remainder as u64;
    }
    // k < r < |z|^4: what is left is a digit.
    if let (Some(last), Some(left)) = (digits.last_mut(), dividend.last_chunk()) {
        *last = u64::from_be_bytes(*left);
    }
    digits
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
