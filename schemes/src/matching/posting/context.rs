//! What a posting's proofs are bound to, and why they are refused.

use crate::curve::{Label, Transcript};
use crate::digest::Digest;
use crate::matching::{EncryptedIndex, EncryptedTrapdoor, HospitalKeys};

const LABEL_INDEX: Label = Label::new("CONSILIUM-V1-POST-INDEX-POINTS");
const LABEL_TRAPDOOR: Label = Label::new("CONSILIUM-V1-POST-TRAPDOOR-POINTS");

/// Who posts what, to whom and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingContext<'a> {
    /// The federation's identifier.
    pub federation: [u8; 32],
    /// Who signs the posting: the owner hospital of an index, the doctor of a trapdoor.
    pub poster: &'a [u8],
    /// The record of an index, the doctor of a trapdoor.
    pub subject: [u8; 32],
    /// The hospital that it is encrypted to.
    pub hospital: &'a [u8],
    /// The federation's epoch.
    pub epoch: u64,
    /// The height of the ledger after which the posting is not accepted.
    pub expires: u64,
}

impl PostingContext<'_> {
    fn append(&self, start: Transcript) -> Transcript {
        start
            .fixed(&self.federation)
            .variable(self.poster)
            .fixed(&self.subject)
            .variable(self.hospital)
            .u64(self.epoch)
            .u64(self.expires)
    }
}

/// Why a posting is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostingError {
    /// The poster does not know the ciphertext's randomness, or made the proof for another context or hospital.
    #[error(
        "the proof of the ElGamal randomness does not hold: not the poster's own, or made for another context"
    )]
    Randomness,
    /// Fewer interests than claimed carry weight, or the proof is for another context.
    #[error("the proof that the trapdoor has {claimed} interests does not hold")]
    Rank {
        /// The number m that is claimed.
        claimed: u16,
    },
}

/// What all proofs of one posting are about: ctx, the hospital's keys, and a digest of all points.
pub(super) struct Subject<'a> {
    context: &'a PostingContext<'a>,
    keys: &'a HospitalKeys,
    points: Digest,
}

impl<'a> Subject<'a> {
    pub(super) fn index(
        context: &'a PostingContext<'a>,
        keys: &'a HospitalKeys,
        index: &EncryptedIndex,
    ) -> Self {
        Self::new(context, keys, LABEL_INDEX, &index.to_bytes())
    }

    pub(super) fn trapdoor(
        context: &'a PostingContext<'a>,
        keys: &'a HospitalKeys,
        trapdoor: &EncryptedTrapdoor,
    ) -> Self {
        Self::new(context, keys, LABEL_TRAPDOOR, &trapdoor.to_bytes())
    }

    fn new(
        context: &'a PostingContext<'a>,
        keys: &'a HospitalKeys,
        label: Label,
        encoded: &[u8],
    ) -> Self {
        let parts = Transcript::new()
            .variable(label.as_bytes())
            .variable(encoded);
        Self {
            context,
            keys,
            points: Digest::of(parts.as_bytes()),
        }
    }

    /// ctx, a, b, digest.
    pub(super) fn append(&self, start: Transcript) -> Transcript {
        self.context
            .append(start)
            .g1(&self.keys.a())
            .g2(&self.keys.b())
            .fixed(self.points.as_bytes())
    }
}
