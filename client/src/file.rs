//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// The owner (mode 0600).
    Owner,
    /// Everyone (mode 0644).
    Everyone,
}

/// What to do when the file is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fail with `AlreadyExists`: for keys, which nothing replaces by accident.
    Keep,
    /// Replace it in one step.
    Replace,
}

/// Writes `content` to `path` so that a reader, or a crash at any moment, finds the old file or the new one and nothing between:
/// a temporary file beside it, fsync, rename, fsync of the folder.
///
/// # Errors
/// The system's; with [`Existing::Keep`], `AlreadyExists`.
pub fn write_atomically(
    path: &Path,
    content: &[u8],
    readers: Readers,
    existing: Existing,
) -> io::Result<()> {
    let folder = folder_of(path);
    let temporary = temporary_beside(path)?;
    let written = write_synced(&temporary, content, readers).and_then(|()| match existing {
        Existing::Replace => fs::rename(&temporary, path),
        // A hard link fails where the name is taken, which a rename does not.
        Existing::Keep => fs::hard_link(&temporary, path),
    });
    if written.is_err() || existing == Existing::Keep {
        // The temporary name is gone after a rename; otherwise it must go, whatever came before.
        fs::remove_file(&temporary).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
    }
    written?;
    File::open(folder)?.sync_all()
}

/// A file that is being written: it appears under its name when it is complete and on disk, and replaces none. Dropped before that, it
/// leaves nothing behind.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
}

impl PendingFile {
    /// Begins the file that will stand at `path`.
    ///
    /// # Errors
    /// `AlreadyExists` when something stands there; the system's.
    pub fn create(path: &Path, readers: Readers) -> io::Result<Self> {
        // Looked at again at the end; here for who would otherwise work for nothing.
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let temporary = temporary_beside(path)?;
        let file = BufWriter::new(new_file(&temporary, readers)?);
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file,
        })
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// `AlreadyExists` when something stands there by now; the system's.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        // A hard link fails where the name is taken, which a rename does not.
        fs::hard_link(&self.temporary, &self.path)?;
        let folder = folder_of(&self.path).to_owned();
        drop(self);
        File::open(folder)?.sync_all()
    }
}

impl io::Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        // Nothing can be done about a file that cannot be removed; its name says that it is temporary.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Gives a file another name, which it keeps over a crash; what stood there is replaced in one step.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(folder_of(to))?.sync_all()
}

/// A file that one process at a time holds, until this is dropped or the process ends, however it does. The file stays.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "the lock goes with the file")] File);

impl FileLock {
    /// Takes it, making the file where there is none; nothing where somebody else holds it.
    ///
    /// # Errors
    /// The system's.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn write_synced(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = new_file(path, readers)?;
    file.write_all(content)?;
    file.sync_all()
}

fn new_file(path: &Path, readers: Readers) -> io::Result<File> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}.tmp", rand::random::<u64>()));
    Ok(folder_of(path).join(temporary))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_read_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_atomically(&path, b"one", Readers::Owner, Existing::Keep).unwrap();
        write_atomically(&path, b"two", Readers::Owner, Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn an_existing_file_is_kept_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_atomically(&path, b"one", Readers::Owner, Existing::Keep).unwrap();
        let refused = write_atomically(&path, b"two", Readers::Owner, Existing::Keep).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pending_file_is_there_whole_or_not_at_all_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export");
        let left = || fs::read_dir(folder.path()).unwrap().count();
        let mut dropped = PendingFile::create(&path, Readers::Everyone).unwrap();
        dropped.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(dropped);
        assert_eq!(left(), 0);

        let begin = || PendingFile::create(&path, Readers::Everyone);
        let (mut whole, mut late) = (begin().unwrap(), begin().unwrap());
        whole.write_all(b"whole").unwrap();
        late.write_all(b"late").unwrap();
        whole.finish().unwrap();
        let refused = late.finish().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(begin().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), left()),
            (&b"whole"[..], 1)
        );
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"x").unwrap();
        write_atomically(&path, b"two", Readers::Owner, Existing::Replace).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
