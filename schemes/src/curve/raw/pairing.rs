//! The Miller loop of many pairs at once, over lines that are computed ahead.
//!
//! blst's own loop over many pairs computes the lines while it runs, and its loop over lines takes one pair; here the pairs share the
//! 63 squarings, and what depends on the second point alone is done before.
#![allow(unsafe_code)]

use blst::{blst_fp, blst_fp6, blst_fp12, blst_p1_affine, blst_p2_affine};

/// Lines of one Miller loop: 63 doublings and 5 additions.
pub(in super::super) const LINES: usize = 68;
/// The lines that no squaring precedes: the first doubling, and the additions (the bits of the curve parameter).
const WITHOUT_SQUARING: [usize; 6] = [0, 1, 4, 8, 18, 51];

/// What blst computes of a point of G2 for its Miller loop.
pub(in super::super) type Lines = [blst_fp6; LINES];

/// The lines of a point that is not the identity.
pub(in super::super) fn lines(of: &blst_p2_affine) -> Box<Lines> {
    let mut lines = Box::new([blst_fp6::default(); LINES]);
    // SAFETY: the function writes exactly 68 values, and `lines` has that many.
    unsafe { blst::blst_precompute_lines(lines.as_mut_ptr(), of) };
    lines
}

/// -2 x and 2 y, by which blst's lines are to be multiplied.
#[derive(Clone, Copy)]
pub(in super::super) struct Evaluation {
    x: blst_fp,
    y: blst_fp,
}

/// For a point that is not the identity.
pub(in super::super) fn evaluation(of: &blst_p1_affine) -> Evaluation {
    let (mut x, mut y) = (blst_fp::default(), blst_fp::default());
    // SAFETY: valid field elements; the negation is in place.
    unsafe {
        blst::blst_fp_add(&mut x, &of.x, &of.x);
        let in_place: *mut blst_fp = &mut x;
        blst::blst_fp_cneg(in_place, in_place, true);
        blst::blst_fp_add(&mut y, &of.y, &of.y);
    }
    Evaluation { x, y }
}

/// The value before the final exponentiation. 1 for no pairs.
pub(in super::super) fn miller_loop(pairs: &[(Evaluation, &Lines)]) -> blst_fp12 {
    let mut value = blst_fp12::default();
    for step in 0..LINES {
        if !WITHOUT_SQUARING.contains(&step) {
            super::fp12_square(&mut value);
        }
        for (at, lines) in pairs {
            if let Some(line) = lines.get(step) {
                super::fp12_sparse_mul(&mut value, &evaluated(line, at));
            }
        }
    }
    // The curve parameter is negative.
    super::fp12_conjugate(&value)
}

/// The line at a point of G1.
fn evaluated(line: &blst_fp6, at: &Evaluation) -> blst_fp6 {
    let mut out = *line;
    let [_, by_x, by_y] = &mut out.fp2;
    let by_x = by_x.fp.iter_mut().map(|fp| (fp, &at.x));
    for (fp, factor) in by_x.chain(by_y.fp.iter_mut().map(|fp| (fp, &at.y))) {
        let fp: *mut blst_fp = fp;
        // SAFETY: valid field elements, multiplied in place, which the function allows.
        unsafe { blst::blst_fp_mul(fp, fp, factor) };
    }
    out
}
