//! Arithmetic of Fp12.
#![allow(unsafe_code)]

use blst::{blst_fp6, blst_fp12};

/// a · b in Fp12.
pub(in super::super) fn fp12_mul(a: &blst_fp12, b: &blst_fp12) -> blst_fp12 {
    let mut out = blst_fp12::default();
    // SAFETY: three valid, distinct or read-only field elements.
    unsafe { blst::blst_fp12_mul(&mut out, a, b) };
    out
}

/// a · b in place.
pub(in super::super) fn fp12_mul_assign(a: &mut blst_fp12, b: &blst_fp12) {
    let a: *mut blst_fp12 = a;
    // SAFETY: valid field elements; the function allows that the result is its first factor (blst does so in its final exponentiation).
    unsafe { blst::blst_fp12_mul(a, a, b) };
}

/// a² in place, for `a` in the cyclotomic subgroup, in which all of GT lies.
pub(in super::super) fn fp12_cyclotomic_square(a: &mut blst_fp12) {
    let a: *mut blst_fp12 = a;
    // SAFETY: one valid field element, squared in place, as blst does in its final exponentiation.
    unsafe { blst::blst_fp12_cyclotomic_sqr(a, a) };
}

/// The conjugate of a, which is 1/a in GT.
pub(in super::super) fn fp12_conjugate(a: &blst_fp12) -> blst_fp12 {
    let mut out = *a;
    // SAFETY: one valid field element, changed in place.
    unsafe { blst::blst_fp12_conjugate(&mut out) };
    out
}

/// a² for any a.
pub(super) fn fp12_square(a: &mut blst_fp12) {
    let a: *mut blst_fp12 = a;
    // SAFETY: one valid field element, squared in place; the function allows that (blst does it itself in its Miller loop).
    unsafe { blst::blst_fp12_sqr(a, a) };
}

/// a · l in place, for a line l = x + y v + z v w: three coefficients in Fp2.
pub(super) fn fp12_sparse_mul(a: &mut blst_fp12, line: &blst_fp6) {
    let a: *mut blst_fp12 = a;
    // SAFETY: two valid values; the function allows that the result is its first factor, as above.
    unsafe { blst::blst_fp12_mul_by_xy00z0(a, a, line) };
}

/// a^(p^n), for n from 1 to 3.
pub(in super::super) fn fp12_frobenius<const N: usize>(a: &blst_fp12) -> blst_fp12 {
    const { assert!(N >= 1 && N <= 3) };
    let mut out = blst_fp12::default();
    // SAFETY: two valid field elements, and blst knows the coefficients of the powers 1 to 3.
    unsafe { blst::blst_fp12_frobenius_map(&mut out, a, N) };
    out
}
