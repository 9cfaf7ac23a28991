//! Whether a data set that ends between two elements ends where it may.
//!
//! Nothing in the format says how many elements there are, but they stand in the order of their tags, and some announce others:
//!
//! | what stands in the file | what must not be cut off | source |
//! |---|---|---|
//! | the class of a stored object (0002,0002), (0008,0016) | the Series Instance UID (0020,000E), of type 1 in each | PS3.3, C.7.3.1 |
//! | that of an image, or rows, columns and bits allocated | pixels: (7FE0,0008), (7FE0,0009) or (7FE0,0010), or their URL (0028,7FE0) | PS3.3, C.7.6.3, C.7.6.24, C.7.6.25 |
//! | that of a waveform | Waveform Sequence (5400,0100) | PS3.3, C.10.9 |
//! | that of a spectroscopy | Spectroscopy Data (5600,0020) | PS3.3, C.8.14.4 |
//! | that of an encapsulated document | Encapsulated Document (0042,0011) | PS3.3, C.24.2 |
//! | the length of a group (gggg,0000), retired | the end of that group | PS3.5, 7.2 |
//!
//! A file is refused when its last tag is *before* what must come: one that lacks it and goes on was not cut there. The length of
//! the pixels' own group is not looked at, because programs that compress pixels forget to correct it.
//!
//! What stays unseen: a cut behind the series in an object of a class without such a body (a structured report, a plan, a
//! presentation state); a cut of an image of an unknown class before its bits allocated, and of any other object of such a class;
//! a cut of a bare data set before its class; a cut behind the pixels, where only padding and signatures stand. A record's
//! ciphertext is bound by its digest, so no cut after encryption goes unseen.

use super::walk::Tag;
use crate::refusal::Refusal;

const CLASS: Tag = (0x0008, 0x0016);
const SERIES: Tag = (0x0020, 0x000e);
const ROWS: Tag = (0x0028, 0x0010);
const COLUMNS: Tag = (0x0028, 0x0011);
const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
const PIXEL_URL: Tag = (0x0028, 0x7fe0);
const DOCUMENT: Tag = (0x0042, 0x0011);
const WAVEFORMS: Tag = (0x5400, 0x0100);
const SPECTRA: Tag = (0x5600, 0x0020);
/// The first of the three kinds of pixels, and the usual one.
const PIXELS: Tag = (0x7fe0, 0x0008);
const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
/// Any kind of pixels stands there.
const PIXEL_GROUP: u16 = 0x7fe0;

/// What the classes of stored objects begin with (PS3.4, B.5).
const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";
/// A class has at most 64 characters.
const MAX_CLASS: usize = 64;

/// The classes of images behind [`STORAGE`]: those of PS3.4, table B.5-1, whose pixels are mandatory, and retired ones.
#[rustfmt::skip]
const IMAGES: [&str; 71] = [
    "1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1",
    "2", "2.1", "2.2", "2.3", "2.4", "2.5", "3", "3.1", "4", "4.1", "4.3", "4.4", "5",
    "6", "6.1", "6.2", "6.3", "7", "7.1", "7.2", "7.3", "7.4",
    "12.1", "12.1.1", "12.2", "12.2.1", "12.3", "13.1.1", "13.1.2", "13.1.3", "13.1.4", "13.1.5", "14.1", "14.2",
    "20", "30", "66.4", "66.7",
    "77.1", "77.1.1", "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.4", "77.1.4.1",
    "77.1.5.1", "77.1.5.2", "77.1.5.4", "77.1.5.5", "77.1.5.6", "77.1.5.7", "77.1.5.8",
    "77.1.6", "77.1.7", "77.1.8", "77.1.9", "77.2", "81.1", "82.1", "128", "128.1", "130", "481.1",
];

/// What was met so far that tells how the data set must end; of one size, however long the data set is.
#[derive(Default)]
pub(super) struct Ending {
    body: Body,
    stored: bool,
    rows: bool,
    columns: bool,
    bits: bool,
    pixel_url: bool,
    /// The last group of announced length, and where it ends.
    group: Option<(u16, u64)>,
}

