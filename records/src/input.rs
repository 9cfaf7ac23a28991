//! One file: plain or gzip, DICOM or text, told by its bytes and not by its name.
//!
//! Only that a file is read line by line without bound on its size is told by its name: `.ndjson` or
//! `.jsonl`, with or without `.gz`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::dicom::looks_like_dicom;
use crate::fhir::{Lines, looks_like_lines};
use crate::limits::Limits;
use crate::refusal::Refusal;

const GZIP_MARK: &[u8] = &[0x1f, 0x8b];
/// Enough to tell DICOM: a preamble of 128 bytes, four letters and one element.
const HEAD_BYTES: u64 = 256;

/// What a file holds, as far as its first bytes tell.
pub(crate) enum Input {
    /// A DICOM file, not yet read.
    Dicom { gzip: bool },
    /// One JSON text, not yet checked.
    Document(Vec<u8>),
    /// One JSON text per line.
    Lines(Lines<Box<dyn BufRead>>),
}

/// Opens a file and tells what it holds.
pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Input, Refusal> {
    let mut head = Vec::new();
    let gzip = is_gzip(path)?;
    let whole = Read::take(stream(path, gzip)?, HEAD_BYTES).read_to_end(&mut head);
    if looks_like_dicom(&head) {
        return Ok(Input::Dicom { gzip });
    }
    whole.map_err(|error| stream_error(gzip, &error))?;
    if named_as_lines(path) {
        return Ok(Input::Lines(Lines::new(
            stream(path, gzip)?,
            limits.document_bytes(),
        )));
    }
    let bytes = read_document(path, limits)?;
    if looks_like_lines(&bytes) {
        let reader: Box<dyn BufRead> = Box::new(std::io::Cursor::new(bytes));
        return Ok(Input::Lines(Lines::new(reader, limits.document_bytes())));
    }
    Ok(Input::Document(bytes))
}

/// The bytes of a document, after decompression, within the limit.
pub(crate) fn read_document(path: &Path, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let gzip = is_gzip(path)?;
    let limit = limits.document_bytes();
    let mut bytes = Vec::new();
    Read::take(stream(path, gzip)?, limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| stream_error(gzip, &error))?;
    if bytes.len() as u64 > limit {
        return Err(Refusal::TooLarge { limit });
    }
    Ok(bytes)
}

fn stream(path: &Path, gzip: bool) -> Result<Box<dyn BufRead>, Refusal> {
    let file = BufReader::new(File::open(path)?);
    Ok(if gzip {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

fn stream_error(gzip: bool, error: &std::io::Error) -> Refusal {
    if gzip {
        crate::fhir::read_error(error)
    } else {
        Refusal::Io(error.kind())
    }
}

fn is_gzip(path: &Path) -> Result<bool, Refusal> {
    let mut mark = Vec::new();
    File::open(path)?
        .take(GZIP_MARK.len() as u64)
        .read_to_end(&mut mark)?;
    Ok(mark == GZIP_MARK)
}

fn named_as_lines(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".ndjson") || name.ends_with(".jsonl")
}
