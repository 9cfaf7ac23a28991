//! Schoolbook integers (little-endian words, doubling and adding) and RFC 5869, written out.
#![allow(dead_code)]

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub type Integer = Vec<u64>;

/// Big-endian bytes, a multiple of 8 of them.
pub fn from_be(bytes: &[u8]) -> Integer {
    let (words, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty());
    words
        .iter()
        .rev()
        .map(|word| u64::from_be_bytes(*word))
        .collect()
}

pub fn to_be(x: &Integer) -> Vec<u8> {
    x.iter().rev().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn less(a: &Integer, b: &Integer) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

pub fn bits_of_words(x: &Integer) -> impl Iterator<Item = bool> {
    x.iter()
        .rev()
        .flat_map(|word| (0..64).rev().map(move |bit| word >> bit & 1 == 1))
}

/// a + b mod n for a, b < n.
pub fn add(a: &Integer, b: &Integer, n: &Integer) -> Integer {
    let mut carry = false;
    let mut sum: Integer = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            let (sum, first) = a.overflowing_add(*b);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first | second;
            sum
        })
        .collect();
    if carry || !less(&sum, n) {
        let mut borrow = false;
        for (s, n) in sum.iter_mut().zip(n) {
            let (difference, first) = s.overflowing_sub(*n);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first | second;
            *s = difference;
        }
    }
    sum
}

/// A big-endian integer of any length, mod n, bit by bit.
pub fn reduce(bytes: &[u8], n: &Integer) -> Integer {
    let mut one = vec![0; n.len()];
    one[0] = 1;
    bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .fold(vec![0; n.len()], |x, bit| {
            let doubled = add(&x, &x, n);
            if bit == 1 {
                add(&doubled, &one, n)
            } else {
                doubled
            }
        })
}

pub fn multiply(a: &Integer, b: &Integer, n: &Integer) -> Integer {
    bits_of_words(b).fold(vec![0; n.len()], |x, bit| {
        let doubled = add(&x, &x, n);
        if bit { add(&doubled, a, n) } else { doubled }
    })
}

/// x^65537 mod n: sixteen squarings and one multiplication.
pub fn power(x: &Integer, n: &Integer) -> Integer {
    let high = (0..16).fold(x.clone(), |y, _| multiply(&y, &y, n));
    multiply(&high, x, n)
}

pub fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// RFC 5869 written out.
pub fn hkdf(salt: &[u8], ikm: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let prk = hmac(salt, &[ikm]);
    let (mut out, mut block) = (Vec::new(), Vec::new());
    for counter in 1..=length.div_ceil(32) {
        block = hmac(&prk, &[&block, info, &[counter as u8]]);
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    out
}

/// x^k mod n for a small k, bit by bit.
pub fn small_power(x: &Integer, k: u16, n: &Integer) -> Integer {
    let mut one = vec![0; n.len()];
    one[0] = 1;
    (0..16).rev().fold(one, |power, bit| {
        let squared = multiply(&power, &power, n);
        match k >> bit & 1 {
            0 => squared,
            _ => multiply(&squared, x, n),
        }
    })
}