/// What an object of a class is about.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Body {
    #[default]
    Unknown,
    Pixels,
    Waveforms,
    Spectra,
    Document,
}

impl Body {
    fn of(class: &str) -> Self {
        let below = |folder: &str| class.starts_with(folder);
        match class {
            "4.2" => Self::Spectra,
            _ if IMAGES.contains(&class) => Self::Pixels,
            // Those at 9.100 are presentation states.
            _ if below("9.") && !below("9.100.") => Self::Waveforms,
            _ if below("104.") => Self::Document,
            _ => Self::Unknown,
        }
    }
}

impl Ending {
    /// Whether the value of an element at the top tells something.
    pub(super) fn wants((group, number): Tag) -> bool {
        let announcing = [CLASS, ROWS, COLUMNS, BITS_ALLOCATED, PIXEL_URL];
        number == 0 || announcing.contains(&(group, number))
    }

    /// The class as it stands in the meta group or in the data set.
    pub(super) fn class(&mut self, uid: &[u8]) {
        let uid = uid.get(..uid.len().min(MAX_CLASS)).unwrap_or_default();
        let uid = String::from_utf8_lossy(uid);
        if let Some(class) = uid.trim_end_matches(['\0', ' ']).strip_prefix(STORAGE) {
            // At 200 and 201 are protocols and inventories, which are of no patient's series.
            self.stored = !class.starts_with("200.") && !class.starts_with("201.");
            self.body = Body::of(class);
        }
    }

    /// A value at the top that is wanted, in the byte order of its data set; it ends at `offset`.
    pub(super) fn value(&mut self, tag: Tag, bytes: &[u8], big_endian: bool, offset: u64) {
        let there = !bytes.is_empty();
        match tag {
            CLASS => self.class(bytes),
            ROWS => self.rows = there,
            COLUMNS => self.columns = there,
            BITS_ALLOCATED => self.bits = there,
            PIXEL_URL => self.pixel_url = there,
            (group, 0) => {
                if let Ok(length) = <[u8; 4]>::try_from(bytes) {
                    let length = match big_endian {
                        true => u32::from_be_bytes(length),
                        false => u32::from_le_bytes(length),
                    };
                    self.group = Some((group, offset.saturating_add(u64::from(length))));
                }
            }
            _ => {}
        }
    }

    /// Whether a data set whose last element is `last` may end at `offset`.
    pub(super) fn check(&self, last: Tag, offset: u64) -> Result<(), Refusal> {
        if let Some((group, end)) = self.group
            && group == last.0
            && group != PIXEL_GROUP
            && end > offset
        {
            return Err(Refusal::TruncatedDicomGroup {
                group: format!("{group:04X}"),
                missing: end.saturating_sub(offset),
            });
        }
        match self.due().find(|(tag, _)| last < *tag) {
            Some((tag, why)) => {
                let (group, number) = if tag == PIXELS { PIXEL_DATA } else { tag };
                Err(Refusal::IncompleteDicom {
                    tag: format!("({group:04X},{number:04X})"),
                    why,
                })
            }
            None => Ok(()),
        }
    }

    /// What must come, in the order of the tags, and why.
    fn due(&self) -> impl Iterator<Item = (Tag, &'static str)> {
        let series = (SERIES, "every object of its class has it");
        let announced = self.rows && self.columns && self.bits;
        let body = match self.body {
            Body::Waveforms => Some((WAVEFORMS, "its class is that of a waveform")),
            Body::Spectra => Some((SPECTRA, "its class is that of a spectroscopy")),
            Body::Document => Some((DOCUMENT, "its class is that of a document")),
            Body::Pixels if !self.pixel_url => Some((PIXELS, "its class is that of an image")),
            Body::Unknown if announced && !self.pixel_url => {
                Some((PIXELS, "its header announces pixels"))
            }
            Body::Pixels | Body::Unknown => None,
        };
        self.stored.then_some(series).into_iter().chain(body)
    }
}
