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
    /// Not `system|code` with a code.
    #[error("a keyword has the form system|code")]
    Form,
    /// A control character.
    #[error("a keyword has no control characters")]
    Control,
    /// White space other than single spaces between words.
    #[error("a keyword's system and code have single spaces between words and no others")]
    Spacing,
}

/// A normalised coded concept, `system|code`; the system may be empty. Says something about a
/// patient: redacted when printed, wiped when dropped.
///
/// Which spelling of a concept is the normal one (URIs of systems, letter case) the crate `records`
/// decides; here only what no normalised keyword contains is refused.
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
        let (system, code) = text.split_once('|').ok_or(KeywordError::Form)?;
        if code.is_empty() {
            return Err(KeywordError::Form);
        }
        if text.chars().any(char::is_control) {
            return Err(KeywordError::Control);
        }
        if !is_single_spaced(system) || !is_single_spaced(code) {
            return Err(KeywordError::Spacing);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether only single spaces separate words, none at the ends.
fn is_single_spaced(text: &str) -> bool {
    text.split_whitespace()
        .eq(text.split(' ').filter(|_| !text.is_empty()))
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyword(REDACTED)")
    }
}
