//! Why bytes were not accepted.

/// Why an encoding was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The field that follows is at fault.
    #[error("{field}: {source}")]
    Field {
        /// The symbol or name of the field, as in the scheme's description.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<DecodeError>,
    },
    /// A fixed-length encoding has another length.
    #[error("{actual} bytes where {expected} are required")]
    Length {
        /// The one accepted length.
        expected: usize,
        /// The length that came.
        actual: usize,
    },
    /// The input ends inside a value.
    #[error("the input ends inside a value")]
    Truncated,
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    TrailingBytes(usize),
    /// A value has another encoding than its one canonical form.
    #[error("not the canonical encoding")]
    NonCanonical,
    /// The coordinates are not on the curve.
    #[error("not a point of the curve")]
    NotOnCurve,
    /// The element lies outside the subgroup of prime order r.
    #[error("outside the subgroup of order r")]
    WrongSubgroup,
    /// The identity where it is not allowed.
    #[error("the identity is not allowed here")]
    Identity,
    /// The zero scalar where it is not allowed.
    #[error("zero is not allowed here")]
    Zero,
    /// A format version or suite that this code does not know.
    #[error("unknown format version or suite {0}")]
    UnknownVersion(u8),
    /// A count or length exceeds its bound.
    #[error("{actual} exceeds the limit of {limit}")]
    Limit {
        /// The largest accepted value.
        limit: u64,
        /// The value that came.
        actual: u64,
    },
    /// A value that violates a rule of its type, said in words.
    #[error("{0}")]
    Rule(&'static str),
    /// A value that its own parser refused, in that parser's words.
    #[error("{0}")]
    Refused(String),
}

impl DecodeError {
    /// The same error, naming the field in which it occurred.
    #[must_use]
    pub fn in_field(self, field: &'static str) -> Self {
        Self::Field {
            field,
            source: Box::new(self),
        }
    }

    /// The innermost error, without the names of fields around it.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::Field { source, .. } => source.root(),
            other => other,
        }
    }
}
