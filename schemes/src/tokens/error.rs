//! Why tokens were not made.

/// Why tokens were not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A batch without keywords.
    #[error("a batch has at least one keyword")]
    Empty,
    /// A batch with too many keywords.
    #[error("a batch of {actual} keywords exceeds the limit of {limit}", limit = super::BATCH_LIMIT)]
    BatchTooLarge {
        /// How many there were.
        actual: usize,
    },
    /// The answer has another number of elements than the question.
    #[error("{expected} keywords were asked for, {actual} were evaluated")]
    WrongCount {
        /// How many were asked for.
        expected: usize,
        /// How many came back.
        actual: usize,
    },
    /// The evaluation was not made with the key of the genesis.
    #[error("the evaluation is not proved under the federation's token key")]
    Proof,
}
