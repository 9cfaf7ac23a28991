//! What the header of a DICOM file says: whose it is, and by what it can be found.
//!
//! | keyword | from | system |
//! |---|---|---|
//! | modality | (0008,0060), (0008,0061) | DICOM Controlled Terminology |
//! | body part examined | (0018,0015) | [`DICOM_BODY_PART`] |
//! | study description | (0008,1030) | [`DICOM_STUDY_DESCRIPTION`] |
//! | codes of the study | [`CODE_SEQUENCES`] | by coding scheme designator |
//!
//! Several files of one patient are several records, because each file stays unchanged.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use dicom_object::Tag as ObjectTag;
use flate2::read::{DeflateDecoder, MultiGzDecoder};

use super::encode::file as write_file;
use super::ending::Ending;
use super::meta;
use super::source::{FileSource, Source, StreamSource, fill};
use super::syntax::{PREAMBLE, Syntax, start};
use super::walk::{Met, Tag, Walk, Wanted};
use crate::candidates::{Candidates, Found, Source as Origin, Standing};
use crate::coding::{DCM, DICOM_BODY_PART, DICOM_STUDY_DESCRIPTION};
use crate::limits::Limits;
use crate::refusal::Refusal;

/// A DICOM file that is whole.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) len: u64,
    pub(crate) candidates: Candidates,
}

const CHARACTER_SET: Tag = (0x0008, 0x0005);
const STUDY_DATE: Tag = (0x0008, 0x0020);
const MODALITY: Tag = (0x0008, 0x0060);
const MODALITIES: Tag = (0x0008, 0x0061);
const STUDY_DESCRIPTION: Tag = (0x0008, 0x1030);
const PATIENT_NAME: Tag = (0x0010, 0x0010);
const PATIENT_ID: Tag = (0x0010, 0x0020);
const BODY_PART: Tag = (0x0018, 0x0015);

/// The values read at the top, with their value representations.
const VALUES: [(Tag, [u8; 2]); 8] = [
    (CHARACTER_SET, *b"CS"),
    (STUDY_DATE, *b"DA"),
    (MODALITY, *b"CS"),
    (MODALITIES, *b"CS"),
    (STUDY_DESCRIPTION, *b"LO"),
    (PATIENT_NAME, *b"PN"),
    (PATIENT_ID, *b"LO"),
    (BODY_PART, *b"CS"),
];

/// Procedure (formerly: study description), series description, anatomic region, requested
/// procedure, and the reasons for the requested and the performed one.
const CODE_SEQUENCES: [Tag; 6] = [
    (0x0008, 0x1032),
    (0x0008, 0x103f),
    (0x0008, 0x2218),
    (0x0032, 0x1064),
    (0x0040, 0x100a),
    (0x0040, 0x1012),
];

const CODE_VALUE: Tag = (0x0008, 0x0100);
const CODE_SCHEME: Tag = (0x0008, 0x0102);
const CODE_MEANING: Tag = (0x0008, 0x0104);
const LONG_CODE_VALUE: Tag = (0x0008, 0x0119);
const URN_CODE_VALUE: Tag = (0x0008, 0x0120);

/// The values read in an item of a code sequence.
const CODE_VALUES: [(Tag, [u8; 2]); 5] = [
    (CODE_VALUE, *b"SH"),
    (CODE_SCHEME, *b"SH"),
    (CODE_MEANING, *b"LO"),
    (LONG_CODE_VALUE, *b"UC"),
    (URN_CODE_VALUE, *b"UR"),
];

/// Enough to see where the meta group or the bare data set begins.
const HEAD: usize = PREAMBLE + 8;

/// A class that means nothing, for the data set in which text is given to be decoded.
const NO_CLASS: &str = "2.25.0";

/// More items than any study has; those behind it are passed over.
const MAX_CODES: usize = 256;

type Values = BTreeMap<Tag, Vec<u8>>;

struct Header;

impl Wanted for Header {
    fn value(&self, inside: Option<Tag>, tag: Tag) -> bool {
        let table: &[(Tag, [u8; 2])] = match inside {
            None if Ending::wants(tag) => return true,
            None => &VALUES,
            Some(sequence) if self.sequence(sequence) => &CODE_VALUES,
            Some(_) => &[],
        };
        table.iter().any(|(wanted, _)| *wanted == tag)
    }

    fn sequence(&self, tag: Tag) -> bool {
        CODE_SEQUENCES.contains(&tag)
    }
}

/// Walks a file to its end and reads its header.
pub(crate) fn read(path: &Path, gzip: bool, limits: &Limits) -> Result<Image, Refusal> {
    let limit = limits.inflated_image_bytes();
    let len = if gzip {
        inflated_len(path, limit)?
    } else {
        File::open(path)?.metadata()?.len()
    };
    let mut source: Box<dyn Source> = if gzip {
        let stream = MultiGzDecoder::new(BufReader::new(File::open(path)?));
        Box::new(StreamSource(stream.take(limit.saturating_add(1))))
    } else {
        Box::new(FileSource::new(File::open(path)?)?)
    };
    let mut head = vec![0; HEAD];
    let read = fill(&mut source, &mut head)?;
    head.truncate(read);
    let begin = start(&head).ok_or(Refusal::Changed)?;
    let rest = head.split_off(begin.min(head.len()));
    let mut ending = Ending::default();
    let (syntax, source) = meta::read(rest, source, &mut ending)?;
    let source: Box<dyn Source> = if syntax.deflated {
        Box::new(StreamSource(
            DeflateDecoder::new(source).take(limit.saturating_add(1)),
        ))
    } else {
        Box::new(source)
    };
    let (values, codes) = data_set(source, syntax, ending)?;
    Ok(image(len, values, codes))
}

