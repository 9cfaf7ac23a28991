//! TrdGen, and the trapdoor under ElGamal.

use core::fmt;

use rand_core::CryptoRng;

use super::error::MatchingError;
use super::keys::{HospitalKeys, HospitalSecretKeys};
use super::{IndexSize, NO_PROOF, distinct, frame, polynomial, unframe};
use crate::curve::{DecodeError, FixedG2, G2, InField as _, Reader, SecretScalar};
use crate::tokens::KeywordToken;

pub(super) const KIND: [u8; 4] = *b"CMTD";

/// T_0..T_n. Whoever holds it can test tokens on it: not secret from the doctor's hospital, but
/// from everyone else.
#[derive(Clone, PartialEq, Eq)]
pub struct Trapdoor {
    size: IndexSize,
    points: Vec<G2>,
}

/// TrdGen: T_j = g2^{tau · sum_k c_k h_k^j} with fresh tau, c_k.
///
/// Repeated interests count once, also in the number that comes back: what the doctor may claim.
///
/// # Errors
/// [`MatchingError::None`], [`MatchingError::TooMany`].
pub fn trd_gen(
    n: IndexSize,
    interests: &[KeywordToken],
    rng: &mut impl CryptoRng,
) -> Result<(Trapdoor, InterestCount), MatchingError> {
    let generated = generate(n, interests, rng)?;
    Ok((generated.trapdoor, generated.count))
}

/// A trapdoor with what it was made of, for the proof of its rank. The scalars wipe themselves.
pub(super) struct Generated<'a> {
    pub(super) trapdoor: Trapdoor,
    pub(super) count: InterestCount,
    /// h_k, all different.
    pub(super) interests: Vec<&'a SecretScalar>,
    /// tau c_k, none of them zero.
    pub(super) weights: Vec<SecretScalar>,
    /// t_j with T_j = g2^{t_j}.
    pub(super) exponents: Vec<SecretScalar>,
}

/// TrdGen, with its secrets.
pub(super) fn generate<'a>(
    n: IndexSize,
    interests: &'a [KeywordToken],
    rng: &mut impl CryptoRng,
) -> Result<Generated<'a>, MatchingError> {
    let interests = distinct("interests", n.interests(), interests)?;
    let interests: Vec<&SecretScalar> = interests.iter().map(|token| token.scalar()).collect();
    let tau = SecretScalar::random(rng);
    let weights: Vec<SecretScalar> = interests
        .iter()
        .map(|_| &tau * &SecretScalar::random(rng))
        .collect();
    let running = weights.iter().map(SecretScalar::duplicate).collect();
    let exponents = polynomial::weighted_powers(running, &interests, n.coefficients());
    let points = exponents
        .iter()
        .map(|exponent| FixedG2::generator() * exponent)
        .collect();
    let count = u16::try_from(interests.len()).expect("bounded by n");
    Ok(Generated {
        trapdoor: Trapdoor { size: n, points },
        count: InterestCount(count),
        interests,
        weights,
        exponents,
    })
}

/// m: how many distinct interests a trapdoor was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterestCount(u16);

impl InterestCount {
    /// Length of the encoding.
    pub(super) const BYTES: usize = 2;

    /// Reads a number that can be proved for n: 1 to n / 2 + 1.
    pub(super) fn read(n: IndexSize, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u16()?;
        match usize::from(count) {
            0 => Err(DecodeError::Zero),
            m if m > n.interests() => Err(DecodeError::Limit {
                limit: u64::try_from(n.interests()).unwrap_or(u64::MAX),
                actual: count.into(),
            }),
            _ => Ok(Self(count)),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Trapdoor {
    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }

    pub(crate) fn points(&self) -> &[G2] {
        &self.points
    }

    /// Encrypts to the doctor's hospital: D_j = g2^{d_j}, M_j = T_j b^{d_j} with fresh d_j.
    #[must_use]
    pub fn encrypt(&self, to: &HospitalKeys, rng: &mut impl CryptoRng) -> EncryptedTrapdoor {
        self.encrypt_keeping(to, rng).0
    }

    /// As [`Self::encrypt`], with d_0..d_n for the proofs that go with a posting.
    pub(super) fn encrypt_keeping(
        &self,
        to: &HospitalKeys,
        rng: &mut impl CryptoRng,
    ) -> (EncryptedTrapdoor, Vec<SecretScalar>) {
        let randomness: Vec<SecretScalar> = self
            .points
            .iter()
            .map(|_| SecretScalar::random(rng))
            .collect();
        let d = randomness
            .iter()
            .map(|d_j| FixedG2::generator() * d_j)
            .collect();
        let b = FixedG2::new(&to.b());
        let masks = randomness.iter().map(|d_j| &b * d_j);
        let m = self
            .points
            .iter()
            .zip(masks)
            .map(|(t_j, mask)| *t_j + mask)
            .collect();
        let size = self.size;
        (EncryptedTrapdoor { size, d, m }, randomness)
    }
}

impl fmt::Debug for Trapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trapdoor(n = {}, REDACTED)", self.size.get())
    }
}

