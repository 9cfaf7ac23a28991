//! How the bytes of a data set are laid out.

/// Byte order and whether value representations are written (PS3.5, annex A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) big_endian: bool,
    pub(crate) explicit: bool,
    pub(crate) deflated: bool,
}

impl Syntax {
    pub(crate) const IMPLICIT_LITTLE: Self = Self {
        big_endian: false,
        explicit: false,
        deflated: false,
    };
    pub(crate) const EXPLICIT_LITTLE: Self = Self {
        explicit: true,
        ..Self::IMPLICIT_LITTLE
    };
    pub(crate) const EXPLICIT_BIG: Self = Self {
        big_endian: true,
        ..Self::EXPLICIT_LITTLE
    };
    const DEFLATED: Self = Self {
        deflated: true,
        ..Self::EXPLICIT_LITTLE
    };

    /// The layout of a transfer syntax: all encapsulated ones are explicit little endian.
    pub(crate) fn of(uid: &str) -> Self {
        match uid {
            // The second is GE's private one: implicit little endian but for the pixels.
            "1.2.840.10008.1.2" | "1.2.840.113619.5.2" => Self::IMPLICIT_LITTLE,
            "1.2.840.10008.1.2.2" => Self::EXPLICIT_BIG,
            "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95" | "1.2.840.10008.1.2.4.205" => {
                Self::DEFLATED
            }
            _ => Self::EXPLICIT_LITTLE,
        }
    }

    /// The layout of a data set without meta group, told by its first element (group 0008).
    pub(crate) fn guess(head: &[u8]) -> Option<Self> {
        let tag: [u8; 4] = head.get(..4)?.try_into().ok()?;
        let explicit = head.get(4..6).is_some_and(is_vr);
        match (tag, explicit) {
            // No JSON, XML or archive begins with these two bytes.
            ([0x08, 0x00, _, 0x00], true) => Some(Self::EXPLICIT_LITTLE),
            ([0x08, 0x00, _, 0x00], false) => Some(Self::IMPLICIT_LITTLE),
            ([0x00, 0x08, 0x00, _], true) => Some(Self::EXPLICIT_BIG),
            _ => None,
        }
    }
}

/// The length of the preamble before `DICM` (PS3.10, 7.1).
pub(crate) const PREAMBLE: usize = 128;

/// Where the meta group or the bare data set begins, if this is DICOM.
pub(crate) fn start(head: &[u8]) -> Option<usize> {
    let mark = b"DICM";
    let behind_mark = |at: usize| {
        let found = head.get(at..).is_some_and(|rest| rest.starts_with(mark));
        found.then(|| at.saturating_add(mark.len()))
    };
    let meta = head.starts_with(&[0x02, 0x00, 0x00, 0x00, b'U', b'L']);
    let bare = || (meta || Syntax::guess(head).is_some()).then_some(0);
    behind_mark(PREAMBLE)
        .or_else(|| behind_mark(0))
        .or_else(bare)
}

/// Whether the first bytes of a file are those of a DICOM file.
pub(crate) fn looks_like_dicom(head: &[u8]) -> bool {
    start(head).is_some()
}

/// The value representations of PS3.5, 6.2.
const VRS: [&[u8; 2]; 34] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"OB",
    b"OD", b"OF", b"OL", b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM",
    b"UC", b"UI", b"UL", b"UN", b"UR", b"US", b"UT", b"UV",
];

/// Whether two bytes are a value representation.
pub(crate) fn is_vr(bytes: &[u8]) -> bool {
    VRS.iter().any(|vr| vr.as_slice() == bytes)
}

/// Whether a value representation has a length of four bytes after two reserved ones.
pub(crate) fn is_long(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"OB"
            | b"OD"
            | b"OF"
            | b"OL"
            | b"OV"
            | b"OW"
            | b"SQ"
            | b"SV"
            | b"UC"
            | b"UN"
            | b"UR"
            | b"UT"
            | b"UV"
    )
}
