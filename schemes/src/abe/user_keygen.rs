//! UserKG: the doctor's own secret, and the proof that he knows it.
//!
//! The proof is Schnorr's, bound to federation, user and a nonce of the KGC. Without it somebody could
//! register pk = pk_of_another · g1^k and profit from keys issued to it.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::error::IssueError;
use super::frame::{self, FRAME, Kind};
use crate::curve::{
    DecodeError, FixedG1, G1, InField, Label, Scalar, SecretScalar, Transcript, hash_to_scalar,
    hash_to_secret_scalar,
};

const POP: Label = Label::new("CONSILIUM-V1-ABE-POP");
const POP_NONCE: Label = Label::new("CONSILIUM-V1-ABE-POP-NONCE");
const SECRET: Kind = *b"ABUS";
const PUBLIC: Kind = *b"ABUP";
const PROOF: Kind = *b"ABPO";

/// beta: stays on the doctor's device. Wiped on drop.
pub struct UserSecretKey {
    beta: SecretScalar,
}

impl UserSecretKey {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + 32;

    /// pk = g1^beta.
    #[must_use]
    pub fn public_key(&self) -> UserPublicKey {
        UserPublicKey {
            pk: FixedG1::generator() * &self.beta,
        } // L7
    }

    /// 1/beta.
    pub(super) fn inverse(&self) -> SecretScalar {
        self.beta
            .invert()
            .expect("a user's secret is not zero by construction")
    }

    /// beta.
    pub(super) fn expose_secret(&self) -> &SecretScalar {
        &self.beta
    }

    /// The encoding, for an encrypted key file: frame, beta.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(Self::BYTES));
        out.extend_from_slice(&frame::begin(&SECRET));
        out.extend_from_slice(self.beta.to_bytes().as_ref());
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &SECRET, Self::BYTES)?;
        let beta = SecretScalar::from_bytes(reader.take(32)?).in_field("beta")?;
        reader.finish()?;
        Ok(Self { beta })
    }

    /// Proves knowledge of beta for this registration.
    ///
    /// The nonce is hedged: it depends on beta, on what is proved and on fresh randomness, so that a
    /// broken generator does not reveal beta.
    pub fn prove_possession(
        &self,
        context: &Registration,
        rng: &mut impl CryptoRng,
    ) -> ProofOfPossession {
        let pk = self.public_key();
        let mut fresh = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(fresh.as_mut());
        let seed = Transcript::new().fixed(&self.beta.to_bytes()).fixed(&fresh);
        let k = hash_to_secret_scalar(POP_NONCE, &context.append(seed).g1(&pk.pk)); // L8
        let r = FixedG1::generator() * &k; // L9
        let c = context.challenge(&pk, &r); // L10
        let z = *(&k + &(&self.beta * &c)).expose_secret(); // L11
        ProofOfPossession { r, z }
    }
}

impl fmt::Debug for UserSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserSecretKey(..)")
    }
}

/// pk = g1^beta, of which nothing is known but that it is a point other than the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPublicKey {
    pk: G1,
}

impl UserPublicKey {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + G1::BYTES;

    /// The canonical encoding: frame, pk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&PUBLIC);
        out.extend_from_slice(&self.pk.to_bytes());
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &PUBLIC, Self::BYTES)?;
        let pk = reader.g1().in_field("pk")?;
        reader.finish()?;
        Ok(Self { pk })
    }

    /// pk, of which nothing is known.
    pub(super) fn unproven(&self) -> G1 {
        self.pk
    }

    /// Checks the proof: g1^z = R · pk^c. Only what this returns can be given an attribute key.
    ///
    /// # Errors
    /// [`IssueError::Possession`].
    pub fn verify(
        self,
        proof: &ProofOfPossession,
        context: &Registration,
    ) -> Result<VerifiedPublicKey, IssueError> {
        let c = context.challenge(&self, &proof.r);
        if FixedG1::generator() * proof.z == proof.r + self.pk * c {
            Ok(VerifiedPublicKey {
                pk: self.pk,
                user: context.user,
            }) // L12
        } else {
            Err(IssueError::Possession)
        }
    }
}

/// What a proof of possession is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    federation: [u8; 32],
    user: UserId,
    nonce: [u8; 32],
}

impl Registration {
    /// The federation's id, the user, and the nonce that the KGC gave for this registration.
    #[must_use]
    pub fn new(federation: [u8; 32], user: UserId, nonce: [u8; 32]) -> Self {
        Self {
            federation,
            user,
            nonce,
        }
    }

    fn append(&self, transcript: Transcript) -> Transcript {
        transcript
            .fixed(&self.federation)
            .fixed(&self.user.0)
            .fixed(&self.nonce)
    }

    /// c = Fr("POP", federation, id, nonce, pk, R).
    fn challenge(&self, pk: &UserPublicKey, r: &G1) -> Scalar {
        hash_to_scalar(POP, &self.append(Transcript::new()).g1(&pk.pk).g1(r))
    }
}

/// id: the user, as the ledger names him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId([u8; 32]);

impl UserId {
    /// Takes the identifier; any 32 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The identifier's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// (R, z) with g1^z = R · pk^c.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofOfPossession {
    r: G1,
    z: Scalar,
}

impl ProofOfPossession {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + G1::BYTES + Scalar::BYTES;

    /// The canonical encoding: frame, R, z.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&PROOF);
        out.extend_from_slice(&self.r.to_bytes());
        out.extend_from_slice(&self.z.to_bytes());
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &PROOF, Self::BYTES)?;
        let r = reader.g1().in_field("R")?;
        let z = reader.scalar().in_field("z")?;
        reader.finish()?;
        Ok(Self { r, z })
    }
}

/// A public key whose owner has shown that he knows beta, with the user it was shown for.
#[derive(Clone, Debug)]
pub struct VerifiedPublicKey {
    pk: G1,
    user: UserId,
}

impl VerifiedPublicKey {
    /// The user.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    pub(super) fn point(&self) -> G1 {
        self.pk
    }
}

/// UserKG: beta ← Fr*; sk = beta, pk = g1^beta.
pub fn user_keygen(rng: &mut impl CryptoRng) -> (UserSecretKey, UserPublicKey) {
    let secret = UserSecretKey {
        beta: SecretScalar::random(rng),
    }; // L6
    let public = secret.public_key();
    (secret, public)
}
