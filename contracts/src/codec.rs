//! The one canonical encoding of everything that is stored or signed.
//!
//! A value is one version byte followed by its borsh encoding. Borsh writes fields in declaration
//! order, integers little-endian, lengths as `u32`; a decoder here takes exactly one encoding of
//! each value: lengths are bounded *before* anything is allocated, sets must be strictly
//! increasing, trailing bytes are refused.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};

/// The version that leads every canonical encoding.
pub const ENCODING_VERSION: u8 = 1;

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is nothing to decode.
    #[error("the encoding is empty: expected a version byte")]
    Empty,
    /// The version byte is not one that this program reads.
    #[error("encoding version {found} is unknown: this program reads version {ENCODING_VERSION}")]
    Version {
        /// The version byte that was found.
        found: u8,
    },
    /// The encoding is longer than the type allows.
    #[error("the encoding has {found} bytes, at most {limit} are allowed")]
    TooLong {
        /// The number of bytes given.
        found: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The body is not the canonical encoding.
    #[error("the encoding is malformed: {0}")]
    Malformed(String),
}

/// Types with one canonical, versioned byte encoding.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The canonical bytes: version byte, then borsh.
    fn to_canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![ENCODING_VERSION];
        self.serialize(&mut bytes)
            .expect("writing to a vector cannot fail");
        bytes
    }

    /// Reads the canonical bytes and nothing else.
    ///
    /// # Errors
    /// [`DecodeError`] for another version, a malformed or non-canonical body, trailing bytes.
    fn from_canonical_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if *version != ENCODING_VERSION {
            return Err(DecodeError::Version { found: *version });
        }
        borsh::from_slice(body).map_err(|error| DecodeError::Malformed(error.to_string()))
    }
}

impl<T: BorshSerialize + BorshDeserialize> Canonical for T {}

/// An [`io::Error`] that borsh passes on unchanged.
pub(crate) fn malformed(reason: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

/// Reads a `u32` length and refuses it before allocation when it is above `limit`.
fn read_length(reader: &mut impl Read, what: &str, limit: usize) -> io::Result<usize> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > limit {
        return Err(malformed(format!(
            "{what} of length {length}, at most {limit} allowed"
        )));
    }
    Ok(length)
}

fn write_length(writer: &mut impl Write, length: usize) -> io::Result<()> {
    u32::try_from(length).map_err(malformed)?.serialize(writer)
}

fn read_bytes(reader: &mut impl Read, what: &str, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; read_length(reader, what, limit)?];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text or byte string was longer than its type allows, or has characters it does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// More bytes, characters or elements than allowed.
    #[error("{found} given, at most {limit} allowed")]
    TooLong {
        /// How many were given.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A control character in a text.
    #[error("control characters are not allowed")]
    ControlCharacter,
}

/// A byte string of at most `MAX` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Blob<MAX> {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<Vec<u8>> for Blob<MAX> {
    type Error = BoundError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, BoundError> {
        match bytes.len() {
            found if found > MAX => Err(BoundError::TooLong { found, limit: MAX }),
            _ => Ok(Self(bytes)),
        }
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> BorshSerialize for Blob<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        write_length(writer, self.0.len())?;
        writer.write_all(&self.0)
    }
}

impl<const MAX: usize> BorshDeserialize for Blob<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        read_bytes(reader, "byte string", MAX).map(Self)
    }
}

/// A UTF-8 text of at most `MAX` bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        if text.len() > MAX {
            return Err(BoundError::TooLong {
                found: text.len(),
                limit: MAX,
            });
        }
        if text.chars().any(char::is_control) {
            return Err(BoundError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let bytes = read_bytes(reader, "text", MAX)?;
        std::str::from_utf8(&bytes)
            .map_err(malformed)?
            .parse()
            .map_err(malformed)
    }
}

/// At most `MAX` elements, strictly increasing: the one canonical form of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderedSet<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for OrderedSet<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord, const MAX: usize> OrderedSet<T, MAX> {
    /// Collects elements in any order; duplicates count once.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] for more than `MAX` distinct elements.
    pub fn collect(elements: impl IntoIterator<Item = T>) -> Result<Self, BoundError> {
        let mut elements: Vec<T> = elements.into_iter().collect();
        elements.sort();
        elements.dedup();
        match elements.len() {
            found if found > MAX => Err(BoundError::TooLong { found, limit: MAX }),
            _ => Ok(Self(elements)),
        }
    }

    /// Whether the set has this element.
    pub fn contains(&self, element: &T) -> bool {
        self.0.binary_search(element).is_ok()
    }

    /// The elements in increasing order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for OrderedSet<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        write_length(writer, self.0.len())?;
        self.0
            .iter()
            .try_for_each(|element| element.serialize(writer))
    }
}

impl<T: BorshDeserialize + Ord, const MAX: usize> BorshDeserialize for OrderedSet<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let length = read_length(reader, "set", MAX)?;
        let mut elements: Vec<T> = Vec::new();
        for _ in 0..length {
            let element = T::deserialize_reader(reader)?;
            if elements.last().is_some_and(|last| *last >= element) {
                return Err(malformed("set elements are not strictly increasing"));
            }
            elements.push(element);
        }
        Ok(Self(elements))
    }
}
