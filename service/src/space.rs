//! The space of a disk, promised to large bodies before they come: one must not take what another was promised, nor the last bytes from
//! what cannot do without (a database, a log).
//!
//! A body is promised a step at a time, as it comes: one that is announced and does not come keeps no others out.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::fs::File;
use tokio::io::AsyncWrite;

use crate::error::ApiError;

/// Bytes that are promised at once.
const STEP: u64 = 8 << 20;

/// The disk of a folder.
#[derive(Debug)]
pub struct Space {
    folder: PathBuf,
    reserve: u64,
    step: u64,
    /// What was promised and is not written yet.
    promised: Mutex<u64>,
}

/// Bytes that one body may still write; given back when dropped.
#[derive(Debug)]
pub struct Promised {
    space: Arc<Space>,
    left: u64,
    /// What was announced beyond it.
    more: u64,
}

impl Space {
    /// The disk on which `folder` lies; `reserve` bytes of it no body takes. With a reserve of 0 nothing is kept back, and nothing refused.
    pub fn new(folder: impl Into<PathBuf>, reserve: u64) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.into(),
            reserve,
            step: STEP,
            promised: Mutex::default(),
        })
    }

    /// Promises the first of `announced` bytes, or refuses what would not leave the reserve free beside everything promised before.
    ///
    /// # Errors
    /// 507 `storage-full`, 500.
    pub fn promise(self: &Arc<Self>, announced: u64) -> Result<Promised, ApiError> {
        let left = announced.min(self.step);
        let taken = self.take(left, announced);
        taken.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => ApiError::storage_full(error),
            _ => ApiError::internal(error),
        })?;
        Ok(Promised {
            space: Arc::clone(self),
            left,
            more: announced.saturating_sub(left),
        })
    }

    /// Takes `bytes` if `needed` would fit.
    fn take(&self, bytes: u64, needed: u64) -> io::Result<()> {
        // Held while it is looked, so that two do not see the same bytes.
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, reserve) = (*promised, self.reserve);
        if reserve > 0 {
            let free = self.free()?;
            if free < needed.saturating_add(before).saturating_add(reserve) {
                let cause = format!(
                    "{free} bytes are free, {needed} are needed, {before} promised to others and {reserve} kept back"
                );
                return Err(io::Error::new(io::ErrorKind::StorageFull, cause));
            }
        }
        *promised = before.saturating_add(bytes);
        Ok(())
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
    /// So many bytes are about to be written: they are promised first.
    fn reach(&mut self, bytes: u64) -> io::Result<()> {
        let missing = bytes.saturating_sub(self.left).min(self.more);
        if missing == 0 {
            return Ok(());
        }
        let step = missing.max(self.space.step).min(self.more);
        self.space.take(step, step)?;
        self.left = self.left.saturating_add(step);
        self.more = self.more.saturating_sub(step);
        Ok(())
    }

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
        self.promised.reach(bytes.len() as u64)?;
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

    fn disk(step: u64) -> (tempfile::TempDir, Arc<Space>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let free = Space::new(folder.path(), 1).free().unwrap();
        // Others write to this disk meanwhile: all amounts are far apart.
        let mut space = Arc::into_inner(Space::new(folder.path(), free / 2)).unwrap();
        space.step = step;
        (folder, Arc::new(space), free)
    }

    #[test]
    fn what_one_was_promised_no_other_gets_until_it_is_given_back() {
        let (_folder, space, free) = disk(u64::MAX);
        let first = space.promise(free / 3).unwrap();
        let refused = space.promise(free / 3).unwrap_err();
        assert_eq!(refused.code(), &crate::STORAGE_FULL);
        drop(first);
        space.promise(free / 3).unwrap();
    }

    #[test]
    fn what_is_announced_and_does_not_come_keeps_nobody_out() {
        let (_folder, space, free) = disk(1000);
        let silent: Vec<_> = (0..100).map(|_| space.promise(free / 3).unwrap()).collect();
        assert_eq!(*space.promised.lock().unwrap(), 100_000);
        space.promise(free / 3).unwrap();
        drop(silent);
        assert_eq!(*space.promised.lock().unwrap(), 0);
        let mut coming = space.promise(free / 3).unwrap();
        coming.reach(free / 3).unwrap();
        let refused = space.promise(free / 3).unwrap_err();
        assert_eq!(refused.code(), &crate::STORAGE_FULL);
    }

    #[tokio::test]
    async fn what_is_written_counts_once() {
        let (folder, space, _) = disk(500);
        let file = File::create(folder.path().join("body")).await.unwrap();
        let mut file = PromisedFile::new(file, space.promise(1000).unwrap());
        file.write_all(&[7; 600]).await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(*space.promised.lock().unwrap(), 400);
        // The second step, and no more than was announced.
        file.write_all(&[7; 600]).await.unwrap();
        assert_eq!(*space.promised.lock().unwrap(), 0);
        drop(file);
        assert_eq!(*space.promised.lock().unwrap(), 0);
    }
}
