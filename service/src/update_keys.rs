//! Update keys on disk: a file for each epoch, whole or not there.
//!
//! ```text
//! update-keys/<epoch>.key       whole and synced; the encoding of consilium_schemes::abe::UpdateKey, nothing else
//! update-keys/<epoch>-<n>.part  being made or received
//! ```
//!
//! A file of a federation with many revocations has tens of megabytes, so it is made, received and sent in pieces. It gets its
//! name only after it is whole and synced; a part is removed when its writer is dropped, and what a crash left behind when the service
//! starts. Nothing here decides whether an update key is the published one: the KGC notes what it made, and what is received has the ledger's
//! digest before it gets its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use consilium_client::{ClientError, UpdateKeyDownload};
use consilium_schemes::abe::{Epoch, Tree, UpdateKeyCheck};
use consilium_schemes::curve::DecodeError;

use crate::error::ApiError;

/// How whole files end.
const WHOLE: &str = "key";

/// Why an update key was not received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The service that was asked: it does not answer, or gives something else.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It has the ledger's digest and is no update key of this tree and epoch: the KGC published something else.
    #[error("the update key that was published for epoch {epoch} is malformed: {source}")]
    Malformed {
        /// The epoch.
        epoch: Epoch,
        /// What is wrong.
        source: DecodeError,
    },
    /// The disk.
    #[error("the update key cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// The folder.
#[derive(Debug)]
pub struct UpdateKeyFiles {
    folder: PathBuf,
    parts: AtomicU64,
}

impl UpdateKeyFiles {
    /// Makes the folder and removes what a crash left behind. One process has it.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != WHOLE) {
                fs::remove_file(&path)?;
            }
        }
        sync(&folder)?;
        Ok(Self::beside(folder))
    }

    /// The folder of another process, to read from.
    #[must_use]
    pub fn beside(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            parts: AtomicU64::new(0),
        }
    }

    /// Where the epoch's file is, if it is there.
    #[must_use]
    pub fn path(&self, epoch: Epoch) -> PathBuf {
        self.folder.join(format!("{epoch}.{WHOLE}"))
    }

    /// How long the epoch's file is, if it is there.
    ///
    /// # Errors
    /// The system's.
    pub fn length(&self, epoch: Epoch) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(epoch)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins the epoch's file.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(&self, epoch: Epoch) -> io::Result<UpdateKeyPart> {
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!("{epoch}-{number}.part"));
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        Ok(UpdateKeyPart {
            file,
            length: 0,
            part: RemoveOnDrop(part),
            whole: self.path(epoch),
            folder: self.folder.clone(),
        })
    }

    /// Receives the update key of a tree and epoch: when this returns it has the digest that the download checks and the form of an update
    /// key, and waits for [`UpdateKeyPart::keep`].
    ///
    /// # Errors
    /// [`ReceiveError`]; nothing is left of what came.
    pub async fn receive(
        &self,
        mut download: UpdateKeyDownload<'_>,
        tree: Tree,
        epoch: Epoch,
    ) -> Result<UpdateKeyPart, ReceiveError> {
        let mut part = self.begin(epoch)?;
        let mut check = UpdateKeyCheck::new(tree, epoch);
        let mut fault = None;
        while let Some(piece) = download.next_piece().await? {
            fault = fault.or_else(|| check.push(&piece).err());
            if fault.is_none() {
                part = blocking(move || part.write(&piece).map(|()| part)).await?;
            }
        }
        let fault = fault.map_or_else(|| check.finish().map(drop), Err);
        fault.map_err(|source| ReceiveError::Malformed { epoch, source })?;
        Ok(part)
    }

    /// Removes the epoch's file, if it is there.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, epoch: Epoch) -> io::Result<()> {
        match fs::remove_file(self.path(epoch)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync(&self.folder),
        }
    }
}

/// An update key that is being written; removed unless it is kept.
#[derive(Debug)]
pub struct UpdateKeyPart {
    file: File,
    length: u64,
    part: RemoveOnDrop,
    whole: PathBuf,
    folder: PathBuf,
}

impl UpdateKeyPart {
    /// Appends a piece.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.length = self.length.saturating_add(piece.len() as u64);
        Ok(())
    }

    /// How many bytes it has until now.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Gives the whole its name; it is on disk under it when this returns. What had the name is replaced.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part.0, &self.whole)?;
        sync(&self.folder)
    }

    /// As [`UpdateKeyPart::keep`], on a thread that may wait for the disk.
    ///
    /// # Errors
    /// The system's.
    pub async fn keep_async(self) -> io::Result<()> {
        blocking(move || self.keep()).await
    }
}

/// Removes a part that did not become a whole file.
#[derive(Debug)]
struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "an unfinished update key is left behind until the next start");
            }
            _ => {}
        }
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

impl From<ReceiveError> for ApiError {
    fn from(error: ReceiveError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch::new(7);

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_update_key_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = UpdateKeyFiles::open(folder.path()).unwrap();
        let mut part = files.begin(EPOCH).unwrap();
        part.write(b"one ").unwrap();
        assert_eq!(files.length(EPOCH).unwrap(), None);
        part.write(b"whole").unwrap();
        part.keep().unwrap();
        assert_eq!(fs::read(files.path(EPOCH)).unwrap(), b"one whole");
        assert_eq!(files.length(EPOCH).unwrap(), Some(9));
        assert_eq!(names(folder.path()), ["7.key"]);
        files.remove(EPOCH).unwrap();
        assert_eq!(files.length(EPOCH).unwrap(), None);
    }

    #[test]
    fn nothing_half_written_survives_a_failure_or_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let files = UpdateKeyFiles::open(folder.path()).unwrap();
        let mut whole = files.begin(EPOCH).unwrap();
        whole.write(b"whole").unwrap();
        whole.keep().unwrap();
        // Two at once, of which one fails and the other's process dies.
        let (mut failed, mut cut) = (files.begin(EPOCH).unwrap(), files.begin(EPOCH).unwrap());
        failed.write(b"fai").unwrap();
        cut.write(b"cu").unwrap();
        drop(failed);
        assert_eq!(names(folder.path()), ["7-2.part", "7.key"]);
        std::mem::forget(cut);
        let files = UpdateKeyFiles::open(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["7.key"]);
        assert_eq!(fs::read(files.path(EPOCH)).unwrap(), b"whole");
    }
}
