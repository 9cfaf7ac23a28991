//! Secrets on disk: one secret per file, typed, in an armored `age` file under a passphrase.
//!
//! Inside the encryption stands `CONSILIUM-V1-KEY-FILE <kind> <version>\n` and then the payload, so that a signing key is never read as
//! an attribute key. The work factor is scrypt's N = 2^17 (128 MiB, about half a second): a stolen file is worth its passphrase.
//! A file without a passphrase is made only by asking for [`Protection::None`]; it is the same content as hexadecimal
//! under a first line that says so and a digest that shows a file cut off. Files are written in one step and readable by their
//! owner only.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, scrypt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::file::{Existing, Readers, write_atomically};
use crate::passphrase::Passphrase;

/// First word inside every key file.
const HEADER_LABEL: &str = "CONSILIUM-V1-KEY-FILE";
/// First line of a file without a passphrase.
const PLAIN_LABEL: &str = "CONSILIUM-V1-UNPROTECTED-KEY-FILE";
/// First line of an armored age file.
const AGE_LABEL: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// The largest key file that is read: a KGC's bundle is a few kilobytes.
pub const MAX_KEY_FILE_BYTES: usize = 1 << 20;

/// How much work a passphrase costs: scrypt with N = 2^this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// 2^17: 128 MiB and about half a second.
    pub const STANDARD: Self = Self(17);
    /// The most that is accepted when reading (2^20, 1 GiB): a file must not be able to exhaust the machine.
    const MAXIMUM: Self = Self(20);

    /// A lower factor, for tests and for passphrases that are long random strings; from 1 to 20.
    pub fn new(log_n: u8) -> Option<Self> {
        (1..=Self::MAXIMUM.0)
            .contains(&log_n)
            .then_some(Self(log_n))
    }
}

/// What protects a file that is written.
#[derive(Debug, Clone, Copy)]
pub enum Protection<'a> {
    /// A passphrase, with [`WorkFactor::STANDARD`].
    Passphrase(&'a Passphrase),
    /// A passphrase, with another work factor.
    PassphraseWithWork(&'a Passphrase, WorkFactor),
    /// Nothing but the file's mode: only where the disk is trusted and asked for in so many words.
    None,
}

/// A secret that has a file: what it is, and its bytes.
pub trait KeyPayload: Sized {
    /// What it is, one lower-case word with hyphens, unique in the workspace.
    const KIND: &'static str;
    /// The version of its bytes.
    const VERSION: u32;

    /// The bytes.
    fn to_payload(&self) -> Zeroizing<Vec<u8>>;

    /// Parses the bytes; the text says what is wrong, and nothing of the secret.
    ///
    /// # Errors
    /// A reason.
    fn from_payload(bytes: &[u8]) -> Result<Self, String>;
}

/// The payload of a bundle, as JSON.
///
/// # Panics
/// Never for structs and maps with text keys.
pub fn json_payload<T: Serialize>(bundle: &T) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(bundle).expect("bundles are structs with text keys"))
}

/// A bundle from its JSON payload. The error's place is kept, its text is not: it could quote the secret.
///
/// # Errors
/// Where it is malformed.
pub fn parse_json_payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "malformed at line {} column {}",
            error.line(),
            error.column()
        )
    })
}

/// Why a key file is not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The passphrase does not open it.
    #[error("{path}: wrong passphrase")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// It is protected and no passphrase was given.
    #[error("{path}: this key file needs its passphrase")]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// Cut off, changed, or no key file.
    #[error("{path}: not a whole key file ({detail}); restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A key file of another kind or version.
    #[error("{path}: holds {found}; expected {expected}")]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// Kind and version found.
        found: String,
        /// Kind and version expected.
        expected: String,
    },
}

/// Writes a key file; an existing one is kept and the call fails.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write_key_file<T: KeyPayload>(
    path: &Path,
    secret: &T,
    protection: Protection<'_>,
) -> Result<(), KeyFileError> {
    write(path, secret, protection, Existing::Keep)
}

/// Writes a key file in place of the one that is there (a changed passphrase, a bundle that grew), in one step.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn replace_key_file<T: KeyPayload>(
    path: &Path,
    secret: &T,
    protection: Protection<'_>,
) -> Result<(), KeyFileError> {
    write(path, secret, protection, Existing::Replace)
}

fn write<T: KeyPayload>(
    path: &Path,
    secret: &T,
    protection: Protection<'_>,
    existing: Existing,
) -> Result<(), KeyFileError> {
    let content = with_header::<T>(&secret.to_payload());
    let file = match protection {
        Protection::Passphrase(passphrase) => encrypt(&content, passphrase, WorkFactor::STANDARD),
        Protection::PassphraseWithWork(passphrase, work) => encrypt(&content, passphrase, work),
        Protection::None => Ok(plain(&content)),
    };
    file.and_then(|file| write_atomically(path, &file, Readers::Owner, existing))
        .map_err(|source| KeyFileError::Io {
            path: path.to_owned(),
            source,
        })
}

