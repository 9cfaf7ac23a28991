//! The health report (CTHR): from the doctor to the patient of one record, under the record's RSA
//! key.
//!
//! RSA-KEM (ISO/IEC 18033-2, RSA-KEM; RFC 9690 for the shape) with 3072 bits and more and e =
//! 65537, AES-256-GCM with key commitment, signed by the doctor inside and out. A key is accepted
//! only with a certificate that x -> x^e is a permutation modulo N (Goldberg, Reyzin, Sagga,
//! Baldimtsi, "Efficient Noninteractive Certification of RSA Moduli and Beyond", eprint 2018/057):
//! under a crafted modulus c has many e-th roots, and a patient could open a good report with a
//! wrong root and blame the doctor. The certificate speaks of residues coprime to N only (a square in N
//! gives the others many roots), so the doctor draws z among these.
//!
//! | symbol | type |
//! |---|---|
//! | N, sigma_1..sigma_8 | [`PublicKey`], certified by construction |
//! | d, p, q | [`SecretKey`] |
//! | federation, record | [`ReportContext`] |
//! | plaintext | [`Report`] |
//! | z | [`Opening`] |
//! | c, header, ciphertext, outer signature | [`SealedReport`] |
//! | c, header, ciphertext as the ledger sees them | [`ReportParts`], [`PartDigests`] |
//! | SHA-256(SHA-256(c), SHA-256(header), SHA-256(ciphertext)) | [`Digest`], by [`SealedReport::digest`] |
//! | ch, r_1..r_8 | [`DecryptionProof`] |
//! | z, c, header, ciphertext of a dispute; the outcome | [`Evidence`]; [`Verdict`] |
//!
//! ```text
//! N odd, no prime factor below 2^16, its bits a multiple of 64
//! sigma_i^e = H_N("RSA-PERM", N, e, i) mod N, i = 1..8
//! H_N(m) = HKDF-SHA-256(salt = label, ikm = m, |N| + 16 bytes) mod N
//! z <- (0, N), coprime to N;  c = z^e mod N
//! header_core = "CTHR" || version || suite || federation || record || doctor || SHA-256(key)
//! k_enc, k_com = HKDF(z, header_core || c);  header = header_core || HMAC(k_com, header_core || c)
//! inside     = Sign(doctor, header_core || c, report)
//! ciphertext = AES-256-GCM(k_enc, nonce 0, inside || report, header)
//! outside    = Sign(doctor, header_core, digest)
//! ```
//! The nonce is fixed because every z, hence every k_enc, is used once. Two statements about a report are settled on the
//! ledger by verification alone: *I decrypted it* ([`DecryptionProof`], for the acknowledgement) and *it does not open*
//! ([`Evidence`], for a dispute).
//!
//! Assumptions: RSA with e = 65537 is one-way; HKDF, HMAC as random oracles; AES-256 a pseudorandom
//! permutation; Ed25519 unforgeable. A c that is not coprime to N, which no doctor draws, is refused: the certificate does not
//! speak of it.
//!
//! Private operations are blinded (a fresh random factor per operation) and their result is checked
//! against c before use, as the `rsa` crate's `rsa_decrypt_and_check` does; they happen on the
//! patient's device only.
//!
//! Deviations: hashing into Z_N is by HKDF, since only one full-length hash was wanted in the
//! crate; sizes are multiples of 64 bits, so that an integer has one encoding.
//!
//! What it leaks: the report's length, and who wrote to which record.

mod certificate;
mod decryption;
mod dispute;
mod error;
mod header;
mod key;
mod modulus;
mod parts;
mod sealed;

use core::fmt;

use zeroize::Zeroizing;

pub use decryption::{DecryptionProof, DecryptionStatement, prove_decryption};
pub use dispute::{Evidence, PostedReport, Verdict};
pub use error::{
    DecryptionProofError, Defect, DisputeRefused, Inadmissible, ReportError, ReportKeyError,
};
pub use key::{MAX_BITS, MIN_BITS, PublicKey, SecretKey};
pub use parts::{PartDigests, ReportParts};
pub use sealed::{SealedReport, open_with, seal};

use crate::digest::Digest;

/// Longest report in bytes.
pub const REPORT_LIMIT: usize = 64 * 1024;

/// What a report belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportContext {
    /// The federation's identifier.
    pub federation: [u8; 32],
    /// The record's identifier.
    pub record: [u8; 32],
}

/// A report's text; wiped when dropped, redacted when printed.
pub struct Report(Zeroizing<Vec<u8>>);

impl Report {
    /// Takes the text.
    ///
    /// # Errors
    /// [`ReportError::TooLong`] above [`REPORT_LIMIT`].
    pub fn new(text: Zeroizing<Vec<u8>>) -> Result<Self, ReportError> {
        if text.len() > REPORT_LIMIT {
            return Err(ReportError::TooLong { actual: text.len() });
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report(REDACTED)")
    }
}

/// z: opens one report, and shows anyone what was in it. Wiped when dropped, redacted when printed.
pub struct Opening(Zeroizing<Vec<u8>>);

impl Opening {
    /// Takes z, big-endian, as long as the modulus; whether it fits is checked by [`open_with`].
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// z, big-endian, as long as the modulus. Revealing it reveals the report.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(REDACTED)")
    }
}
