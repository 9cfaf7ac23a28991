//! Many points at once: affine coordinates, sums of products, multiples of a fixed base.
#![allow(unsafe_code)]

use core::hint::black_box;
use core::ptr;

use super::select::select;
use blst::{blst_fp, blst_fp2, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine};

/// Bits of a scalar below the group order.
const SCALAR_BITS: usize = 255;
/// Bytes of a scalar.
const SCALAR_BYTES: usize = 32;

/// An affine point whose sign a secret decides.
trait NegateIf {
    /// The second coordinate becomes its negative if the flag is set; the identity stays what it is.
    fn negate_if(&mut self, negative: bool);
}

impl NegateIf for blst_p1_affine {
    fn negate_if(&mut self, negative: bool) {
        let y: *mut blst_fp = &mut self.y;
        // SAFETY: one valid field element, changed in place, in constant time.
        unsafe { blst::blst_fp_cneg(y, y, negative) };
    }
}

impl NegateIf for blst_p2_affine {
    fn negate_if(&mut self, negative: bool) {
        let y: *mut blst_fp2 = &mut self.y;
        // SAFETY: as in G1.
        unsafe { blst::blst_fp2_cneg(y, y, negative) };
    }
}

/// The signed digits of a scalar in base 2^w, least significant first: (sign, magnitude), magnitude at most 2^(w-1). Booth's recoding:
/// each digit depends on w + 1 bits, and nothing is branched on.
fn digits(scalar: &[u8; SCALAR_BYTES], w: u32) -> impl Iterator<Item = (bool, u8)> {
    let bit = |position: u32| {
        let byte = usize::try_from(position / 8)
            .ok()
            .and_then(|at| scalar.get(at));
        (byte.copied().unwrap_or_default() >> (position % 8)) & 1
    };
    (0..windows(w)).map(move |window| {
        let lowest = window * w;
        let below = lowest.checked_sub(1).map_or(0, bit);
        let bits = (0..w).fold(0, |bits, i| bits | bit(lowest + i) << i);
        let sign = bit(lowest + w - 1);
        // The bits as a number in two's complement, plus the bit below. Wrapping: a check for overflow would be a branch.
        let magnitude = u8::wrapping_add(bits, below);
        let negative = (1u8 << w).wrapping_sub(magnitude);
        let sign = black_box(sign);
        let magnitude = magnitude ^ ((magnitude ^ negative) & sign.wrapping_neg());
        (sign == 1, magnitude)
    })
}

/// Digits of a scalar: one bit above its highest must be covered, so that the last is not negative.
const fn windows(w: u32) -> u32 {
    256u32.div_ceil(w)
}

