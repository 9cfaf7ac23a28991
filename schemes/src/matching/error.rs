//! Why an index or a trapdoor was not made, opened or compared.

/// Why an index or a trapdoor was not made, opened or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchingError {
    /// Nothing to look for: such a trapdoor would match everything.
    #[error("at least one of the {what} is needed")]
    None {
        /// `keywords` or `interests`.
        what: &'static str,
    },
    /// More than the federation's setting allows.
    #[error("more than {limit} {what}")]
    TooMany {
        /// `keywords` or `interests`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Index and trapdoor were made for different n.
    #[error("an index for n = {index} and a trapdoor for n = {trapdoor}")]
    SizesDiffer {
        /// The index's n.
        index: u16,
        /// The trapdoor's n.
        trapdoor: u16,
    },
    /// The trapdoor decrypts to nothing but the identity, which would match everything.
    #[error("the trapdoor is degenerate: it would match every record")]
    Degenerate,
}
