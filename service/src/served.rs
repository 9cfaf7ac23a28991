//! A folder that is served: by one process at a time.

use std::io;
use std::path::{Path, PathBuf};

use consilium_client::file::FileLock;

/// The file that is locked while the folder is served. It stays; a process that ends, however it does, lets go of it.
const LOCK: &str = "served.lock";

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServedError {
    /// By another process.
    #[error(
        "{0} is served already by another process: end that one first, or give the folder of another service"
    )]
    Already(PathBuf),
    /// The lock's file cannot be made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// That this process serves a folder, until it is dropped.
#[derive(Debug)]
pub struct ServedFolder(#[expect(dead_code, reason = "the lock goes with it")] FileLock);

impl ServedFolder {
    /// Takes a folder that is there.
    ///
    /// # Errors
    /// [`ServedError`].
    pub fn take(folder: &Path) -> Result<Self, ServedError> {
        let path = folder.join(LOCK);
        match FileLock::take(&path) {
            Ok(Some(lock)) => Ok(Self(lock)),
            Ok(None) => Err(ServedError::Already(folder.to_owned())),
            Err(source) => Err(ServedError::File { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_served_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let served = ServedFolder::take(folder.path()).unwrap();
        let refused = ServedFolder::take(folder.path()).unwrap_err();
        assert!(matches!(refused, ServedError::Already(path) if path == folder.path()));
        drop(served);
        ServedFolder::take(folder.path()).unwrap();
    }
}
