//! Dec: the doctor's part. Verified pre-decryption: nothing is released that does not check.

use zeroize::Zeroize;

use super::capsule::Capsule;
use super::encrypt::{SharedSecret, derive_s, mask};
use super::error::DecryptError;
use super::pre_decrypt::SemiCiphertext;
use super::user_keygen::UserSecretKey;
use crate::curve::{FixedG2, Gt};
use crate::digest::Digest;

/// Y^s = A^{1/beta} · B.
pub(super) fn unmask(secret: &UserSecretKey, semi: &SemiCiphertext) -> Gt {
    semi.a.pow_secret(&secret.inverse()) * semi.b
}

/// Dec: checks SHA-256(CTSym) against the ledger's digest, computes Y^s = A^{1/beta} · B, sigma and s, and
/// accepts if C0 = g2^s. That A and B have order r, their type says.
///
/// # Errors
/// [`DecryptError`]; no key was derived.
///
/// # Security
/// Whether this accepts is a plaintext-checking oracle: run it only for records that the ledger assigned to
/// this doctor.
pub fn dec(
    secret: &UserSecretKey,
    semi: &SemiCiphertext,
    capsule: &Capsule,
    on_ledger: &Digest,
) -> Result<SharedSecret, DecryptError> {
    let digest = capsule.digest();
    if digest != *on_ledger {
        return Err(DecryptError::Digest); // L43
    }
    let mut y_s = unmask(secret, semi); // L44
    let header = capsule.header.digest();
    let sigma = mask(&capsule.c_sigma, &y_s, &header); // L45
    y_s.zeroize();
    let s = derive_s(&sigma, &header); // L46
    if FixedG2::generator() * &s == capsule.c0 {
        Ok(SharedSecret::new(sigma, &capsule.header, digest)) // L47
    } else {
        Err(DecryptError::PreDecryption)
    }
}
