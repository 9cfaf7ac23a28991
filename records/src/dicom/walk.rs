//! A walk over all elements of a data set (PS3.5, chapter 7), in constant memory.
//!
//! Only elements of undefined length, and the code sequences that are wanted, are entered; all other
//! values are passed over by their length. The stack of open sequences is bounded.

use std::io;

use super::source::{Source, fill};
use super::syntax::{Syntax, is_long, is_vr};
use crate::refusal::Refusal;

/// An element's tag: group and number.
pub(crate) type Tag = (u16, u16);

const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
const UNDEFINED: u32 = u32::MAX;

/// The deepest nesting of sequences and items.
const MAX_OPEN: usize = 64;
/// The longest value that is read; the wanted ones have at most 64 characters by the standard, long
/// code values excepted.
const MAX_VALUE: u32 = 16 << 10;

/// Which values a caller wants to see.
pub(crate) trait Wanted {
    /// Whether the value of an element at the top, or in an item of a top sequence, is wanted.
    fn value(&self, inside: Option<Tag>, tag: Tag) -> bool;
    /// Whether a top sequence is to be entered even though it could be passed over.
    fn sequence(&self, tag: Tag) -> bool;
}

/// What the walk meets that is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// A value, as it stands in the file.
    Value {
        inside: Option<Tag>,
        tag: Tag,
        bytes: Vec<u8>,
    },
    /// The end of an item of a top sequence.
    ItemEnd { inside: Tag },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sequence,
    Item,
    Fragments,
}

#[derive(Clone, Copy)]
struct Open {
    kind: Kind,
    tag: Tag,
    end: Option<u64>,
    outer: Syntax,
}

struct Header {
    tag: Tag,
    vr: Option<[u8; 2]>,
    len: u32,
}

/// The walk itself.
pub(crate) struct Walk<S, W> {
    source: S,
    wanted: W,
    syntax: Syntax,
    offset: u64,
    last: Option<Tag>,
    open: Vec<Open>,
}

impl<S: Source, W: Wanted> Walk<S, W> {
    pub(crate) fn new(source: S, syntax: Syntax, wanted: W) -> Self {
        Self {
            source,
            wanted,
            syntax,
            offset: 0,
            last: None,
            open: Vec::new(),
        }
    }

    /// The next wanted thing; `None` at the end of a whole data set.
    pub(crate) fn next(&mut self) -> Result<Option<Met>, Refusal> {
        loop {
            if let Some(open) = self.ended()? {
                if let Some(met) = self.close(open) {
                    return Ok(Some(met));
                }
                continue;
            }
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            if let Some(met) = self.enter(&header)? {
                return Ok(Some(met));
            }
        }
    }

    /// The highest tag at the top, where elements stand in the order of their tags.
    pub(crate) fn last(&self) -> Option<Tag> {
        self.last
    }

    /// How many bytes were walked.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The innermost open thing, if its length ends here.
    fn ended(&self) -> Result<Option<Open>, Refusal> {
        let Some(open) = self.open.last() else {
            return Ok(None);
        };
        match open.end {
            Some(end) if end < self.offset => {
                Err(self.malformed("an element is longer than what holds it"))
            }
            Some(end) if end == self.offset => Ok(Some(*open)),
            _ => Ok(None),
        }
    }

    fn close(&mut self, open: Open) -> Option<Met> {
        self.open.pop();
        self.syntax = open.outer;
        (open.kind == Kind::Item && self.open.len() == 1)
            .then_some(Met::ItemEnd { inside: open.tag })
    }

    fn header(&mut self) -> Result<Option<Header>, Refusal> {
        let mut bytes = [0; 4];
        match self.fill(&mut bytes)? {
            0 if self.open.is_empty() => return Ok(None),
            4 => {}
            read => {
                return Err(truncated(
                    self.inner_tag(),
                    4u64.saturating_sub(read as u64),
                ));
            }
        }
        let [a, b, c, d] = bytes;
        let tag = (self.u16([a, b]), self.u16([c, d]));
        let (vr, len) = if tag.0 == ITEM.0 || !self.syntax.explicit {
            (None, self.read_u32(tag)?)
        } else {
            let vr: [u8; 2] = self.read(tag)?;
            if !is_vr(&vr) {
                return Err(self.malformed("an element has no known value representation"));
            }
            (Some(vr), self.explicit_len(tag, vr)?)
        };
        Ok(Some(Header { tag, vr, len }))
    }

    fn explicit_len(&mut self, tag: Tag, vr: [u8; 2]) -> Result<u32, Refusal> {
        if is_long(vr) {
            let _reserved: [u8; 2] = self.read(tag)?;
            return self.read_u32(tag);
        }
        let bytes = self.read(tag)?;
        Ok(u32::from(self.u16(bytes)))
    }

