//! PreDec, without and with its proof, under an `and` of different attributes: all weights are 1, m = 0.

use std::hint::black_box;

use blst::{blst_p1, blst_p1_affine, blst_p2};
use consilium_schemes::curve::{G2, Scalar};

use super::Operands;
use crate::schemes::fixed_base::{FixedG1, FixedG2};
use crate::schemes::raw::{
    Exponent, Lines, add_g1, affine_g1, affine_g2, g2, miller_loop, multiply_g1, multiply_g2,
    sum_g1,
};

/// For A: two sums of as many points of G1 as there are attributes, three Miller loops that share their squarings (C0, C2, P1), one final
/// exponentiation. For B: two Miller loops that share theirs (C0, Q2), one final exponentiation. The lines of P1 and Q2 are there
/// ahead, and so are those of C0 and C2, from the public check; one inversion for both sums.
pub struct PreDec {
    /// P_A and C_i.
    attributes: Vec<blst_p1_affine>,
    rows: Vec<blst_p1_affine>,
    p0: blst_p1_affine,
    q1: blst_p1_affine,
    ct: blst_p1_affine,
    p1: Lines,
    q2: Lines,
    of_c0: Lines,
    of_c2: Lines,
}

impl PreDec {
    /// With so many attributes.
    pub fn new(attributes: usize) -> Self {
        let any = &mut Operands::new();
        Self {
            attributes: any.many_in_g1(attributes),
            rows: any.many_in_g1(attributes),
            p0: any.in_g1(),
            q1: any.in_g1(),
            ct: any.in_g1(),
            p1: any.lines(),
            q2: any.lines(),
            of_c0: any.lines(),
            of_c2: any.lines(),
        }
    }

    /// Once; the sum over the rows is V, which the proof needs again.
    pub fn run(&self) -> blst_p1_affine {
        let [t, v] = affine_g1([sum_g1(&self.attributes), sum_g1(&self.rows)]);
        let a = [(&self.p0, &self.of_c0), (&t, &self.of_c2), (&v, &self.p1)];
        let b = [(&self.q1, &self.of_c0), (&self.ct, &self.q2)];
        black_box(miller_loop(a).final_exp());
        black_box(miller_loop(b).final_exp());
        v
    }
}

/// PreDec, and for the proof: the masks K0, K_0 in G1 and K1 in G2, multiples of the generators; their images, of two, two and three Miller
/// loops that share their squarings and one final exponentiation each, over the lines of g2, C0 and C2 (there ahead) and of K1
/// (computed); the sum W_0 of as many hashes as there are attributes, which are there ahead, and so is F, which depends on
/// the key alone; the answers, two products and sums in G1 and one in G2; one inversion for the points of G1, one for K1.
pub struct PreDecProven {
    transform: PreDec,
    g1: FixedG1,
    g2: FixedG2,
    masks: [Scalar; 3],
    hashes: Vec<blst_p1_affine>,
    h_w: blst_p1_affine,
    k0: blst_p1,
    k_0: blst_p1,
    k1: blst_p2,
    of_g2: Lines,
    of_k1: Lines,
    challenge: Exponent,
}

impl PreDecProven {
    /// With so many attributes.
    pub fn new(attributes: usize) -> Self {
        let any = &mut Operands::new();
        Self {
            transform: PreDec::new(attributes),
            g1: any.base(),
            g2: FixedG2::lasting(&G2::generator()),
            masks: [any.scalar(), any.scalar(), any.scalar()],
            hashes: any.many_in_g1(attributes),
            h_w: any.in_g1(),
            k0: any.projective(),
            k_0: any.projective(),
            k1: multiply_g2(&g2(), &any.exponent()),
            of_g2: Lines::of(&affine_g2(&g2())),
            of_k1: any.lines(),
            challenge: any.exponent(),
        }
    }

    /// Once.
    pub fn run(&mut self) {
        let v = self.transform.run();
        let [of_k0, of_k_0, of_k1] = self.masks;
        black_box((&self.g1 * of_k0, &self.g1 * of_k_0, &self.g2 * of_k1));
        self.of_k1.set(&affine_g2(&self.k1));
        let [k0, k_0, w] = affine_g1([self.k0, self.k_0, sum_g1(&self.hashes)]);
        let (of_g2, of_k1) = (&self.of_g2, &self.of_k1);
        let (of_c0, of_c2) = (&self.transform.of_c0, &self.transform.of_c2);
        let f = [(&k0, of_g2), (&self.h_w, of_k1)];
        let part = [(&k_0, of_g2), (&w, of_k1)];
        let a = [(&k0, of_c0), (&k_0, of_c2), (&v, of_k1)];
        black_box(miller_loop(f).final_exp());
        black_box(miller_loop(part).final_exp());
        black_box(miller_loop(a).final_exp());
        for point in [&self.k0, &self.k_0] {
            black_box(add_g1(point, &multiply_g1(point, &self.challenge)));
        }
        black_box(multiply_g2(&self.k1, &self.challenge));
    }
}
