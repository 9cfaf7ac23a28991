//! A policy: parsed once, valid ever after.

use std::fmt;
use std::str::FromStr;

use crate::access::AccessStructure;
use crate::attribute_set::AttributeSet;
use crate::comparison::Triviality;
use crate::encoding::{self, EncodingError};
use crate::node::Node;
use crate::parser;
use crate::syntax::{MAX_TEXT_LENGTH, Position, SyntaxError};

/// The most levels of parentheses, and of connectives in one another.
///
/// It bounds the recursion of every walk over a policy to 2 * 64: a comparison adds at most 32
/// levels of its own.
pub const MAX_DEPTH: usize = 64;

/// The most rows of the matrix. An attribute is one row, a comparison up to 32.
///
/// A row costs its encryptor two exponentiations and 48 bytes, and one that repeats an attribute a
/// third and 96 bytes more: at most 74 KiB. On a busy machine the costliest policy, one attribute
/// 512 times, took its encryptor 1.7 s, a reader 0.5 s to parse, the public check 1.4 s.
pub const MAX_ROWS: usize = 512;

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The writing itself.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// Bytes that are not a canonical encoding.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// More than [`MAX_DEPTH`] levels of parentheses.
    #[error("{at}: more than {MAX_DEPTH} levels of parentheses: write the policy flatter")]
    TooDeep {
        /// The parenthesis that is one too many.
        at: Position,
    },
    /// More than [`MAX_DEPTH`] levels of and, or, k-of-n in one another.
    #[error("{levels} levels of `and`, `or`, `of` in one another, at most {MAX_DEPTH} are taken")]
    TooNested {
        /// How many.
        levels: usize,
    },
    /// More than [`MAX_ROWS`] rows.
    #[error(
        "the policy needs {rows} rows, at most {MAX_ROWS} are taken: an attribute is one row, a \
         comparison up to 32"
    )]
    TooManyRows {
        /// How many.
        rows: usize,
    },
    /// A count that is 0 or more than there are items.
    #[error("{at}: {count} of {available} items: the count must be from 1 to {available}")]
    Threshold {
        /// The count.
        count: u32,
        /// The items.
        available: usize,
        /// The count's place.
        at: Position,
    },
    /// A comparison that says nothing.
    #[error("{at}: `{comparison}` is {triviality}: leave it out or correct the bound")]
    Trivial {
        /// As written, in canonical form.
        comparison: String,
        /// Which way.
        triviality: Triviality,
        /// Its place.
        at: Position,
    },
}

/// Who may read: a formula over attributes. Parse it from text; it prints in its canonical form.
///
/// Two policies are equal if their canonical texts are. `1 of (..)` is an `or`, `n of` n items an
/// `and`, and parentheses that change nothing are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    root: Node,
    text: String,
}

impl Policy {
    pub(crate) fn new(root: Node) -> Result<Self, PolicyError> {
        let (levels, rows) = (root.depth(), root.rows());
        if levels > MAX_DEPTH {
            return Err(PolicyError::TooNested { levels });
        }
        if rows > MAX_ROWS {
            return Err(PolicyError::TooManyRows { rows });
        }
        let text = root.to_string();
        match text.len() {
            length if length > MAX_TEXT_LENGTH => Err(SyntaxError::TooLong { length }.into()),
            _ => Ok(Self { root, text }),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical bytes, for a ciphertext's header: the length of the canonical text in 4 bytes,
    /// big-endian, and the text.
    pub fn to_bytes(&self) -> Vec<u8> {
        encoding::encode(&self.text)
    }

    /// The policy from its canonical bytes.
    ///
    /// # Errors
    ///
    /// Anything that [`Self::to_bytes`] would not have written: another spelling of the same policy,
    /// bytes behind the end, a wrong length, text that is no policy.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let text = encoding::decode(bytes)?;
        let policy: Self = text.parse()?;
        if policy.text == text {
            Ok(policy)
        } else {
            Err(EncodingError::NotCanonical.into())
        }
    }

    /// Whether a key with these attributes satisfies the policy.
    pub fn is_satisfied_by(&self, attributes: &AttributeSet) -> bool {
        self.root.is_satisfied_by(attributes)
    }

    /// The linear secret sharing of the policy.
    pub fn access_structure(&self) -> AccessStructure {
        AccessStructure::new(&self.root)
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::new(parser::parse(text)?)
    }
}

/// The canonical text, on one line.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
