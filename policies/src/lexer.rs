//! Text to tokens, for policies and for attribute sets, each with its place.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::attribute::{Attribute, MAX_NAME_LENGTH, MAX_VALUE_LENGTH, Name, RESERVED_NAMES};
use crate::comparison::Operator;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Label(Attribute),
    Number(u32),
    Compare(Operator),
    And,
    Or,
    Of,
    Open,
    Close,
    Comma,
    Equals,
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: Position,
}

impl Token {
    pub(crate) fn unexpected(&self, expected: &'static str) -> SyntaxError {
        let found = match &self.kind {
            TokenKind::Label(attribute) => format!("`{attribute}`"),
            TokenKind::Number(number) => format!("the number {number}"),
            TokenKind::Compare(operator) => format!("`{operator}`"),
            TokenKind::And => "`and`".to_owned(),
            TokenKind::Or => "`or`".to_owned(),
            TokenKind::Of => "`of`".to_owned(),
            TokenKind::Open => "`(`".to_owned(),
            TokenKind::Close => "`)`".to_owned(),
            TokenKind::Comma => "`,`".to_owned(),
            TokenKind::Equals => "`=`".to_owned(),
            TokenKind::End => "the end".to_owned(),
        };
        SyntaxError::Unexpected {
            found,
            expected,
            at: self.at,
        }
    }
}

/// Reads one token after the other; at the end, `End` for ever.
pub(crate) struct Lexer<'text> {
    rest: Peekable<Chars<'text>>,
    at: Position,
}

impl<'text> Lexer<'text> {
    pub(crate) fn new(text: &'text str) -> Result<Self, SyntaxError> {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(SyntaxError::TooLong { length: text.len() });
        }
        Ok(Self {
            rest: text.chars().peekable(),
            at: Position { line: 1, column: 1 },
        })
    }

    pub(crate) fn token(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks();
        let at = self.at;
        let kind = match self.rest.peek().copied() {
            None => TokenKind::End,
            Some(letter) if letter.is_ascii_alphabetic() => self.apart(Self::word)?,
            Some(digit) if digit.is_ascii_digit() => self.apart(Self::number)?,
            Some(sign) => {
                self.advance();
                self.sign(sign)
                    .ok_or(SyntaxError::Character { found: sign, at })?
            }
        };
        Ok(Token { kind, at })
    }

    fn advance(&mut self) {
        match self.rest.next() {
            Some('\n') => {
                self.at = Position {
                    line: self.at.line + 1,
                    column: 1,
                }
            }
            Some(_) => self.at.column += 1,
            None => {}
        }
    }

    /// Steps over blanks and comments, and stops at a character that has no place in either.
    fn skip_blanks(&mut self) {
        let mut in_comment = false;
        while let Some(next) = self.rest.peek().copied() {
            match next {
                '\n' => in_comment = false,
                '\r' if self.rest.clone().nth(1) == Some('\n') => {}
                '#' => in_comment = true,
                ' ' | '\t' => {}
                _ if in_comment && !is_treacherous(next) => {}
                _ => return,
            }
            self.advance();
        }
    }

    fn sign(&mut self, sign: char) -> Option<TokenKind> {
        Some(match sign {
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            ',' => TokenKind::Comma,
            '<' if self.take('=') => TokenKind::Compare(Operator::AtMost),
            '<' => TokenKind::Compare(Operator::Below),
            '>' if self.take('=') => TokenKind::Compare(Operator::AtLeast),
            '>' => TokenKind::Compare(Operator::Above),
            '=' if self.take('=') => TokenKind::Compare(Operator::Equal),
            '=' => TokenKind::Equals,
            _ => return None,
        })
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.advance();
        }
        found
    }

    /// A run of letters, digits, `.`, `_` and `-`, in lower case.
    fn run(&mut self) -> String {
        let mut run = String::new();
        while let Some(next) = self.rest.peek().copied() {
            if !(next.is_ascii_alphanumeric() || matches!(next, '.' | '_' | '-')) {
                break;
            }
            run.push(next.to_ascii_lowercase());
            self.advance();
        }
        run
    }

    /// What `read` reads, unless a comment begins in the middle of it: `clearance#31` is not `clearance`.
    fn apart(
        &mut self,
        read: fn(&mut Self, Position) -> Result<TokenKind, SyntaxError>,
    ) -> Result<TokenKind, SyntaxError> {
        let kind = read(self, self.at)?;
        match self.rest.peek() {
            Some('#') => Err(SyntaxError::Character {
                found: '#',
                at: self.at,
            }),
            _ => Ok(kind),
        }
    }

    fn word(&mut self, at: Position) -> Result<TokenKind, SyntaxError> {
        let name = self.run();
        let has_value = self.take(':');
        match (name.as_str(), has_value) {
            ("and", false) => return Ok(TokenKind::And),
            ("or", false) => return Ok(TokenKind::Or),
            ("of", false) => return Ok(TokenKind::Of),
            (word, _) if RESERVED_NAMES.contains(&word) => {
                return Err(SyntaxError::ReservedName { word: name, at });
            }
            _ => check_length("name", &name, MAX_NAME_LENGTH, at)?,
        }
        if !has_value {
            return Ok(TokenKind::Label(Attribute::label(Name(name), None)));
        }
        let at = self.at;
        let value = self.run();
        if value.is_empty() {
            return Err(SyntaxError::MissingValue { name, at });
        }
        check_length("value", &value, MAX_VALUE_LENGTH, at)?;
        Ok(TokenKind::Label(Attribute::label(Name(name), Some(value))))
    }

    fn number(&mut self, at: Position) -> Result<TokenKind, SyntaxError> {
        let text = self.run();
        let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_decimal || (text.len() > 1 && text.starts_with('0')) {
            return Err(SyntaxError::NotANumber { text, at });
        }
        match text.parse() {
            Ok(number) => Ok(TokenKind::Number(number)),
            Err(_) => Err(SyntaxError::NumberTooLarge { text, at }),
        }
    }
}

fn check_length(
    part: &'static str,
    word: &str,
    limit: usize,
    at: Position,
) -> Result<(), SyntaxError> {
    match word.len() {
        length if length > limit => Err(SyntaxError::WordTooLong {
            part,
            length,
            limit,
            at,
        }),
        _ => Ok(()),
    }
}

/// Whether a character can make a text look other than it is read: control characters, line ends that
/// only some programs show as such, marks that turn the direction of writing.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
