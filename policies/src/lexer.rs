//! Text to tokens, for policies and for attribute sets, each with its place.

use std::iter::Peekable;
use std::str::Chars;

use crate::attribute::{Attribute, MAX_NAME_LENGTH, MAX_VALUE_LENGTH, Name, RESERVED_NAMES};
use crate::comparison::Operator;
use crate::syntax::{MAX_TEXT_LENGTH, Position, SyntaxError};

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
            at: Position::START,
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
        if let Some(character) = self.rest.next() {
            self.at = self.at.after(character);
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
