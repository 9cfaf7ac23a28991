//! The record at rest (CTHD): any length of plaintext encrypted in constant memory, under a key it
//! commits to.
//!
//! STREAM of Hoang, Reyhanitabar, Rogaway and Vizár ("Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", eprint 2015/189, the variant with a 32-bit big-endian counter
//! and a last-segment byte in the nonce) over AES-256-GCM in segments of 1 MiB. AES-GCM opens one
//! ciphertext under two keys of an attacker's choice, so the header commits to the key: both the
//! encryption key and the key of the header's MAC come from one derivation (the generic composition
//! of Albertini and others, "How to Abuse and Fix Authenticated Encryption Without Key Commitment",
//! eprint 2020/1456).
//!
//! ```text
//! k_enc, k_com = HKDF(SymKey, header_core)
//! header       = header_core || HMAC(k_com, header_core)
//! CTHD         = len32(header_core) || header || segment_0 || segment_1 || ...
//! segment_i    = AES-256-GCM(k_enc, nonce_prefix || i || last?, plaintext_i,
//!                            header if i = 0 else nothing)
//! ```
//!
//! | symbol | type |
//! |---|---|
//! | SymKey | [`SymKey`] |
//! | header_core | [`HeaderCore`] |
//! | CTHD before its header is checked | [`UnopenedEnvelope`] |
//! | SHA-256(CTHD) | [`Digest`], in [`Summary`] |
//!
//! The last segment is the only one that may be short, and is empty only when the plaintext is. No
//! byte of a segment is released before its tag is checked; but a file cut at the end is noticed
//! only at the end, so a caller keeps what was written only when [`UnopenedEnvelope::decrypt`]
//! returns (write to a temporary file, rename afterwards), and compares the digest with the
//! ledger's.
//!
//! Assumptions: AES-256 as a pseudorandom permutation, HKDF and HMAC with SHA-256 as random
//! oracles. A `SymKey` serves one envelope: the nonce prefix is 7 bytes only, since the key is
//! fresh.
//!
//! What it leaks: the exact length of the record and everything in the header (record, epoch,
//! keys).

mod error;
mod header;
mod stream;

#[cfg(test)]
mod tests;

use std::io::{Read, Write};

use zeroize::Zeroizing;

use crate::curve::Label;
use crate::digest::Digest;
use crate::kdf::CommittingKeys;

pub use error::EnvelopeError;
pub use header::{HeaderCore, HeaderFields, RECORD_ID_BYTES, REPORT_KEY_LIMIT};
use stream::{HashingReader, HashingWriter, Limits, V1};

const LABEL_KEYS: Label = Label::new("CONSILIUM-V1-ENVELOPE-KEYS");

/// Bytes of the commitment that follows the header's core.
const TAG: usize = 32;

/// The symmetric key of one record; wiped when dropped, redacted when printed.
pub struct SymKey(Zeroizing<[u8; 32]>);

impl SymKey {
    /// Takes the derived key.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }
}

impl core::fmt::Debug for SymKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SymKey(REDACTED)")
    }
}

/// What became of a whole stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// SHA-256 of every byte of the encrypted stream: what the ledger holds.
    pub digest: Digest,
    /// Bytes of plaintext.
    pub plaintext_bytes: u64,
    /// Bytes of the encrypted stream.
    pub ciphertext_bytes: u64,
}

/// Encrypts all of `plaintext` into `out`.
///
/// ```
/// use consilium_schemes::envelope::{self, HeaderCore, HeaderFields, SymKey, UnopenedEnvelope};
/// # use consilium_schemes::signature::SigningKey;
/// # let record_key = SigningKey::from_bytes(&[1; 32]).verifying_key();
/// # let mut rng = rand::rng();
/// let fields = HeaderFields { record: [7; 32], epoch: 1, record_key, report_key: vec![1, 2, 3] };
/// let header = HeaderCore::new(fields, &mut rng)?;
/// let key = SymKey::new([9; 32].into()); // derived by the ABE capsule from header.to_bytes()
/// let mut stored = Vec::new();
/// let made = envelope::encrypt(&key, &header, &b"a record"[..], &mut stored)?;
///
/// let unopened = UnopenedEnvelope::read(&stored[..])?;
/// assert_eq!(unopened.header(), &header);
/// let mut record = Vec::new();
/// let opened = unopened.decrypt(&key, &mut record)?;
/// assert_eq!((record.as_slice(), opened.digest), (&b"a record"[..], made.digest));
/// # Ok::<(), envelope::EnvelopeError>(())
/// ```
///
/// # Errors
/// [`EnvelopeError::TooLong`] above 4 PiB; [`EnvelopeError::Read`], [`EnvelopeError::Write`].
pub fn encrypt(
    key: &SymKey,
    header: &HeaderCore,
    plaintext: impl Read,
    out: impl Write,
) -> Result<Summary, EnvelopeError> {
    encrypt_within(V1, key, header, plaintext, out)
}

