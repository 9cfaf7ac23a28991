//! DICOM files that were cut exactly between two elements: refused where what stands before the cut announces more.

use std::fs;

use consilium_records::{Limits, Records};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const PRIVATE: &str = "1.3.6.1.4.1.99999.1";
const CLASS: (u16, u16) = (0x0008, 0x0016);
const SERIES: (u16, u16) = (0x0020, 0x000e);
const BITS: (u16, u16) = (0x0028, 0x0100);
const PIXELS: (u16, u16) = (0x7fe0, 0x0010);

type Element = ((u16, u16), &'static [u8; 2], Vec<u8>);

fn write((group, number): (u16, u16), vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    value.extend((value.len() % 2 == 1).then_some(0));
    let mut out = [group.to_le_bytes(), number.to_le_bytes(), *vr].concat();
    if matches!(vr, b"OB" | b"SQ" | b"UR" | b"OF") {
        out.extend([0, 0]);
        out.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    out.extend(value);
    out
}

/// Preamble and meta group.
fn meta(class: &str) -> Vec<u8> {
    let mut group = write((2, 2), b"UI", class.as_bytes());
    group.extend(write((2, 0x10), b"UI", b"1.2.840.10008.1.2.1"));
    let len = u32::try_from(group.len()).unwrap().to_le_bytes();
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    out.extend(write((2, 0), b"UL", &len));
    out.extend(group);
    out
}

fn text(tag: (u16, u16), vr: &'static [u8; 2], value: &str) -> Element {
    (tag, vr, value.as_bytes().to_vec())
}

fn number(tag: (u16, u16), value: u16) -> Element {
    (tag, b"US", value.to_le_bytes().to_vec())
}

/// What every object has.
fn object(class: &str) -> Vec<Element> {
    vec![
        text((0x0008, 0x0005), b"CS", "ISO_IR 100"),
        text(CLASS, b"UI", class),
        text((0x0008, 0x0018), b"UI", "2.25.1"),
        text((0x0008, 0x0060), b"CS", "CT"),
        text((0x0010, 0x0010), b"PN", "Doe^Jane"),
        text((0x0010, 0x0020), b"LO", "1"),
        text((0x0020, 0x000d), b"UI", "2.25.2"),
        text(SERIES, b"UI", "2.25.3"),
        text((0x0020, 0x0013), b"IS", "1"),
    ]
}

fn image(class: &str) -> Vec<Element> {
    let mut all = object(class);
    all.extend([
        number((0x0028, 0x0010), 2),
        number((0x0028, 0x0011), 2),
        number(BITS, 8),
        number((0x0028, 0x0101), 8),
        (PIXELS, b"OB", vec![1, 2, 3, 4]),
        ((0xfffc, 0xfffc), b"OB", vec![0; 8]),
    ]);
    all
}

/// The reason for which a file is refused; nothing, where it is a record.
fn reason(bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.dcm");
    fs::write(&path, bytes).unwrap();
    let refused = Records::one(&path, &Limits::default()).err();
    refused.map(|refused| refused.to_string())
}

/// What becomes of the elements up to each, the last of them named.
fn cuts(mut bytes: Vec<u8>, elements: &[Element]) -> Vec<((u16, u16), Option<String>)> {
    let cut = elements.iter().map(|(tag, vr, value)| {
        bytes.extend(write(*tag, vr, value));
        (*tag, reason(&bytes))
    });
    cut.collect()
}

#[test]
fn an_image_cut_between_any_two_elements_before_its_pixels_is_refused() {
    for (last, refused) in cuts(meta(CT), &image(CT)) {
        let Some(refused) = refused else {
            assert!(last >= PIXELS, "cut behind {last:x?}");
            continue;
        };
        assert!(
            last < PIXELS && refused.contains("truncated DICOM"),
            "{last:x?}: {refused}"
        );
        let before = if last < SERIES {
            "(0020,000E)"
        } else {
            "(7FE0,0010)"
        };
        assert!(refused.contains(before), "{last:x?}: {refused}");
    }
    // Without a meta group, once its class stands in the data set itself.
    for (last, refused) in cuts(Vec::new(), &image(CT)) {
        assert_eq!(
            refused.is_some(),
            (CLASS..PIXELS).contains(&last),
            "{last:x?}"
        );
    }
}

#[test]
fn an_image_of_an_unknown_class_is_refused_once_its_bits_are_announced() {
    for (last, refused) in cuts(meta(PRIVATE), &image(PRIVATE)) {
        assert_eq!(
            refused.is_some(),
            (BITS..PIXELS).contains(&last),
            "{last:x?}"
        );
    }
}

#[test]
fn pixels_of_other_kinds_or_elsewhere_are_pixels() {
    let map = "1.2.840.10008.5.1.4.1.1.30";
    let mut float = image(map);
    float.retain(|(tag, ..)| *tag < PIXELS);
    float.push(((0x7fe0, 0x0008), b"OF", vec![0; 16]));
    assert_eq!(cuts(meta(map), &float).pop().unwrap().1, None);
    // JPIP: the pixels are fetched from where the URL says.
    let mut elsewhere = image(CT);
    elsewhere.retain(|(tag, ..)| *tag < PIXELS);
    elsewhere.push(text((0x0028, 0x7fe0), b"UR", "https://pixels.example/1"));
    assert_eq!(cuts(meta(CT), &elsewhere).pop().unwrap().1, None);
}

#[test]
fn waveforms_spectra_and_documents_are_refused_before_what_they_are_about() {
    let cases: [(&str, Element); 5] = [
        (
            "1.2.840.10008.5.1.4.1.1.9.1.1",
            ((0x5400, 0x0100), b"SQ", vec![]),
        ),
        (
            "1.2.840.10008.5.1.4.1.1.4.2",
            ((0x5600, 0x0020), b"OF", vec![0; 8]),
        ),
        (
            "1.2.840.10008.5.1.4.1.1.104.1",
            ((0x0042, 0x0011), b"OB", vec![1; 8]),
        ),
        // Presentation states of waveforms and structured reports promise nothing behind their series.
        (
            "1.2.840.10008.5.1.4.1.1.9.100.1",
            text(SERIES, b"UI", "2.25.3"),
        ),
        (
            "1.2.840.10008.5.1.4.1.1.88.33",
            text(SERIES, b"UI", "2.25.3"),
        ),
    ];
    for (class, body) in cases {
        let tag = body.0;
        let mut elements = object(class);
        elements.push(body);
        elements.sort_by_key(|(tag, ..)| *tag);
        for (last, refused) in cuts(meta(class), &elements) {
            assert_eq!(
                refused.is_some(),
                last < tag,
                "{class} cut behind {last:x?}: {refused:?}"
            );
        }
    }
}

/// The lengths of groups are retired, but old files have them.
#[test]
fn a_file_that_ends_inside_a_group_of_announced_length_is_refused() {
    let inside = [
        text((0x0008, 0x0005), b"CS", "ISO_IR 100"),
        text((0x0008, 0x0060), b"CS", "OT"),
        text((0x0008, 0x1030), b"LO", "Chest"),
    ];
    let len: usize = inside
        .iter()
        .map(|(tag, vr, value)| write(*tag, vr, value).len())
        .sum();
    let length = u32::try_from(len).unwrap().to_le_bytes().to_vec();
    let mut all = vec![((0x0008, 0x0000), b"UL", length)];
    all.extend(inside);
    let expected = [Some(len), Some(len - 18), Some(len - 28), None];
    for ((last, refused), missing) in cuts(meta(PRIVATE), &all).into_iter().zip(expected) {
        let told = missing.map(|missing| format!("{missing} bytes of group 0008 are missing"));
        match (refused, told) {
            (None, None) => {}
            (Some(refused), Some(told)) => assert!(refused.contains(&told), "{last:x?}: {refused}"),
            (refused, _) => panic!("{last:x?}: {refused:?}"),
        }
    }
    // A length that was not corrected when something was taken out says nothing about the end of the file.
    let stale = [
        vec![all[0].clone(), all[1].clone()],
        object(PRIVATE)[4..].to_vec(),
    ]
    .concat();
    assert_eq!(cuts(meta(PRIVATE), &stale).pop().unwrap().1, None);
}
