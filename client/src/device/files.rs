//! Files that a device writes.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::DeviceError;

/// Begins a file that must not exist yet, readable by its owner alone: it may hold a record in the clear.
fn create_new(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a file that appears under its name only when it is complete and on disk, and replaces none.
///
/// Until then it stands beside it under the further extension `partial`; on failure nothing is left behind.
pub(super) fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, DeviceError>,
) -> Result<T, DeviceError> {
    if path.try_exists()? {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    let partial = path.with_added_extension("partial");
    let written = write_new(&partial, write)?;
    if let Err(error) = fs::rename(&partial, path) {
        // The first failure is the one to report.
        let _ = fs::remove_file(&partial);
        return Err(error.into());
    }
    Ok(written)
}

/// Writes a file that must not exist yet; what is not complete is removed.
pub(super) fn write_new<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, DeviceError>,
) -> Result<T, DeviceError> {
    let mut out = BufWriter::new(create_new(path)?);
    let written = write(&mut out).and_then(|value| {
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(value)
    });
    if written.is_err() {
        // The first failure is the one to report; a file that cannot be removed either is on the same broken disk.
        let _ = fs::remove_file(path);
    }
    written
}

/// Reads a file of at most `max_bytes` that the device kept; nothing, where there is none.
pub(super) fn read_kept<T: DeserializeOwned>(
    path: &Path,
    max_bytes: u64,
) -> Result<Option<T>, DeviceError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut text = Vec::new();
    file.take(max_bytes).read_to_end(&mut text)?;
    let kept = serde_json::from_slice(&text);
    kept.map(Some).map_err(|error| damaged(path, error))
}

/// Such a file is not what the device wrote.
pub(super) fn damaged(path: &Path, cause: impl ToString) -> DeviceError {
    DeviceError::Kept {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// A folder for its owner alone: the names in it tell which records the doctor read.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // The folder's own name must survive a crash as well.
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
