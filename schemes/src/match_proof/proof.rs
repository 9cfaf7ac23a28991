//! The proof and its encoding.

use core::fmt;

use crate::curve::{DecodeError, Gt, InField as _, Reader, Scalar};

const KIND: [u8; 4] = *b"CMMP";
const VERSION: u8 = 1;
const FRAME: usize = 4 + 1 + 1;

/// What Match says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Every interest is a keyword.
    Match,
    /// Some interest is no keyword.
    NoMatch,
}

impl Outcome {
    /// As it is hashed and encoded.
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Match => 1,
            Self::NoMatch => 0,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Match => "they match",
            Self::NoMatch => "they do not match",
        })
    }
}

/// A proof of one outcome: well-formed, not yet verified. Z, where there is one, has order r and is not 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchProof {
    pub(super) c: Scalar,
    pub(super) answers: Answers,
}

/// s_x, s_y, s_z; or Z and s_d, s_X, s_Y, s_W.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answers {
    Match {
        x: Scalar,
        y: Scalar,
        z: Scalar,
    },
    NoMatch {
        /// Z.
        blinded: Box<Gt>,
        delta: Scalar,
        x: Scalar,
        y: Scalar,
        w: Scalar,
    },
}

impl MatchProof {
    /// Bytes of a proof that they match.
    pub const MATCH: usize = FRAME + 4 * Scalar::BYTES;
    /// Bytes of a proof that they do not.
    pub const NO_MATCH: usize = FRAME + Gt::BYTES + 5 * Scalar::BYTES;

    /// What it claims.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.answers {
            Answers::Match { .. } => Outcome::Match,
            Answers::NoMatch { .. } => Outcome::NoMatch,
        }
    }

    /// The canonical encoding: `"CMMP" || version || 1 || c || s_x || s_y || s_z` or `"CMMP" || version || 0 || Z || c || s_d ||
    /// s_X || s_Y || s_W`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::NO_MATCH);
        out.extend_from_slice(&KIND);
        out.extend_from_slice(&[VERSION, self.outcome().to_byte()]);
        let scalars = match &self.answers {
            Answers::Match { x, y, z } => vec![self.c, *x, *y, *z],
            Answers::NoMatch {
                blinded,
                delta,
                x,
                y,
                w,
            } => {
                out.extend_from_slice(&blinded.to_bytes());
                vec![self.c, *delta, *x, *y, *w]
            }
        };
        for scalar in scalars {
            out.extend_from_slice(&scalar.to_bytes());
        }
        out
    }

    /// Parses the canonical encoding. Z must have order r and not be 1.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::NO_MATCH)?;
        if reader.array::<4>().in_field("kind")? != KIND {
            return Err(DecodeError::Rule("not a proof of Match").in_field("kind"));
        }
        reader.version(VERSION).in_field("version")?;
        let proof = match reader.u8().in_field("outcome")? {
            1 => Self {
                c: reader.scalar().in_field("c")?,
                answers: Answers::Match {
                    x: reader.scalar().in_field("s_x")?,
                    y: reader.scalar().in_field("s_y")?,
                    z: reader.scalar().in_field("s_z")?,
                },
            },
            0 => {
                let blinded = Box::new(reader.gt().in_field("Z")?);
                Self {
                    c: reader.scalar().in_field("c")?,
                    answers: Answers::NoMatch {
                        blinded,
                        delta: reader.scalar().in_field("s_d")?,
                        x: reader.scalar().in_field("s_X")?,
                        y: reader.scalar().in_field("s_Y")?,
                        w: reader.scalar().in_field("s_W")?,
                    },
                }
            }
            _ => return Err(DecodeError::NonCanonical.in_field("outcome")),
        };
        reader.finish()?;
        Ok(proof)
    }
}
