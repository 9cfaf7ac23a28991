//! The ciphertexts: a file for each record, complete or not there.
//!
//! `cthd/` holds this hospital's own records, `fetched/` those of others that its doctors were assigned. A file gets its name only after
//! it is whole, digested and synced; what has another name is a leftover and goes when the gateway starts.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use consilium_contracts::{Digest, RecordId};
use sha2::{Digest as _, Sha256};

const WHOLE: &str = "cthd";

/// The two folders.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    own: PathBuf,
    fetched: PathBuf,
}

/// Which folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    Own,
    Fetched,
}

impl Files {
    /// Makes the folders and removes what a crash left behind.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let files = Self {
            own: data.join("cthd"),
            fetched: data.join("fetched"),
        };
        for folder in [&files.own, &files.fetched] {
            fs::create_dir_all(folder)?;
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_none_or(|extension| extension != WHOLE) {
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(files)
    }

    fn folder(&self, shelf: Shelf) -> &Path {
        match shelf {
            Shelf::Own => &self.own,
            Shelf::Fetched => &self.fetched,
        }
    }

    /// Where a whole file is.
    pub(crate) fn path(&self, shelf: Shelf, record: &RecordId) -> PathBuf {
        self.folder(shelf).join(format!("{record}.{WHOLE}"))
    }

    /// Where an unfinished one may grow.
    pub(crate) fn part(&self, shelf: Shelf, record: &RecordId) -> PathBuf {
        self.folder(shelf).join(format!("{record}.part"))
    }

    /// Gives a finished, synced part its name, durably.
    pub(crate) fn keep(&self, shelf: Shelf, record: &RecordId) -> io::Result<()> {
        fs::rename(self.part(shelf, record), self.path(shelf, record))?;
        File::open(self.folder(shelf))?.sync_all()
    }

    /// Removes a record's file, if there is one.
    pub(crate) fn remove(&self, shelf: Shelf, record: &RecordId) -> io::Result<()> {
        match fs::remove_file(self.path(shelf, record)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::open(self.folder(shelf))?.sync_all(),
        }
    }

    /// The records whose files are on a shelf.
    pub(crate) fn list(&self, shelf: Shelf) -> io::Result<Vec<RecordId>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.folder(shelf))? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            records.extend(name.and_then(|name| name.parse::<RecordId>().ok()));
        }
        Ok(records)
    }
}

/// SHA-256 of a file of any size, and its length.
pub(crate) fn digest_file(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut length) = (Sha256::new(), 0_u64);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut piece)?;
        match piece.get(..read) {
            Some([]) | None => break,
            Some(bytes) => hash.update(bytes),
        }
        length = length.saturating_add(read as u64);
    }
    Ok((Digest::from_bytes(hash.finalize().into()), length))
}
