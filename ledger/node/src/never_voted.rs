//! The word that a validator key never voted: the one thing that lets a node vote that has no log of its votes.
//!
//! Whoever makes the key writes it, outside the node's directory, so that it does not come and go with the store. It holds the key's
//! address: beside another key it says nothing. The node deletes it before it votes for the first time, for good: whoever loses the
//! directory after that has neither log nor word, and watches first ([`crate::abstain`]).
//!
//! It is deleted by the node's core, before the engine begins the first height that it may vote in, not by the signer: a signer can
//! only fail, the core halts and names the file. The engine has made its log by then, so a crash in between leaves a log that shows
//! no vote, and the node goes on.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use consilium_ledger::ValidatorAddress;
use consilium_schemes::signature::VerifyingKey;

use crate::disk;
use crate::error::StoreError;

const TEXT: &str = "The validator key with this address has never voted. Its node deletes this file before it votes for the first time. \
It is in no backup: with a copy of it, a validator that lost its log could vote twice.";

/// A file that says so of one key.
#[derive(Debug)]
pub struct NeverVoted {
    path: PathBuf,
}

impl NeverVoted {
    /// Writes it, durably, for a key that was made just now.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(path: &Path, key: &VerifyingKey) -> Result<(), StoreError> {
        let text = format!("{}\n{TEXT}\n", line(&ValidatorAddress::of(key)));
        disk::replace(path, &text)
    }

    /// Whether it is there and says so of this key. The word of another key is deleted: were that put back one day, it would say what may
    /// not be so any more.
    pub(crate) fn of(path: &Path, voter: &ValidatorAddress) -> Result<Option<Self>, StoreError> {
        match fs::read_to_string(path) {
            Ok(text) if text.lines().any(|one| one == line(voter)) => {
                let path = path.to_owned();
                Ok(Some(Self { path }))
            }
            Ok(_) => {
                disk::remove(path)?;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk::failed(path, &error)),
        }
    }

    /// The key is about to vote. The log in `dir` is durable when this file goes: there is always one of them.
    pub(crate) fn end(self, dir: &Path) -> Result<(), StoreError> {
        disk::sync(dir).map_err(|error| disk::failed(dir, &error))?;
        disk::remove(&self.path)
    }
}

fn line(voter: &ValidatorAddress) -> String {
    format!("validator {voter}")
}

#[cfg(test)]
mod tests {
    use consilium_schemes::signature::SigningKey;

    use super::*;

    #[test]
    fn it_counts_for_its_own_key_until_that_votes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("never-voted");
        let key = |seed| SigningKey::from_bytes(&[seed; 32]).verifying_key();
        let of = |seed| NeverVoted::of(&path, &ValidatorAddress::of(&key(seed))).unwrap();
        assert!(of(1).is_none(), "there is none");
        NeverVoted::write(&path, &key(1)).unwrap();
        assert!(of(2).is_none(), "it is another key's");
        assert!(of(1).is_none(), "who is back after that may have voted");
        NeverVoted::write(&path, &key(1)).unwrap();
        of(1).unwrap().end(folder.path()).unwrap();
        assert!(!path.exists() && of(1).is_none());
        let mut cut = format!("validator {}", ValidatorAddress::of(&key(1)));
        cut.pop();
        fs::write(&path, cut).unwrap();
        assert!(of(1).is_none(), "it is cut off");
    }
}
