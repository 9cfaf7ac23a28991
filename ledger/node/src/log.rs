//! The engine's write-ahead log, looked at before the engine opens it.

use std::path::{Path, PathBuf};

use arc_malachitebft_app_channel::app::wal;
use consilium_contracts::Height;

use crate::error::StoreError;
use crate::store::Store;

const LOG: &str = "consensus.wal";

/// Where it is.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(LOG)
}

/// The height that the log is at: the highest at which this node may have voted. None where there is no log, or an empty file: a log
/// begins with its height.
pub(crate) fn sequence(dir: &Path) -> Result<Option<Height>, StoreError> {
    let path = path(dir);
    if std::fs::metadata(&path).map_or(true, |file| file.len() == 0) {
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
        return Ok(());
    };
    let tip = store.tip()?.parent.height;
    if reached > tip.plus(1) {
        return Err(store.damaged(format!(
            "it ends at block {tip}, but the consensus log is at {reached}: blocks were lost"
        )));
    }
    Ok(())
}
