//! Files of a node that survive a crash: whole or not at all, gone or still there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::error::StoreError;

/// Gives a file this text in one step: written beside it, synced, renamed.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), StoreError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync(folder(path))
    };
    write().map_err(|error| failed(path, &error))
}

/// Removes a file for good.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let gone = fs::remove_file(path).and_then(|()| sync(folder(path)));
    gone.map_err(|error| failed(path, &error))
}

/// Makes sure that the names in a folder are on disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What the system said against a file, as the store's error.
pub(crate) fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        detail: error.to_string(),
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
