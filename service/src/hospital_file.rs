//! `hospital.json`: a hospital's public card in a file that people can read and programs check.

use std::path::Path;

use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::wire::HexBytes;
use consilium_contracts::{Canonical as _, CardError, DecodeError, HospitalCard};
use serde::{Deserialize, Serialize};

/// The format's name and version.
const FORMAT: &str = "consilium-hospital-1";
/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Why a hospital's file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HospitalFileError {
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not such a file.
    #[error("{path}: not a hospital's file: {detail}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The card in it does not parse.
    #[error("{path}: {source}")]
    Decode {
        /// The file.
        path: String,
        /// Why.
        source: DecodeError,
    },
    /// The card breaks a rule.
    #[error("{path}: {source}")]
    Card {
        /// The file.
        path: String,
        /// Which.
        source: CardError,
    },
}

/// What stands in the file. `card` alone counts; the rest is for the people who look at it, and must agree.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HospitalFile {
    format: String,
    id: String,
    name: String,
    url: String,
    tls_pin: String,
    signing_key: String,
    validator_key: String,
    peer_key: String,
    listen: String,
    card: HexBytes,
}

impl From<&HospitalCard> for HospitalFile {
    fn from(card: &HospitalCard) -> Self {
        Self {
            format: FORMAT.to_owned(),
            id: card.id.to_string(),
            name: card.name.to_string(),
            url: card.url.to_string(),
            tls_pin: card.tls_pin.to_string(),
            signing_key: card.signing_key.to_string(),
            validator_key: card.validator_key.to_string(),
            peer_key: card.peer_key.to_string(),
            listen: card.listen.to_string(),
            card: card.to_canonical_bytes().into(),
        }
    }
}

/// Writes a hospital's file; an existing one is kept and the call fails.
///
/// # Errors
/// [`HospitalFileError::Io`].
pub fn write_hospital_file(path: &Path, card: &HospitalCard) -> Result<(), HospitalFileError> {
    write(path, card, Existing::Keep)
}

/// Writes a hospital's file in place of the one that is there, in one step.
///
/// # Errors
/// [`HospitalFileError::Io`].
pub fn replace_hospital_file(path: &Path, card: &HospitalCard) -> Result<(), HospitalFileError> {
    write(path, card, Existing::Replace)
}

fn write(path: &Path, card: &HospitalCard, existing: Existing) -> Result<(), HospitalFileError> {
    let io = |source| HospitalFileError::Io {
        path: path.display().to_string(),
        source,
    };
    let mut text = serde_json::to_vec_pretty(&HospitalFile::from(card))
        .map_err(|error| io(std::io::Error::other(error)))?;
    text.push(b'\n');
    write_atomically(path, &text, Readers::Everyone, existing).map_err(io)
}

/// Reads a hospital's file and checks the card: its proofs of possession, and that the readable part says the same.
///
/// # Errors
/// Every [`HospitalFileError`].
pub fn read_hospital_file(path: &Path) -> Result<HospitalCard, HospitalFileError> {
    let name = || path.display().to_string();
    let io = |source| HospitalFileError::Io {
        path: name(),
        source,
    };
    let malformed = |detail: String| HospitalFileError::Malformed {
        path: name(),
        detail,
    };
    if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
        return Err(malformed(format!("larger than {MAX_BYTES} bytes")));
    }
    let text = std::fs::read(path).map_err(io)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let file: HospitalFile = serde_json::from_slice(text).map_err(|e| malformed(e.to_string()))?;
    let card = HospitalCard::from_canonical_bytes(file.card.as_bytes()).map_err(|source| {
        HospitalFileError::Decode {
            path: name(),
            source,
        }
    })?;
    let expected = HospitalFile::from(&card);
    for (field, found, expected) in fields(&file, &expected) {
        if found != expected {
            return Err(malformed(format!(
                "{field} is {found}, the card says {expected}"
            )));
        }
    }
    card.verify().map_err(|source| HospitalFileError::Card {
        path: name(),
        source,
    })?;
    Ok(card)
}

fn fields<'a>(
    file: &'a HospitalFile,
    card: &'a HospitalFile,
) -> [(&'static str, &'a str, &'a str); 9] {
    [
        ("format", &file.format, &card.format),
        ("id", &file.id, &card.id),
        ("name", &file.name, &card.name),
        ("url", &file.url, &card.url),
        ("tls_pin", &file.tls_pin, &card.tls_pin),
        ("signing_key", &file.signing_key, &card.signing_key),
        ("validator_key", &file.validator_key, &card.validator_key),
        ("peer_key", &file.peer_key, &card.peer_key),
        ("listen", &file.listen, &card.listen),
    ]
}
