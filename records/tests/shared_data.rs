//! The published test records beside the workspace, where they are present.
//!
//! The counts were made by a script that shares nothing with this crate (a walk over the files with
//! Python's json and gzip): 59 transaction Bundles of one patient, 13 patients in NDJSON by resource
//! type, 48 patients in folders of single resources; 120 Patient resources, no id twice.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use consilium_records::{
    Choice, Limits, Place, RecordFormat, Records, Refusal, SourceRecord, choose,
};
use flate2::read::MultiGzDecoder;

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(folder);
    if !path.is_dir() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn bytes(record: &SourceRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    record
        .content()
        .open()
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(bytes.len() as u64, record.content().len());
    bytes
}

fn file(path: &Path) -> Vec<u8> {
    let raw = std::fs::read(path).unwrap();
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return raw;
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(&raw[..])
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

#[test]
fn all_120_patients_have_one_record_each() {
    let Some(path) = shared("fhir") else { return };
    let mut records = Records::open(&path, &Limits::default()).unwrap();
    assert_eq!(records.files(), 421);
    assert_eq!(records.patients(), 120);

    let mut by_source: BTreeMap<(String, RecordFormat), usize> = BTreeMap::new();
    let mut ids = Vec::new();
    let (mut keywords, mut chosen) = (0, 0);
    for record in &mut records {
        let folder = record.paths()[0]
            .strip_prefix(&path)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let folder = folder.as_os_str().to_string_lossy().into_owned();
        *by_source.entry((folder, record.format())).or_default() += 1;
        ids.push(record.patient().id().to_owned());
        assert!(record.patient().name().is_some());
        if record.format() == RecordFormat::FhirBundle {
            assert_eq!(
                bytes(&record),
                file(&record.paths()[0]),
                "unchanged, byte for byte"
            );
        }
        keywords += record.candidates().len();
        assert_eq!(record.candidates().unusable(), 0);
        let default = choose(record.candidates(), 32, &Choice::Default).unwrap();
        assert!(!default.is_empty() && default.len() <= 32);
        chosen += default.len();
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 120);
    let expected = [
        (
            ("ecqm-icd10cm".to_owned(), RecordFormat::FhirCollection),
            48,
        ),
        (("synthea-2019".to_owned(), RecordFormat::FhirBundle), 59),
        (
            (
                "synthea-us-core-bulk".to_owned(),
                RecordFormat::FhirCollection,
            ),
            13,
        ),
    ];
    assert!(by_source.into_iter().eq(expected));
    // By the same script: 89 patients by active conditions, 30 by others, 1 by other codings.
    assert_eq!((keywords, chosen), (3410, 584));
    skipped_are_the_files_of_nobody(&records);
}

fn skipped_are_the_files_of_nobody(records: &Records) {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in records.skipped() {
        *reasons.entry(skipped.reason().to_string()).or_default() += skipped.resources();
    }
    let no_patient = |kind: &str| Refusal::NoPatient { kind: kind.into() }.to_string();
    let mut expected = BTreeMap::from([
        (no_patient("Practitioner"), 35 + 43),
        (no_patient("PractitionerRole"), 43),
        (no_patient("Organization"), 35 + 43),
        (no_patient("Location"), 44),
        (no_patient("a Bundle of Practitioner"), 1),
        (no_patient("a Bundle of Organization"), 1),
        (Refusal::NoResourceType.to_string(), 4),
    ]);
    for (reason, count) in reasons {
        assert_eq!(expected.remove(&reason), Some(count), "{reason}");
    }
    assert!(expected.is_empty(), "{expected:?}");
    let log = records
        .skipped()
        .iter()
        .find(|s| s.path().ends_with("log.ndjson"))
        .unwrap();
    assert_eq!((log.resources(), log.place()), (4, Place::Line(1)));
}

#[test]
fn collections_hold_every_resource_of_their_patient_once() {
    let Some(path) = shared("fhir/synthea-us-core-bulk") else {
        return;
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for record in Records::open(&path, &Limits::default()).unwrap() {
        let bundle: serde_json::Value = serde_json::from_slice(&bytes(&record)).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            *kinds
                .entry(resource["resourceType"].as_str().unwrap().to_owned())
                .or_default() += 1;
            let patient = ["subject", "patient"]
                .iter()
                .find_map(|f| resource[f]["reference"].as_str());
            let own = format!("Patient/{}", record.patient().id());
            assert!(resource["resourceType"] == "Patient" || patient == Some(own.as_str()));
        }
    }
    let expected = [
        ("AllergyIntolerance", 11),
        ("Condition", 555),
        ("Device", 16),
        ("DocumentReference", 1215),
        ("Encounter", 1215),
        ("Immunization", 161),
        ("MedicationRequest", 1745),
        ("Patient", 13),
        ("Procedure", 2056),
    ];
    assert!(
        kinds
            .into_iter()
            .eq(expected.map(|(kind, count)| (kind.to_owned(), count)))
    );
}

#[test]
fn every_condition_code_of_the_published_list_is_a_candidate() {
    let (Some(path), Some(codes)) = (shared("fhir"), shared("codes")) else {
        return;
    };
    let mut found = std::collections::BTreeSet::new();
    for record in Records::open(&path, &Limits::default()).unwrap() {
        found.extend(record.candidates().iter().map(|c| c.keyword().clone()));
    }
    let list = std::fs::read_to_string(codes.join("condition-codes.csv")).unwrap();
    let mut count = 0;
    for line in list.lines().skip(1) {
        let mut fields = line.split(',');
        let (system, code) = (fields.next().unwrap(), fields.next().unwrap());
        let keyword = consilium_records::Keyword::new(system, code).unwrap();
        assert!(found.contains(&keyword), "{keyword}");
        assert!(
            keyword
                .broader()
                .iter()
                .all(|broader| found.contains(broader))
        );
        count += 1;
    }
    assert_eq!(count, 224);
}

#[test]
fn every_dicom_file_is_a_record_unchanged_with_its_modality() {
    let Some(path) = shared("dicom") else { return };
    let mut records = Records::open(&path, &Limits::default()).unwrap();
    let mut modalities = BTreeMap::new();
    for record in &mut records {
        assert_eq!(record.format(), RecordFormat::Dicom);
        assert_eq!(bytes(&record), std::fs::read(&record.paths()[0]).unwrap());
        let name = record.paths()[0]
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        for candidate in record.candidates().iter() {
            println!("{name}: {} {:?}", candidate.keyword(), candidate.display());
        }
        let dcm = |k: &consilium_records::Keyword| k.system().ends_with("/DCM");
        let modality = record
            .candidates()
            .iter()
            .map(|c| c.keyword())
            .find(|k| dcm(k))
            .cloned();
        modalities.insert(name, modality.map(|k| k.code().to_owned()));
    }
    for skipped in records.skipped() {
        println!("{skipped}");
    }
    let expected = [
        ("CT_small.dcm", "CT"),
        ("MR_small_RLE.dcm", "MR"),
        ("MR_small_bigendian.dcm", "MR"),
        ("MR_small_implicit.dcm", "MR"),
        ("MR_small_jp2klossless.dcm", "MR"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR"),
        ("SC_rgb_jpeg_dcmtk.dcm", "OT"),
        ("chrH31.dcm", "OT"),
        ("examples_jpeg2k.dcm", "US"),
        ("image_dfl.dcm", "OT"),
        ("liver_1frame.dcm", "SEG"),
        ("rtplan.dcm", "RTPLAN"),
    ];
    let expected = expected.map(|(name, code)| (name.to_owned(), Some(code.to_owned())));
    assert!(records.skipped().is_empty());
    assert_eq!(modalities, BTreeMap::from(expected));
}

#[test]
fn a_dicom_file_cut_anywhere_is_refused() {
    let Some(path) = shared("dicom") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "rtplan.dcm",
    ] {
        let whole = std::fs::read(path.join(name)).unwrap();
        let cut = folder.path().join(name);
        for len in (140..whole.len())
            .step_by(97)
            .chain([whole.len() - 1, whole.len() - 2])
        {
            std::fs::write(&cut, &whole[..len]).unwrap();
            let mut records = Records::open(&cut, &Limits::default()).unwrap();
            if let Some(record) = records.next() {
                // Only a cut between two elements leaves a whole data set, and of an image not even that.
                assert_eq!(bytes(&record), &whole[..len]);
                assert_eq!(name, "rtplan.dcm", "cut at {len}");
            }
        }
        std::fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
        let refused = Records::one(&cut, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("truncated DICOM"), "{refused}");
    }
}
