//! The engine's write-ahead log, looked at before the engine opens it.

use std::path::{Path, PathBuf};

use arc_malachitebft_app_channel::app::wal;
use consilium_contracts::Height;

use crate::error::StoreError;
use crate::store::Store;

const LOG: &str = "consensus.wal";
/// Version and height, with which it begins: without them nothing was voted on.
const HEAD: u64 = 12;

/// Where it is.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(LOG)
}

/// The height that the log is at: the highest at which this node may have voted. None where there is no log, or one that was cut off in
/// its head: it is synced before the first vote.
pub(crate) fn sequence(dir: &Path) -> Result<Option<Height>, StoreError> {
    let path = path(dir);
    if std::fs::metadata(&path).map_or(true, |file| file.len() < HEAD) {
        return Ok(None);
    }
    match read(&path) {
        Ok(sequence) => Ok(Some(Height::new(sequence))),
        Err(error) => Err(StoreError::Corrupt {
            path,
            detail: error.to_string(),
        }),
    }
}

/// Reads it once; its height. The engine would read it as well, and stand still at a damaged entry.
fn read(path: &Path) -> std::io::Result<u64> {
    let mut log = wal::Log::open(path)?;
    for entry in log.iter()? {
        entry?;
    }
    Ok(log.sequence())
}

/// Compares the log with the store. The log is reset only after a block was synced to
/// the store, so a log that is further ahead means that the store lost blocks; voting on would
/// vote twice.
pub(crate) fn check(dir: &Path, store: &Store) -> Result<(), StoreError> {
    let Some(reached) = sequence(dir)? else {
        return drop_cut_off(&path(dir));
    };
    let tip = store.tip()?.parent.height;
    if reached > tip.plus(1) {
        return Err(store.damaged(format!(
            "it ends at block {tip}, but the consensus log is at {reached}: blocks were lost"
        )));
    }
    Ok(())
}

/// The engine does not open a log without its whole head, and makes one where there is none.
fn drop_cut_off(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::Io {
            path: path.to_owned(),
            detail: error.to_string(),
        }),
        _ => Ok(()),
    }
}
