//! What can be wrong with a text as such, and where.

use std::fmt;

/// The most bytes a policy, or a set of attributes, may have as text.
///
/// 512 rows of the longest attributes would be four times this; policies that people write and
/// read are far below, and a header carries the text.
pub const MAX_TEXT_LENGTH: usize = 16 * 1024;

/// A place in a text, counted as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    line: usize,
    column: usize,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The place behind this character, which stands here.
    pub(crate) fn after(self, character: char) -> Self {
        match character {
            '\n' => Self {
                line: self.line + 1,
                column: 1,
            },
            _ => Self {
                column: self.column + 1,
                ..self
            },
        }
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character in the line, from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with the writing itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The text is longer than [`MAX_TEXT_LENGTH`].
    #[error("the text has {length} bytes, at most {MAX_TEXT_LENGTH} are taken: shorten it")]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// A character that the language does not have.
    #[error(
        "{at}: the character {found:?} has no meaning here: names and values are made of the \
         letters a to z, digits, `.`, `_` and `-`"
    )]
    Character {
        /// The character.
        found: char,
        /// Where.
        at: Position,
    },
    /// A keyword, or `not`, used as a name.
    #[error("{at}: `{word}` is a word of the language and cannot name an attribute")]
    ReservedName {
        /// The word.
        word: String,
        /// Where.
        at: Position,
    },
    /// A name or a value that is too long.
    #[error("{at}: this {part} has {length} characters, at most {limit} are taken: shorten it")]
    WordTooLong {
        /// `name` or `value`.
        part: &'static str,
        /// Its length.
        length: usize,
        /// The most it may have.
        limit: usize,
        /// Where.
        at: Position,
    },
    /// A `:` without a value right behind it.
    #[error("{at}: a value is missing after `{name}:`; write it without a space")]
    MissingValue {
        /// The name before the colon.
        name: String,
        /// Where the value should begin.
        at: Position,
    },
    /// Something that begins as a number and is none.
    #[error("{at}: `{text}` is not a number: write digits only, without a leading zero")]
    NotANumber {
        /// What was written.
        text: String,
        /// Where.
        at: Position,
    },
    /// A number beyond 32 bits.
    #[error("{at}: {text} is too large: numbers go from 0 to {}", u32::MAX)]
    NumberTooLarge {
        /// What was written.
        text: String,
        /// Where.
        at: Position,
    },
    /// Something else was to come here.
    #[error("{at}: found {found}, expected {expected}")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
        /// Where.
        at: Position,
    },
}
