//! Segments: cutting a stream, sealing and opening each, hashing everything that passes.

use std::io::{Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use aes_gcm::Aes256Gcm;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::EnvelopeError;
use super::header::NONCE_PREFIX;
use crate::digest::Digest;

/// Bytes of an AES-GCM tag.
pub(super) const GCM_TAG: usize = 16;

/// How long segments are and how many there may be; one fixed value outside tests.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of plaintext in every segment but the last.
    pub(super) segment: usize,
    /// Largest number of segments.
    pub(super) segments: u32,
}

/// Segments of 1 MiB; the counter's last value is left unused, as aead-stream does: 2^32 - 1
/// segments, 4 PiB.
pub(super) const V1: Limits = Limits {
    segment: 1 << 20,
    segments: u32::MAX,
};

/// Encrypts `plaintext` to its end; returns its length. `header` is the first segment's associated
/// data.
pub(super) fn seal(
    limits: Limits,
    key: &[u8; 32],
    nonce_prefix: &[u8; NONCE_PREFIX],
    header: &[u8],
    plaintext: impl Read,
    out: &mut HashingWriter<impl Write>,
) -> Result<u64, EnvelopeError> {
    let mut encryptor = EncryptorBE32::<Aes256Gcm>::new(key.into(), nonce_prefix.into());
    let mut segments = Segments::new(plaintext, limits.segment);
    let mut total = 0u64;
    for index in 0..limits.segments {
        let last = segments.next()?;
        total = total.saturating_add(segments.buffer.len() as u64);
        let associated = if index == 0 { header } else { &[] };
        if last {
            let sealed = encryptor.encrypt_last_in_place(associated, &mut *segments.buffer);
            sealed.map_err(|_| EnvelopeError::Segment { index })?;
            out.write(&segments.buffer)?;
            return Ok(total);
        }
        let sealed = encryptor.encrypt_next_in_place(associated, &mut *segments.buffer);
        sealed.map_err(|_| EnvelopeError::Segment { index })?;
        out.write(&segments.buffer)?;
    }
    Err(EnvelopeError::TooLong {
        limit: limits.segments,
    })
}

/// Decrypts `ciphertext` to its end; returns the plaintext's length.
pub(super) fn open(
    limits: Limits,
    key: &[u8; 32],
    nonce_prefix: &[u8; NONCE_PREFIX],
    header: &[u8],
    ciphertext: impl Read,
    mut out: impl Write,
) -> Result<u64, EnvelopeError> {
    let mut decryptor = DecryptorBE32::<Aes256Gcm>::new(key.into(), nonce_prefix.into());
    let mut segments = Segments::new(ciphertext, limits.segment + GCM_TAG);
    let mut total = 0u64;
    for index in 0..limits.segments {
        let last = segments.next()?;
        let associated = if index == 0 { header } else { &[] };
        let refused = |_| EnvelopeError::Segment { index };
        if last {
            decryptor
                .decrypt_last_in_place(associated, &mut *segments.buffer)
                .map_err(refused)?;
            if index > 0 && segments.buffer.is_empty() {
                return Err(EnvelopeError::EmptyLastSegment);
            }
            out.write_all(&segments.buffer)
                .map_err(EnvelopeError::Write)?;
            out.flush().map_err(EnvelopeError::Write)?;
            return Ok(total.saturating_add(segments.buffer.len() as u64));
        }
        decryptor
            .decrypt_next_in_place(associated, &mut *segments.buffer)
            .map_err(refused)?;
        total = total.saturating_add(segments.buffer.len() as u64);
        out.write_all(&segments.buffer)
            .map_err(EnvelopeError::Write)?;
    }
    Err(EnvelopeError::TooLong {
        limit: limits.segments,
    })
}

/// Cuts a stream into segments of one size, looking one byte ahead to know the last.
struct Segments<R> {
    source: R,
    size: usize,
    ahead: Option<u8>,
    /// The segment; has room for a tag and a look-ahead byte, so that plaintext is not copied by
    /// growing.
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read> Segments<R> {
    /// More than a tag, a look-ahead byte and what `read_to_end` wants spare.
    const SPARE: usize = 64;

    fn new(source: R, size: usize) -> Self {
        let buffer = Zeroizing::new(Vec::with_capacity(size + Self::SPARE));
        Self {
            source,
            size,
            ahead: None,
            buffer,
        }
    }

    /// Fills the buffer with the next segment; says whether it is the last.
    fn next(&mut self) -> Result<bool, EnvelopeError> {
        self.buffer.clear();
        self.buffer.extend(self.ahead.take());
        let wanted = self.size + 1 - self.buffer.len();
        self.source
            .by_ref()
            .take(wanted as u64)
            .read_to_end(&mut self.buffer)
            .map_err(EnvelopeError::Read)?;
        if self.buffer.len() > self.size {
            self.ahead = self.buffer.pop();
        }
        Ok(self.ahead.is_none())
    }
}

/// Passes bytes on, and hashes and counts them.
pub(super) struct HashingWriter<W> {
    sink: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            sink,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), EnvelopeError> {
        self.hash.update(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.sink.write_all(bytes).map_err(EnvelopeError::Write)
    }

    pub(super) fn finish(mut self) -> Result<(Digest, u64), EnvelopeError> {
        self.sink.flush().map_err(EnvelopeError::Write)?;
        Ok((Digest::finish(self.hash), self.bytes))
    }
}

/// Hashes and counts the bytes that are read through it.
pub(super) struct HashingReader<R> {
    source: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> HashingReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], EnvelopeError> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    pub(super) fn exactly(&mut self, length: usize) -> Result<Vec<u8>, EnvelopeError> {
        let mut out = vec![0; length];
        self.fill(&mut out)?;
        Ok(out)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), EnvelopeError> {
        self.read_exact(out).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => EnvelopeError::HeaderTruncated,
            _ => EnvelopeError::Read(error),
        })
    }

    pub(super) fn finish(self) -> (Digest, u64) {
        (Digest::finish(self.hash), self.bytes)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(out)?;
        if let Some(read) = out.get(..count) {
            self.hash.update(read);
            self.bytes = self.bytes.saturating_add(count as u64);
        }
        Ok(count)
    }
}
