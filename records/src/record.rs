//! A record: the bytes that are encrypted, and what is known about them.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::candidates::Candidates;

/// What the bytes of a record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordFormat {
    /// A FHIR Bundle as it was read.
    FhirBundle,
    /// A FHIR collection Bundle put together from the patient's resources.
    FhirCollection,
    /// A DICOM file as it was read.
    Dicom,
}

impl RecordFormat {
    /// The media type of the content.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::FhirBundle | Self::FhirCollection => "application/fhir+json",
            Self::Dicom => "application/dicom",
        }
    }
}

/// Whose record it is, for human eyes on the patient's own device. It is never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientLabel {
    id: String,
    name: Option<String>,
}

impl PatientLabel {
    pub(crate) fn new(id: impl Into<String>, name: Option<String>) -> Self {
        Self {
            id: id.into(),
            name,
        }
    }

    /// The id in the source: FHIR's logical id, DICOM's patient id. It may be empty.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name, if the source gives one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for PatientLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientLabel(..)")
    }
}

/// The bytes of a record: in memory, or in a file that is streamed.
#[derive(Clone)]
pub struct Content(Inner);

#[derive(Clone)]
enum Inner {
    Memory(Vec<u8>),
    File { path: PathBuf, gzip: bool, len: u64 },
}

impl Content {
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self(Inner::Memory(bytes))
    }

    pub(crate) fn file(path: &Path, gzip: bool, len: u64) -> Self {
        Self(Inner::File {
            path: path.to_owned(),
            gzip,
            len,
        })
    }

    /// A stream of the bytes, from the first. A file is read in constant memory.
    ///
    /// # Errors
    /// The file can no longer be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match &self.0 {
            Inner::Memory(bytes) => Box::new(Cursor::new(bytes)),
            Inner::File {
                path,
                gzip: false,
                len,
            } => Box::new(Exactly::new(File::open(path)?, *len)),
            Inner::File {
                path,
                gzip: true,
                len,
            } => {
                let stream = MultiGzDecoder::new(BufReader::new(File::open(path)?));
                Box::new(Exactly::new(stream, *len))
            }
        })
    }

    /// How many bytes [`Self::open`] gives.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Inner::Memory(bytes) => bytes.len() as u64,
            Inner::File { len, .. } => *len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len())
    }
}

/// A stream that gives exactly as many bytes as were surveyed, or fails: a file that is written to
/// meanwhile must not become half a record.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Exactly<R> {
    fn new(inner: R, left: u64) -> Self {
        Self { inner, left }
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let ended = read == 0 && !buffer.is_empty();
        match self.left.checked_sub(read as u64) {
            Some(left) if !(ended && left > 0) => {
                self.left = left;
                Ok(read)
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file changed while it was read",
            )),
        }
    }
}

/// One patient's record, as one source has it.
#[derive(Clone, Debug)]
pub struct SourceRecord {
    pub(crate) patient: PatientLabel,
    pub(crate) format: RecordFormat,
    pub(crate) content: Content,
    pub(crate) candidates: Candidates,
    pub(crate) paths: Vec<PathBuf>,
}

impl SourceRecord {
    /// Whose record it is, for human eyes.
    #[must_use]
    pub fn patient(&self) -> &PatientLabel {
        &self.patient
    }

    /// What the bytes are.
    #[must_use]
    pub fn format(&self) -> RecordFormat {
        self.format
    }

    /// The bytes to encrypt.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What the patient may choose for the record to be found by.
    #[must_use]
    pub fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// The files it was read from, in order.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}
