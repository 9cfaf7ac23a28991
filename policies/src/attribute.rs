//! One attribute: what a row of a policy asks for and what a key holds a group element for.
//!
//! There are three kinds. Text can name the first two; the third comes only from a number, in a
//! policy (`clearance >= 3`) or in a key (`clearance=4`), so that nobody can write himself a bit.

use std::fmt;
use std::str::FromStr;

use crate::lexer::{Lexer, TokenKind};
use crate::syntax::SyntaxError;

/// The most bytes a name may have.
pub const MAX_NAME_LENGTH: usize = 64;
/// The most bytes a value may have: as many as a hospital's identifier.
pub const MAX_VALUE_LENGTH: usize = 64;
/// Words of the language that cannot be names.
pub const RESERVED_NAMES: [&str; 4] = ["and", "or", "of", "not"];

const TAG_NAME: u8 = 1;
const TAG_VALUE: u8 = 2;
const TAG_BIT: u8 = 3;

/// A lower-case name within the limits; made only by the lexer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attribute: `icu`, `role:cardiologist`, or one bit of a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(Kind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Name(Name),
    Value(Name, String),
    Bit { name: Name, index: u8, one: bool },
}

impl Attribute {
    pub(crate) fn label(name: Name, value: Option<String>) -> Self {
        Self(match value {
            None => Kind::Name(name),
            Some(value) => Kind::Value(name, value),
        })
    }

    pub(crate) fn bit(name: &Name, index: u8, one: bool) -> Self {
        let name = name.clone();
        Self(Kind::Bit { name, index, one })
    }

    /// The (name, index, value) of a bit, nothing for the other kinds.
    pub(crate) fn as_bit(&self) -> Option<(&Name, u8, bool)> {
        match &self.0 {
            Kind::Bit { name, index, one } => Some((name, *index, *one)),
            Kind::Name(_) | Kind::Value(..) => None,
        }
    }

    /// The name: `role` of `role:cardiologist`.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Name(name) | Kind::Value(name, _) | Kind::Bit { name, .. } => &name.0,
        }
    }

    /// The value: `cardiologist` of `role:cardiologist`; none for the other kinds.
    pub fn value(&self) -> Option<&str> {
        match &self.0 {
            Kind::Value(_, value) => Some(value),
            Kind::Name(_) | Kind::Bit { .. } => None,
        }
    }

    /// The canonical bytes that the encryption hashes: a byte for the kind, then each part with its
    /// length in one byte before it.
    ///
    /// ```text
    /// icu                 01 | len name
    /// role:cardiologist   02 | len name | len value
    /// bit i of clearance  03 | len name | i | 0 or 1        i = 0 is the lowest of 32
    /// ```
    ///
    /// No two attributes have the same bytes, and none are a beginning of another's.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 + MAX_NAME_LENGTH + MAX_VALUE_LENGTH);
        match &self.0 {
            Kind::Name(name) => {
                bytes.push(TAG_NAME);
                push_part(&mut bytes, &name.0);
            }
            Kind::Value(name, value) => {
                bytes.push(TAG_VALUE);
                push_part(&mut bytes, &name.0);
                push_part(&mut bytes, value);
            }
            Kind::Bit { name, index, one } => {
                bytes.push(TAG_BIT);
                push_part(&mut bytes, &name.0);
                bytes.extend([*index, u8::from(*one)]);
            }
        }
        bytes
    }
}

fn push_part(bytes: &mut Vec<u8>, part: &str) {
    bytes.push(u8::try_from(part.len()).expect("the lexer bounds names and values by 64"));
    bytes.extend(part.as_bytes());
}

/// As in text; a bit, which text cannot name, prints as `clearance#31=1`.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Name(name) => write!(f, "{name}"),
            Kind::Value(name, value) => write!(f, "{name}:{value}"),
            Kind::Bit { name, index, one } => write!(f, "{name}#{index}={}", u8::from(*one)),
        }
    }
}

/// Parses `name` or `name:value`.
impl FromStr for Attribute {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let mut lexer = Lexer::new(text)?;
        let first = lexer.token()?;
        let TokenKind::Label(attribute) = first.kind else {
            return Err(first.unexpected("an attribute such as `icu` or `role:cardiologist`"));
        };
        let end = lexer.token()?;
        match end.kind {
            TokenKind::End => Ok(attribute),
            _ => Err(end.unexpected("the end: this is one attribute")),
        }
    }
}
