//! Match.

use blst::{blst_fp12, blst_p1_affine};

use super::Operands;
use crate::schemes::raw::{Lines, miller_loop};

/// n + 1 Miller loops that share their squarings, one final exponentiation, one comparison with 1. The lines of the trapdoor are there
/// ahead, and the index's points are affine already.
pub struct Match {
    index: Vec<blst_p1_affine>,
    trapdoor: Vec<Lines>,
}

impl Match {
    /// For indexes of size n.
    pub fn new(n: u16) -> Self {
        let any = &mut Operands::new();
        let points = usize::from(n) + 1;
        Self {
            index: any.many_in_g1(points),
            trapdoor: (0..points).map(|_| any.lines()).collect(),
        }
    }

    /// Once; whether it is a match.
    pub fn run(&self) -> bool {
        let pairs = self.index.iter().zip(&self.trapdoor);
        miller_loop(pairs).final_exp() == blst_fp12::default()
    }
}
