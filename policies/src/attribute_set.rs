//! The attributes of one key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::attribute::{Attribute, Name};
use crate::comparison::NUMBER_BITS;
use crate::encoding::{self, EncodingError};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::syntax::{Position, SyntaxError};

/// The most entries of one set. A number is one entry, and 32 attributes of the key.
pub const MAX_ITEMS: usize = 64;

/// Why a text is not a set of attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The writing itself.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// Bytes that are not a canonical encoding.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// Two values of one number: their bits together would satisfy what neither does.
    #[error("{at}: `{name}` is {second} here and was {first} before: a key has one value of it")]
    TwoValues {
        /// The number's name.
        name: String,
        /// The value before.
        first: u32,
        /// The value here.
        second: u32,
        /// The second entry.
        at: Position,
    },
    /// More than [`MAX_ITEMS`] entries.
    #[error("more than {MAX_ITEMS} attributes: give the key fewer")]
    TooMany,
}

/// The attributes of one key, at least one: labels such as `icu` and `role:cardiologist`, and numbers
/// such as `clearance=4`, one value each.
///
/// As text, entries are separated by commas or line ends; `#` begins a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeSet {
    labels: BTreeSet<Attribute>,
    numbers: BTreeMap<Name, u32>,
}

enum Entry {
    Label(Attribute),
    Number(Name, u32),
}

impl AttributeSet {
    /// The set of these entries, each one label or one number.
    ///
    /// # Errors
    ///
    /// As for the whole text; an entry that is not exactly one is refused.
    pub fn from_entries<'a>(
        entries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AttributeError> {
        let mut set = Self::empty();
        for text in entries {
            let mut lexer = Lexer::new(text)?;
            let first = lexer.token()?;
            let (at, entry, next) = read_entry(&mut lexer, first)?;
            if next.kind != TokenKind::End {
                return Err(next.unexpected("the end: this is one entry").into());
            }
            set.insert(entry, at)?;
        }
        if set.len() == 0 {
            return Err(Lexer::new("")?.token()?.unexpected(AN_ENTRY).into());
        }
        Ok(set)
    }

    fn empty() -> Self {
        Self {
            labels: BTreeSet::new(),
            numbers: BTreeMap::new(),
        }
    }

    #[cfg(feature = "arbitrary")]
    pub(crate) fn from_parts(labels: BTreeSet<Attribute>, numbers: BTreeMap<Name, u32>) -> Self {
        Self { labels, numbers }
    }

    fn insert(&mut self, entry: Entry, at: Position) -> Result<(), AttributeError> {
        match entry {
            Entry::Label(attribute) => {
                self.labels.insert(attribute);
            }
            Entry::Number(name, second) => {
                if let Some(&first) = self.numbers.get(&name).filter(|first| **first != second) {
                    let name = name.0;
                    return Err(AttributeError::TwoValues {
                        name,
                        first,
                        second,
                        at,
                    });
                }
                self.numbers.insert(name, second);
            }
        }
        if self.len() > MAX_ITEMS {
            Err(AttributeError::TooMany)
        } else {
            Ok(())
        }
    }

    fn len(&self) -> usize {
        self.labels.len() + self.numbers.len()
    }

    /// The labels, in the order of [`Attribute`].
    pub fn labels(&self) -> impl Iterator<Item = &Attribute> {
        self.labels.iter()
    }

    /// The values of all labels with this name: of `hospital`, say.
    pub fn values_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.labels
            .iter()
            .filter(move |label| label.name() == name)
            .filter_map(Attribute::value)
    }

    /// The numbers with their names, by name.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u32)> {
        self.numbers
            .iter()
            .map(|(name, number)| (name.0.as_str(), *number))
    }

    /// The number of this name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers()
            .find_map(|(other, number)| (other == name).then_some(number))
    }

    /// S: every attribute of the key, each once, ascending in the order of [`Attribute`]: the labels,
    /// then 32 bits for each number. A key keeps its points in this order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> {
        let bits = self.numbers.iter().flat_map(|(name, number)| {
            (0..NUMBER_BITS).map(move |i| Attribute::bit(name, i, number >> i & 1 == 1))
        });
        self.labels.iter().cloned().chain(bits)
    }

    /// Whether the key holds this attribute.
    pub fn contains(&self, attribute: &Attribute) -> bool {
        match attribute.as_bit() {
            None => self.labels.contains(attribute),
            Some((name, i, one)) => self
                .numbers
                .get(name)
                .is_some_and(|number| (number >> i & 1 == 1) == one),
        }
    }

    /// The canonical bytes: the length of the canonical text in 4 bytes, big-endian, and the text.
    pub fn to_bytes(&self) -> Vec<u8> {
        encoding::encode(&self.to_string())
    }

    /// The set from its canonical bytes.
    ///
    /// # Errors
    ///
    /// Anything that [`Self::to_bytes`] would not have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AttributeError> {
        let text = encoding::decode(bytes)?;
        let set: Self = text.parse()?;
        if set.to_string() == text {
            Ok(set)
        } else {
            Err(EncodingError::NotCanonical.into())
        }
    }
}

const AN_ENTRY: &str = "an attribute such as `icu`, `role:cardiologist` or `clearance=4`";

/// One entry that begins with `first`; its place, and the token behind it.
fn read_entry(
    lexer: &mut Lexer<'_>,
    first: Token,
) -> Result<(Position, Entry, Token), AttributeError> {
    let TokenKind::Label(label) = first.kind else {
        return Err(first.unexpected(AN_ENTRY).into());
    };
    let next = lexer.token()?;
    match (&next.kind, label.value()) {
        (TokenKind::Equals, None) => {
            let number = lexer.token()?;
            let TokenKind::Number(value) = number.kind else {
                return Err(number.unexpected("a number").into());
            };
            let name = Name(label.name().to_owned());
            Ok((first.at, Entry::Number(name, value), lexer.token()?))
        }
        (TokenKind::Equals, Some(_)) => Err(next
            .unexpected("`,` or the end: only a name without a value can be a number")
            .into()),
        (TokenKind::Compare(_), _) => Err(next
            .unexpected("`=` and the key's value: keys hold numbers, not bounds")
            .into()),
        _ => Ok((first.at, Entry::Label(label), next)),
    }
}

impl FromStr for AttributeSet {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let mut lexer = Lexer::new(text)?;
        let mut set = Self::empty();
        let mut first = lexer.token()?;
        loop {
            let (at, entry, next) = read_entry(&mut lexer, first)?;
            set.insert(entry, at)?;
            first = match next.kind {
                TokenKind::End => return Ok(set),
                TokenKind::Comma => lexer.token()?,
                _ if next.at.line() > at.line() => next,
                _ => return Err(next.unexpected("`,`, a new line, or the end").into()),
            };
        }
    }
}

/// The canonical text: the labels, then the numbers, each in order.
impl fmt::Display for AttributeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels.iter().map(Attribute::to_string);
        let numbers = self
            .numbers
            .iter()
            .map(|(name, number)| format!("{name}={number}"));
        f.write_str(&labels.chain(numbers).collect::<Vec<_>>().join(", "))
    }
}