/// (D, M): a trapdoor as it stands on the ledger, encrypted to the doctor's hospital.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedTrapdoor {
    size: IndexSize,
    d: Vec<G2>,
    m: Vec<G2>,
}

impl EncryptedTrapdoor {
    /// Bytes of the encoding.
    #[must_use]
    pub fn length(n: IndexSize) -> usize {
        super::FRAME + Self::points(n)
    }

    pub(super) fn points(n: IndexSize) -> usize {
        2 * n.coefficients() * G2::BYTES
    }

    /// D_0..D_n.
    pub(crate) fn d(&self) -> &[G2] {
        &self.d
    }

    /// M_0..M_n.
    pub(crate) fn m(&self) -> &[G2] {
        &self.m
    }

    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }

    /// T_j = M_j D_j^{-y}, for the hospital that it is encrypted to.
    ///
    /// # Errors
    /// [`MatchingError::Degenerate`] if every T_j is the identity.
    pub fn decrypt(&self, keys: &HospitalSecretKeys) -> Result<Trapdoor, MatchingError> {
        let unmasked = self
            .d
            .iter()
            .zip(&self.m)
            .map(|(d_j, m_j)| *m_j - *d_j * keys.y());
        let points: Vec<G2> = unmasked.collect();
        if points.iter().all(G2::is_identity) {
            return Err(MatchingError::Degenerate);
        }
        Ok(Trapdoor {
            size: self.size,
            points,
        })
    }

    /// The canonical encoding: `"CMTD" || version || n 2 || no proof || D_0 .. D_n || M_0 .. M_n`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame(KIND, self.size, NO_PROOF, Self::points(self.size));
        self.put_points(&mut out);
        out
    }

    /// `D_0 .. D_n || M_0 .. M_n`.
    pub(super) fn put_points(&self, out: &mut Vec<u8>) {
        for point in self.d.iter().chain(&self.m) {
            out.extend_from_slice(&point.to_bytes());
        }
    }

    /// Reads what [`Self::put_points`] wrote.
    pub(super) fn read_points(n: IndexSize, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::read(n, reader, G2::from_bytes)
    }

    fn read(
        n: IndexSize,
        reader: &mut Reader<'_>,
        point: fn(&[u8]) -> Result<G2, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut points = |field| {
            let one = |_| reader.take(G2::BYTES).and_then(point).in_field(field);
            (0..n.coefficients()).map(one).collect::<Result<_, _>>()
        };
        let (d, m) = (points("D")?, points("M")?);
        Ok(Self { size: n, d, m })
    }

    /// Parses the canonical encoding for the federation's n. No point may be the identity.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        Self::parse(bytes, n, G2::from_bytes)
    }

    /// As [`EncryptedIndex::from_accepted_bytes`](super::EncryptedIndex::from_accepted_bytes).
    ///
    /// # Errors
    /// As [`Self::from_bytes`], but for the order of points.
    pub fn from_accepted_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        Self::parse(bytes, n, G2::from_bytes_of_any_order)
    }

    fn parse(
        bytes: &[u8],
        n: IndexSize,
        point: fn(&[u8]) -> Result<G2, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut reader = unframe(KIND, n, NO_PROOF, Self::points(n), bytes)?;
        let trapdoor = Self::read(n, &mut reader, point)?;
        reader.finish()?;
        Ok(trapdoor)
    }
}

impl fmt::Debug for EncryptedTrapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedTrapdoor(n = {})", self.size.get())
    }
}
