//! Index and trapdoor prepared for many comparisons: Match without what depends on one side alone.
//!
//! Of the pairing product of Match, the lines depend on the trapdoor only and are computed once for all records. Both
//! are as secret as what they are made of, and are wiped when dropped.

use core::fmt;

use zeroize::Zeroize as _;

use super::IndexSize;
use super::error::MatchingError;
use super::index::{EncryptedIndex, Index};
use super::keys::HospitalSecretKeys;
use super::trapdoor::Trapdoor;
use crate::curve::{DecodeError, PreparedG1, PreparedG2, prepared_pairing};

/// I_0..I_n in affine coordinates.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedIndex {
    size: IndexSize,
    points: Vec<PreparedG1>,
}

impl PreparedIndex {
    /// One inversion for all points.
    #[must_use]
    pub fn new(index: &Index) -> Self {
        Self {
            size: index.size(),
            points: PreparedG1::many(index.points()),
        }
    }

    /// Parses, decrypts and prepares an index that was accepted when it was posted.
    ///
    /// The points must be canonical, on the curve and not the identity; that they are of order r is not tested again, which would be as much
    /// work as all the rest. Match does not depend on it: write such a point as P + T with P of order r and T of an order prime to r.
    /// V_j U_j^{-x} is then that of the P parts plus a point of such an order again; and the reduced ate pairing e(·, Q) of a point of
    /// E(F_p) is, to a power prime to r, the Tate pairing, which is linear there and of order r, hence 1 at T. So what Match says is what it
    /// says of the P parts, whatever x is, and tells nothing of x. (Where all P parts are the identity that is a match; the contracts refuse
    /// such a posting, and nobody could prove the match.)
    ///
    /// # Errors
    /// As [`EncryptedIndex::from_bytes`], but for the order.
    pub fn open(
        bytes: &[u8],
        n: IndexSize,
        keys: &HospitalSecretKeys,
    ) -> Result<Self, DecodeError> {
        let index = EncryptedIndex::from_accepted_bytes(bytes, n)?;
        Ok(Self::new(&index.decrypt(keys)))
    }

    /// Bytes in memory of one for this n: 96 (n + 1).
    #[must_use]
    pub fn bytes(n: IndexSize) -> usize {
        n.coefficients() * PreparedG1::BYTES
    }

    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }
}

impl Drop for PreparedIndex {
    fn drop(&mut self) {
        self.points.iter_mut().for_each(PreparedG1::zeroize);
    }
}

impl fmt::Debug for PreparedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedIndex(n = {}, REDACTED)", self.size.get())
    }
}

/// T_0..T_n with the lines of their Miller loops.
#[derive(Clone)]
pub struct PreparedTrapdoor {
    size: IndexSize,
    points: Vec<PreparedG2>,
}

impl PreparedTrapdoor {
    /// Costs about as much as half a comparison.
    #[must_use]
    pub fn new(trapdoor: &Trapdoor) -> Self {
        Self {
            size: trapdoor.size(),
            points: PreparedG2::many(trapdoor.points()),
        }
    }

    /// Bytes in memory of one for this n: 19,584 (n + 1).
    #[must_use]
    pub fn bytes(n: IndexSize) -> usize {
        n.coefficients() * PreparedG2::BYTES
    }

    /// The n it was made for.
    #[must_use]
    pub fn size(&self) -> IndexSize {
        self.size
    }
}

impl fmt::Debug for PreparedTrapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedTrapdoor(n = {}, REDACTED)", self.size.get())
    }
}

/// Match, as [`matches`](super::matches).
///
/// # Errors
/// [`MatchingError::SizesDiffer`].
pub fn matches_prepared(
    index: &PreparedIndex,
    trapdoor: &PreparedTrapdoor,
) -> Result<bool, MatchingError> {
    let (left, right) = (index.size, trapdoor.size);
    if left != right {
        return Err(MatchingError::SizesDiffer {
            index: left.get(),
            trapdoor: right.get(),
        });
    }
    let pairs = index.points.iter().copied().zip(&trapdoor.points);
    Ok(prepared_pairing(pairs).is_one())
}
