//! What a proof of Match is about.

use super::error::MatchProofError;
use super::proof::Outcome;
use crate::curve::{Label, Transcript};
use crate::digest::Digest;
use crate::matching::{EncryptedIndex, EncryptedTrapdoor, HospitalKeys};

const LABEL_POINTS: Label = Label::new("CONSILIUM-V1-MATCH-POINTS");

/// Where and when a match is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchContext<'a> {
    /// The federation's identifier.
    pub federation: [u8; 32],
    /// The record whose index it is.
    pub record: [u8; 32],
    /// The doctor whose trapdoor it is.
    pub doctor: [u8; 32],
    /// The hospital that matches.
    pub hospital: &'a [u8],
    /// The federation's epoch.
    pub epoch: u64,
    /// By which authorization; none in the owner's own hospital.
    pub authorization: Option<[u8; 32]>,
    /// The height of the ledger after which the claim is not accepted.
    pub expires: u64,
}

impl MatchContext<'_> {
    /// `federation || record || doctor || hospital len64 + n || epoch 8 || 0 or 1 || authorization 32 || expires 8`.
    fn append(&self, start: Transcript) -> Transcript {
        start
            .fixed(&self.federation)
            .fixed(&self.record)
            .fixed(&self.doctor)
            .variable(self.hospital)
            .u64(self.epoch)
            .u8(self.authorization.is_some().into())
            .fixed(&self.authorization.unwrap_or_default())
            .u64(self.expires)
    }
}

/// Index, trapdoor, keys and context: everything that prover and verifier agree on.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// (U, V), posted for the record in the context.
    pub index: &'a EncryptedIndex,
    /// (D, M), posted by the doctor in the context.
    pub trapdoor: &'a EncryptedTrapdoor,
    /// a and b of the hospital in the context.
    pub keys: &'a HospitalKeys,
    /// ctx.
    pub context: &'a MatchContext<'a>,
}

impl Statement<'_> {
    pub(super) fn check_sizes(&self) -> Result<(), MatchProofError> {
        let (index, trapdoor) = (self.index.size().get(), self.trapdoor.size().get());
        if index == trapdoor {
            Ok(())
        } else {
            Err(MatchProofError::SizesDiffer { index, trapdoor })
        }
    }

    /// digest(U, V, D, M), each side in its canonical encoding.
    pub(super) fn points(&self) -> Digest {
        let parts = Transcript::new()
            .variable(LABEL_POINTS.as_bytes())
            .variable(&self.index.to_bytes())
            .variable(&self.trapdoor.to_bytes());
        Digest::of(parts.as_bytes())
    }

    /// outcome, ctx, a, b, digest.
    pub(super) fn append(
        &self,
        start: Transcript,
        outcome: Outcome,
        points: &Digest,
    ) -> Transcript {
        self.context
            .append(start.u8(outcome.to_byte()))
            .g1(&self.keys.a())
            .g2(&self.keys.b())
            .fixed(points.as_bytes())
    }
}
