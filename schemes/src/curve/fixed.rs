//! Points that are multiplied many times: tables of their multiples.
//!
//! A multiplication by a table takes about two fifths of one without; making the table costs as much as six multiplications (windows of 4
//! bits) or ten (5 bits). All of it takes constant time in the scalar: the recoding does not branch, and of a row
//! every entry is read.

use core::fmt;
use core::ops::Mul;
use std::sync::LazyLock;

use super::point::{G1, G2};
use super::raw;
use super::scalar::{Scalar, SecretScalar};

/// Window, in bits, of a base that is used some tens of times.
const SHORT: u32 = 4;
/// Window of a base that stays.
const LONG: u32 = 5;

macro_rules! fixed_base {
    ($name:ident, $group:ident, $multiples:ty, $what:literal) => {
        #[doc = $what]
        pub struct $name(Option<$multiples>);

        impl $name {
            /// For some tens of multiplications.
            #[must_use]
            pub fn new(base: &$group) -> Self {
                Self::with_window(base, SHORT)
            }

            /// For a base that stays: a table twice as large.
            #[must_use]
            pub fn lasting(base: &$group) -> Self {
                Self::with_window(base, LONG)
            }

            /// The generator, whose table is made once.
            #[must_use]
            pub fn generator() -> &'static Self {
                static GENERATOR: LazyLock<$name> =
                    LazyLock::new(|| $name::lasting(&$group::generator()));
                &GENERATOR
            }

            fn with_window(base: &$group, window: u32) -> Self {
                let there = !base.is_identity();
                Self(there.then(|| <$multiples>::new(base.0.as_ref(), window)))
            }

            /// Bytes in memory.
            #[must_use]
            pub fn bytes(&self) -> usize {
                self.0.as_ref().map_or(0, |table| table.bytes())
            }

            fn times(&self, scalar: &Scalar) -> $group {
                let scalar = zeroize::Zeroizing::new(scalar.0.to_bytes_le());
                let product = self.0.as_ref().map(|table| table.times(&scalar));
                product.map_or($group::identity(), $group::from_raw)
            }
        }

        impl Mul<Scalar> for &$name {
            type Output = $group;
            fn mul(self, scalar: Scalar) -> $group {
                self.times(&scalar)
            }
        }

        impl Mul<&SecretScalar> for &$name {
            type Output = $group;
            fn mul(self, scalar: &SecretScalar) -> $group {
                self.times(scalar.expose_secret())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

fixed_base!(
    FixedG1,
    G1,
    raw::G1Multiples,
    "A **public** point of G1 with a table of its multiples."
);
fixed_base!(
    FixedG2,
    G2,
    raw::G2Multiples,
    "A **public** point of G2 with a table of its multiples."
);
