//! IndexBuild, and the index under ElGamal.

use core::fmt;

use rand_core::CryptoRng;

use super::error::MatchingError;
use super::keys::{HospitalKeys, HospitalSecretKeys};
use super::{IndexSize, NO_PROOF, distinct, frame, polynomial, unframe};
use crate::curve::{DecodeError, FixedG1, G1, InField as _, Reader, SecretScalar};
use crate::tokens::KeywordToken;

pub(super) const KIND: [u8; 4] = *b"CMIX";

/// I_0..I_n. Whoever holds it can test tokens on it: not secret from the matching hospital, but
/// from everyone else.
#[derive(Clone, PartialEq, Eq)]
pub struct Index {
    size: IndexSize,
    points: Vec<G1>,
}

/// IndexBuild: f(X) = prod (X - h_i), padded with random roots to degree n; I_j = g1^{rho a_j} with
/// fresh rho.
///
/// Repeated keywords count once.
///
/// # Errors
/// [`MatchingError::None`], [`MatchingError::TooMany`].
pub fn index_build(
    n: IndexSize,
    keywords: &[KeywordToken],
    rng: &mut impl CryptoRng,
) -> Result<Index, MatchingError> {
    let keywords = distinct("keywords", n.keywords(), keywords)?;
    let padding: Vec<SecretScalar> = (keywords.len()..n.keywords())
        .map(|_| SecretScalar::random(rng))
        .collect();
    let roots = keywords.iter().map(|token| token.scalar()).chain(&padding);
    let coefficients = polynomial::from_roots(roots);
    let rho = SecretScalar::random(rng);
    let points = coefficients
        .iter()
        .map(|a_j| FixedG1::generator() * &(&rho * a_j))
        .collect();
    Ok(Index { size: n, points })
}

impl Index {
    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }

    pub(crate) fn points(&self) -> &[G1] {
        &self.points
    }

    /// Encrypts to a hospital: U_j = g1^{u_j}, V_j = I_j a^{u_j} with fresh u_j, except V_n = I_n.
    #[must_use]
    pub fn encrypt(&self, to: &HospitalKeys, rng: &mut impl CryptoRng) -> EncryptedIndex {
        self.encrypt_keeping(to, rng).0
    }

    /// As [`Self::encrypt`], with u_0..u_{n-1} for the proof that goes with a posting.
    pub(super) fn encrypt_keeping(
        &self,
        to: &HospitalKeys,
        rng: &mut impl CryptoRng,
    ) -> (EncryptedIndex, Vec<SecretScalar>) {
        let n = self.size.keywords();
        let randomness: Vec<SecretScalar> = (0..n).map(|_| SecretScalar::random(rng)).collect();
        let u = randomness
            .iter()
            .map(|u_j| FixedG1::generator() * u_j)
            .collect();
        let a = FixedG1::new(&to.a());
        let masks = randomness
            .iter()
            .map(|u_j| &a * u_j)
            .chain([G1::identity()]);
        let v = self
            .points
            .iter()
            .zip(masks)
            .map(|(i_j, mask)| *i_j + mask)
            .collect();
        let size = self.size;
        (EncryptedIndex { size, u, v }, randomness)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index(n = {}, REDACTED)", self.size.get())
    }
}

/// (U, V): an index as it stands on the ledger, encrypted to one hospital.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedIndex {
    size: IndexSize,
    /// U_0..U_{n-1}.
    u: Vec<G1>,
    /// V_0..V_n; the last is I_n, not the identity.
    v: Vec<G1>,
}

impl EncryptedIndex {
    /// Bytes of the encoding.
    #[must_use]
    pub fn length(n: IndexSize) -> usize {
        super::FRAME + Self::points(n)
    }

    pub(super) fn points(n: IndexSize) -> usize {
        (n.keywords() + n.coefficients()) * G1::BYTES
    }

    /// U_0..U_{n-1}.
    pub(crate) fn u(&self) -> &[G1] {
        &self.u
    }

    /// V_0..V_n.
    pub(crate) fn v(&self) -> &[G1] {
        &self.v
    }

    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }

    /// I_j = V_j U_j^{-x}, for the hospital that it is encrypted to.
    #[must_use]
    pub fn decrypt(&self, keys: &HospitalSecretKeys) -> Index {
        let masks = self
            .u
            .iter()
            .map(|u_j| *u_j * keys.x())
            .chain([G1::identity()]);
        let points = self
            .v
            .iter()
            .zip(masks)
            .map(|(v_j, mask)| *v_j - mask)
            .collect();
        Index {
            size: self.size,
            points,
        }
    }

    /// The canonical encoding: `"CMIX" || version || n 2 || no proof || U_0 .. U_{n-1} || V_0 ..
    /// V_n`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame(KIND, self.size, NO_PROOF, Self::points(self.size));
        self.put_points(&mut out);
        out
    }

    /// `U_0 .. U_{n-1} || V_0 .. V_n`.
    pub(super) fn put_points(&self, out: &mut Vec<u8>) {
        for point in self.u.iter().chain(&self.v) {
            out.extend_from_slice(&point.to_bytes());
        }
    }

    /// Reads what [`Self::put_points`] wrote.
    pub(super) fn read_points(n: IndexSize, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::read(n, reader, G1::from_bytes)
    }

    fn read(
        n: IndexSize,
        reader: &mut Reader<'_>,
        point: fn(&[u8]) -> Result<G1, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut points = |count, field| {
            let one = |_| reader.take(G1::BYTES).and_then(point).in_field(field);
            (0..count).map(one).collect::<Result<_, _>>()
        };
        let u = points(n.keywords(), "U")?;
        let v = points(n.coefficients(), "V")?;
        Ok(Self { size: n, u, v })
    }

    /// Parses the canonical encoding for the federation's n. No point may be the identity.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        Self::parse(bytes, n, G1::from_bytes)
    }

    /// Parses bytes that [`Self::from_bytes`] accepted before they came where they are, as all that the ledger's state holds: that points
    /// have order r is not tested again, which is most of parsing. For **public** computations, where whoever could change the state could
    /// change the outcome as well; where a secret key is used, only as [`PreparedIndex::open`](super::PreparedIndex::open) says.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], but for the order of points.
    pub fn from_accepted_bytes(bytes: &[u8], n: IndexSize) -> Result<Self, DecodeError> {
        Self::parse(bytes, n, G1::from_bytes_of_any_order)
    }

    fn parse(
        bytes: &[u8],
        n: IndexSize,
        point: fn(&[u8]) -> Result<G1, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut reader = unframe(KIND, n, NO_PROOF, Self::points(n), bytes)?;
        let index = Self::read(n, &mut reader, point)?;
        reader.finish()?;
        Ok(index)
    }
}

impl fmt::Debug for EncryptedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedIndex(n = {})", self.size.get())
    }
}
