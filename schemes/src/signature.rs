//! Ed25519 signatures, with one rule for what counts as valid and a purpose in every signature.
//!
//! Follows RFC 8032 (pure Ed25519) with the strict verification of `ed25519-dalek`: cofactorless,
//! `S < L`, no small-order `A` or `R`. Everyone who verifies reaches the same verdict, which a
//! ledger needs.
//!
//! | symbol | type |
//! |---|---|
//! | what a signature is for | [`Purpose`] |
//! | seed of the secret scalar | [`SigningKey`] |
//! | `A` | [`VerifyingKey`] |
//! | `(R, S)` | [`Signature`] |
//!
//! What is signed is never the bare message but `len8(purpose) || purpose || len64(context) ||
//! context || message`, lengths big-endian. A signature made for one purpose or in one context (a
//! federation, a record) is therefore worth nothing in another.
//!
//! Assumptions: discrete logarithms in edwards25519, SHA-512 as a random oracle.
//!
//! Deviations from RFC 8032: keys are refused at parsing when non-canonical or of small order,
//! where the RFC leaves both open.

use core::fmt;

use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

/// What every purpose's label begins with.
const PURPOSE_PREFIX: &[u8] = b"CONSILIUM-V1-SIG-";

/// 2^255 - 19, little-endian: a canonical coordinate is below it.
const FIELD_PRIME_LOW_BYTE: u8 = 0xed;

/// Why a key or a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The bytes are not 32 (keys) or 64 (signatures) long.
    #[error("a {what} is {expected} bytes long, not {actual}")]
    Length {
        /// What was parsed.
        what: &'static str,
        /// How long it is.
        expected: usize,
        /// How long the input was.
        actual: usize,
    },
    /// The bytes are no point of the curve.
    #[error("the verifying key is not a point of edwards25519")]
    NotAPoint,
    /// The point is encoded in a second way.
    #[error("the verifying key is not encoded canonically")]
    NonCanonicalKey,
    /// The point has small order: a signature would hold for almost any message.
    #[error("the verifying key has small order")]
    SmallOrderKey,
    /// The signature does not hold for this key, purpose, context and message.
    #[error("the signature is not valid")]
    Invalid,
}

/// What a signature is for: a label that no other kind of signature in the workspace uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose(&'static str);

impl Purpose {
    /// Names a purpose; meant for constants, so that a wrong label does not compile.
    ///
    /// ```
    /// use consilium_schemes::signature::Purpose;
    /// const GENESIS: Purpose = Purpose::new("CONSILIUM-V1-SIG-EXAMPLE");
    /// # let _ = GENESIS;
    /// ```
    ///
    /// # Panics
    /// If the label does not begin with `CONSILIUM-V1-SIG-`, has nothing after it, or is longer
    /// than 255 bytes.
    #[must_use]
    pub const fn new(label: &'static str) -> Self {
        let (mut label_rest, mut prefix_rest) = (label.as_bytes(), PURPOSE_PREFIX);
        assert!(
            label_rest.len() > prefix_rest.len() && label_rest.len() <= u8::MAX as usize,
            "a purpose has a label of at most 255 bytes after its prefix"
        );
        while let (Some((a, rest)), Some((b, prefix))) =
            (label_rest.split_first(), prefix_rest.split_first())
        {
            assert!(*a == *b, "a purpose begins with CONSILIUM-V1-SIG-");
            (label_rest, prefix_rest) = (rest, prefix);
        }
        Self(label)
    }

    /// The label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.0
    }

    /// The bytes that are signed in place of `message`.
    fn frame(self, context: &[u8], message: &[u8]) -> Vec<u8> {
        let label = self.0.as_bytes();
        let label_len = u8::try_from(label.len()).expect("bounded by the constructor");
        let mut framed = Vec::with_capacity(9 + label.len() + context.len() + message.len());
        framed.push(label_len);
        framed.extend_from_slice(label);
        framed.extend_from_slice(&(context.len() as u64).to_be_bytes());
        framed.extend_from_slice(context);
        framed.extend_from_slice(message);
        framed
    }
}

/// A secret signing key; wiped when dropped, redacted when printed.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_bytes(&seed)
    }

    /// The key of a 32-byte seed; every seed is a key.
    #[must_use]
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be sealed in a key file.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key others verify with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs `message` for `purpose` in `context` (whatever the verifier must agree on, such as the
    /// federation id).
    #[must_use]
    pub fn sign(&self, purpose: Purpose, context: &[u8], message: &[u8]) -> Signature {
        Signature(self.0.sign(&purpose.frame(context, message)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(REDACTED)")
    }
}

/// A public key: canonical and not of small order. Ordered and hashed by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Bytes of an encoded key.
    pub const LENGTH: usize = 32;

    /// Parses a key.
    ///
    /// # Errors
    /// [`SignatureError::NotAPoint`], [`SignatureError::NonCanonicalKey`],
    /// [`SignatureError::SmallOrderKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        if !is_canonical(bytes) {
            return Err(SignatureError::NonCanonicalKey);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| SignatureError::NotAPoint)?;
        if key.is_weak() {
            return Err(SignatureError::SmallOrderKey);
        }
        Ok(Self(key))
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The 32 bytes of the key, borrowed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks that the holder of this key signed `message` for `purpose` in `context`.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`], whatever the reason.
    pub fn verify(
        &self,
        purpose: Purpose,
        context: &[u8],
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify_strict(&purpose.frame(context, message), &signature)
            .map_err(|_| SignatureError::Invalid)
    }
}

/// Whether the y-coordinate (all but the top bit) is below 2^255 - 19.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < FIELD_PRIME_LOW_BYTE || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

impl TryFrom<&[u8]> for VerifyingKey {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::from_bytes(&fixed("verifying key", bytes)?)
    }
}

impl PartialOrd for VerifyingKey {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VerifyingKey {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", hex::encode(self.as_bytes()))
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

/// A signature. Parsing checks the length only; [`VerifyingKey::verify`] checks the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Bytes of a signature.
    pub const LENGTH: usize = 64;

    /// Takes the 64 bytes of a signature.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        fixed("signature", bytes).map(Self)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// `bytes` as an array of exactly `N`.
fn fixed<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; N], SignatureError> {
    bytes.try_into().map_err(|_| SignatureError::Length {
        what,
        expected: N,
        actual: bytes.len(),
    })
}
