//! The groups G1 and G2, always of prime order r.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Mul, Neg, Sub};

use group::{Curve, Group};

use zeroize::{DefaultIsZeroes, Zeroizing};

use super::error::DecodeError;
use super::raw;
use super::scalar::{Scalar, SecretScalar};

/// The base field modulus p, big-endian.
const MODULUS: [u8; 48] = [
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
];
/// Flag bits of the first byte: compressed, infinity, sign of y.
const COMPRESSED: u8 = 0x80;
const INFINITY: u8 = 0x40;
const FLAGS: u8 = 0xe0;

/// Why a compressed encoding that the library refused was refused.
fn refusal(bytes: &[u8]) -> DecodeError {
    let first = bytes.first().copied().unwrap_or_default();
    let canonical = first & COMPRESSED != 0
        && first & INFINITY == 0
        && bytes.chunks(48).enumerate().all(|(i, coordinate)| {
            let mut masked = coordinate.to_vec();
            if i == 0 {
                masked.iter_mut().take(1).for_each(|byte| *byte &= !FLAGS);
            }
            masked.as_slice() < MODULUS.as_slice()
        });
    if canonical {
        DecodeError::NotOnCurve
    } else {
        DecodeError::NonCanonical
    }
}

/// One of the two source groups; the two differ in nothing but the library's types.
macro_rules! source_group {
    (
        $name:ident, $doc:literal, $bytes:literal, $projective:ty, $affine:ty,
        $raw_jacobian:ty, $raw_affine:ty,
        $to_affines:path, $pippenger:path
    ) => {
        #[doc = $doc]
        ///
        /// Written additively, as Rust has it: the `P·Q` and `P^k` of the equations are `P + Q` and
        /// `P * k`. Multiplication takes constant time for public and secret scalars alike.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub(super) $projective);

        impl $name {
            pub(super) fn from_raw(raw: $raw_jacobian) -> Self {
                let mut point = <$projective>::identity();
                *point.as_mut() = raw;
                Self(point)
            }

            /// Length of the compressed encoding.
            pub const BYTES: usize = $bytes;

            /// The standard generator.
            #[must_use]
            pub fn generator() -> Self {
                Self(<$projective>::generator())
            }

            /// The identity.
            #[must_use]
            pub fn identity() -> Self {
                Self(<$projective>::identity())
            }

            /// Whether this is the identity.
            #[must_use]
            pub fn is_identity(&self) -> bool {
                self.0.is_identity().into()
            }

            /// The canonical, compressed encoding.
            #[must_use]
            pub fn to_bytes(&self) -> [u8; Self::BYTES] {
                self.0.to_compressed()
            }

            /// Reads a compressed point other than the identity.
            ///
            /// # Errors
            /// [`DecodeError`]: length, non-canonical, not on the curve, wrong subgroup, identity.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let point = Self::from_bytes_or_identity(bytes)?;
                if point.is_identity() {
                    Err(DecodeError::Identity)
                } else {
                    Ok(point)
                }
            }

            /// Reads a compressed point where the identity is allowed.
            ///
            /// # Errors
            /// [`DecodeError`]: length, non-canonical, not on the curve, wrong subgroup.
            pub fn from_bytes_or_identity(bytes: &[u8]) -> Result<Self, DecodeError> {
                let on_curve = Self::on_curve(bytes)?;
                if bool::from(on_curve.is_torsion_free()) {
                    Ok(Self(on_curve.into()))
                } else {
                    Err(DecodeError::WrongSubgroup)
                }
            }

            /// Reads a compressed point of the curve, not the identity, whose order is **not** checked: that is most of reading one.
            ///
            /// For what was read by [`Self::from_bytes`] before it came where it is, and where the order does not matter.
            pub(crate) fn from_bytes_of_any_order(bytes: &[u8]) -> Result<Self, DecodeError> {
                let point = Self(Self::on_curve(bytes)?.into());
                if point.is_identity() {
                    Err(DecodeError::Identity)
                } else {
                    Ok(point)
                }
            }

            /// A point of the curve in its canonical encoding, of whatever order.
            fn on_curve(bytes: &[u8]) -> Result<$affine, DecodeError> {
                let array: &[u8; Self::BYTES] =
                    bytes.try_into().map_err(|_| DecodeError::Length {
                        expected: Self::BYTES,
                        actual: bytes.len(),
                    })?;
                let point = Option::<$affine>::from(<$affine>::from_compressed_unchecked(array))
                    .filter(|point| point.is_on_curve().into())
                    .ok_or_else(|| refusal(bytes))?;
                if point.to_compressed() == *array {
                    Ok(point)
                } else {
                    Err(DecodeError::NonCanonical)
                }
            }

            /// Σ kᵢ·Pᵢ for **public** scalars, in variable time. Scalars 1 and -1 (the weights of most policies) cost an addition.
            #[must_use]
            pub fn multi_mul(terms: impl IntoIterator<Item = (Self, Scalar)>) -> Self {
                let terms = terms.into_iter();
                let most = terms.size_hint().1.unwrap_or_default();
                // The points may be secret: wiped, and no copies left behind by growing.
                let mut points = Zeroizing::new(Vec::with_capacity(most));
                let (mut sum, mut scalars) = (Self::identity(), Vec::new());
                let minus_one = -Scalar::ONE;
                for (point, scalar) in terms {
                    if scalar == Scalar::ONE {
                        sum += point;
                    } else if scalar == minus_one {
                        sum += -point;
                    } else if !point.is_identity() {
                        points.push(point);
                        scalars.push(scalar.0.to_bytes_le());
                    }
                }
                sum + Self::from_raw($pippenger(&Self::to_affines(&points), &scalars))
            }

            /// The same points with affine coordinates, by one inversion: each is then encoded and prepared without one of its own.
            #[must_use]
            pub(crate) fn normalized(points: &[Self]) -> Vec<Self> {
                let affine = Self::to_affines(points).into_iter();
                affine.map(|point| Self::from_affine(&point)).collect()
            }

            fn from_affine(raw: &$raw_affine) -> Self {
                let mut affine = <$affine>::default();
                *affine.as_mut() = *raw;
                Self(affine.into())
            }

            /// The affine coordinates; all zero for the identity.
            pub(super) fn to_affine(self) -> $raw_affine {
                *self.0.to_affine().as_ref()
            }

            /// The affine coordinates of many points, with one inversion.
            pub(super) fn to_affines(points: &[Self]) -> Vec<$raw_affine> {
                let raw: Vec<_> = points.iter().map(|point| *point.0.as_ref()).collect();
                $to_affines(&raw)
            }
        }

        /// The identity.
        impl Default for $name {
            fn default() -> Self {
                Self::identity()
            }
        }

        impl DefaultIsZeroes for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    concat!(stringify!($name), "({})"),
                    hex::encode(self.to_bytes())
                )
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::identity(), Add::add)
            }
        }

        impl Mul<Scalar> for $name {
            type Output = Self;
            fn mul(self, scalar: Scalar) -> Self {
                Self(self.0 * scalar.0)
            }
        }

        impl Mul<&SecretScalar> for $name {
            type Output = Self;
            fn mul(self, scalar: &SecretScalar) -> Self {
                Self(self.0 * scalar.expose_secret().0)
            }
        }
    };
}

