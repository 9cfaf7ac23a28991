//! The only calls of blst's C interface: what `blstrs` does not offer, or not in the form needed here.
//!
//! Everything else in [`curve`](super) goes through the safe `blstrs` types. Each function below
//! takes and returns plain values; lengths are checked before a pointer is handed over.
#![allow(unsafe_code)]

mod combine;
mod gt;
mod pairing;
mod points;
mod select;

use blst::{blst_fp, blst_scalar};
use zeroize::Zeroizing;

pub(super) use combine::{Halves, g1_combinations};
pub(super) use gt::{
    fp12_conjugate, fp12_cyclotomic_square, fp12_frobenius, fp12_mul, fp12_mul_assign,
};
use gt::{fp12_sparse_mul, fp12_square};
pub(super) use pairing::{Lines, evaluation, lines, miller_loop};
pub(super) use points::{
    G1Multiples, G2Multiples, g1_pippenger, g1s_to_affine, g2_pippenger, g2s_to_affine,
};
pub(super) use select::select;

/// RFC 9380, section 5.3.1: at most 255 blocks of SHA-256 output.
pub(super) const MAX_EXPANDED: usize = 255 * 32;

/// expand_message_xmd of RFC 9380, section 5.3.1, with SHA-256.
///
/// # Panics
/// If `LEN` exceeds [`MAX_EXPANDED`]; checked at compile time.
pub(super) fn expand_message_xmd<const LEN: usize>(
    message: &[u8],
    domain: &[u8],
) -> Zeroizing<[u8; LEN]> {
    const { assert!(LEN > 0 && LEN <= MAX_EXPANDED) };
    let mut out = Zeroizing::new([0u8; LEN]);
    // SAFETY: `out` has LEN writable bytes, LEN is within what the function writes for, and
    // `message` and `domain` are valid for reads of their lengths.
    unsafe {
        blst::blst_expand_message_xmd(
            out.as_mut_ptr(),
            LEN,
            message.as_ptr(),
            message.len(),
            domain.as_ptr(),
            domain.len(),
        );
    }
    out
}

/// A big-endian integer of any length modulo the group order, in constant time.
pub(super) fn reduce_be(bytes: &[u8]) -> blst_scalar {
    let mut out = blst_scalar::default();
    // SAFETY: `out` is a valid scalar and `bytes` is valid for reads of its length. The returned
    // flag only says whether the result is zero, which is a legal value here.
    unsafe { blst::blst_scalar_from_be_bytes(&mut out, bytes.as_ptr(), bytes.len()) };
    out
}

/// 48 big-endian bytes to a base field element, or `None` if they are not below the modulus.
pub(super) fn fp_from_be(bytes: &[u8; 48]) -> Option<blst_fp> {
    let mut fp = blst_fp::default();
    // SAFETY: the function reads exactly 48 bytes and writes one field element.
    unsafe { blst::blst_fp_from_bendian(&mut fp, bytes.as_ptr()) };
    (fp_to_be(&fp) == *bytes).then_some(fp)
}

/// A base field element as 48 big-endian bytes.
pub(super) fn fp_to_be(fp: &blst_fp) -> [u8; 48] {
    let mut out = [0u8; 48];
    // SAFETY: the function reads one field element and writes exactly 48 bytes.
    unsafe { blst::blst_bendian_from_fp(out.as_mut_ptr(), fp) };
    out
}
