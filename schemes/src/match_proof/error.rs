//! Why a proof of Match was not made or is refused.

use super::proof::Outcome;

/// Why a proof of Match was not made or is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchProofError {
    /// Index and trapdoor were made for different n.
    #[error("an index for n = {index} and a trapdoor for n = {trapdoor}")]
    SizesDiffer {
        /// The index's n.
        index: u16,
        /// The trapdoor's n.
        trapdoor: u16,
    },
    /// The proof is not for this statement: index, trapdoor, keys or context are others, or the outcome is a lie.
    #[error(
        "the proof that {outcome} does not hold for this index, trapdoor, hospital and context"
    )]
    DoesNotHold {
        /// What it claims.
        outcome: Outcome,
    },
    /// Only the hospital that index and trapdoor are encrypted to can prove: the secret keys are another's.
    #[error("the secret matching keys do not belong to the statement's public keys")]
    OtherKeys,
    /// The trapdoor decrypts to nothing but the identity, which would match everything; it has no proof of rank.
    #[error("the trapdoor is degenerate: it would match every record")]
    Degenerate,
}
