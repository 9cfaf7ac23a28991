//! The one frame around a canonical text: its length in 4 bytes, big-endian, and the text.

/// Bytes that are not the canonical encoding of anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// The length in front is not the number of bytes behind it.
    #[error("the encoding has {actual} bytes where its length says otherwise")]
    Length {
        /// All bytes given.
        actual: usize,
    },
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text means something but is not written in the canonical form.
    #[error("the text is not in canonical form")]
    NotCanonical,
}

pub(crate) fn encode(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a canonical text is at most 16 KiB");
    [length.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<&str, EncodingError> {
    let wrong = EncodingError::Length {
        actual: bytes.len(),
    };
    let (length, text) = bytes.split_first_chunk::<4>().ok_or(wrong.clone())?;
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(length) if length == text.len() => {
            std::str::from_utf8(text).map_err(|_| EncodingError::NotUtf8)
        }
        _ => Err(wrong),
    }
}
