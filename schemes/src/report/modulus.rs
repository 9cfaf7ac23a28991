//! What every accepted modulus satisfies, and integers modulo it as bytes.

use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPublicKey};
use zeroize::Zeroizing;

use super::error::ReportKeyError;
use super::key::{MAX_BITS, MIN_BITS};
use crate::curve::DecodeError;

/// The public exponent.
pub(super) const E: u64 = 65537;

/// Prime factors below this are looked for and refused.
const SMALL: u32 = 1 << 16;

/// Bits per word in the trial division.
const WORD: usize = 4;

/// Whether a modulus may have so many bits.
pub(super) fn is_accepted_size(bits: u32) -> bool {
    (MIN_BITS..=MAX_BITS).contains(&bits) && bits.is_multiple_of(64)
}

/// The public key of a modulus: size, parity and small factors checked.
pub(super) fn checked_key(modulus: &[u8]) -> Result<RsaPublicKey, ReportKeyError> {
    let bits = u32::try_from(modulus.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(8);
    if !is_accepted_size(bits) {
        return Err(ReportKeyError::Size { bits });
    }
    if modulus.first().is_none_or(|byte| byte & 0x80 == 0) {
        return Err(DecodeError::NonCanonical.in_field("N").into());
    }
    if let Some(prime) = small_factor(modulus) {
        return Err(ReportKeyError::SmallFactor { prime });
    }
    let n = integer(modulus).expect("the size is a multiple of the limb");
    RsaPublicKey::new_with_size_limits(n, BoxedUint::from(E), MIN_BITS as usize..=MAX_BITS as usize)
        .map_err(|_| ReportKeyError::Size { bits })
}

/// The smallest prime factor below 2^16, by trial division.
fn small_factor(modulus: &[u8]) -> Option<u32> {
    let words: Vec<u64> = modulus
        .chunks_exact(WORD)
        .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        .collect();
    let remainder = |prime: u64| {
        words
            .iter()
            .fold(0, |rest, word| (rest << (8 * WORD) | word) % prime)
    };
    small_primes().find(|prime| remainder(u64::from(*prime)) == 0)
}

/// The primes below 2^16, by the sieve of Eratosthenes.
fn small_primes() -> impl Iterator<Item = u32> {
    let mut composite = vec![false; SMALL as usize];
    for factor in 2..=255usize {
        if composite.get(factor) == Some(&false) {
            composite
                .iter_mut()
                .skip(factor * factor)
                .step_by(factor)
                .for_each(|c| *c = true);
        }
    }
    (0..SMALL)
        .zip(composite)
        .skip(2)
        .filter(|(_, composite)| !composite)
        .map(|(n, _)| n)
}

/// Big-endian bytes, a multiple of 8 of them, as an integer.
pub(super) fn integer(bytes: &[u8]) -> Option<BoxedUint> {
    let bits = u32::try_from(bytes.len()).ok()?.checked_mul(8)?;
    BoxedUint::from_be_slice(bytes, bits).ok()
}

/// An integer in (0, N) from exactly |N| bytes.
pub(super) fn residue(key: &RsaPublicKey, bytes: &[u8]) -> Option<BoxedUint> {
    if bytes.len() != key.size() {
        return None;
    }
    integer(bytes).filter(|x| !bool::from(x.is_zero()) && x < key.n().as_ref())
}

/// An integer below N as exactly |N| bytes.
pub(super) fn fixed_bytes(key: &RsaPublicKey, x: &BoxedUint) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(x.to_be_bytes().into_vec());
    let excess = bytes.len().saturating_sub(key.size());
    let (_, exact) = bytes.split_at(excess);
    Zeroizing::new(exact.to_vec())
}

/// 1/x modulo N for a public x.
pub(super) fn inverse(key: &RsaPublicKey, x: &BoxedUint) -> Option<BoxedUint> {
    let odd = key.n().as_ref().to_odd().into_option();
    odd.and_then(|n| x.invert_odd_mod_vartime(&n).into_option())
}

/// Whether x has an inverse modulo N, in time that does not depend on x.
pub(super) fn is_coprime(key: &RsaPublicKey, x: &BoxedUint) -> bool {
    let odd = key.n().as_ref().to_odd().into_option();
    odd.and_then(|n| x.invert_odd_mod(&n).into_option())
        .map(Zeroizing::new)
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_6542_primes_below_65536() {
        assert_eq!(small_primes().count(), 6542);
        assert_eq!(small_primes().take(5).collect::<Vec<_>>(), [2, 3, 5, 7, 11]);
        assert_eq!(small_primes().last(), Some(65521));
    }

    #[test]
    fn trial_division_finds_the_smallest_factor_and_no_other() {
        // 2^64 + 1 = 274177 * 67280421310721; 2^32 + 1 = 641 * 6700417.
        let fermat_6 = [&[0, 0, 0, 1][..], &[0; 7], &[1]].concat();
        assert_eq!(small_factor(&fermat_6), None);
        assert_eq!(small_factor(&[0, 0, 0, 1, 0, 0, 0, 1]), Some(641));
        assert_eq!(small_factor(&[0, 0, 0, 0, 0, 0, 0, 6]), Some(2));
    }
}