fn inflated_len(path: &Path, limit: u64) -> Result<u64, Refusal> {
    let stream = MultiGzDecoder::new(BufReader::new(File::open(path)?));
    let len = io::copy(&mut stream.take(limit.saturating_add(1)), &mut io::sink())
        .map_err(|error| crate::fhir::read_error(&error))?;
    if len > limit {
        Err(Refusal::TooLarge { limit })
    } else {
        Ok(len)
    }
}

/// The values at the top and those of each code, as they stand in the file, if it ends where it may.
fn data_set(
    source: Box<dyn Source>,
    syntax: Syntax,
    mut ending: Ending,
) -> Result<(Values, Vec<Values>), Refusal> {
    let mut walk = Walk::new(source, syntax, Header);
    let (mut values, mut codes, mut code) = (Values::new(), Vec::new(), Values::new());
    while let Some(met) = walk.next()? {
        match met {
            Met::Value {
                inside: None,
                tag,
                bytes,
            } if Ending::wants(tag) => ending.value(tag, &bytes, syntax.big_endian, walk.offset()),
            Met::Value {
                inside: None,
                tag,
                bytes,
            } => {
                values.entry(tag).or_insert(bytes);
            }
            Met::Value {
                inside: Some(_),
                tag,
                bytes,
            } => {
                code.entry(tag).or_insert(bytes);
            }
            Met::ItemEnd { .. } => {
                let code = std::mem::take(&mut code);
                if !code.is_empty() && codes.len() < MAX_CODES {
                    codes.push(code);
                }
            }
        }
    }
    let last = walk.last().ok_or(Refusal::MalformedDicom {
        rule: "there is no data set",
        offset: 0,
    })?;
    ending.check(last, walk.offset())?;
    Ok((values, codes))
}

fn image(len: u64, values: Values, codes: Vec<Values>) -> Image {
    let set = values.get(&CHARACTER_SET).cloned();
    let texts = decode(set.as_deref(), &values, &VALUES);
    let date = texts.get(&STUDY_DATE).and_then(|date| iso_date(date));
    let mut candidates = Candidates::default();
    let mut add = |system: &str, code: &str, display: Option<&str>| {
        if !code.trim().is_empty() {
            candidates.add(Found {
                system: system.to_owned(),
                code: code.to_owned(),
                display: display.map(str::to_owned),
                source: Origin::Dicom,
                standing: Standing::Recorded,
                date: date.clone(),
            });
        }
    };
    let simple = [
        (MODALITY, DCM),
        (MODALITIES, DCM),
        (BODY_PART, DICOM_BODY_PART),
        (STUDY_DESCRIPTION, DICOM_STUDY_DESCRIPTION),
    ];
    for (tag, system) in simple {
        let text = texts.get(&tag).map_or("", String::as_str);
        text.split('\\')
            .for_each(|code| add(system, code, Some(code.trim())));
    }
    for code in &codes {
        let texts = decode(set.as_deref(), code, &CODE_VALUES);
        let get = |tag: Tag| texts.get(&tag).map(|text| text.trim());
        let value = [CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE]
            .into_iter()
            .find_map(get);
        add(
            get(CODE_SCHEME).unwrap_or_default(),
            value.unwrap_or_default(),
            get(CODE_MEANING),
        );
    }
    let text = |tag: Tag| texts.get(&tag).map(|text| text.trim().to_owned());
    let name = text(PATIENT_NAME)
        .map(|name| human_name(&name))
        .filter(|name| !name.is_empty());
    Image {
        id: text(PATIENT_ID).unwrap_or_default(),
        name,
        len,
        candidates,
    }
}

/// Decodes short values by their character set, through `dicom-rs`, in a data set of our own writing.
///
/// If the character set is unknown, what is ASCII in the values is still read.
fn decode(set: Option<&[u8]>, values: &Values, table: &[(Tag, [u8; 2])]) -> BTreeMap<Tag, String> {
    let mut elements: Vec<_> = set
        .map(|set| (CHARACTER_SET, *b"CS", set.to_vec()))
        .into_iter()
        .collect();
    for (tag, vr) in table.iter().filter(|(tag, _)| *tag != CHARACTER_SET) {
        elements.extend(values.get(tag).map(|bytes| (*tag, *vr, bytes.clone())));
    }
    let file = write_file(NO_CLASS, NO_CLASS, &elements);
    let object = file.and_then(|file| dicom_object::from_reader(Cursor::new(file)).ok());
    let text = |tag: Tag, bytes: &[u8]| {
        let decoded = object.as_ref().and_then(|object| {
            let element = object.element_opt(ObjectTag(tag.0, tag.1)).ok()??;
            element.to_str().ok().map(|text| text.into_owned())
        });
        decoded.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
    };
    values
        .iter()
        .map(|(tag, bytes)| (*tag, text(*tag, bytes).trim_matches(['\0', ' ']).to_owned()))
        .collect()
}

/// `19970430` as `1997-04-30`.
fn iso_date(date: &str) -> Option<String> {
    let date = date.trim();
    let digits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let (year, rest) = digits.then(|| date.split_at_checked(4))??;
    let (month, day) = rest.split_at_checked(2)?;
    Some(format!("{year}-{month}-{day}"))
}

/// `Doe^Jane` as `Doe Jane`; the alphabetic form of several.
fn human_name(name: &str) -> String {
    let alphabetic = name.split('=').next().unwrap_or_default();
    alphabetic
        .split('^')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
