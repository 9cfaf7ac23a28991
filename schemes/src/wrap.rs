//! Wrapping small secrets (attribute keys, tokens) for one organisation, signed by the one that
//! sends them.
//!
//! HPKE in base mode (RFC 9180) with the KEM X-Wing, which is X25519 and ML-KEM-768 together
//! (draft-connolly-cfrg-xwing-kem, draft-ietf-hpke-pq, KEM 0x647a), HKDF-SHA-256 and AES-256-GCM.
//! It holds while either of the two key exchanges does. Base mode does not say who encrypted, so
//! the sender signs, and the recipient checks that before anything else.
//!
//! | symbol | type |
//! |---|---|
//! | recipient's key pair | [`SecretKey`], [`PublicKey`] |
//! | enc, ct, signature | [`Wrapped`] |
//!
//! ```text
//! info'     = CONSILIUM-V1-WRAP-INFO || sender's verifying key || info
//! enc, ct   = HPKE.Seal(recipient, info', aad, plaintext)
//! signature = Sign(sender, context info, recipient || aad || enc || ct)
//! ```
//! Each variable part stands behind its length. The sender's key in `info'` keeps another from
//! taking the signature off and putting its own on someone else's secret.
//!
//! Assumptions: X-Wing is IND-CCA (gap Diffie-Hellman in Curve25519 or module-LWE), Ed25519
//! unforgeable.
//!
//! What it leaks: who sends to whom, the length, and `info` and `aad` if they are sent along. There
//! is no forward secrecy: who gets the recipient's key later opens what was kept.

use core::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

use crate::curve::{DecodeError, InField as _, Label, Reader, Transcript, put_variable};
use crate::signature::{Purpose, Signature, SigningKey, VerifyingKey};

const PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-WRAP");
const LABEL_INFO: Label = Label::new("CONSILIUM-V1-WRAP-INFO");

const VERSION: u8 = 1;
/// X-Wing, HKDF-SHA-256, AES-256-GCM.
const SUITE: u8 = 1;

/// Bytes of X-Wing's encapsulation: 1088 of ML-KEM-768 and 32 of X25519.
const ENCAPSULATION: usize = 1120;
/// Bytes of an AES-GCM tag.
const GCM_TAG: usize = 16;

/// Largest plaintext. An attribute key of 32 levels with 100 attributes is about 160 KiB.
pub const PLAINTEXT_LIMIT: usize = 4 * 1024 * 1024;
/// Largest `info`, which HPKE hashes.
pub const INFO_LIMIT: usize = 4096;

/// Why something could not be wrapped or unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// An input exceeds its limit.
    #[error("{what} of {actual} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Which input.
        what: &'static str,
        /// Its limit in bytes.
        limit: usize,
        /// Its length.
        actual: usize,
    },
    /// The expected sender did not sign this for this recipient, `info` and `aad`.
    #[error("the expected sender did not sign this")]
    Sender,
    /// The signature holds, but the content does not open: encrypted to another key.
    #[error("the wrapped secret does not open with this key")]
    NotForThisKey,
}

/// A recipient's secret key; wiped when dropped, redacted when printed.
pub struct SecretKey {
    secret: <XWing as Kem>::PrivateKey,
    public: PublicKey,
}

impl SecretKey {
    /// Bytes of the encoding.
    pub const LENGTH: usize = 32;

    /// Draws a key.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; Self::LENGTH]);
        rng.fill_bytes(seed.as_mut());
        Self::from_bytes(&seed)
    }

    /// The key of a 32-byte seed, as X-Wing defines it; every seed is a key.
    #[must_use]
    pub fn from_bytes(seed: &[u8; Self::LENGTH]) -> Self {
        let secret = <XWing as Kem>::PrivateKey::from_bytes(seed).expect("any 32 bytes are a seed");
        let public = PublicKey(XWing::sk_to_pk(&secret));
        Self { secret, public }
    }

    /// The seed, to be sealed in a key file.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<[u8; Self::LENGTH]> {
        let mut seed = Zeroizing::new([0; Self::LENGTH]);
        self.secret.write_exact(seed.as_mut());
        seed
    }

    /// The key others wrap for.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(REDACTED)")
    }
}

/// A recipient's public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(<XWing as Kem>::PublicKey);

impl PublicKey {
    /// Bytes of the encoding: 1184 of ML-KEM-768 and 32 of X25519.
    pub const LENGTH: usize = 1216;

    /// Parses a key.
    ///
    /// # Errors
    /// [`DecodeError::Length`]; [`DecodeError::NonCanonical`] if a coefficient of the ML-KEM part
    /// or the X25519 coordinate is not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (expected, actual) = (Self::LENGTH, bytes.len());
        if actual != expected {
            return Err(DecodeError::Length { expected, actual });
        }
        if !bytes.last_chunk().is_some_and(is_reduced_coordinate) {
            return Err(DecodeError::NonCanonical);
        }
        <XWing as Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| DecodeError::NonCanonical)
    }

    /// The canonical encoding.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        self.0.write_exact(&mut out);
        out
    }
}

/// Whether a little-endian coordinate is below 2^255 - 19, its top bit clear.
fn is_reduced_coordinate(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *high < 0x7f || (*high == 0x7f && (*low < 0xed || middle.iter().any(|byte| *byte != 0xff)))
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = crate::digest::Digest::of(&self.to_bytes());
        write!(f, "PublicKey(sha256 {digest})")
    }
}

