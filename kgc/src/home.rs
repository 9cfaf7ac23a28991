//! The KGC's folder and what lies in it.
//!
//! | file | what |
//! |---|---|
//! | `kgc.toml` | settings |
//! | `kgc.json` | public: card, ABE parameters, token key, administrator |
//! | `kgc.sealed` | secrets under the passphrase |
//! | `kgc.node` | node and TLS identity |
//! | `genesis.bin` | the signed genesis |
//! | `store/` | enrolments, wrapped keys |
//! | `update-keys/` | update keys, one file for each epoch |
//! | `ledger/` | the node's own store |

use std::path::{Path, PathBuf};

use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::wire::{HexBytes, PublicKey};
use consilium_contracts::{Canonical as _, KgcCard};
use consilium_schemes::abe::PublicParameters;
use consilium_schemes::tokens;
use serde::{Deserialize, Serialize};

use crate::secrets::SealedSecrets;

const FORMAT: &str = "consilium-kgc-1";

/// The KGC's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The folder at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The settings.
    pub fn settings(&self) -> PathBuf {
        self.0.join("kgc.toml")
    }

    /// What is public.
    pub fn public(&self) -> PathBuf {
        self.0.join("kgc.json")
    }

    /// The sealed secrets.
    pub fn sealed(&self) -> PathBuf {
        self.0.join("kgc.sealed")
    }

    /// The node's and TLS's keys.
    pub fn node(&self) -> PathBuf {
        self.0.join("kgc.node")
    }

    /// The administrator's key, where `init` was not told another place.
    pub fn admin_key(&self) -> PathBuf {
        self.0.join("admin.key")
    }

    /// The signed genesis.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("genesis.bin")
    }

    /// The service's store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The update keys.
    pub fn update_keys(&self) -> PathBuf {
        self.0.join("update-keys")
    }

    /// The node's store.
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger")
    }
}

/// `kgc.json`: what everyone may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFile {
    format: String,
    /// Where it answers; for people, the card counts.
    url: String,
    signing_key: PublicKey,
    tls_pin: String,
    /// The [`KgcCard`], canonically encoded.
    card: HexBytes,
    parameters: HexBytes,
    token_key: HexBytes,
    /// Who may administrate.
    admin: PublicKey,
}

/// Why `kgc.json` is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicFileError {
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not such a file.
    #[error("{path}: {detail}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

impl PublicFile {
    pub(crate) fn of(card: &KgcCard, secrets: &SealedSecrets) -> Self {
        Self {
            format: FORMAT.to_owned(),
            url: card.url.to_string(),
            signing_key: card.signing_key.into(),
            tls_pin: card.tls_pin.to_string(),
            card: card.to_canonical_bytes().into(),
            parameters: secrets.master.public_parameters().to_bytes().into(),
            token_key: secrets.tokens.public_key().to_bytes().as_slice().into(),
            admin: secrets.admin,
        }
    }

    /// The administrator's key.
    pub fn admin(&self) -> &PublicKey {
        &self.admin
    }

    /// The ABE public parameters, encoded.
    pub fn parameters(&self) -> &[u8] {
        self.parameters.as_bytes()
    }

    /// The VOPRF public key, encoded.
    pub fn token_key(&self) -> &[u8] {
        self.token_key.as_bytes()
    }

    /// The card that stands in genesis.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn card(&self) -> Result<KgcCard, String> {
        let card = KgcCard::from_canonical_bytes(self.card.as_bytes());
        let card = card.map_err(|error| format!("card: {error}"))?;
        let agrees = self.format == FORMAT
            && self.url == card.url.as_str()
            && self.tls_pin == card.tls_pin.to_string()
            && self.signing_key == card.signing_key.into();
        if !agrees {
            return Err("the readable part does not say what the card says".to_owned());
        }
        Ok(card)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), PublicFileError> {
        let io = |source| PublicFileError::Io {
            path: path.to_owned(),
            source,
        };
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| io(std::io::Error::other(e)))?;
        text.push(b'\n');
        write_atomically(path, &text, Readers::Everyone, Existing::Keep).map_err(io)
    }

    /// Reads and checks it.
    ///
    /// # Errors
    /// [`PublicFileError`].
    pub fn read(path: &Path) -> Result<Self, PublicFileError> {
        let text = std::fs::read(path).map_err(|source| PublicFileError::Io {
            path: path.to_owned(),
            source,
        })?;
        let malformed = |detail| PublicFileError::Malformed {
            path: path.to_owned(),
            detail,
        };
        let file: Self = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        file.card().map_err(malformed)?;
        PublicParameters::from_bytes(file.parameters())
            .map_err(|error| malformed(format!("parameters: {error}")))?;
        let token_key = <[u8; tokens::PublicKey::LENGTH]>::try_from(file.token_key());
        token_key
            .ok()
            .and_then(|bytes| tokens::PublicKey::from_bytes(&bytes).ok())
            .ok_or_else(|| malformed("token_key: malformed".to_owned()))?;
        Ok(file)
    }

    /// Whether the sealed secrets are those that this file speaks of.
    pub(crate) fn agrees_with(&self, secrets: &SealedSecrets) -> bool {
        self.admin == secrets.admin
            && self.signing_key == secrets.signing.verifying_key().into()
            && self.parameters() == secrets.master.public_parameters().to_bytes()
            && self.token_key() == secrets.tokens.public_key().to_bytes()
    }
}
