//! The space of a disk, promised to large bodies before they come: one must not take what another was promised, nor the last bytes from
//! what cannot do without (a database, a log).

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::fs::File;
use tokio::io::AsyncWrite;

use crate::error::ApiError;

/// The disk of a folder.
#[derive(Debug)]
pub struct Space {
    folder: PathBuf,
    reserve: u64,
    /// What was promised and is not written yet.
    promised: Mutex<u64>,
}

/// Bytes that one body may still write; given back when dropped.
#[derive(Debug)]
pub struct Promised {
    space: Arc<Space>,
    left: u64,
}

impl Space {
    /// The disk on which `folder` lies; `reserve` bytes of it no body takes. With a reserve of 0 nothing is kept back, and nothing refused.
    pub fn new(folder: impl Into<PathBuf>, reserve: u64) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.into(),
            reserve,
            promised: Mutex::default(),
        })
    }

    /// Promises `needed` bytes, or refuses what would not leave the reserve free beside everything promised before.
    ///
    /// # Errors
    /// 507 `storage-full`, 500.
    pub fn promise(self: &Arc<Self>, needed: u64) -> Result<Promised, ApiError> {
        // Held while it is looked, so that two do not see the same bytes.
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, reserve) = (*promised, self.reserve);
        if reserve > 0 {
            let free = self.free().map_err(ApiError::internal)?;
            if free < needed.saturating_add(before).saturating_add(reserve) {
                let cause = format!(
                    "{free} bytes are free, {needed} are needed, {before} promised to others and {reserve} kept back"
                );
                return Err(ApiError::storage_full(cause));
            }
        }
        *promised = before.saturating_add(needed);
        Ok(Promised {
            space: Arc::clone(self),
            left: needed,
        })
    }

    fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn give_back(&self, bytes: u64) {
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        *promised = promised.saturating_sub(bytes);
    }
}

impl Promised {
    /// So many bytes are on the disk now, which has that much less free.
    fn wrote(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left = self.left.saturating_sub(bytes);
        self.space.give_back(bytes);
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        self.space.give_back(self.left);
    }
}

/// A file that is written into promised space.
#[derive(Debug)]
pub struct PromisedFile {
    file: File,
    promised: Promised,
}

impl PromisedFile {
    /// Into `file`, which is empty.
    pub fn new(file: File, promised: Promised) -> Self {
        Self { file, promised }
    }

    /// Waits until everything is on disk.
    ///
    /// # Errors
    /// The system's.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all().await
    }
}

impl AsyncWrite for PromisedFile {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.file).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.promised.wrote(*count as u64);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn disk() -> (tempfile::TempDir, Arc<Space>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let free = Space::new(folder.path(), 1).free().unwrap();
        // Others write to this disk meanwhile: all amounts are far apart.
        let space = Space::new(folder.path(), free / 2);
        (folder, space, free)
    }

    #[test]
    fn what_one_was_promised_no_other_gets_until_it_is_given_back() {
        let (_folder, space, free) = disk();
        let first = space.promise(free / 3).unwrap();
        let refused = space.promise(free / 3).unwrap_err();
        assert_eq!(refused.code(), &crate::STORAGE_FULL);
        drop(first);
        space.promise(free / 3).unwrap();
    }

    #[tokio::test]
    async fn what_is_written_counts_once() {
        let (folder, space, _) = disk();
        let file = File::create(folder.path().join("body")).await.unwrap();
        let mut file = PromisedFile::new(file, space.promise(1000).unwrap());
        file.write_all(&[7; 600]).await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(*space.promised.lock().unwrap(), 400);
        file.write_all(&[7; 600]).await.unwrap();
        assert_eq!(*space.promised.lock().unwrap(), 0);
        drop(file);
        assert_eq!(*space.promised.lock().unwrap(), 0);
    }
}