fn encrypt_within(
    limits: Limits,
    key: &SymKey,
    header: &HeaderCore,
    plaintext: impl Read,
    out: impl Write,
) -> Result<Summary, EnvelopeError> {
    let core = header.to_bytes();
    let keys = CommittingKeys::derive(LABEL_KEYS, key.expose_secret(), &core);
    let mut sealed = core;
    let core_len = header::encoded_length(sealed.len());
    sealed.extend_from_slice(&keys.commit(&sealed));

    let mut out = HashingWriter::new(out);
    out.write(&core_len)?;
    out.write(&sealed)?;
    let nonce = header.nonce_prefix();
    let plaintext_bytes = stream::seal(
        limits,
        &keys.encryption,
        nonce,
        &sealed,
        plaintext,
        &mut out,
    )?;
    let (digest, ciphertext_bytes) = out.finish()?;
    Ok(Summary {
        digest,
        plaintext_bytes,
        ciphertext_bytes,
    })
}

/// An envelope whose header was read but is not yet authenticated: its fields serve to look up
/// keys, nothing else.
pub struct UnopenedEnvelope<R> {
    source: HashingReader<R>,
    header: HeaderCore,
    /// `header_core || tag`, as read.
    sealed_header: Vec<u8>,
    tag: [u8; TAG],
}

impl<R: Read> UnopenedEnvelope<R> {
    /// Reads the header from the beginning of an encrypted stream.
    ///
    /// # Errors
    /// [`EnvelopeError::Header`] if it is malformed or cut off, [`EnvelopeError::Read`].
    pub fn read(source: R) -> Result<Self, EnvelopeError> {
        let mut source = HashingReader::new(source);
        let length = header::checked_length(source.array()?)?;
        let mut sealed_header = source.exactly(length)?;
        let header = HeaderCore::from_bytes(&sealed_header)?;
        let tag = source.array::<TAG>()?;
        sealed_header.extend_from_slice(&tag);
        Ok(Self {
            source,
            header,
            sealed_header,
            tag,
        })
    }

    /// What the header claims; what its encryptor said only once [`Self::authenticate`] or [`Self::decrypt`] has
    /// accepted it.
    #[must_use]
    pub fn header(&self) -> &HeaderCore {
        &self.header
    }

    /// Checks the header under `key`, and decrypts nothing.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongKey`].
    pub fn authenticate(&self, key: &SymKey) -> Result<(), EnvelopeError> {
        self.keys(key).map(drop)
    }

    /// `k_enc, k_com`, if the header's commitment holds under them.
    fn keys(&self, key: &SymKey) -> Result<CommittingKeys, EnvelopeError> {
        let core = self.header.to_bytes();
        let keys = CommittingKeys::derive(LABEL_KEYS, key.expose_secret(), &core);
        if keys.is_committed(&core, &self.tag) {
            Ok(keys)
        } else {
            Err(EnvelopeError::WrongKey)
        }
    }

    /// Checks the header under `key`, then decrypts segment by segment into `out`.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongKey`] before anything is decrypted if the header does not belong to
    /// the key; [`EnvelopeError::Segment`] naming the first segment that is not authentic (also
    /// where the stream was cut, extended or reordered); [`EnvelopeError::EmptyLastSegment`],
    /// [`EnvelopeError::TooLong`], [`EnvelopeError::Read`], [`EnvelopeError::Write`].
    ///
    /// # Security
    /// On an error `out` may already hold authentic segments of an incomplete record: discard it.
    pub fn decrypt(self, key: &SymKey, out: impl Write) -> Result<Summary, EnvelopeError> {
        self.decrypt_within(V1, key, out)
    }

    fn decrypt_within(
        mut self,
        limits: Limits,
        key: &SymKey,
        out: impl Write,
    ) -> Result<Summary, EnvelopeError> {
        let keys = self.keys(key)?;
        let nonce = self.header.nonce_prefix();
        let plaintext_bytes = stream::open(
            limits,
            &keys.encryption,
            nonce,
            &self.sealed_header,
            &mut self.source,
            out,
        )?;
        let (digest, ciphertext_bytes) = self.source.finish();
        Ok(Summary {
            digest,
            plaintext_bytes,
            ciphertext_bytes,
        })
    }
}

impl<R> core::fmt::Debug for UnopenedEnvelope<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UnopenedEnvelope")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
