//! A keyword: a coded concept in the one spelling that everybody uses.

use core::fmt;
use core::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Why a text is not a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeywordError {
    /// Longer than [`Keyword::MAX_BYTES`].
    #[error("a keyword of {actual} bytes exceeds the limit of {limit}", limit = Keyword::MAX_BYTES)]
    TooLong {
        /// Its length in bytes.
        actual: usize,
    },
    /// Not `system|code` with something on both sides.
    #[error("a keyword has the form system|code")]
    Form,
    /// White space or a control character.
    #[error("a keyword has no white space or control characters")]
    Character,
    /// Upper-case letters: not folded.
    #[error("a keyword is in lower case")]
    Case,
}

/// A normalised coded concept, `system|code`. Says something about a patient: redacted when printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize, ZeroizeOnDrop)]
pub struct Keyword(String);

impl Keyword {
    /// Longest text in bytes.
    pub const MAX_BYTES: usize = 512;

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Keyword {
    type Err = KeywordError;

    fn from_str(text: &str) -> Result<Self, KeywordError> {
        if text.len() > Self::MAX_BYTES {
            return Err(KeywordError::TooLong { actual: text.len() });
        }
        match text.split_once('|') {
            Some((system, code)) if !system.is_empty() && !code.is_empty() => {}
            _ => return Err(KeywordError::Form),
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(KeywordError::Character);
        }
        if text.to_lowercase() != text {
            return Err(KeywordError::Case);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyword(REDACTED)")
    }
}
