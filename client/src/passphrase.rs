//! Passphrases, from a file or from standard input; never from an argument, which every process on the machine can read.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use zeroize::Zeroizing;

/// The longest passphrase, in bytes.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;

/// A passphrase: wiped on drop, redacted when printed.
pub struct Passphrase(Zeroizing<String>);

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Nothing before the end of the line.
    #[error("the passphrase is empty")]
    Empty,
    /// Longer than [`MAX_PASSPHRASE_BYTES`].
    #[error("the passphrase is longer than {MAX_PASSPHRASE_BYTES} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the passphrase is not UTF-8 text")]
    NotText,
    /// It cannot be read.
    #[error("the passphrase cannot be read: {0}")]
    Read(#[from] io::Error),
}

impl Passphrase {
    /// A passphrase that a program holds already.
    ///
    /// # Errors
    /// [`PassphraseError::Empty`], [`PassphraseError::TooLong`].
    pub fn new(text: &str) -> Result<Self, PassphraseError> {
        match text.len() {
            0 => Err(PassphraseError::Empty),
            length if length > MAX_PASSPHRASE_BYTES => Err(PassphraseError::TooLong),
            _ => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }

    /// The first line of a file (systemd's `LoadCredential` gives one).
    ///
    /// # Errors
    /// Every [`PassphraseError`].
    pub fn from_file(path: &Path) -> Result<Self, PassphraseError> {
        Self::from_reader(BufReader::new(File::open(path)?))
    }

    /// The first line of standard input.
    ///
    /// # Errors
    /// Every [`PassphraseError`].
    pub fn from_stdin() -> Result<Self, PassphraseError> {
        Self::from_reader(io::stdin().lock())
    }

    /// The first line of `reader`, without its end.
    ///
    /// # Errors
    /// Every [`PassphraseError`].
    pub fn from_reader(reader: impl BufRead) -> Result<Self, PassphraseError> {
        // One allocation of full size: growing would leave copies of the passphrase behind.
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE_BYTES + 3));
        reader
            .take(MAX_PASSPHRASE_BYTES as u64 + 3)
            .read_until(b'\n', &mut line)?;
        let text = std::str::from_utf8(&line).map_err(|_| PassphraseError::NotText)?;
        Self::new(text.trim_end_matches(['\r', '\n']))
    }

    /// The passphrase, for the one place that uses it.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Passphrase, PassphraseError> {
        Passphrase::from_reader(text)
    }

    #[test]
    fn the_first_line_is_the_passphrase() {
        assert_eq!(
            read(b"correct horse\r\nsecond").unwrap().expose_secret(),
            "correct horse"
        );
        assert_eq!(
            read(b" spaces count ").unwrap().expose_secret(),
            " spaces count "
        );
        let longest = [b'a'; MAX_PASSPHRASE_BYTES];
        assert_eq!(
            read(&longest).unwrap().expose_secret().len(),
            MAX_PASSPHRASE_BYTES
        );
    }

    #[test]
    fn empty_long_and_binary_input_is_refused() {
        assert!(matches!(read(b""), Err(PassphraseError::Empty)));
        assert!(matches!(read(b"\nsecond"), Err(PassphraseError::Empty)));
        assert!(matches!(
            read(&[b'a'; MAX_PASSPHRASE_BYTES + 1]),
            Err(PassphraseError::TooLong)
        ));
        assert!(matches!(
            read(&[0xff, 0xfe, b'\n']),
            Err(PassphraseError::NotText)
        ));
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(
            format!("{:?}", read(b"secret").unwrap()),
            "Passphrase(REDACTED)"
        );
    }
}
