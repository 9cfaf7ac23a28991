//! The meta group 0002 of a file (PS3.10, 7.1), always explicit little endian: which layout follows.

use super::ending::Ending;
use super::source::{Prefixed, Source, fill};
use super::syntax::{Syntax, is_long, is_vr};
use crate::refusal::Refusal;

const GROUP: u16 = 0x0002;
const MEDIA_CLASS: u16 = 0x0002;
const TRANSFER_SYNTAX: u16 = 0x0010;
/// The media storage class of a directory of files.
const DICOMDIR: &[u8] = b"1.2.840.10008.1.3.10";
/// A UID has at most 64 characters.
const MAX_UID: u32 = 64;

/// What was read ahead, and the source behind it.
pub(crate) type Rest = Prefixed<Prefixed<Box<dyn Source>>>;

/// Reads the meta group if there is one, and gives the source at the data set's first byte; the class tells how it must end.
pub(crate) fn read(
    ahead: Vec<u8>,
    source: Box<dyn Source>,
    ending: &mut Ending,
) -> Result<(Syntax, Rest), Refusal> {
    let bare = Syntax::guess(&ahead);
    let mut source = Prefixed::new(ahead, source);
    if let Some(syntax) = bare {
        return Ok((syntax, Prefixed::new(Vec::new(), source)));
    }
    let mut syntax = None;
    let mut offset = 0u64;
    loop {
        let mut head = vec![0; 8];
        let read = fill(&mut source, &mut head)?;
        head.truncate(read);
        let Some((number, vr, short)) = meta_element(&head) else {
            // Without a meta group behind DICM, a data set may follow all the same.
            let syntax =
                syntax
                    .or_else(|| Syntax::guess(&head))
                    .ok_or(Refusal::MalformedDicom {
                        rule: "no transfer syntax (0002,0010)",
                        offset,
                    })?;
            return Ok((syntax, Prefixed::new(head, source)));
        };
        let len = if is_long(vr) {
            long_len(&mut source)?
        } else {
            u32::from(short)
        };
        let value = value(&mut source, number, len)?;
        let uid = value.trim_ascii_end();
        let uid = uid.strip_suffix(b"\0").unwrap_or(uid);
        match number {
            MEDIA_CLASS if uid == DICOMDIR => return Err(Refusal::Dicomdir),
            MEDIA_CLASS => ending.class(uid),
            TRANSFER_SYNTAX => syntax = Some(Syntax::of(&String::from_utf8_lossy(uid))),
            _ => {}
        }
        offset = offset.saturating_add(8).saturating_add(u64::from(len));
    }
}

/// Number, value representation and short length of an element of the meta group.
fn meta_element(head: &[u8]) -> Option<(u16, [u8; 2], u16)> {
    let [g0, g1, n0, n1, v0, v1, l0, l1] = *head else {
        return None;
    };
    let meta = u16::from_le_bytes([g0, g1]) == GROUP && is_vr(&[v0, v1]);
    meta.then(|| {
        (
            u16::from_le_bytes([n0, n1]),
            [v0, v1],
            u16::from_le_bytes([l0, l1]),
        )
    })
}

fn long_len(source: &mut impl Source) -> Result<u32, Refusal> {
    let mut bytes = [0; 4];
    match fill(source, &mut bytes)? {
        4 => Ok(u32::from_le_bytes(bytes)),
        read => Err(truncated(0, 4u64.saturating_sub(read as u64))),
    }
}

/// The value of a UID; others are passed over.
fn value(source: &mut impl Source, number: u16, len: u32) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let wanted = matches!(number, MEDIA_CLASS | TRANSFER_SYNTAX) && len <= MAX_UID;
    let read = if wanted {
        bytes.resize(len as usize, 0);
        fill(source, &mut bytes)? as u64
    } else {
        source.skip(u64::from(len))?
    };
    match u64::from(len).saturating_sub(read) {
        0 => Ok(bytes),
        missing => Err(truncated(number, missing)),
    }
}

fn truncated(number: u16, missing: u64) -> Refusal {
    Refusal::TruncatedDicom {
        tag: format!("({GROUP:04X},{number:04X})"),
        missing,
    }
}
