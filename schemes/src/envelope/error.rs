//! Why a record could not be encrypted or opened.

use crate::curve::DecodeError;

/// Why a record could not be encrypted or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The header is malformed.
    #[error("the header of the encrypted record: {0}")]
    Header(#[from] DecodeError),
    /// The stream ends inside the header.
    #[error("the encrypted record ends inside its header")]
    HeaderTruncated,
    /// The header does not belong to this key: another key, or a changed header.
    #[error("the key does not belong to this encrypted record, or its header was changed")]
    WrongKey,
    /// A segment is not what was encrypted here: changed, moved, missing, or not the last although
    /// the stream ends.
    #[error("segment {index} of the encrypted record is not authentic")]
    Segment {
        /// The first segment at fault, counted from 0.
        index: u32,
    },
    /// The last segment is empty although segments precede it: not how a record is encrypted.
    #[error("the encrypted record ends with an empty segment")]
    EmptyLastSegment,
    /// More segments than the counter can number.
    #[error("the record has more than {limit} segments")]
    TooLong {
        /// The largest number of segments.
        limit: u32,
    },
    /// The input could not be read.
    #[error("reading: {0}")]
    Read(#[source] std::io::Error),
    /// The output could not be written.
    #[error("writing: {0}")]
    Write(#[source] std::io::Error),
}