    fn enter(&mut self, header: &Header) -> Result<Option<Met>, Refusal> {
        let within = self.open.last().map(|open| open.kind);
        match (within, header.tag) {
            (Some(Kind::Fragments), ITEM) if header.len != UNDEFINED => {
                self.skip(header).map(|()| None)
            }
            (Some(Kind::Sequence), ITEM) => self.push(Kind::Item, self.inner_tag(), header.len),
            (Some(Kind::Item), ITEM_END)
            | (Some(Kind::Sequence | Kind::Fragments), SEQUENCE_END) => {
                match self.open.last().copied() {
                    Some(open) if open.end.is_none() => Ok(self.close(open)),
                    _ => Err(self.malformed("a delimiter ends what has a length")),
                }
            }
            (None | Some(Kind::Item), tag) if tag.0 != ITEM.0 => self.element(header),
            _ => Err(self.malformed("items and delimiters do not fit together")),
        }
    }

    fn element(&mut self, header: &Header) -> Result<Option<Met>, Refusal> {
        let inside = match self.open.as_slice() {
            [] => {
                self.last = self.last.max(Some(header.tag));
                None
            }
            [sequence, _] => Some(sequence.tag),
            _ => return self.pass(header),
        };
        if header.len != UNDEFINED
            && header.len <= MAX_VALUE
            && self.wanted.value(inside, header.tag)
        {
            let mut bytes = vec![0; header.len as usize];
            let read = self.fill(&mut bytes)?;
            return match header.len as usize - read {
                0 => Ok(Some(Met::Value {
                    inside,
                    tag: header.tag,
                    bytes,
                })),
                missing => Err(truncated(header.tag, missing as u64)),
            };
        }
        let sequence = header.vr.is_none_or(|vr| &vr == b"SQ");
        if inside.is_none() && sequence && self.wanted.sequence(header.tag) {
            return self.push(Kind::Sequence, header.tag, header.len);
        }
        self.pass(header)
    }

    /// Passes over an element that is not wanted, entering it only if its length is not told.
    fn pass(&mut self, header: &Header) -> Result<Option<Met>, Refusal> {
        if header.len != UNDEFINED {
            return self.skip(header).map(|()| None);
        }
        let sequence = match &header.vr {
            Some(vr) => matches!(vr, b"SQ" | b"UN"),
            None => header.tag != PIXEL_DATA,
        };
        let kind = if sequence {
            Kind::Sequence
        } else {
            Kind::Fragments
        };
        let met = self.push(kind, header.tag, header.len)?;
        if header.vr.as_ref().is_some_and(|vr| vr == b"UN") {
            // PS3.5, 6.2.2, note 4: such content is implicit little endian.
            self.syntax = Syntax::IMPLICIT_LITTLE;
        }
        Ok(met)
    }

    fn push(&mut self, kind: Kind, tag: Tag, len: u32) -> Result<Option<Met>, Refusal> {
        if self.open.len() >= MAX_OPEN {
            return Err(self.malformed("sequences are nested too deep"));
        }
        let end = (len != UNDEFINED).then(|| self.offset.saturating_add(u64::from(len)));
        let outer_end = self.open.last().and_then(|open| open.end);
        if end.is_some_and(|end| outer_end.is_some_and(|outer| end > outer)) {
            return Err(self.malformed("an element is longer than what holds it"));
        }
        self.open.push(Open {
            kind,
            tag,
            end,
            outer: self.syntax,
        });
        Ok(None)
    }

    fn skip(&mut self, header: &Header) -> Result<(), Refusal> {
        let len = u64::from(header.len);
        let skipped = self.source.skip(len).map_err(|error| self.failed(&error))?;
        self.offset = self.offset.saturating_add(skipped);
        match len.saturating_sub(skipped) {
            0 => Ok(()),
            missing => Err(truncated(header.tag, missing)),
        }
    }

    fn read<const N: usize>(&mut self, tag: Tag) -> Result<[u8; N], Refusal> {
        let mut bytes = [0; N];
        match self.fill(&mut bytes)? {
            read if read == N => Ok(bytes),
            read => Err(truncated(tag, N.saturating_sub(read) as u64)),
        }
    }

    fn read_u32(&mut self, tag: Tag) -> Result<u32, Refusal> {
        let bytes = self.read(tag)?;
        Ok(if self.syntax.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn u16(&self, bytes: [u8; 2]) -> u16 {
        if self.syntax.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    /// Reads as much as there is, up to the whole buffer.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let filled = fill(&mut self.source, buffer).map_err(|error| self.failed(&error))?;
        self.offset = self.offset.saturating_add(filled as u64);
        Ok(filled)
    }

    fn inner_tag(&self) -> Tag {
        self.open.last().map_or((0, 0), |open| open.tag)
    }

    fn malformed(&self, rule: &'static str) -> Refusal {
        Refusal::MalformedDicom {
            rule,
            offset: self.offset,
        }
    }

    fn failed(&self, error: &io::Error) -> Refusal {
        match error.kind() {
            io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof => {
                self.malformed("the compressed data set is damaged or cut short")
            }
            kind => Refusal::Io(kind),
        }
    }
}

fn truncated((group, number): Tag, missing: u64) -> Refusal {
    Refusal::TruncatedDicom {
        tag: format!("({group:04X},{number:04X})"),
        missing,
    }
}