/// Reads a key file; `passphrase` may be absent where the file is not protected.
///
/// # Errors
/// Every [`KeyFileError`].
pub fn read_key_file<T: KeyPayload>(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<T, KeyFileError> {
    let file = read_bounded(path)?;
    let content = match file.starts_with(AGE_LABEL.as_bytes()) {
        true => {
            let needed = || KeyFileError::PassphraseNeeded {
                path: path.to_owned(),
            };
            decrypt(path, &file, passphrase.ok_or_else(needed)?)?
        }
        false => parse_plain(&file).map_err(|detail| damaged(path, detail))?,
    };
    let payload = without_header::<T>(path, &content)?;
    T::from_payload(payload).map_err(|detail| damaged(path, &detail))
}

fn read_bounded(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| {
        file.take(MAX_KEY_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
    });
    read.map_err(|source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    match bytes.len() {
        length if length > MAX_KEY_FILE_BYTES => Err(damaged(path, "larger than a key file is")),
        _ => Ok(bytes),
    }
}

fn damaged(path: &Path, detail: &str) -> KeyFileError {
    KeyFileError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

fn header_of<T: KeyPayload>() -> String {
    format!("{HEADER_LABEL} {} {}\n", T::KIND, T::VERSION)
}

fn with_header<T: KeyPayload>(payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let header = header_of::<T>();
    let mut content = Zeroizing::new(Vec::with_capacity(header.len() + payload.len()));
    content.extend_from_slice(header.as_bytes());
    content.extend_from_slice(payload);
    content
}

fn without_header<'a, T: KeyPayload>(
    path: &Path,
    content: &'a [u8],
) -> Result<&'a [u8], KeyFileError> {
    if let Some(payload) = content.strip_prefix(header_of::<T>().as_bytes()) {
        return Ok(payload);
    }
    // The header's words are not secret; what follows the first line is.
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix(HEADER_LABEL));
    match line {
        Some(found) => Err(KeyFileError::OtherKind {
            path: path.to_owned(),
            found: found.trim().to_owned(),
            expected: format!("{} {}", T::KIND, T::VERSION),
        }),
        None => Err(damaged(path, "no header")),
    }
}

fn encrypt(content: &[u8], passphrase: &Passphrase, work: WorkFactor) -> io::Result<Vec<u8>> {
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose_secret()));
    recipient.set_work_factor(work.0);
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armored)?;
    writer.write_all(content)?;
    writer.finish()?.finish()
}

fn decrypt(
    path: &Path,
    file: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(file))
        .map_err(|error| damaged(path, &error.to_string()))?;
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose_secret()));
    identity.set_max_work_factor(WorkFactor::MAXIMUM.0);
    let opened = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity));
    let mut reader = opened.map_err(|error| match error {
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => KeyFileError::WrongPassphrase {
            path: path.to_owned(),
        },
        error => damaged(path, &error.to_string()),
    })?;
    // The plaintext is shorter than the file: no growing, so no copies left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(file.len()));
    reader
        .read_to_end(&mut content)
        .map_err(|error| damaged(path, &error.to_string()))?;
    Ok(content)
}

/// Label, hexadecimal, SHA-256, a line each.
fn plain(content: &[u8]) -> Vec<u8> {
    let digest = hex::encode(Sha256::digest(content));
    let body = Zeroizing::new(hex::encode(content));
    format!("{PLAIN_LABEL}\n{}\n{digest}\n", *body).into_bytes()
}

fn parse_plain(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let text = std::str::from_utf8(file).map_err(|_| "not a key file")?;
    let rest = text.strip_prefix(PLAIN_LABEL).ok_or("not a key file")?;
    let body = rest
        .strip_prefix('\n')
        .and_then(|rest| rest.strip_suffix('\n'));
    let (body, digest) = body
        .and_then(|body| body.split_once('\n'))
        .ok_or("cut off")?;
    let content = Zeroizing::new(hex::decode(body).map_err(|_| "cut off or changed")?);
    match hex::encode(Sha256::digest(&*content)) == digest {
        true => Ok(content),
        false => Err("cut off or changed"),
    }
}

/// Whether a file is protected by a passphrase, without opening it.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn needs_passphrase(path: &Path) -> Result<bool, KeyFileError> {
    Ok(read_bounded(path)?.starts_with(AGE_LABEL.as_bytes()))
}

macro_rules! secret_bytes {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        pub struct $name(Zeroizing<Vec<u8>>);

        impl $name {
            /// Takes the secret's own encoding.
            pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
                Self(bytes)
            }

            /// The encoding, for the one place that parses it.
            pub fn expose_secret(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(REDACTED)"))
            }
        }

        impl KeyPayload for $name {
            const KIND: &'static str = $kind;
            const VERSION: u32 = 1;

            fn to_payload(&self) -> Zeroizing<Vec<u8>> {
                self.0.clone()
            }

            fn from_payload(bytes: &[u8]) -> Result<Self, String> {
                Ok(Self(Zeroizing::new(bytes.to_vec())))
            }
        }
    )*};
}

secret_bytes! {
    /// A doctor's ABE user secret beta, in the encoding of `schemes::abe`.
    AbeUserSecretFile = "abe-user-secret";
    /// A record's RSA private key, in the encoding of `schemes::report`.
    RsaPrivateKeyFile = "rsa-private-key";
}

impl KeyPayload for consilium_schemes::signature::SigningKey {
    const KIND: &'static str = "signing-key";
    const VERSION: u32 = 1;

    fn to_payload(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.expose_secret().to_vec())
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, String> {
        let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes).map_err(|_| "not 32 bytes")?);
        Ok(Self::from_bytes(&seed))
    }
}
