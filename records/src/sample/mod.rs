//! Made-up records for trying things out: one generator, the same output for the same random numbers.
//!
//! The people, their days and their values are invented here; the codes are those of the public code
//! systems, the display texts our own words. The folder has every form of input that the reader takes
//! (transaction, collection, document and searchset Bundles, NDJSON, one resource per file, gzip, a
//! byte order mark, DICOM) and files that are no records, so that skipping can be seen too.

mod clinic;
mod layout;
mod person;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand_core::Rng;

/// A file of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl SampleFile {
    /// Its path below the sample's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A folder of made-up records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    files: Vec<SampleFile>,
}

impl Sample {
    /// How many patients the FHIR files hold.
    pub const PATIENTS: usize = 24;
    /// How many DICOM files there are, each a record.
    pub const IMAGES: usize = 1;

    /// Makes the sample; equal random numbers make equal files.
    #[must_use]
    pub fn generate(rng: &mut impl Rng) -> Self {
        Self {
            files: layout::files(rng),
        }
    }

    /// The files, by path.
    #[must_use]
    pub fn files(&self) -> &[SampleFile] {
        &self.files
    }

    /// Writes the files below a folder, which is made if it is not there. No file is ever half
    /// written: each is written beside its place, synced and renamed.
    ///
    /// # Errors
    /// A file of that name is there already (nothing is overwritten), or the disk refuses.
    pub fn write(&self, folder: impl AsRef<Path>) -> io::Result<()> {
        let folder = folder.as_ref();
        let there = self
            .files
            .iter()
            .map(|file| folder.join(&file.path))
            .find(|path| path.exists());
        if let Some(path) = there {
            let what = format!("{} is there already: give an empty folder", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        self.files
            .iter()
            .try_for_each(|file| write_whole(&folder.join(&file.path), &file.bytes))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.part"));
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
