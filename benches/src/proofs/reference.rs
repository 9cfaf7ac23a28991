//! The group operations of verifying a proof of Match, and nothing else.

use std::hint::black_box;

use consilium_schemes::curve::{G1, G2, Gt, Scalar, multi_pairing, pairing};
use consilium_schemes::match_proof::Outcome;
use consilium_schemes::matching::IndexSize;

use super::case::random;

/// 4 (n + 1) + 4 multiplications in G1 (one fewer by the identity U_n is not counted), 2 in G2, 2 (n + 1) Miller loops, one final
/// exponentiation; where the outcome is no match, one exponentiation in GT.
pub struct Loop {
    in_g1: Vec<(G1, Scalar)>,
    in_g2: Vec<(G2, Scalar)>,
    pairs: Vec<(G1, G2)>,
    in_gt: Option<(Gt, Scalar)>,
}

impl Loop {
    /// For indexes of size n.
    pub fn of(n: IndexSize, outcome: Outcome) -> Self {
        let random = &mut random("reference");
        let points = usize::from(n.get()) + 1;
        let mut scalar = || Scalar::random(random);
        let g1 = |scalar: Scalar| G1::generator() * scalar;
        let g2 = |scalar: Scalar| G2::generator() * scalar;
        // U_n = 1: its two multiplications are by the identity.
        let in_g1 = (0..4 * points - 2 + 4).map(|_| (g1(scalar()), scalar()));
        let in_g1 = in_g1.collect();
        let in_g2 = (0..2).map(|_| (g2(scalar()), scalar())).collect();
        let pairs = (0..2 * points).map(|_| (g1(scalar()), g2(scalar())));
        let pairs = pairs.collect();
        let blinded = pairing(&g1(scalar()), &g2(scalar()));
        let in_gt = match outcome {
            Outcome::Match => None,
            Outcome::NoMatch => Some((blinded, scalar())),
        };
        Self {
            in_g1,
            in_g2,
            pairs,
            in_gt,
        }
    }

    pub fn run(&self) {
        for (point, scalar) in &self.in_g1 {
            black_box(*black_box(point) * *scalar);
        }
        for (point, scalar) in &self.in_g2 {
            black_box(*black_box(point) * *scalar);
        }
        black_box(multi_pairing(self.pairs.iter().copied()));
        if let Some((element, scalar)) = &self.in_gt {
            black_box(black_box(element).pow(scalar));
        }
    }
}
