//! Dec and Encrypt.

use std::hint::black_box;

use blst::blst_fp12;
use consilium_schemes::curve::{G1, G2, Scalar};

use super::Operands;
use crate::schemes::fixed_base::{FixedG1, FixedG2};
use crate::schemes::power::power;
use crate::schemes::raw::{Exponent, miller_loop, multiply};

/// Two tests of the order in GT, of A and B; A to a power, split in four; a multiplication by B; for the check of C0 a multiplication of g2.
pub struct Dec {
    a: blst_fp12,
    b: blst_fp12,
    inverse: Exponent,
    g2: FixedG2,
    s: Scalar,
}

impl Dec {
    /// It has no parameter.
    pub fn new() -> Self {
        let any = &mut Operands::new();
        let mut in_gt = || miller_loop([(&any.in_g1(), &any.lines())]).final_exp();
        let (a, b) = (in_gt(), in_gt());
        Self {
            a,
            b,
            inverse: any.exponent(),
            g2: FixedG2::lasting(&G2::generator()),
            s: any.scalar(),
        }
    }

    /// Once.
    pub fn run(&self) {
        black_box(black_box(&self.a).in_group());
        black_box(black_box(&self.b).in_group());
        black_box(multiply(&power(&self.a, &self.inverse), &self.b));
        black_box(&self.g2 * self.s);
    }
}

/// Two multiplications of g2 (C0, C2), one of H("time", t), for each row one of H("w") and one of the attribute's hash and their sum, one power of Y
/// in GT, split in four. All bases are known ahead.
pub struct Encrypt {
    g2: FixedG2,
    h_time: FixedG1,
    h_w: FixedG1,
    hashes: Vec<FixedG1>,
    y: blst_fp12,
    s: Scalar,
    exponent: Exponent,
}

impl Encrypt {
    /// Under so many rows.
    pub fn new(rows: usize) -> Self {
        let any = &mut Operands::new();
        Self {
            g2: FixedG2::lasting(&G2::generator()),
            h_time: any.base(),
            h_w: any.base(),
            hashes: (0..rows).map(|_| any.base()).collect(),
            y: miller_loop([(&any.in_g1(), &any.lines())]).final_exp(),
            s: any.scalar(),
            exponent: any.exponent(),
        }
    }

    /// Once.
    pub fn run(&self) {
        for _ in 0..2 {
            black_box(&self.g2 * self.s);
        }
        black_box(&self.h_time * self.s);
        for hash in &self.hashes {
            let row: G1 = &self.h_w * self.s + hash * self.s;
            black_box(row);
        }
        black_box(power(&self.y, &self.exponent));
    }
}
