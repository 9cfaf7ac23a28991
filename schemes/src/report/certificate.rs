//! The certificate that x -> x^e permutes the residues modulo N: e-th roots of eight hashed values.
//!
//! If e divides p - 1 for a prime p of N, a hashed value has a root with probability 1/e, so eight
//! of them with 2^-128.

use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey, hazmat};

use super::error::ReportKeyError;
use super::modulus::{E, integer, residue};
use crate::curve::{Label, Transcript};
use crate::kdf;

const LABEL_PERM: Label = Label::new("CONSILIUM-V1-RSA-PERM");

/// How many roots: 8 · log2(65537) > 128.
pub(super) const ROOTS: u8 = 8;

/// Bytes hashed beyond the modulus, so that the reduction is biased by less than 2^-128.
const EXCESS: usize = 16;

/// `H_N("RSA-PERM", N, e, i)`.
fn target(key: &RsaPublicKey, i: u8) -> BoxedUint {
    let message = Transcript::new().variable(&key.n_bytes()).u64(E).u8(i);
    let mut wide = vec![0; key.size() + EXCESS];
    kdf::derive_into(LABEL_PERM, message.as_bytes(), &[], &mut wide);
    let wide = integer(&wide).expect("a multiple of 8 bytes");
    let reduced = wide.rem_vartime(key.n());
    let bytes = reduced.to_be_bytes();
    let excess = bytes.len().saturating_sub(key.size());
    let (_, exact) = bytes.split_at(excess);
    integer(exact).expect("as long as the modulus")
}

/// sigma_1..sigma_8, each as long as the modulus. Blinded.
pub(super) fn produce(
    key: &RsaPrivateKey,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<u8>, ReportKeyError> {
    let mut certificate = Vec::with_capacity(key.size() * usize::from(ROOTS));
    for i in 1..=ROOTS {
        let root = hazmat::rsa_decrypt_and_check(key, Some(rng), &target(key.as_ref(), i))
            .map_err(|_| ReportKeyError::PrivateKey)?;
        certificate.extend_from_slice(&root.to_be_bytes());
    }
    Ok(certificate)
}

/// Whether every sigma_i is in (0, N) and sigma_i^e = H_N(i).
pub(super) fn verify(key: &RsaPublicKey, certificate: &[u8]) -> Result<(), ReportKeyError> {
    let mut roots = certificate.chunks_exact(key.size());
    for index in 1..=ROOTS {
        let holds = roots
            .next()
            .and_then(|root| residue(key, root))
            .and_then(|root| hazmat::rsa_encrypt(key, &root).ok())
            .is_some_and(|power| power == target(key, index));
        if !holds {
            return Err(ReportKeyError::Certificate { index });
        }
    }
    Ok(())
}