macro_rules! points {
    (
        $affine:ty, $jacobian:ty, $multiples:ident, $to_affine:ident, $pippenger:ident,
        $blst_to_affine:path, $blst_pippenger:path, $blst_scratch:path,
        $blst_double:path, $blst_add:path, $blst_add_affine:path
    ) => {
        /// The affine coordinates of all points, with one inversion; the identity has none (all zero).
        pub(in super::super) fn $to_affine(points: &[$jacobian]) -> Vec<$affine> {
            let sources: Vec<*const $jacobian> = points.iter().map(ptr::from_ref).collect();
            let mut affine = vec![<$affine>::default(); points.len()];
            // SAFETY: as many valid, non-null pointers as writable points.
            unsafe { $blst_to_affine(affine.as_mut_ptr(), sources.as_ptr(), points.len()) };
            affine
        }

        /// Sum of scalar·point by Pippenger's method, on the calling thread. Variable time.
        ///
        /// `scalars` are 32 little-endian bytes each; points must not be the identity.
        pub(in super::super) fn $pippenger(
            points: &[$affine],
            scalars: &[[u8; SCALAR_BYTES]],
        ) -> $jacobian {
            assert_eq!(points.len(), scalars.len(), "one scalar per point");
            let (mut out, n) = (<$jacobian>::default(), points.len());
            if n == 0 {
                return out;
            }
            let point_list = [points.as_ptr(), ptr::null()];
            let scalar_list = [scalars.as_ptr().cast::<u8>(), ptr::null()];
            // SAFETY: the null second entry of both lists tells blst that the remaining items follow the first
            // contiguously, which they do: n points and n scalars of 32 bytes (`SCALAR_BITS` rounds up to 32).
            // The scratch space has the size that blst asks for, in limbs of 8 bytes.
            unsafe {
                let mut scratch = vec![0u64; $blst_scratch(n).div_ceil(8)];
                $blst_pippenger(
                    &mut out,
                    point_list.as_ptr(),
                    n,
                    scalar_list.as_ptr(),
                    SCALAR_BITS,
                    scratch.as_mut_ptr(),
                );
            }
            out
        }

        /// Multiples of one base, for multiplying it by many secrets: for each window of w bits the 2^(w-1) multiples that
        /// a signed digit can ask for.
        #[derive(Clone)]
        pub(in super::super) struct $multiples {
            w: u32,
            entries: Vec<$affine>,
        }

        impl $multiples {
            /// Of a base that is not the identity. w is from 2 to 7.
            pub(in super::super) fn new(base: &$jacobian, w: u32) -> Self {
                assert!((2..=7).contains(&w), "a digit fits a byte");
                let (rows, row) = (windows(w), 1usize << (w - 1));
                let mut entries: Vec<$jacobian> = Vec::with_capacity(row * rows as usize);
                let mut first = *base;
                for _ in 0..rows {
                    let mut last = first;
                    entries.push(last);
                    for _ in 1..row {
                        let mut next = <$jacobian>::default();
                        // SAFETY: three valid points; the function also doubles.
                        unsafe { $blst_add(&mut next, &last, &first) };
                        entries.push(next);
                        last = next;
                    }
                    // The last is 2^(w-1) times the first; twice that begins the next row.
                    // SAFETY: two valid points.
                    unsafe { $blst_double(&mut first, &last) };
                }
                Self {
                    w,
                    entries: $to_affine(&entries),
                }
            }

            /// Bytes in memory.
            pub(in super::super) fn bytes(&self) -> usize {
                size_of_val(self.entries.as_slice())
            }

            /// scalar·base, in constant time, for a scalar of 32 little-endian bytes below r.
            pub(in super::super) fn times(&self, scalar: &[u8; SCALAR_BYTES]) -> $jacobian {
                let rows = self.entries.chunks_exact(1 << (self.w - 1));
                let mut sum = <$jacobian>::default();
                for (row, (negative, magnitude)) in rows.zip(digits(scalar, self.w)) {
                    // Magnitude 0 wraps to 255, which no row has: the identity, all limbs zero.
                    let index = magnitude.wrapping_sub(1);
                    let mut entry = select(<$affine>::default(), row, index);
                    entry.negate_if(negative);
                    let to: *mut $jacobian = &mut sum;
                    // SAFETY: valid points; the sum is changed in place, as blst does itself. The function is complete (it
                    // doubles, and knows the identity on either side) and takes constant time.
                    unsafe { $blst_add_affine(to, to, &entry) };
                }
                sum
            }
        }
    };
}

points!(
    blst_p1_affine,
    blst_p1,
    G1Multiples,
    g1s_to_affine,
    g1_pippenger,
    blst::blst_p1s_to_affine,
    blst::blst_p1s_mult_pippenger,
    blst::blst_p1s_mult_pippenger_scratch_sizeof,
    blst::blst_p1_double,
    blst::blst_p1_add_or_double,
    blst::blst_p1_add_or_double_affine
);
points!(
    blst_p2_affine,
    blst_p2,
    G2Multiples,
    g2s_to_affine,
    g2_pippenger,
    blst::blst_p2s_to_affine,
    blst::blst_p2s_mult_pippenger,
    blst::blst_p2s_mult_pippenger_scratch_sizeof,
    blst::blst_p2_double,
    blst::blst_p2_add_or_double,
    blst::blst_p2_add_or_double_affine
);

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits add up to the scalar.
    #[test]
    fn digits_of_small_scalars() {
        for w in 2..=7 {
            for value in 0..70_000u64 {
                let mut scalar = [0; SCALAR_BYTES];
                scalar[..8].copy_from_slice(&value.to_le_bytes());
                let mut sum = 0i128;
                for (i, (negative, magnitude)) in digits(&scalar, w).enumerate() {
                    assert!(magnitude <= 1 << (w - 1), "w {w}, value {value}");
                    let digit = i128::from(magnitude) * if negative { -1 } else { 1 };
                    if digit != 0 {
                        sum += digit << (i as u32 * w);
                    }
                }
                assert_eq!(sum, i128::from(value), "w {w}");
            }
        }
    }
}
