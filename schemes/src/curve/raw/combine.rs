//! k·P + l·Q for public k and l that are the same for many pairs (P, Q): less than half of the work of two multiplications.
//!
//! Each scalar is divided by z², which multiplies a point of G1 as the endomorphism -φ does, φ(x, y) = (βx, y): two halves of 128 bits. All
//! four halves, as non-adjacent forms of width 5 over tables of odd multiples, share one chain of doublings (Straus; Gallant, Lambert and
//! Vanstone, CRYPTO 2001). Variable time.
#![allow(unsafe_code)]

use blst::{blst_fp, blst_p1, blst_p1_affine};

use super::fp_from_be;
use super::points::g1s_to_affine;

/// z², z the curve's parameter.
const Z2: u128 = 0xac45_a401_0001_a402_0000_0001_0000_0000;
/// β, a cube root of 1 in the base field, big-endian: z²·P = -φ(P).
const BETA: [u8; 48] = [
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5f, 0x19, 0x67, 0x2f, 0xdf, 0x76, 0xce, 0x51,
    0xba, 0x69, 0xc6, 0x07, 0x6a, 0x0f, 0x77, 0xea, 0xdd, 0xb3, 0xa9, 0x3b, 0xe6, 0xf8, 0x96, 0x88,
    0xde, 0x17, 0xd8, 0x13, 0x62, 0x0a, 0x00, 0x02, 0x2e, 0x01, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xfe,
];
/// Width of the non-adjacent forms, in bits.
const WIDTH: u32 = 5;
/// Odd multiples of a point that a digit can ask for: 1, 3, .., 15.
const ODD: usize = 1 << (WIDTH - 2);
/// Digits of a number of 128 bits.
const DIGITS: usize = 129;

/// The digits of k mod z² and of k / z², least significant first: odd or zero, below 16 in absolute value.
#[derive(Clone)]
pub(in super::super) struct Halves([[i8; DIGITS]; 2]);

impl Halves {
    /// Of a scalar of 32 little-endian bytes.
    pub(in super::super) fn of(scalar: &[u8; 32]) -> Self {
        let (quotient, remainder) = divided(scalar);
        Self([digits(remainder), digits(quotient)])
    }
}

/// Quotient and remainder by z²; the quotient of a scalar below the group order, which is below z⁴, fits.
fn divided(scalar: &[u8; 32]) -> (u128, u128) {
    let (mut quotient, mut remainder) = (0_u128, 0_u128);
    let bits = scalar
        .iter()
        .rev()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    for bit in bits {
        let over = remainder >> 127 == 1;
        remainder = remainder << 1 | u128::from(bit);
        let less = !over && remainder < Z2;
        if !less {
            remainder = remainder.wrapping_sub(Z2);
        }
        quotient = quotient << 1 | u128::from(!less);
    }
    (quotient, remainder)
}

fn digits(mut number: u128) -> [i8; DIGITS] {
    let mut digits = [0; DIGITS];
    for digit in &mut digits {
        if number & 1 == 0 {
            number >>= 1;
            continue;
        }
        let low = (number & ((1 << WIDTH) - 1)) as i8;
        if low < 1 << (WIDTH - 1) {
            *digit = low;
            number >>= 1;
            number -= (low / 2) as u128;
        } else {
            *digit = low - (1 << WIDTH);
            // (number - digit) / 2, without the bit that may not fit.
            number = (number >> 1) + (digit.unsigned_abs() / 2) as u128 + 1;
        }
    }
    digits
}

/// For each pair of points the sums that each pair of weights asks for. The identity may be among the points.
pub(in super::super) fn g1_combinations<const N: usize>(
    pairs: &[[blst_p1; 2]],
    weights: &[[Halves; 2]; N],
) -> Vec<[blst_p1; N]> {
    let tables = odd_multiples(pairs.as_flattened());
    let (tables, _) = tables.as_chunks::<2>();
    let of_pair = |tables: &[Option<Table>; 2]| {
        weights
            .each_ref()
            .map(|weights| combination(tables, weights))
    };
    tables.iter().map(of_pair).collect()
}

/// Odd multiples of P, and of -φ(P).
type Table = [[blst_p1_affine; ODD]; 2];

/// The table of each point; none for the identity.
fn odd_multiples(points: &[blst_p1]) -> Vec<Option<Table>> {
    let beta = fp_from_be(&BETA).expect("a constant below the modulus");
    let multiples = points.iter().flat_map(|point| {
        let twice = doubled(point);
        let mut next = *point;
        std::iter::repeat_with(move || {
            let this = next;
            next = sum(&next, &twice);
            this
        })
        .take(ODD)
    });
    let multiples: Vec<blst_p1> = multiples.collect();
    let affine = g1s_to_affine(&multiples);
    let (affine, _) = affine.as_chunks::<ODD>();
    let table = |odd: &[blst_p1_affine; ODD]| {
        let there = odd.iter().all(|one| *one != blst_p1_affine::default());
        there.then(|| [*odd, odd.map(|point| minus_phi(&point, &beta))])
    };
    affine.iter().map(table).collect()
}

