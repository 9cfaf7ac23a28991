//! Points prepared for many pairings, and the product of pairings itself.
//!
//! The Miller loop of e(P, Q) spends most of its time on lines that depend on Q alone, and on squarings that the pairs of
//! a product share. A [`PreparedG2`] holds the lines of its Q (blst's `precompute_lines`); [`prepared_pairing`] evaluates
//! those of all pairs in one loop, with one final exponentiation. A [`PreparedG1`] holds the affine coordinates,
//! computed for many points with one inversion.

use core::fmt;
use std::sync::LazyLock;

use blst::{blst_fp6, blst_p1_affine};
use zeroize::Zeroize;

use super::gt::Gt;
use super::point::{G1, G2};
use super::raw::{self, Lines};

/// A point of G1 in affine coordinates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PreparedG1(blst_p1_affine);

impl PreparedG1 {
    /// Bytes in memory.
    pub const BYTES: usize = size_of::<Self>();

    /// One point.
    #[must_use]
    pub fn new(point: &G1) -> Self {
        Self(point.to_affine())
    }

    /// Many points, with one inversion.
    #[must_use]
    pub fn many(points: &[G1]) -> Vec<Self> {
        G1::to_affines(points).into_iter().map(Self).collect()
    }

    fn is_identity(&self) -> bool {
        self.0 == blst_p1_affine::default()
    }
}

impl Zeroize for PreparedG1 {
    /// Overwrites the point; what is left is the identity.
    fn zeroize(&mut self) {
        self.0.x.l.zeroize();
        self.0.y.l.zeroize();
    }
}

impl fmt::Debug for PreparedG1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedG1(..)")
    }
}

/// A point of G2 with the lines of its Miller loop. Wiped when dropped: some points belong to a key.
#[derive(Clone)]
pub struct PreparedG2(Option<Box<Lines>>);

impl PreparedG2 {
    /// Bytes in memory: 68 lines of three coefficients in Fp2, 19,584.
    pub const BYTES: usize = size_of::<Lines>();

    /// One point.
    #[must_use]
    pub fn new(point: &G2) -> Self {
        Self((!point.is_identity()).then(|| raw::lines(&point.to_affine())))
    }

    /// Many points, whose affine coordinates take one inversion.
    #[must_use]
    pub fn many(points: &[G2]) -> Vec<Self> {
        let affine = G2::to_affines(points).into_iter();
        let lines = affine.zip(points).map(|(affine, point)| {
            let there = !point.is_identity();
            Self(there.then(|| raw::lines(&affine)))
        });
        lines.collect()
    }

    /// g2, prepared once.
    #[must_use]
    pub fn generator() -> &'static Self {
        static GENERATOR: LazyLock<PreparedG2> =
            LazyLock::new(|| PreparedG2::new(&G2::generator()));
        &GENERATOR
    }
}

impl Drop for PreparedG2 {
    fn drop(&mut self) {
        let lines = self.0.iter_mut().flat_map(|lines| lines.iter_mut());
        lines.for_each(|line: &mut blst_fp6| {
            line.fp2
                .iter_mut()
                .flat_map(|fp2| &mut fp2.fp)
                .for_each(|fp| fp.l.zeroize());
        });
    }
}

impl fmt::Debug for PreparedG2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedG2(..)")
    }
}

/// Π e(Pᵢ, Qᵢ): one loop with shared squarings, one final exponentiation. The identity on either side contributes 1.
#[must_use]
pub fn prepared_pairing<'a>(pairs: impl IntoIterator<Item = (PreparedG1, &'a PreparedG2)>) -> Gt {
    let pairs = pairs.into_iter().filter_map(|(p, q)| {
        let there = !p.is_identity();
        Some((there.then(|| raw::evaluation(&p.0))?, &**q.0.as_ref()?))
    });
    let pairs: Vec<_> = pairs.collect();
    match pairs.is_empty() {
        true => Gt::one(),
        false => Gt::from_miller_loop(&raw::miller_loop(&pairs)),
    }
}

/// Π e(Pᵢ, Qᵢ) of points that are not prepared.
#[must_use]
pub fn multi_pairing(pairs: impl IntoIterator<Item = (G1, G2)>) -> Gt {
    let (left, right): (Vec<G1>, Vec<G2>) = pairs.into_iter().unzip();
    prepared_pairing(
        PreparedG1::many(&left)
            .into_iter()
            .zip(&PreparedG2::many(&right)),
    )
}

/// e(P, Q).
#[must_use]
pub fn pairing(p: &G1, q: &G2) -> Gt {
    multi_pairing([(*p, *q)])
}
