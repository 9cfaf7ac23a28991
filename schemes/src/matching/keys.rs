//! A hospital's matching keys: x, y with a = g1^x, b = g2^y, and the proofs that it knows them.
//!
//! x and y are independent and used nowhere else. g2^x and g1^y are never made: either lets anyone
//! with a token test every index. Each proof is Schnorr's: c = Fr(label, ctx, a, b, R), s = k + c
//! x, checked by g1^s = R a^c; likewise for y in G2.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::curve::{
    DecodeError, FixedG1, FixedG2, G1, G2, InField as _, Label, Reader, Scalar, SecretScalar,
    Transcript, hash_to_scalar, hash_to_secret_scalar, pairing,
};

const LABEL_A: Label = Label::new("CONSILIUM-V1-MATCHING-POP-A");
const LABEL_B: Label = Label::new("CONSILIUM-V1-MATCHING-POP-B");
const LABEL_NONCE_A: Label = Label::new("CONSILIUM-V1-MATCHING-POP-NONCE-A");
const LABEL_NONCE_B: Label = Label::new("CONSILIUM-V1-MATCHING-POP-NONCE-B");

const VERSION: u8 = 1;
const PUBLIC: [u8; 4] = *b"CMHK";
const SECRET: [u8; 4] = *b"CMHS";

/// Why a hospital's matching keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The encoding is malformed; a = 1 and b = 1 are refused here.
    #[error("the matching keys: {0}")]
    Encoding(#[from] DecodeError),
    /// Both keys have the same exponent: everybody could test every index.
    #[error("the two matching keys have the same exponent")]
    SameExponent,
    /// The proof for `a` does not hold for this hospital.
    #[error("the proof of possession of the index key does not hold")]
    ProofA,
    /// The proof for `b` does not hold for this hospital.
    #[error("the proof of possession of the trapdoor key does not hold")]
    ProofB,
}

/// Whose keys they are: known before there is a federation.
#[derive(Debug, Clone, Copy)]
pub struct KeyContext<'a> {
    /// The hospital's identifier.
    pub hospital: &'a [u8],
    /// Its public key for wrapped secrets, as encoded by the module `wrap`.
    pub hpke_key: &'a [u8],
}

impl KeyContext<'_> {
    /// What is hashed for both proofs, up to R.
    fn transcript(&self, start: Transcript, a: &G1, b: &G2) -> Transcript {
        start
            .variable(self.hospital)
            .variable(self.hpke_key)
            .g1(a)
            .g2(b)
    }
}

/// x and y. Wiped when dropped, redacted when printed.
pub struct HospitalSecretKeys {
    x: SecretScalar,
    y: SecretScalar,
}

impl HospitalSecretKeys {
    /// Bytes of the encoding.
    pub const LENGTH: usize = 5 + 2 * Scalar::BYTES;

    /// Draws both, independently.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        loop {
            let (x, y) = (SecretScalar::random(rng), SecretScalar::random(rng));
            if !bool::from(x.ct_eq(&y)) {
                return Self { x, y };
            }
        }
    }

    /// The encoding, to be sealed: `"CMHS" || version || x || y`.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(Self::LENGTH));
        out.extend_from_slice(&SECRET);
        out.push(VERSION);
        out.extend_from_slice(self.x.to_bytes().as_ref());
        out.extend_from_slice(self.y.to_bytes().as_ref());
        out
    }

    /// Reads back sealed keys.
    ///
    /// # Errors
    /// [`KeyError::Encoding`], [`KeyError::SameExponent`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = open(SECRET, bytes, Self::LENGTH)?;
        let x = SecretScalar::from_bytes(reader.take(Scalar::BYTES)?).in_field("x")?;
        let y = SecretScalar::from_bytes(reader.take(Scalar::BYTES)?).in_field("y")?;
        reader.finish()?;
        if bool::from(x.ct_eq(&y)) {
            Err(KeyError::SameExponent)
        } else {
            Ok(Self { x, y })
        }
    }

    /// a and b.
    #[must_use]
    pub fn public_keys(&self) -> HospitalKeys {
        HospitalKeys {
            a: FixedG1::generator() * &self.x,
            b: FixedG2::generator() * &self.y,
        }
    }

    /// a and b with proofs of possession for this hospital. Nonces are hedged: they depend on the
    /// secret, on what is proved and on fresh randomness.
    pub fn prove(&self, context: &KeyContext<'_>, rng: &mut impl CryptoRng) -> ClaimedHospitalKeys {
        let HospitalKeys { a, b } = self.public_keys();
        let mut nonce = |label, secret: &SecretScalar| {
            let mut fresh = Zeroizing::new([0; 32]);
            rng.fill_bytes(fresh.as_mut());
            let seed = Transcript::new().fixed(&secret.to_bytes()).fixed(&fresh);
            hash_to_secret_scalar(label, &context.transcript(seed, &a, &b))
        };
        let (k_a, k_b) = (nonce(LABEL_NONCE_A, &self.x), nonce(LABEL_NONCE_B, &self.y));
        let mut claimed = ClaimedHospitalKeys {
            a,
            b,
            r_a: FixedG1::generator() * &k_a,
            r_b: FixedG2::generator() * &k_b,
            s_a: Scalar::ZERO,
            s_b: Scalar::ZERO,
        };
        claimed.s_a = *(&k_a + &(&self.x * &claimed.challenge_a(context))).expose_secret();
        claimed.s_b = *(&k_b + &(&self.y * &claimed.challenge_b(context))).expose_secret();
        claimed
    }

    pub(crate) fn x(&self) -> &SecretScalar {
        &self.x
    }

    pub(crate) fn y(&self) -> &SecretScalar {
        &self.y
    }
}

