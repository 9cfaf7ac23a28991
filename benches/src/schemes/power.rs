//! a^k in GT with the exponent split in four by the Frobenius, and a ladder that leaks.
//!
//! The order of GT is r = z⁴ - z² + 1, z = -0xd201000000010000 the curve's parameter, and a^p = a^z for every a of order r. So with k
//! = k0 + k1·|z| + k2·|z|² + k3·|z|³, all digits below 2^64, a^k is a product of four powers of 64 bits, which share their squarings
//! (Galbraith and Scott, *Exponentiation in pairing-friendly groups using homomorphisms*, Pairing 2008).

use blst::blst_fp12;

use super::raw::{Exponent, frobenius, invert, multiply, square};

/// |z|.
const Z: u128 = 0xd201_0000_0001_0000;

/// a^k: 63 squarings, 74 multiplications and 3 Frobenius maps, whatever k is.
///
/// What is looked up in the table depends on k, and the digits are found by divisions: this is what the operations in the group cost
/// and not a way to use a secret.
pub fn power(a: &blst_fp12, k: &Exponent) -> blst_fp12 {
    let digits = digits(k);
    let table = products([
        *a,
        invert(&frobenius::<1>(a)),
        frobenius::<2>(a),
        invert(&frobenius::<3>(a)),
    ]);
    let entry = |position: u32| {
        let bit = |number: usize| {
            let digit = digits.get(number).copied().unwrap_or_default();
            usize::from(digit >> position & 1 == 1) << number
        };
        let index = bit(0) | bit(1) | bit(2) | bit(3);
        table.get(index).copied().unwrap_or_default()
    };
    let mut out = entry(63);
    for position in (0..63).rev() {
        out = multiply(&square(&out), &entry(position));
    }
    out
}

/// All products of some of the four: 11 multiplications.
fn products(of: [blst_fp12; 4]) -> [blst_fp12; 16] {
    let mut table = [blst_fp12::default(); 16];
    let mut filled = 1;
    for (number, element) in of.iter().enumerate() {
        let (done, rest) = table.split_at_mut(filled);
        for (at, (out, other)) in rest.iter_mut().zip(done.iter()).enumerate() {
            *out = match at {
                0 => *element,
                _ => multiply(other, element),
            };
        }
        filled = 2 << number;
    }
    table
}

/// k in base |z|, least significant first.
fn digits(k: &Exponent) -> [u64; 4] {
    // Big-endian limbs of 64 bits.
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().rev().zip(k.chunks_exact(8)) {
        *limb = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    [0; 4].map(|_| {
        let mut remainder = 0u128;
        for limb in &mut limbs {
            let value = remainder << 64 | u128::from(*limb);
            // Below 2^64, because the remainder is below |z|.
            *limb = (value / Z) as u64;
            remainder = value % Z;
        }
        remainder as u64
    })
}

/// a^k by squaring, and multiplying where a bit is set: its time tells how many bits are. What a test of constant time must find.
pub fn leaking_power(a: &blst_fp12, k: &Exponent) -> blst_fp12 {
    let mut out = blst_fp12::default();
    for byte in k.iter().rev() {
        for position in (0..8).rev() {
            out = square(&out);
            if byte >> position & 1 == 1 {
                out = multiply(&out, a);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::raw::{Lines, affine_g1, affine_g2, g1, g2, miller_loop, reduce};

    #[test]
    fn both_powers_agree() {
        let [p] = affine_g1([g1()]);
        let a = miller_loop([(&p, &Lines::of(&affine_g2(&g2())))]).final_exp();
        let small = |number: u8| reduce(&[number]);
        let large = |number: u8| reduce(&[number; 48]);
        let minus_one = {
            let mut bytes = [0; 32];
            hex_of_r_minus_one(&mut bytes);
            bytes
        };
        let all = [0, 1, 2, 3, 255].map(small).into_iter();
        for k in all.chain([1, 7, 77, 255].map(large)).chain([minus_one]) {
            assert!(power(&a, &k) == leaking_power(&a, &k));
        }
        assert!(power(&a, &minus_one) == invert(&a));
    }

    /// The group order less one, little-endian.
    fn hex_of_r_minus_one(out: &mut Exponent) {
        let r = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000";
        for (byte, at) in out.iter_mut().rev().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&r[at..at + 2], 16).unwrap();
        }
    }
}
