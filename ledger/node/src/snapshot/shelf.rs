//! The snapshots that this node made: the last two, each whole and synced before it has its name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use consilium_contracts::Height;

use crate::disk;

/// The folder in the data directory.
const FOLDER: &str = "snapshots";
const WHOLE: &str = "snapshot";
const PART: &str = "part";
/// How many are kept: while one is fetched, the next may be made.
const KEPT: usize = 2;

/// A snapshot that this node made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The last block whose effects it shows.
    pub height: Height,
    /// Where it is, until two others were made.
    pub path: PathBuf,
}

/// The folder of snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Shelf(PathBuf);

impl Shelf {
    pub(crate) fn of(dir: &Path) -> Self {
        Self(dir.join(FOLDER))
    }

    /// Makes the folder and clears it of what a crash cut off, and of snapshots that no block here follows.
    pub(crate) fn tidy(&self, oldest_block: Height) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let of_use = height_of(&path).is_some_and(|height| height.plus(1) >= oldest_block);
            if !of_use {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The snapshots, oldest first.
    pub(crate) fn list(&self) -> io::Result<Vec<SnapshotFile>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if let Some(height) = height_of(&path) {
                found.push(SnapshotFile { height, path });
            }
        }
        found.sort_by_key(|one| one.height);
        Ok(found)
    }

    /// Writes the snapshot of a height with `write`; it has its name when it is whole and synced. Older ones than the last two go.
    pub(crate) fn put(
        &self,
        height: Height,
        write: impl FnOnce(File) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = |ending| self.0.join(format!("{height}.{ending}"));
        let (part, whole) = (path(PART), path(WHOLE));
        let written = File::create(&part).and_then(write);
        if let Err(error) = written {
            // The first error is the one to tell.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, &whole)?;
        disk::sync(&self.0)?;
        let all = self.list()?;
        let old = all.len().saturating_sub(KEPT);
        all.iter()
            .take(old)
            .try_for_each(|one| fs::remove_file(&one.path))
    }
}

fn height_of(path: &Path) -> Option<Height> {
    let whole = path.extension().is_some_and(|extension| extension == WHOLE);
    let number = path.file_stem()?.to_str()?.parse().ok()?;
    whole.then_some(Height::new(number))
}
