//! Multiplication of a base that is known ahead: generators, H("w"), H("time", t), hashed attributes, a doctor's key.
//!
//! The one place where the reference loops choose how: everything that multiplies such a base comes here.

use std::ops::Mul;

use consilium_schemes::curve::{G1, G2, Scalar};

/// A base in G1.
pub struct FixedG1(G1);

impl FixedG1 {
    /// Prepares it.
    pub fn lasting(base: &G1) -> Self {
        Self(*base)
    }
}

impl Mul<Scalar> for &FixedG1 {
    type Output = G1;
    fn mul(self, by: Scalar) -> G1 {
        self.0 * by
    }
}

/// A base in G2.
pub struct FixedG2(G2);

impl FixedG2 {
    /// Prepares it.
    pub fn lasting(base: &G2) -> Self {
        Self(*base)
    }
}

impl Mul<Scalar> for &FixedG2 {
    type Output = G2;
    fn mul(self, by: Scalar) -> G2 {
        self.0 * by
    }
}
