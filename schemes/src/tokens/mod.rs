//! Keyword tokens: what a keyword becomes before it enters an index or a trapdoor.
//!
//! The VOPRF of RFC 9497 in verifiable mode, ciphersuite ristretto255-SHA512, batched. Roots that
//! anyone can compute let anyone who holds an index guess keywords offline; here every guess costs
//! an evaluation by the KGC, which is authenticated, limited and logged there.
//!
//! | symbol | type |
//! |---|---|
//! | kw | [`Keyword`] |
//! | k_token and its public key | [`KeyPair`], [`PublicKey`] |
//! | blinds of a batch (device) | [`Blinding`] |
//! | blinded elements (device to KGC) | [`BlindedBatch`] |
//! | evaluated elements and proof (KGC to device) | [`EvaluatedBatch`] |
//! | n | [`IndexSize`] |
//! | h = Fr("TOKEN", n, VOPRF(k_token, kw)) | [`KeywordToken`] |
//!
//! The device blinds ([`Blinding::new`]), the gateway relays, the KGC evaluates
//! ([`KeyPair::evaluate`]), the device checks the proof against the public key in the genesis and
//! unblinds ([`Blinding::finalize`]).
//!
//! Assumptions: one-more gap Diffie-Hellman in ristretto255, SHA-512 as a random oracle.
//!
//! **What it leaks.** The KGC sees who asks, when and for how many keywords, never which. Whoever
//! holds a token can test it against any index or trapdoor that it can decrypt: a hospital's tokens
//! are a dictionary of what its own patients and doctors used. Limits and logs are the defence, and
//! nothing makes a holder forget a token again. The same keyword has the same token for everyone.

mod batch;
mod error;
mod keyword;
mod rng;
mod size;

#[cfg(test)]
mod tests;

use core::fmt;

use voprf::{Group as _, Ristretto255, VoprfServer};
use zeroize::Zeroizing;

pub use batch::{BATCH_LIMIT, BlindedBatch, Blinding, EvaluatedBatch};
pub use error::TokenError;
pub use keyword::{Keyword, KeywordError};
use rng::Lent;
pub use size::IndexSize;

use crate::curve::{DecodeError, Label, SecretScalar, Transcript, hash_to_secret_scalar};

const LABEL_TOKEN: Label = Label::new("CONSILIUM-V1-TOKEN");

/// Bytes of a ristretto255 element or scalar.
const ELEMENT: usize = 32;

type Element = <Ristretto255 as voprf::Group>::Elem;

/// `h`: the root that a keyword contributes. Wiped when dropped, redacted when printed, compared in
/// constant time.
pub struct KeywordToken(SecretScalar);

impl KeywordToken {
    /// Bytes of the encoding.
    pub const LENGTH: usize = 32;

    /// `h = Fr("TOKEN", n, output)`.
    fn derive(n: IndexSize, output: &[u8; 64]) -> Self {
        let message = Transcript::new().u32(n.get().into()).fixed(output);
        Self(hash_to_secret_scalar(LABEL_TOKEN, &message))
    }

    /// The encoding, for a sealed store.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<[u8; Self::LENGTH]> {
        self.0.to_bytes()
    }

    /// Reads back a stored token.
    ///
    /// # Errors
    /// [`DecodeError`]: length, r or more, zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        SecretScalar::from_bytes(bytes).map(Self)
    }

    /// An explicit copy of the secret.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    pub(crate) fn scalar(&self) -> &SecretScalar {
        &self.0
    }
}

impl subtle::ConstantTimeEq for KeywordToken {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for KeywordToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeywordToken(REDACTED)")
    }
}

/// The KGC's evaluation key; wiped when dropped, redacted when printed.
pub struct KeyPair(VoprfServer<Ristretto255>);

impl KeyPair {
    /// Bytes of the secret key.
    pub const LENGTH: usize = ELEMENT;

    /// Draws a key by RFC 9497's DeriveKeyPair from a random seed.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        Self(
            VoprfServer::new(&mut Lent(rng)).expect("DeriveKeyPair fails with probability 2^-2000"),
        )
    }

    /// Reads back a stored secret key.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonical`] if it is zero or not reduced.
    pub fn from_bytes(secret: &[u8; Self::LENGTH]) -> Result<Self, DecodeError> {
        VoprfServer::new_with_key(secret)
            .map(Self)
            .map_err(|_| DecodeError::NonCanonical)
    }

    /// The secret key, to be sealed.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<[u8; Self::LENGTH]> {
        let mut pair = self.0.serialize();
        let secret = pair
            .first_chunk()
            .copied()
            .expect("the secret key comes first");
        zeroize::Zeroize::zeroize(pair.as_mut_slice());
        Zeroizing::new(secret)
    }

    /// The key that proofs are checked against; stands in the genesis.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.get_public_key())
    }

    /// BlindEvaluate: raises every blinded element to k_token and proves that the same key was used
    /// for all.
    pub fn evaluate(
        &self,
        blinded: &BlindedBatch,
        rng: &mut impl rand_core::CryptoRng,
    ) -> EvaluatedBatch {
        let result = self
            .0
            .batch_blind_evaluate(&mut Lent(rng), blinded.elements());
        EvaluatedBatch::new(result.expect("a batch is bounded far below 2^16"))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(REDACTED)")
    }
}

/// The public key of the KGC's evaluation key: no identity, canonical.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(Element);

impl PublicKey {
    /// Bytes of the encoding.
    pub const LENGTH: usize = ELEMENT;

    /// Parses a key.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonical`] if it is no canonical element other than the identity.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, DecodeError> {
        Ristretto255::deserialize_elem(bytes)
            .map(Self)
            .map_err(|_| DecodeError::NonCanonical)
    }

    /// The canonical encoding.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        self.0.compress().to_bytes()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.to_bytes()))
    }
}