source_group!(
    G1,
    "A point of G1, of prime order r.",
    48,
    blstrs::G1Projective,
    blstrs::G1Affine,
    blst::blst_p1,
    blst::blst_p1_affine,
    raw::g1s_to_affine,
    raw::g1_pippenger
);
source_group!(
    G2,
    "A point of G2, of prime order r.",
    96,
    blstrs::G2Projective,
    blstrs::G2Affine,
    blst::blst_p2,
    blst::blst_p2_affine,
    raw::g2s_to_affine,
    raw::g2_pippenger
);

impl G1 {
    /// For each pair (P, Q) the sums k·P + l·Q, one for each pair (k, l) of **public** scalars, in variable time: less than half of the work of two
    /// multiplications.
    #[must_use]
    pub fn combinations<const N: usize>(
        pairs: &[[Self; 2]],
        weights: &[[Scalar; 2]; N],
    ) -> Vec<[Self; N]> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| pair.map(|point| *point.0.as_ref()))
            .collect();
        let halves = |scalar: Scalar| raw::Halves::of(&scalar.0.to_bytes_le());
        let weights = weights.each_ref().map(|pair| pair.map(halves));
        let sums = raw::g1_combinations(&pairs, &weights).into_iter();
        sums.map(|sums| sums.map(Self::from_raw)).collect()
    }
}
