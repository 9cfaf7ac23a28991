//! The only calls of blst's C interface: what `blstrs` does not offer, or not in the form needed here.
//!
//! Everything else in [`curve`](super) goes through the safe `blstrs` types. Each function below
//! takes and returns plain values; lengths are checked before a pointer is handed over.
#![allow(unsafe_code)]

use core::ptr;

use blst::{blst_fp, blst_fp12, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine, blst_scalar};
use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective};
use group::Group;
use zeroize::Zeroizing;

/// Bits of a scalar below the group order.
const SCALAR_BITS: usize = 255;
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

/// a · b in Fp12.
pub(super) fn fp12_mul(a: &blst_fp12, b: &blst_fp12) -> blst_fp12 {
    let mut out = blst_fp12::default();
    // SAFETY: three valid, distinct or read-only field elements.
    unsafe { blst::blst_fp12_mul(&mut out, a, b) };
    out
}

/// a² for `a` in the cyclotomic subgroup, in which all of GT lies.
pub(super) fn fp12_cyclotomic_square(a: &blst_fp12) -> blst_fp12 {
    let mut out = blst_fp12::default();
    // SAFETY: two valid field elements.
    unsafe { blst::blst_fp12_cyclotomic_sqr(&mut out, a) };
    out
}

/// The conjugate of a, which is 1/a in GT.
pub(super) fn fp12_conjugate(a: &blst_fp12) -> blst_fp12 {
    let mut out = *a;
    // SAFETY: one valid field element, changed in place.
    unsafe { blst::blst_fp12_conjugate(&mut out) };
    out
}

/// The product of the pairings of all pairs: one shared Miller loop, one final exponentiation.
///
/// The pairs must not contain the identity (the caller leaves those out: they contribute 1).
pub(super) fn pairing_product(pairs: &[(G1Affine, G2Affine)]) -> blst_fp12 {
    if pairs.is_empty() {
        return blst_fp12::default();
    }
    let ps: Vec<*const blst_p1_affine> = pairs
        .iter()
        .map(|(p, _)| ptr::from_ref(p.as_ref()))
        .collect();
    let qs: Vec<*const blst_p2_affine> = pairs
        .iter()
        .map(|(_, q)| ptr::from_ref(q.as_ref()))
        .collect();
    let mut out = blst_fp12::default();
    // SAFETY: both arrays hold `pairs.len()` non-null pointers to points that live as long as
    // `pairs`; the loop reads exactly that many of each.
    unsafe { blst::blst_miller_loop_n(&mut out, qs.as_ptr(), ps.as_ptr(), pairs.len()) };
    out.final_exp()
}

/// Sum of scalar·point in G1 by Pippenger's method, on the calling thread. Variable time.
///
/// `scalars` are 32 little-endian bytes each, one after the other; points must not be the identity.
pub(super) fn g1_pippenger(points: &[G1Projective], scalars: &[[u8; 32]]) -> G1Projective {
    assert_eq!(points.len(), scalars.len(), "one scalar per point");
    let mut out = G1Projective::identity();
    let n = points.len();
    if n == 0 {
        return out;
    }
    let sources: Vec<*const blst_p1> = points.iter().map(|p| ptr::from_ref(p.as_ref())).collect();
    let mut affine = vec![blst_p1_affine::default(); n];
    let scalar_list = [scalars.as_ptr().cast::<u8>(), ptr::null()];
    // SAFETY: `sources` holds n valid pointers and `affine` n writable points. The null second
    // entry of both lists tells blst that the remaining items follow the first contiguously, which
    // they do: n scalars of 32 bytes each (`SCALAR_BITS` rounds up to 32) and n affine points. The scratch space has
    // the size blst asks for, in limbs of 8 bytes.
    unsafe {
        blst::blst_p1s_to_affine(affine.as_mut_ptr(), sources.as_ptr(), n);
        let point_list = [affine.as_ptr(), ptr::null()];
        let mut scratch = vec![0u64; blst::blst_p1s_mult_pippenger_scratch_sizeof(n).div_ceil(8)];
        blst::blst_p1s_mult_pippenger(
            out.as_mut(),
            point_list.as_ptr(),
            n,
            scalar_list.as_ptr(),
            SCALAR_BITS,
            scratch.as_mut_ptr(),
        );
    }
    out
}

/// Sum of scalar·point in G2; as [`g1_pippenger`].
pub(super) fn g2_pippenger(points: &[G2Projective], scalars: &[[u8; 32]]) -> G2Projective {
    assert_eq!(points.len(), scalars.len(), "one scalar per point");
    let mut out = G2Projective::identity();
    let n = points.len();
    if n == 0 {
        return out;
    }
    let sources: Vec<*const blst_p2> = points.iter().map(|p| ptr::from_ref(p.as_ref())).collect();
    let mut affine = vec![blst_p2_affine::default(); n];
    let scalar_list = [scalars.as_ptr().cast::<u8>(), ptr::null()];
    // SAFETY: as in `g1_pippenger`.
    unsafe {
        blst::blst_p2s_to_affine(affine.as_mut_ptr(), sources.as_ptr(), n);
        let point_list = [affine.as_ptr(), ptr::null()];
        let mut scratch = vec![0u64; blst::blst_p2s_mult_pippenger_scratch_sizeof(n).div_ceil(8)];
        blst::blst_p2s_mult_pippenger(
            out.as_mut(),
            point_list.as_ptr(),
            n,
            scalar_list.as_ptr(),
            SCALAR_BITS,
            scratch.as_mut_ptr(),
        );
    }
    out
}
