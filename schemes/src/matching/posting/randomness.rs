//! The batched Schnorr proof of ElGamal randomness, in G1 and in G2.

use core::ops::Sub;

use rand_core::CryptoRng;

use super::context::Subject;
use crate::curve::{
    DecodeError, FixedG1, FixedG2, G1, G2, InField as _, Label, Reader, Scalar, SecretScalar,
    Transcript, hash_to_scalar,
};
use crate::hedged::Nonces;

const LABEL_INDEX: Label = Label::new("CONSILIUM-V1-POST-INDEX");
const LABEL_TRAPDOOR: Label = Label::new("CONSILIUM-V1-POST-TRAPDOOR");
const LABEL_INDEX_NONCE: Label = Label::new("CONSILIUM-V1-POST-INDEX-NONCE");
const LABEL_TRAPDOOR_NONCE: Label = Label::new("CONSILIUM-V1-POST-TRAPDOOR-NONCE");

/// What differs between the proof of an index and that of a trapdoor.
pub(super) trait Side: Copy + PartialEq + Sub<Output = Self> {
    const LABEL: Label;
    const LABEL_NONCE: Label;
    const BYTES: usize;

    /// g^k.
    fn of_secret(k: &SecretScalar) -> Self;
    /// g^s.
    fn of_public(s: Scalar) -> Self;
    fn multi_mul(terms: impl Iterator<Item = (Self, Scalar)>) -> Self;
    fn append(&self, start: Transcript) -> Transcript;
    fn put(&self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Side for G1 {
    const LABEL: Label = LABEL_INDEX;
    const LABEL_NONCE: Label = LABEL_INDEX_NONCE;
    const BYTES: usize = Self::BYTES;

    fn of_secret(k: &SecretScalar) -> Self {
        FixedG1::generator() * k
    }
    fn of_public(s: Scalar) -> Self {
        FixedG1::generator() * s
    }
    fn multi_mul(terms: impl Iterator<Item = (Self, Scalar)>) -> Self {
        Self::multi_mul(terms)
    }
    fn append(&self, start: Transcript) -> Transcript {
        start.g1(self)
    }
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.g1()
    }
}

impl Side for G2 {
    const LABEL: Label = LABEL_TRAPDOOR;
    const LABEL_NONCE: Label = LABEL_TRAPDOOR_NONCE;
    const BYTES: usize = Self::BYTES;

    fn of_secret(k: &SecretScalar) -> Self {
        FixedG2::generator() * k
    }
    fn of_public(s: Scalar) -> Self {
        FixedG2::generator() * s
    }
    fn multi_mul(terms: impl Iterator<Item = (Self, Scalar)>) -> Self {
        Self::multi_mul(terms)
    }
    fn append(&self, start: Transcript) -> Transcript {
        start.g2(self)
    }
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.g2()
    }
}

/// (R, s).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RandomnessProof<P> {
    r: P,
    s: Scalar,
}

impl<P: Side> RandomnessProof<P> {
    /// Length of the encoding.
    pub(super) const BYTES: usize = P::BYTES + Scalar::BYTES;

    /// Proves to know the exponents of the points, in their order.
    pub(super) fn prove(
        subject: &Subject<'_>,
        exponents: &[SecretScalar],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let secrets: Vec<&SecretScalar> = exponents.iter().collect();
        let statement = |seed| subject.append(seed);
        let k = Nonces::new(P::LABEL_NONCE, &secrets, statement, rng).draw(); // L1
        let r = P::of_secret(&k); // L2
        let s = exponents
            .iter()
            .zip(powers(challenge(subject, &r)))
            .fold(k, |sum, (exponent, power)| &sum + &(exponent * &power)); // L4
        Self {
            r,
            s: *s.expose_secret(),
        }
    }

    /// Whether g^s = R · prod_j P_j^{c^{j+1}}.
    pub(super) fn holds(&self, subject: &Subject<'_>, points: &[P]) -> bool {
        let c = challenge(subject, &self.r);
        let sum = P::multi_mul(points.iter().copied().zip(powers(c)));
        P::of_public(self.s) - sum == self.r // L5
    }

    /// `R || s`.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.r.put(out);
        out.extend_from_slice(&self.s.to_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let r = P::read(reader).in_field("R")?;
        let s = reader.scalar().in_field("s")?;
        Ok(Self { r, s })
    }
}

/// c = Fr(label, ctx, a, b, digest, R).
fn challenge<P: Side>(subject: &Subject<'_>, r: &P) -> Scalar {
    hash_to_scalar(P::LABEL, &r.append(subject.append(Transcript::new()))) // L3
}

/// c, c^2, c^3, ..
fn powers(c: Scalar) -> impl Iterator<Item = Scalar> {
    core::iter::successors(Some(c), move |power| Some(*power * c))
}