fn combination(tables: &[Option<Table>; 2], weights: &[Halves; 2]) -> blst_p1 {
    let mut out = blst_p1::default();
    for at in (0..DIGITS).rev() {
        out = doubled(&out);
        for (table, halves) in tables.iter().zip(weights) {
            let Some(table) = table else { continue };
            for (odd, digits) in table.iter().zip(&halves.0) {
                let digit = digits.get(at).copied().unwrap_or_default();
                let point = odd.get(usize::from(digit.unsigned_abs() / 2));
                if let Some(point) = point.filter(|_| digit != 0) {
                    out = plus(&out, &negated_if(*point, digit < 0));
                }
            }
        }
    }
    out
}

fn doubled(point: &blst_p1) -> blst_p1 {
    let mut out = blst_p1::default();
    // SAFETY: reads one valid point and writes one.
    unsafe { blst::blst_p1_double(&mut out, point) };
    out
}

/// Complete: equal, opposite and absent points are added rightly.
fn sum(left: &blst_p1, right: &blst_p1) -> blst_p1 {
    let mut out = blst_p1::default();
    // SAFETY: reads two valid points and writes one.
    unsafe { blst::blst_p1_add_or_double(&mut out, left, right) };
    out
}

/// As [`sum`].
fn plus(left: &blst_p1, right: &blst_p1_affine) -> blst_p1 {
    let mut out = blst_p1::default();
    // SAFETY: reads two valid points and writes one.
    unsafe { blst::blst_p1_add_or_double_affine(&mut out, left, right) };
    out
}

/// z² times a point of order r.
fn minus_phi(point: &blst_p1_affine, beta: &blst_fp) -> blst_p1_affine {
    let mut out = *point;
    // SAFETY: reads two valid field elements and writes one.
    unsafe { blst::blst_fp_mul(&mut out.x, &point.x, beta) };
    negated_if(out, true)
}

fn negated_if(mut point: blst_p1_affine, negative: bool) -> blst_p1_affine {
    let y: *mut blst_fp = &mut point.y;
    // SAFETY: one valid field element, changed in place.
    unsafe { blst::blst_fp_cneg(y, y, negative) };
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the digits stand for, modulo 2^128.
    fn value(digits: &[i8; DIGITS]) -> u128 {
        let mut sum = 0_u128;
        for digit in digits.iter().rev() {
            sum = sum.wrapping_mul(2).wrapping_add(i128::from(*digit) as u128);
        }
        sum
    }

    #[test]
    fn digits_are_odd_far_apart_and_stand_for_the_number() {
        for number in [
            0,
            1,
            2,
            15,
            16,
            17,
            31,
            33,
            Z2 - 1,
            Z2,
            u128::MAX,
            u128::MAX - 14,
            1 << 127,
        ] {
            let digits = digits(number);
            assert_eq!(value(&digits), number);
            let places: Vec<usize> = (0..DIGITS).filter(|at| digits[*at] != 0).collect();
            assert!(
                places
                    .windows(2)
                    .all(|two| two[1] - two[0] >= WIDTH as usize)
            );
            assert!(digits.iter().all(|one| *one == 0 || one % 2 != 0));
            // Nothing is lost at the top: the highest digit is positive.
            assert!(places.last().is_none_or(|at| digits[*at] > 0));
        }
    }

    #[test]
    fn scalars_are_divided_by_z_squared() {
        let with = |low: u128, high: u128| {
            let mut bytes = [0; 32];
            bytes[..16].copy_from_slice(&low.to_le_bytes());
            bytes[16..].copy_from_slice(&high.to_le_bytes());
            bytes
        };
        assert_eq!(divided(&with(0, 0)), (0, 0));
        assert_eq!(divided(&with(Z2 - 1, 0)), (0, Z2 - 1));
        assert_eq!(divided(&with(Z2, 0)), (1, 0));
        assert_eq!(divided(&with(u128::MAX, 0)), (1, u128::MAX - Z2));
        // r - 1 = z⁴ - z² = z² (z² - 1).
        let minus_one = (-crate::curve::Scalar::ONE).to_bytes();
        let mut minus_one: [u8; 32] = minus_one;
        minus_one.reverse();
        assert_eq!(divided(&minus_one), (Z2 - 1, 0));
    }
}
