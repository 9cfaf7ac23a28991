//! Choosing from a table by a secret index: every entry is read, whichever it is.
#![allow(unsafe_code)]

use core::slice;

use blst::{blst_fp12, blst_p1_affine, blst_p2_affine};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// A value that is nothing but 64-bit limbs.
///
/// # Safety
/// `Self` is `repr(C)`, consists of `u64` only, without padding, and takes any limbs.
pub(in super::super) unsafe trait Limbs: Sized {
    fn limbs(&self) -> &[u64] {
        // SAFETY: as the trait demands, `self` is so many initialised u64 in a row.
        unsafe { slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>() / 8) }
    }

    fn limbs_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { slice::from_raw_parts_mut((&raw mut *self).cast(), size_of::<Self>() / 8) }
    }
}

// SAFETY: two coordinates of six u64.
unsafe impl Limbs for blst_p1_affine {}
// SAFETY: two coordinates of twelve u64.
unsafe impl Limbs for blst_p2_affine {}
// SAFETY: twelve coefficients of six u64.
unsafe impl Limbs for blst_fp12 {}

/// `table[index]`; all limbs zero where the table ends before.
pub(in super::super) fn select<T: Limbs>(zero: T, table: &[T], index: u8) -> T {
    let mut out = zero;
    for (entry, number) in table.iter().zip(0u8..) {
        let chosen: Choice = number.ct_eq(&index);
        let mask = u64::conditional_select(&0, &u64::MAX, chosen);
        for (limb, other) in out.limbs_mut().iter_mut().zip(entry.limbs()) {
            *limb |= other & mask;
        }
    }
    out
}
