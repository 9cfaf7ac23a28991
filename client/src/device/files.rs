//! Files that a device writes.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::error::DeviceError;

/// Writes a file that must not exist yet; what is not complete is removed.
pub(super) fn write_new<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, DeviceError>,
) -> Result<T, DeviceError> {
    let mut out = BufWriter::new(File::create_new(path)?);
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
