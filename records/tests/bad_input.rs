//! Malformed, hostile and oversized input: a typed reason, never a panic, never half a record.

use std::fs;
use std::io::{Read, Write};
use std::sync::OnceLock;

use consilium_records::{Limits, MAX_DEPTH, Records, Refusal, Sample};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The reason for which a file is left out.
fn refused(name: &str, bytes: &[u8], limits: &Limits) -> Refusal {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let mut records = Records::open(&path, limits).unwrap();
    assert!(records.next().is_none(), "no record of {name}");
    assert_eq!(records.skipped().len(), 1);
    assert!(records.skipped()[0].to_string().contains(name));
    records.skipped()[0].reason().clone()
}

fn plain(bytes: &[u8]) -> Refusal {
    refused("input.json", bytes, &Limits::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_fhir_is_named() {
    assert_eq!(plain(b""), Refusal::Empty);
    assert_eq!(plain(b"hello"), Refusal::NotJson { line: 1, column: 1 });
    assert_eq!(
        plain(b"{\n\"resourceType\": \"Patient\",\n}"),
        Refusal::NotJson { line: 3, column: 1 }
    );
    assert_eq!(
        plain(b"<Bundle xmlns=\"http://hl7.org/fhir\"/>"),
        Refusal::Xml
    );
    assert_eq!(plain(b"{}"), Refusal::NoResourceType);
    assert_eq!(plain(b"[1, 2]"), Refusal::NoResourceType);
    assert_eq!(
        plain(b"{\"resourceType\": \"Pati\xff\"}"),
        Refusal::NotUtf8 { offset: 22 }
    );
    assert_eq!(
        plain(b"\xff\xfe{\x00}\x00"),
        Refusal::NotJson { line: 1, column: 1 }
    );
    let unknown = plain(br#"{"resourceType": "Nonsense"}"#);
    assert_eq!(
        unknown,
        Refusal::UnknownResource {
            name: "Nonsense".into()
        }
    );
    assert_eq!(
        unknown.to_string(),
        "not FHIR R4: no resource is called \"Nonsense\""
    );
}

#[test]
fn a_bundle_of_bundles_is_refused() {
    let inner =
        r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}"#;
    let outer = format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{inner}}}]}}"#);
    assert_eq!(
        plain(outer.as_bytes()),
        Refusal::BundleOfBundles { entry: 0 }
    );
}

#[test]
fn nesting_is_refused_without_memory_or_stack() {
    for brackets in ["[", "{\"a\":"] {
        let text = brackets.repeat(4 << 20);
        assert!(matches!(
            plain(text.as_bytes()),
            Refusal::TooDeep {
                limit: MAX_DEPTH,
                ..
            }
        ));
    }
    let in_a_patient = format!(
        r#"{{"resourceType":"Patient","id":"1","extension":{}"#,
        "[".repeat(1 << 20)
    );
    assert!(matches!(
        plain(in_a_patient.as_bytes()),
        Refusal::TooDeep { .. }
    ));
    let lines = format!(
        "{}\n{}\n",
        r#"{"resourceType":"Practitioner"}"#,
        "[".repeat(1 << 20)
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("deep.ndjson"), lines).unwrap();
    let mut records = Records::open(folder.path(), &Limits::default()).unwrap();
    assert!(records.next().is_none());
    assert!(
        records
            .skipped()
            .iter()
            .any(|s| matches!(s.reason(), Refusal::TooDeep { .. }))
    );
}

#[test]
fn a_hundred_megabytes_of_nesting_packed_into_a_small_file_stop_at_the_limit() {
    let packed = gzip(&b"[".repeat(100 << 20));
    assert!(packed.len() < 1 << 20);
    let limit = Limits::DOCUMENT_BYTES;
    assert_eq!(
        refused("bomb.json.gz", &packed, &Limits::default()),
        Refusal::TooLarge { limit }
    );
}

