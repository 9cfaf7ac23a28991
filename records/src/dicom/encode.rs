//! A few elements as a DICOM file: explicit little endian, with preamble and meta group.

use dicom_object::FileMetaTableBuilder;

use super::syntax::is_long;

/// An element: tag, value representation, bytes of its value.
pub(crate) type Element = ((u16, u16), [u8; 2], Vec<u8>);

const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// A whole file. `None` if an element is longer than its length field can say.
pub(crate) fn file(class: &str, instance: &str, elements: &[Element]) -> Option<Vec<u8>> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(EXPLICIT_LITTLE)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(instance)
        .build()
        .ok()?;
    let mut out = vec![0; super::syntax::PREAMBLE];
    out.extend_from_slice(b"DICM");
    meta.write(&mut out).ok()?;
    for (tag, vr, value) in elements {
        out.extend(element(*tag, *vr, value)?);
    }
    Some(out)
}

/// One element, its value padded to an even length.
pub(crate) fn element((group, number): (u16, u16), vr: [u8; 2], value: &[u8]) -> Option<Vec<u8>> {
    let padding = (value.len() % 2 == 1).then_some(if matches!(&vr, b"UI" | b"OB") {
        0
    } else {
        b' '
    });
    let len = value.len().checked_add(value.len() % 2)?;
    let mut out = Vec::with_capacity(len.checked_add(12)?);
    out.extend_from_slice(&group.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&vr);
    if is_long(vr) {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&u32::try_from(len).ok()?.to_le_bytes());
    } else {
        out.extend_from_slice(&u16::try_from(len).ok()?.to_le_bytes());
    }
    out.extend_from_slice(value);
    out.extend(padding);
    Some(out)
}