impl fmt::Debug for HospitalSecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HospitalSecretKeys(REDACTED)")
    }
}

/// a = g1^x and b = g2^y of a hospital that proved to know x and y. Made by
/// [`ClaimedHospitalKeys::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HospitalKeys {
    a: G1,
    b: G2,
}

impl HospitalKeys {
    pub(crate) fn a(&self) -> G1 {
        self.a
    }

    pub(crate) fn b(&self) -> G2 {
        self.b
    }
}

/// A hospital's matching keys with their proofs, as they stand on its card: well-formed, not yet
/// verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedHospitalKeys {
    a: G1,
    b: G2,
    r_a: G1,
    s_a: Scalar,
    r_b: G2,
    s_b: Scalar,
}

impl ClaimedHospitalKeys {
    /// Bytes of the encoding.
    pub const LENGTH: usize = 5 + 2 * (G1::BYTES + G2::BYTES + Scalar::BYTES);

    /// Checks both proofs for this hospital, and that the exponents differ: e(a, g2) ≠ e(g1, b).
    ///
    /// # Errors
    /// [`KeyError::ProofA`], [`KeyError::ProofB`], [`KeyError::SameExponent`].
    pub fn verify(&self, context: &KeyContext<'_>) -> Result<HospitalKeys, KeyError> {
        let (g1, g2) = (G1::generator(), G2::generator());
        if g1 * self.s_a != self.r_a + self.a * self.challenge_a(context) {
            return Err(KeyError::ProofA);
        }
        if g2 * self.s_b != self.r_b + self.b * self.challenge_b(context) {
            return Err(KeyError::ProofB);
        }
        if pairing(&self.a, &g2) == pairing(&g1, &self.b) {
            return Err(KeyError::SameExponent);
        }
        Ok(HospitalKeys {
            a: self.a,
            b: self.b,
        })
    }

    /// a and b of a hospital whose proofs were verified when it was admitted: for keys that stand on the ledger.
    #[must_use]
    pub fn admitted(&self) -> HospitalKeys {
        HospitalKeys {
            a: self.a,
            b: self.b,
        }
    }

    /// c = Fr("MATCHING-POP-A", ctx, a, b, R).
    fn challenge_a(&self, context: &KeyContext<'_>) -> Scalar {
        let start = context.transcript(Transcript::new(), &self.a, &self.b);
        hash_to_scalar(LABEL_A, &start.g1(&self.r_a))
    }

    /// c = Fr("MATCHING-POP-B", ctx, a, b, R).
    fn challenge_b(&self, context: &KeyContext<'_>) -> Scalar {
        let start = context.transcript(Transcript::new(), &self.a, &self.b);
        hash_to_scalar(LABEL_B, &start.g2(&self.r_b))
    }

    /// The canonical encoding: `"CMHK" || version || a || b || R_a || s_a || R_b || s_b`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        out.extend_from_slice(&PUBLIC);
        out.push(VERSION);
        out.extend_from_slice(&self.a.to_bytes());
        out.extend_from_slice(&self.b.to_bytes());
        out.extend_from_slice(&self.r_a.to_bytes());
        out.extend_from_slice(&self.s_a.to_bytes());
        out.extend_from_slice(&self.r_b.to_bytes());
        out.extend_from_slice(&self.s_b.to_bytes());
        out
    }

    /// Parses the canonical encoding. No point may be the identity.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = open(PUBLIC, bytes, Self::LENGTH)?;
        let claimed = Self {
            a: reader.g1().in_field("a")?,
            b: reader.g2().in_field("b")?,
            r_a: reader.g1().in_field("R_a")?,
            s_a: reader.scalar().in_field("s_a")?,
            r_b: reader.g2().in_field("R_b")?,
            s_b: reader.scalar().in_field("s_b")?,
        };
        reader.finish()?;
        Ok(claimed)
    }
}

fn open(kind: [u8; 4], bytes: &[u8], length: usize) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(bytes, length)?;
    if reader.array::<4>().in_field("kind")? != kind {
        return Err(DecodeError::Rule("another kind of value").in_field("kind"));
    }
    reader.version(VERSION).in_field("version")?;
    Ok(reader)
}
