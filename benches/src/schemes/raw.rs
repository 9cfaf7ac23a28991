//! The curve library's C interface, as the reference loops call it: past `schemes::curve`, so that they do not depend on what they
//! are compared with.
//!
//! Every function takes and returns plain values; nothing here allocates but [`Lines::of`].
#![allow(unsafe_code)]

use core::ptr;

use blst::{
    blst_fp, blst_fp6, blst_fp12, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine, blst_scalar,
};

/// A scalar below the group order, 32 bytes, little-endian.
pub type Exponent = [u8; 32];

/// Bits of the group order.
const BITS: usize = 255;
/// Lines of one Miller loop: 63 doublings and 5 additions.
const LINES: usize = 68;
/// The doublings that follow each addition; one goes before all (the binary digits of the curve's parameter).
const DOUBLINGS: [usize; 5] = [2, 3, 9, 32, 16];
/// Miller loops that share their squarings in any reference: n + 1 for Match, n at most 64.
const MOST_PAIRS: usize = 72;

/// g1.
pub fn g1() -> blst_p1 {
    // SAFETY: the library returns a pointer to a constant of its own.
    unsafe { *blst::blst_p1_generator() }
}

/// g2.
pub fn g2() -> blst_p2 {
    // SAFETY: as in `g1`.
    unsafe { *blst::blst_p2_generator() }
}

/// P^k in G1, in constant time.
pub fn multiply_g1(point: &blst_p1, by: &Exponent) -> blst_p1 {
    let mut out = blst_p1::default();
    // SAFETY: two valid points; the function reads ceil(BITS / 8) = 32 bytes of the scalar.
    unsafe { blst::blst_p1_mult(&mut out, point, by.as_ptr(), BITS) };
    out
}

/// P^k in G2, in constant time.
pub fn multiply_g2(point: &blst_p2, by: &Exponent) -> blst_p2 {
    let mut out = blst_p2::default();
    // SAFETY: as in `multiply_g1`.
    unsafe { blst::blst_p2_mult(&mut out, point, by.as_ptr(), BITS) };
    out
}

/// P · Q in G1.
pub fn add_g1(a: &blst_p1, b: &blst_p1) -> blst_p1 {
    let mut out = blst_p1::default();
    // SAFETY: three valid points.
    unsafe { blst::blst_p1_add_or_double(&mut out, a, b) };
    out
}

/// The product of all of them, by batched affine additions.
pub fn sum_g1(points: &[blst_p1_affine]) -> blst_p1 {
    let mut out = blst_p1::default();
    let list = [points.as_ptr(), ptr::null()];
    // SAFETY: the null entry tells the library that the others follow the first, which they do: `points.len()` of them.
    unsafe { blst::blst_p1s_add(&mut out, list.as_ptr(), points.len()) };
    out
}

/// Affine coordinates of points other than the identity, with one inversion.
pub fn affine_g1<const N: usize>(points: [blst_p1; N]) -> [blst_p1_affine; N] {
    let mut out = [blst_p1_affine::default(); N];
    let list = [points.as_ptr(), ptr::null()];
    // SAFETY: as in `sum_g1`; `out` has room for N points.
    unsafe { blst::blst_p1s_to_affine(out.as_mut_ptr(), list.as_ptr(), N) };
    out
}

/// Affine coordinates.
pub fn affine_g2(point: &blst_p2) -> blst_p2_affine {
    let mut out = blst_p2_affine::default();
    // SAFETY: two valid points.
    unsafe { blst::blst_p2_to_affine(&mut out, point) };
    out
}

/// a · b in GT.
pub fn multiply(a: &blst_fp12, b: &blst_fp12) -> blst_fp12 {
    let mut out = blst_fp12::default();
    // SAFETY: three valid field elements.
    unsafe { blst::blst_fp12_mul(&mut out, a, b) };
    out
}

/// a² in GT.
pub fn square(a: &blst_fp12) -> blst_fp12 {
    let mut out = blst_fp12::default();
    // SAFETY: two valid field elements.
    unsafe { blst::blst_fp12_cyclotomic_sqr(&mut out, a) };
    out
}

/// a^(p^n) for n = 1, 2, 3.
pub fn frobenius<const N: usize>(a: &blst_fp12) -> blst_fp12 {
    const { assert!(N >= 1 && N <= 3) };
    let mut out = blst_fp12::default();
    // SAFETY: two valid field elements, and n is one that the library has coefficients for.
    unsafe { blst::blst_fp12_frobenius_map(&mut out, a, N) };
    out
}

/// 1/a in GT.
pub fn invert(a: &blst_fp12) -> blst_fp12 {
    let mut out = *a;
    // SAFETY: one valid field element, changed in place.
    unsafe { blst::blst_fp12_conjugate(&mut out) };
    out
}