#[test]
fn sizes_are_bounded_before_memory_is_taken() {
    let limits = Limits::default().with_document_bytes(1000);
    let spaces = format!("{}{}", " ".repeat(1000), r#"{"resourceType":"Patient"}"#);
    assert_eq!(
        refused("a.json", spaces.as_bytes(), &limits),
        Refusal::TooLarge { limit: 1000 }
    );
    assert_eq!(
        refused("a.ndjson", spaces.as_bytes(), &limits),
        Refusal::TooLarge { limit: 1000 }
    );
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"}}"#;
    fs::write(
        folder.path().join("long.ndjson"),
        format!("{line}\n").repeat(100),
    )
    .unwrap();
    assert_eq!(
        Records::open(folder.path(), &limits).unwrap().count(),
        1,
        "lines are bounded each"
    );
    let held = Records::open(folder.path(), &Limits::default().with_held_bytes(1000));
    assert!(
        held.err()
            .unwrap()
            .to_string()
            .contains("read the folder in parts")
    );
}

#[test]
fn broken_gzip_is_named() {
    let whole = gzip(&[b' '; 4096]);
    assert_eq!(
        refused("a.json.gz", &whole[..whole.len() - 5], &Limits::default()),
        Refusal::Gzip
    );
    let mut damaged = whole.clone();
    let end = damaged.len() - 6;
    damaged[end] ^= 0x55;
    assert_eq!(
        refused("a.json.gz", &damaged, &Limits::default()),
        Refusal::Gzip
    );
    assert_eq!(
        refused("a.gz", &[0x1f, 0x8b], &Limits::default()),
        Refusal::Gzip
    );
}

#[test]
fn a_bad_line_of_ndjson_loses_only_itself() {
    let good =
        |id: u32| format!(r#"{{"resourceType":"Patient","id":"{id}","birthDate":"19{id}"}}"#);
    let text = format!(
        "{}\noops\n{}\n{{\"resourceType\":\"Patient\"\n",
        good(50),
        good(60)
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Patient.ndjson"), text).unwrap();
    let mut records = Records::open(folder.path(), &Limits::default()).unwrap();
    assert_eq!(records.by_ref().count(), 2);
    let skipped: Vec<_> = records.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    let told = "line 2 (2 resources): not FHIR: not JSON at line 2, column 1";
    assert!(skipped[0].ends_with(told), "{skipped:?}");
}

fn image() -> Vec<u8> {
    let sample = Sample::generate(&mut StdRng::seed_from_u64(3));
    let image = sample
        .files()
        .iter()
        .find(|file| file.path().ends_with("chest.dcm"))
        .unwrap();
    image.bytes().to_vec()
}

#[test]
fn truncated_dicom_names_the_element_and_what_is_missing() {
    let whole = image();
    let cut = refused("cut.dcm", &whole[..whole.len() - 10], &Limits::default());
    assert_eq!(
        cut,
        Refusal::TruncatedDicom {
            tag: "(7FE0,0010)".into(),
            missing: 10
        }
    );
    for len in [132, 136, 140, 150, 200] {
        let reason = refused("cut.dcm", &whole[..len], &Limits::default());
        let named = matches!(
            reason,
            Refusal::TruncatedDicom { .. }
                | Refusal::IncompleteDicom { .. }
                | Refusal::MalformedDicom { .. }
        );
        assert!(named, "{len}: {reason}");
    }
}

#[test]
fn dicom_without_preamble_or_meta_group_and_gzipped_is_read() {
    let whole = image();
    let meta_len = u32::from_le_bytes(whole[140..144].try_into().unwrap()) as usize;
    let bare = &whole[144 + meta_len..];
    let forms = [
        whole.clone(),
        whole[128..].to_vec(),
        whole[132..].to_vec(),
        bare.to_vec(),
        gzip(&whole),
    ];
    for (number, form) in forms.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, form).unwrap();
        let record = Records::one(&path, &Limits::default()).unwrap();
        assert!(
            record
                .candidates()
                .get(&"dcm|DX".parse().unwrap())
                .is_some(),
            "form {number}"
        );
        let mut bytes = Vec::new();
        record
            .content()
            .open()
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(&bytes, if number == 4 { &whole } else { form });
    }
    let cut = gzip(&whole[..whole.len() - 10]);
    assert!(matches!(
        refused("cut.dcm.gz", &cut, &Limits::default()),
        Refusal::TruncatedDicom { .. }
    ));
}

#[test]
fn a_dicom_file_of_gigabytes_costs_no_memory() {
    let mut head = image();
    head.truncate(head.len() - 64);
    let pixels: u32 = 0xfff0_0000;
    let at = head.len() - 4;
    head[at..].copy_from_slice(&pixels.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.dcm");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&head).unwrap();
    let len = head.len() as u64 + u64::from(pixels);
    // A sparse file; where the disk cannot, there is nothing to prove.
    if file.set_len(len).is_err() {
        eprintln!("SKIPPED: no sparse files here");
        return;
    }
    let record = Records::one(&path, &Limits::default()).unwrap();
    assert_eq!(record.content().len(), len);
    let mut start = vec![0; head.len()];
    record
        .content()
        .open()
        .unwrap()
        .read_exact(&mut start)
        .unwrap();
    assert_eq!(start, head);
    file.set_len(len - 1).unwrap();
    let refused = Records::one(&path, &Limits::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("(7FE0,0010), 1 bytes are missing"),
        "{refused}"
    );
}

#[test]
fn nested_and_crossed_dicom_sequences_are_refused() {
    let mut base = image();
    base.truncate(base.len() - 76);
    let undefined = |group: u16, number: u16| {
        let mut bytes = group.to_le_bytes().to_vec();
        bytes.extend(number.to_le_bytes());
        bytes.extend(b"SQ\0\0\xff\xff\xff\xff");
        bytes
    };
    let item = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff];
    let mut deep = base.clone();
    for _ in 0..100_000 {
        deep.extend(undefined(0x0040, 0x0275));
        deep.extend(item);
    }
    let reason = refused("deep.dcm", &deep, &Limits::default());
    assert!(reason.to_string().contains("nested too deep"), "{reason}");
    // An item delimiter where an item is due, and then an item: panics naive readers.
    let mut crossed = base.clone();
    crossed.extend(undefined(0x0008, 0x1032));
    crossed.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
    crossed.extend(item);
    let reason = refused("crossed.dcm", &crossed, &Limits::default());
    assert!(
        reason.to_string().contains("do not fit together"),
        "{reason}"
    );
}

fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let sample = Sample::generate(&mut StdRng::seed_from_u64(11));
        let all = sample.files().iter().map(|file| file.bytes().to_vec());
        all.filter(|bytes| bytes.len() < 20_000).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic_and_are_all_accounted_for(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..12),
    ) {
        let mut bytes = which.get(seeds()).clone();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mutated"), &bytes).unwrap();
        let mut records = Records::open(folder.path(), &Limits::default()).unwrap();
        let mut count = 0;
        for record in &mut records {
            count += 1;
            let mut read = Vec::new();
            record.content().open().unwrap().read_to_end(&mut read).unwrap();
            prop_assert_eq!(read.len() as u64, record.content().len());
        }
        prop_assert!(count + records.skipped().len() > 0, "neither a record nor a reason");
    }

    #[test]
    fn arbitrary_data_sets_never_panic(tail in prop::collection::vec(any::<u8>(), 0..600), little in any::<bool>()) {
        let mut bytes = if little { b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100".to_vec() } else { b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100".to_vec() };
        bytes.extend(tail);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bare"), &bytes).unwrap();
        let mut records = Records::open(folder.path(), &Limits::default()).unwrap();
        prop_assert_eq!(records.by_ref().count() + records.skipped().len(), 1);
    }
}
