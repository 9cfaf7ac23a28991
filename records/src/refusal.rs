//! Why a file or a resource is not (part of) a record, in words that say what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The rule that a file or a resource broke.
///
/// The text never repeats what stands in the record, only where it stands.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The operating system refused.
    #[error("cannot be read ({0}): check that it exists and may be read")]
    Io(io::ErrorKind),
    /// Neither a file nor a folder: a pipe, a device, a socket.
    #[error("not a regular file: pipes, sockets and devices are not read")]
    NotAFile,
    /// A symbolic link to a folder.
    #[error("a symbolic link to a folder is not followed: name that folder itself")]
    LinkedFolder,
    /// A name that begins with a full stop.
    #[error("hidden: names that begin with a full stop are not read")]
    Hidden,
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// The gzip stream is broken or cut short.
    #[error("not a whole gzip file: it is damaged or cut short")]
    Gzip,
    /// A document above the limit, after decompression.
    #[error(
        "larger than {limit} bytes after decompression: split it, or name it .ndjson if it is one resource per line"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// More resources to be put together than may be held.
    #[error(
        "more than {limit} bytes of resources to be put together across files: read the folder in parts"
    )]
    HeldTooMuch {
        /// The limit in bytes.
        limit: u64,
    },
    /// FHIR as XML.
    #[error("XML: only FHIR as JSON is read, convert it first")]
    Xml,
    /// Not UTF-8, the only encoding that FHIR JSON has.
    #[error("not FHIR: not UTF-8 text (first wrong byte at {offset})")]
    NotUtf8 {
        /// The offset of the first byte that is not UTF-8.
        offset: usize,
    },
    /// Arrays or objects nested too deep.
    #[error("nested deeper than {limit} levels at byte {offset}: not a FHIR resource")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where it was passed.
        offset: usize,
    },
    /// Not JSON.
    #[error("not FHIR: not JSON at line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// JSON, but no resource.
    #[error("not FHIR: no resourceType")]
    NoResourceType,
    /// A type of resource that FHIR does not have.
    #[error("not FHIR R4: no resource is called \"{name}\"")]
    UnknownResource {
        /// The name, shortened.
        name: String,
    },
    /// A field of another shape than FHIR gives it.
    #[error("malformed FHIR: {field} {rule}")]
    Malformed {
        /// The field.
        field: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A Bundle inside a Bundle.
    #[error(
        "a Bundle of Bundles: entry[{entry}].resource is a Bundle, give the inner Bundles as files of their own"
    )]
    BundleOfBundles {
        /// The index of the entry.
        entry: usize,
    },
    /// Resources that belong to no patient.
    #[error(
        "no patient: {kind} is not a record (practitioner and organization files are not records)"
    )]
    NoPatient {
        /// The type of the resource.
        kind: String,
    },
    /// A resource of two patients.
    #[error("{kind} names more than one patient, so it goes into nobody's record")]
    SharedResource {
        /// The type of the resource.
        kind: String,
    },
    /// A reference that fits two different patients.
    #[error(
        "{kind} refers to Patient/{id}, and there are different patients of that id: put each patient's files in a folder of their own"
    )]
    AmbiguousPatient {
        /// The type of the resource.
        kind: String,
        /// The id.
        id: String,
    },
    /// DICOM that ends inside an element.
    #[error("truncated DICOM: the file ends inside element {tag}, {missing} bytes are missing")]
    TruncatedDicom {
        /// The element, as (gggg,eeee).
        tag: String,
        /// At least so many bytes are missing.
        missing: u64,
    },
    /// DICOM that ends between two elements, before one that must come.
    #[error(
        "truncated DICOM: the file ends before {tag}, though {why}: it was cut short, or that was taken out of it"
    )]
    IncompleteDicom {
        /// The element, as (gggg,eeee).
        tag: String,
        /// What announces it.
        why: &'static str,
    },
    /// DICOM that ends between two elements of a group that tells its length.
    #[error("truncated DICOM: {missing} bytes of group {group} are missing at the end of the file")]
    TruncatedDicomGroup {
        /// The group, as gggg.
        group: String,
        /// How many bytes are missing.
        missing: u64,
    },
    /// DICOM whose structure is broken.
    #[error("malformed DICOM: {rule} (at byte {offset})")]
    MalformedDicom {
        /// The rule that was broken.
        rule: &'static str,
        /// Where, in bytes of the data set's stream.
        offset: u64,
    },
    /// A directory of DICOM files, which is no record.
    #[error("DICOMDIR: a directory of images is not a record, give the images")]
    Dicomdir,
    /// The file is not the one that was surveyed.
    #[error("changed while it was read: read the folder again")]
    Changed,
}

impl Refusal {
    pub(crate) fn malformed(field: impl Into<String>, rule: &'static str) -> Self {
        Self::Malformed {
            field: field.into(),
            rule,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// Where in a file the refused thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The whole file.
    File,
    /// A line of NDJSON, from 1.
    Line(usize),
    /// An entry of a Bundle, from 0.
    Entry(usize),
}

/// A file, or resources of a file, left out; the path and the reason.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct Skipped {
    path: PathBuf,
    place: Place,
    resources: usize,
    reason: Refusal,
}

impl Skipped {
    pub(crate) fn file(path: &Path, reason: Refusal) -> Self {
        Self::at(path, Place::File, 1, reason)
    }

    pub(crate) fn at(path: &Path, place: Place, resources: usize, reason: Refusal) -> Self {
        Self {
            path: path.to_owned(),
            place,
            resources,
            reason,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first place in the file that this is about.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// How many resources of the file share this reason.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.resources
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &Refusal {
        &self.reason
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.place {
            Place::File => {}
            Place::Line(line) => write!(f, ", line {line}")?,
            Place::Entry(entry) => write!(f, ", entry[{entry}]")?,
        }
        if self.resources > 1 {
            write!(f, " ({} resources)", self.resources)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Nothing can be read from a path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The path itself cannot be read.
    #[error(transparent)]
    Path(#[from] Skipped),
    /// One record was asked for and there is none.
    #[error("{path} holds no record: {why}")]
    NoRecord {
        /// The path that was given.
        path: PathBuf,
        /// The first reason, or that there is nothing.
        why: String,
    },
    /// One record was asked for and there are several.
    #[error("{path} holds the records of {count} patients: say which one")]
    SeveralPatients {
        /// The path that was given.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
}
