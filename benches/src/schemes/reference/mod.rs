//! What the algorithms cost at the least: the operations in the groups that their equations need, done in the best way known, over
//! operands that are there already. No hashing, no policy, no encoding, no randomness, nothing else.
//!
//! They call the curve library themselves ([`raw`](super::raw)), except for bases that are known ahead
//! ([`fixed_base`](super::fixed_base)). Points of keys and generators have the lines of their Miller loops ahead, points of a record do not.

mod decrypt;
mod keys;
mod matching;
mod pre_decrypt;

pub use decrypt::{Dec, Encrypt};
pub use keys::{AttKeyGen, UpdKeyGen};
pub use matching::Match;
pub use pre_decrypt::{PreDec, PreDecProven};

use blst::{blst_p1, blst_p1_affine, blst_p2_affine};
use consilium_schemes::curve::{G1, Scalar};
use rand::rngs::StdRng;

use super::fixed_base::FixedG1;
use super::raw::{Exponent, Lines, affine_g1, affine_g2, g1, g2, multiply_g1, multiply_g2, reduce};
use super::setting::random;

/// Random operands.
struct Operands(StdRng);

impl Operands {
    fn new() -> Self {
        Self(random("reference"))
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::random(&mut self.0)
    }

    fn exponent(&mut self) -> Exponent {
        reduce(&self.scalar().to_bytes())
    }

    fn projective(&mut self) -> blst_p1 {
        multiply_g1(&g1(), &self.exponent())
    }

    fn in_g1(&mut self) -> blst_p1_affine {
        let [point] = affine_g1([self.projective()]);
        point
    }

    fn in_g2(&mut self) -> blst_p2_affine {
        affine_g2(&multiply_g2(&g2(), &self.exponent()))
    }

    fn lines(&mut self) -> Lines {
        Lines::of(&self.in_g2())
    }

    fn many_in_g1(&mut self, count: usize) -> Vec<blst_p1_affine> {
        (0..count).map(|_| self.in_g1()).collect()
    }

    fn base(&mut self) -> FixedG1 {
        FixedG1::lasting(&(G1::generator() * self.scalar()))
    }
}