/// A secret on its way: encapsulation, ciphertext and the sender's signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped {
    encapsulation: Box<[u8; ENCAPSULATION]>,
    ciphertext: Vec<u8>,
    signature: Signature,
}

impl Wrapped {
    /// Largest encoding.
    pub const LIMIT: usize = Self::length(PLAINTEXT_LIMIT);

    /// Bytes of the encoding for a plaintext of so many bytes.
    #[must_use]
    pub const fn length(plaintext: usize) -> usize {
        2 + ENCAPSULATION + 4 + plaintext + GCM_TAG + Signature::LENGTH
    }

    /// The canonical encoding: `version || suite || enc 1120 || ct len32 + n || signature 64`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, SUITE];
        out.extend_from_slice(self.encapsulation.as_ref());
        put_variable(&mut out, &self.ciphertext);
        out.extend_from_slice(&self.signature.to_bytes());
        out
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::LIMIT)?;
        reader.version(VERSION).in_field("version")?;
        reader.version(SUITE).in_field("suite")?;
        let encapsulation = Box::new(reader.array().in_field("enc")?);
        let ciphertext = reader
            .variable(PLAINTEXT_LIMIT + GCM_TAG)
            .in_field("ct")?
            .to_vec();
        let signature = Signature::from_bytes(reader.array().in_field("signature")?);
        reader.finish()?;
        Ok(Self {
            encapsulation,
            ciphertext,
            signature,
        })
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({} bytes)", self.ciphertext.len())
    }
}

/// Encrypts `plaintext` to `recipient` and signs it. `info` says what is sent (and is agreed on by
/// both sides), `aad` is bound to it.
///
/// ```
/// use consilium_schemes::signature::SigningKey;
/// use consilium_schemes::wrap::{self, SecretKey};
/// # let mut rng = rand::rng();
/// let (sender, recipient) = (SigningKey::generate(&mut rng), SecretKey::generate(&mut rng));
/// let sent = wrap::wrap(&sender, recipient.public_key(), b"attribute key", b"", b"secret", &mut rng)?;
/// let got = wrap::unwrap(&recipient, &sender.verifying_key(), b"attribute key", b"", &sent)?;
/// assert_eq!(got.as_slice(), b"secret");
/// # Ok::<(), wrap::WrapError>(())
/// ```
///
/// # Errors
/// [`WrapError::TooLong`].
pub fn wrap(
    sender: &SigningKey,
    recipient: &PublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Wrapped, WrapError> {
    bounded("the plaintext", PLAINTEXT_LIMIT, plaintext)?;
    bounded("info", INFO_LIMIT, info)?;
    let bound_info = bound_info(&sender.verifying_key(), info);
    let (encapsulation, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &recipient.0,
            bound_info.as_bytes(),
            plaintext,
            aad,
            rng,
        )
        .expect("X-Wing encapsulates to every valid key and AES-GCM takes 4 MiB");
    let encapsulation = Box::new(encapsulation.to_bytes().0);
    let signed = signed_message(recipient, aad, &encapsulation, &ciphertext);
    let signature = sender.sign(PURPOSE, info, signed.as_bytes());
    Ok(Wrapped {
        encapsulation,
        ciphertext,
        signature,
    })
}

/// Checks that `sender` signed `wrapped` for this key, `info` and `aad`, then decrypts it.
///
/// # Errors
/// [`WrapError::Sender`], [`WrapError::NotForThisKey`], [`WrapError::TooLong`].
pub fn unwrap(
    recipient: &SecretKey,
    sender: &VerifyingKey,
    info: &[u8],
    aad: &[u8],
    wrapped: &Wrapped,
) -> Result<Zeroizing<Vec<u8>>, WrapError> {
    bounded("info", INFO_LIMIT, info)?;
    let Wrapped {
        encapsulation,
        ciphertext,
        signature,
    } = wrapped;
    let signed = signed_message(&recipient.public, aad, encapsulation, ciphertext);
    sender
        .verify(PURPOSE, info, signed.as_bytes(), signature)
        .map_err(|_| WrapError::Sender)?;
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(encapsulation.as_ref())
        .map_err(|_| WrapError::NotForThisKey)?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &recipient.secret,
        &encapsulation,
        bound_info(sender, info).as_bytes(),
        ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| WrapError::NotForThisKey)
}

/// HPKE's `info`: ours, the sender, the caller's.
fn bound_info(sender: &VerifyingKey, info: &[u8]) -> Transcript {
    Transcript::new()
        .variable(LABEL_INFO.as_bytes())
        .fixed(sender.as_bytes())
        .variable(info)
}

fn signed_message(
    recipient: &PublicKey,
    aad: &[u8],
    encapsulation: &[u8; ENCAPSULATION],
    ciphertext: &[u8],
) -> Transcript {
    Transcript::new()
        .fixed(&recipient.to_bytes())
        .variable(aad)
        .fixed(encapsulation)
        .variable(ciphertext)
}

fn bounded(what: &'static str, limit: usize, bytes: &[u8]) -> Result<(), WrapError> {
    let actual = bytes.len();
    if actual > limit {
        Err(WrapError::TooLong {
            what,
            limit,
            actual,
        })
    } else {
        Ok(())
    }
}