/// A number as an exponent, modulo the group order.
pub fn reduce(big_endian: &[u8]) -> Exponent {
    let mut out = blst_scalar::default();
    // SAFETY: `out` is a valid scalar, and the bytes are readable for their length.
    unsafe { blst::blst_scalar_from_be_bytes(&mut out, big_endian.as_ptr(), big_endian.len()) };
    out.b
}

/// The lines of the Miller loop of one point of G2.
pub struct Lines(Box<[blst_fp6; LINES]>);

impl Lines {
    /// Of this point.
    pub fn of(q: &blst_p2_affine) -> Self {
        let mut lines = Self(Box::new([blst_fp6::default(); LINES]));
        lines.set(q);
        lines
    }

    /// Replaces them with those of another point.
    pub fn set(&mut self, q: &blst_p2_affine) {
        // SAFETY: there is room for the 68 lines that the library writes.
        unsafe { blst::blst_precompute_lines(self.0.as_mut_ptr(), q) };
    }
}

/// (-2x, 2y): what a line is multiplied by.
#[derive(Clone, Copy, Default)]
struct Doubled {
    x: blst_fp,
    y: blst_fp,
}

impl Doubled {
    fn of(p: &blst_p1_affine) -> Self {
        let mut out = Self::default();
        // SAFETY: valid field elements; the library allows its result to be its argument.
        unsafe {
            blst::blst_fp_add(&mut out.x, &p.x, &p.x);
            blst::blst_fp_cneg(&mut out.x, &out.x, true);
            blst::blst_fp_add(&mut out.y, &p.y, &p.y);
        }
        out
    }

    /// The line at this point.
    fn evaluate(&self, line: &blst_fp6) -> blst_fp6 {
        let mut out = *line;
        let [_, by_x, by_y] = &mut out.fp2;
        // SAFETY: valid field elements; the library allows its result to be its argument.
        unsafe {
            for coefficient in &mut by_x.fp {
                blst::blst_fp_mul(coefficient, coefficient, &self.x);
            }
            for coefficient in &mut by_y.fp {
                blst::blst_fp_mul(coefficient, coefficient, &self.y);
            }
        }
        out
    }
}

/// The Miller loop over all pairs at once, with one squaring a step for all of them.
///
/// # Panics
/// With more pairs than any reference has.
pub fn miller_loop<'a>(
    pairs: impl IntoIterator<Item = (&'a blst_p1_affine, &'a Lines)>,
) -> blst_fp12 {
    let mut places = [None; MOST_PAIRS];
    for (number, (p, lines)) in pairs.into_iter().enumerate() {
        let place = places.get_mut(number);
        *place.expect("no reference has more pairs") = Some((Doubled::of(p), lines));
    }
    let step = |f: &mut blst_fp12, number: usize| {
        for (at, lines) in places.iter().map_while(Option::as_ref) {
            let line = lines.0.get(number).expect("68 lines");
            let (line, before) = (at.evaluate(line), *f);
            // SAFETY: valid field elements, none the same.
            unsafe { blst::blst_fp12_mul_by_xy00z0(f, &before, &line) };
        }
    };
    let mut f = blst_fp12::default();
    step(&mut f, 0);
    let mut next = 1;
    for doublings in DOUBLINGS {
        step(&mut f, next);
        for number in next + 1..=next + doublings {
            let before = f;
            // SAFETY: valid field elements, not the same.
            unsafe { blst::blst_fp12_sqr(&mut f, &before) };
            step(&mut f, number);
        }
        next += doublings + 1;
    }
    // The parameter is negative.
    invert(&f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponent(number: u8) -> Exponent {
        reduce(&[number; 40])
    }

    #[test]
    fn the_shared_loop_is_the_product_of_the_librarys_pairings() {
        let ps = [1, 2, 3].map(|k| multiply_g1(&g1(), &exponent(k)));
        let ps = affine_g1(ps);
        let qs = [4, 5, 6].map(|k| affine_g2(&multiply_g2(&g2(), &exponent(k))));
        let lines = qs.map(|q| Lines::of(&q));
        let alone = ps.iter().zip(&qs);
        let alone = alone.map(|(p, q)| blst_fp12::miller_loop(q, p).final_exp());
        let product = alone.reduce(|a, b| multiply(&a, &b)).unwrap();
        assert!(miller_loop(ps.iter().zip(&lines)).final_exp() == product);
    }

    #[test]
    fn sums_and_affine_points_are_the_librarys() {
        let points = [1, 2].map(|k| multiply_g1(&g1(), &exponent(k)));
        let [a, b] = &points;
        let [sum] = affine_g1([sum_g1(&affine_g1(points))]);
        let [expected] = affine_g1([add_g1(a, b)]);
        assert!(sum == expected);
    }
}
