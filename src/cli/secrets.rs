//! Passphrases: from a file or standard input, never from the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_client::keyfile::{KeyFileError, KeyPayload, Protection, read_key_file};
use consilium_client::passphrase::{Passphrase, PassphraseError};

use super::answer::Failure;

/// Names the file where a flag does not; the passphrase itself never stands in the environment.
pub const PASSPHRASE_VARIABLE: &str = "CONSILIUM_PASSPHRASE_FILE";

/// Where a passphrase comes from that may be needed.
#[derive(Debug, Clone, Args)]
pub struct PassphraseOption {
    /// File with the passphrase in its first line; `-` reads standard input
    #[arg(long, value_name = "FILE", env = PASSPHRASE_VARIABLE)]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseOption {
    /// The passphrase, if one was named.
    pub fn read(&self) -> Result<Option<Passphrase>, Failure> {
        self.passphrase_file.as_deref().map(read).transpose()
    }

    /// A secret from its file.
    pub fn open<T: KeyPayload>(&self, path: &Path) -> Result<T, Failure> {
        open(path, self.read()?.as_ref())
    }
}

/// A secret from its file, with a passphrase that was read.
pub fn open<T: KeyPayload>(path: &Path, passphrase: Option<&Passphrase>) -> Result<T, Failure> {
    read_key_file(path, passphrase).map_err(|error| match error {
        KeyFileError::PassphraseNeeded { .. } => Failure::Usage(format!(
            "{error}: give --passphrase-file FILE (`-` for standard input)"
        )),
        error => error.into(),
    })
}

/// How a new device protects its keys: one of the two must be said.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct ProtectionOption {
    /// File with the passphrase in its first line; `-` reads standard input
    #[arg(long, value_name = "FILE", env = PASSPHRASE_VARIABLE)]
    pub passphrase_file: Option<PathBuf>,
    /// Keep the keys without a passphrase, whatever else is named: only where the disk itself is trusted
    #[arg(long)]
    pub unprotected: bool,
}

impl ProtectionOption {
    /// The passphrase; none where the caller asked for none.
    pub fn read(&self) -> Result<Option<Passphrase>, Failure> {
        if self.unprotected {
            return Ok(None);
        }
        self.passphrase_file.as_deref().map(read).transpose()
    }
}

/// Reads a passphrase from a file, or from standard input for `-`.
pub fn read(path: &Path) -> Result<Passphrase, Failure> {
    let read = match path.to_str() {
        Some("-") => Passphrase::from_stdin(),
        _ => Passphrase::from_file(path),
    };
    read.map_err(|error| match error {
        PassphraseError::Read(cause) => Failure::said(format!("{}: {cause}", path.display())),
        error => Failure::said(format!("{}: {error}", path.display())),
    })
}

/// The protection that a passphrase gives.
pub fn protection(passphrase: Option<&Passphrase>) -> Protection<'_> {
    passphrase.map_or(Protection::None, Protection::Passphrase)
}
