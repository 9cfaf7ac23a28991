//! TrdGen, and the trapdoor under ElGamal.

use core::fmt;

use rand_core::CryptoRng;

use super::error::MatchingError;
use super::keys::{HospitalKeys, HospitalSecretKeys};
use super::{IndexSize, distinct, frame, polynomial, unframe};
use crate::curve::{DecodeError, G2, InField as _, SecretScalar};
use crate::tokens::KeywordToken;

const KIND: [u8; 4] = *b"CMTD";

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
    let interests = distinct("interests", n.interests(), interests)?;
    let tau = SecretScalar::random(rng);
    let weights = interests
        .iter()
        .map(|_| &tau * &SecretScalar::random(rng))
        .collect();
    let bases: Vec<&SecretScalar> = interests.iter().map(|token| token.scalar()).collect();
    let exponents = polynomial::weighted_powers(weights, &bases, n.coefficients());
    let points = exponents
        .iter()
        .map(|exponent| G2::generator() * exponent)
        .collect();
    let count = u16::try_from(interests.len()).expect("bounded by n");
    Ok((Trapdoor { size: n, points }, InterestCount(count)))
}

/// m: how many distinct interests a trapdoor was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterestCount(u16);

impl InterestCount {
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

    pub(super) fn points(&self) -> &[G2] {
        &self.points
    }

    /// Encrypts to the doctor's hospital: D_j = g2^{d_j}, M_j = T_j b^{d_j} with fresh d_j.
    #[must_use]
    pub fn encrypt(&self, to: &HospitalKeys, rng: &mut impl CryptoRng) -> EncryptedTrapdoor {
        let randomness: Vec<SecretScalar> = self
            .points
            .iter()
            .map(|_| SecretScalar::random(rng))
            .collect();
        let d = randomness.iter().map(|d_j| G2::generator() * d_j).collect();
        let masks = randomness.iter().map(|d_j| to.b() * d_j);
        let m = self
            .points
            .iter()
            .zip(masks)
            .map(|(t_j, mask)| *t_j + mask)
            .collect();
        EncryptedTrapdoor {
            size: self.size,
            d,
            m,
        }
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

    fn points(n: IndexSize) -> usize {
        2 * n.coefficients() * G2::BYTES
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
        let mut out = frame(KIND, self.size, Self::points(self.size));
        self.d
            .iter()
            .chain(&self.m)
            .for_each(|point| out.extend_from_slice(&point.to_bytes()));
        out
    }

    /// Parses the canonical encoding for the federation's n. No point may be the identity.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        let mut reader = unframe(KIND, n, Self::points(n), bytes)?;
        let count = n.coefficients();
        let d = (0..count)
            .map(|_| reader.g2().in_field("D"))
            .collect::<Result<_, _>>()?;
        let m = (0..count)
            .map(|_| reader.g2().in_field("M"))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { size: n, d, m })
    }
}

impl fmt::Debug for EncryptedTrapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedTrapdoor(n = {})", self.size.get())
    }
}
