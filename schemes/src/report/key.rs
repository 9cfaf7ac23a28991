//! RSA keys: certified public ones, and secret ones that stay on the patient's device.

use core::fmt;

use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use super::certificate::{self, ROOTS};
use super::error::ReportKeyError;
use super::modulus;
use crate::curve::{InField as _, Reader, put_variable};
use crate::digest::Digest;

const VERSION: u8 = 1;

/// Smallest modulus in bits.
pub const MIN_BITS: u32 = 3072;
/// Largest modulus in bits.
pub const MAX_BITS: u32 = 8192;

const MAX_BYTES: usize = MAX_BITS as usize / 8;

/// N and its certificate, checked: e = 65537, and raising to e is a permutation.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: RsaPublicKey,
    certificate: Vec<u8>,
}

impl PublicKey {
    /// Largest encoding.
    pub const LIMIT: usize = 1 + 4 + (1 + ROOTS as usize) * MAX_BYTES;

    /// The canonical encoding: `version || N len32 + n || sigma_1 .. sigma_8`, integers big-endian,
    /// as long as N.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_variable(&mut out, &self.key.n_bytes());
        out.extend_from_slice(&self.certificate);
        out
    }

    /// Parses the canonical encoding and verifies the certificate (some milliseconds).
    ///
    /// # Errors
    /// [`ReportKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReportKeyError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        reader.version(VERSION).in_field("version")?;
        let modulus = reader.variable(MAX_BYTES).in_field("N")?;
        let certificate = reader
            .take(modulus.len() * usize::from(ROOTS))
            .in_field("sigma")?
            .to_vec();
        reader.finish()?;
        let key = modulus::checked_key(modulus)?;
        certificate::verify(&key, &certificate)?;
        Ok(Self { key, certificate })
    }

    /// SHA-256 of the encoding: what the ledger holds of the key.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Size of the modulus in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.size()
    }

    pub(super) fn rsa(&self) -> &RsaPublicKey {
        &self.key
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublicKey({} bits, sha256 {})",
            8 * self.size(),
            self.digest()
        )
    }
}

/// The patient's secret key of one record; wiped when dropped, redacted when printed.
pub struct SecretKey {
    key: RsaPrivateKey,
    public: PublicKey,
}

impl SecretKey {
    /// Draws two primes and makes the certificate. Takes a second or several: show progress.
    ///
    /// # Errors
    /// [`ReportKeyError::Size`].
    pub fn generate(
        bits: u32,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Self, ReportKeyError> {
        if !modulus::is_accepted_size(bits) {
            return Err(ReportKeyError::Size { bits });
        }
        let key = RsaPrivateKey::new(rng, bits as usize).map_err(|_| ReportKeyError::PrivateKey)?;
        Self::certified(key, rng)
    }

    /// Reads a PKCS#8 DER document and makes the certificate again.
    ///
    /// # Errors
    /// [`ReportKeyError`].
    pub fn from_pkcs8_der(
        document: &[u8],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Self, ReportKeyError> {
        let key =
            RsaPrivateKey::from_pkcs8_der(document).map_err(|_| ReportKeyError::PrivateKey)?;
        Self::certified(key, rng)
    }

    fn certified(
        key: RsaPrivateKey,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Self, ReportKeyError> {
        if *key.e() != BoxedUint::from(modulus::E) {
            return Err(ReportKeyError::Exponent);
        }
        let public = modulus::checked_key(&key.n_bytes())?;
        let certificate = certificate::produce(&key, rng)?;
        certificate::verify(&public, &certificate)?;
        Ok(Self {
            key,
            public: PublicKey {
                key: public,
                certificate,
            },
        })
    }

    /// The PKCS#8 DER document, to be sealed in a key file.
    #[must_use]
    pub fn expose_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let document = self
            .key
            .to_pkcs8_der()
            .expect("a valid two-prime key has an encoding");
        Zeroizing::new(document.as_bytes().to_vec())
    }

    /// The certified public key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn rsa(&self) -> &RsaPrivateKey {
        &self.key
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(REDACTED)")
    }
}
