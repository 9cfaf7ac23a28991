//! Every form of input, and whose a resource is.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use consilium_records::{
    Choice, Keyword, Limits, RecordFormat, Records, Refusal, Sample, SourceRecord, Standing, choose,
};
use flate2::{Compression, write::GzEncoder};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(path: impl AsRef<Path>) -> (Vec<SourceRecord>, Vec<String>) {
    let mut records = Records::open(path, &Limits::default()).unwrap();
    let all: Vec<_> = records.by_ref().collect();
    (
        all,
        records.skipped().iter().map(ToString::to_string).collect(),
    )
}

fn bytes(record: &SourceRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    record
        .content()
        .open()
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn condition(id: &str, patient: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"Condition","id":"{id}","subject":{{"reference":"Patient/{patient}"}},"code":{{"coding":[{{"system":"icd-10-gm","code":"{code}"}}]}}}}"#
    )
}

fn patient(id: &str, born: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","birthDate":"{born}","name":[{{"family":"F{born}"}}]}}"#
    )
}

fn has(record: &SourceRecord, keyword: &str) -> bool {
    record
        .candidates()
        .get(&keyword.parse::<Keyword>().unwrap())
        .is_some()
}

#[test]
fn the_sample_is_read_whole_and_is_the_same_for_the_same_seed() {
    let sample = Sample::generate(&mut StdRng::seed_from_u64(7));
    assert_eq!(sample, Sample::generate(&mut StdRng::seed_from_u64(7)));
    assert_ne!(sample, Sample::generate(&mut StdRng::seed_from_u64(8)));
    for seed in [7, 8, 9] {
        let folder = tempfile::tempdir().unwrap();
        let sample = Sample::generate(&mut StdRng::seed_from_u64(seed));
        sample.write(folder.path()).unwrap();
        let (records, skipped) = read(folder.path());
        assert_eq!(records.len(), Sample::PATIENTS + Sample::IMAGES);
        let of = |format| records.iter().filter(|r| r.format() == format).count();
        assert_eq!(of(RecordFormat::FhirBundle), 15);
        assert_eq!(of(RecordFormat::FhirCollection), 9);
        assert_eq!(of(RecordFormat::Dicom), 1);
        assert_eq!(skipped.len(), 3, "{skipped:#?}");
        let told =
            |name: &str, why: &str| skipped.iter().any(|s| s.contains(name) && s.contains(why));
        assert!(told("notes.txt", "not JSON at line 1"));
        assert!(told("cut-short.json", "not JSON at line 3"));
        assert!(told(
            "practitioners.json",
            "practitioner and organization files are not records"
        ));
        for record in &records {
            let chosen = choose(record.candidates(), 32, &Choice::Default).unwrap();
            assert!(!chosen.is_empty(), "{:?}", record.paths());
            assert!(!record.patient().id().is_empty() && record.patient().name().is_some());
        }
        let refused = sample.write(folder.path()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    }
}

#[test]
fn the_sample_has_patients_without_conditions_and_images_with_codes() {
    let folder = tempfile::tempdir().unwrap();
    Sample::generate(&mut StdRng::seed_from_u64(1))
        .write(folder.path())
        .unwrap();
    let (alone, _) = read(folder.path().join("searchset.json"));
    let chosen = choose(alone[0].candidates(), 32, &Choice::Default).unwrap();
    assert!(chosen.iter().any(|k| k.system() == "http://loinc.org"));
    let (image, _) = read(folder.path().join("images"));
    for keyword in [
        "dcm|DX",
        "sct|399208008",
        "urn:consilium:dicom:body-part-examined|chest",
    ] {
        assert!(has(&image[0], keyword), "{keyword}");
    }
    assert_eq!(
        image[0].patient().name(),
        Some("Grünwald Frida"),
        "decoded by its character set"
    );
}

#[test]
fn a_gzipped_bundle_is_its_decompressed_bytes_and_a_mark_stays() {
    let json = format!(
        "\u{feff}{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{}}}]}}  \n",
        condition("c", "1", "E11.90")
    );
    let folder = folder(&[]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json.as_bytes()).unwrap();
    fs::write(
        folder.path().join("bundle.without-ending"),
        encoder.finish().unwrap(),
    )
    .unwrap();
    let (records, skipped) = read(folder.path());
    assert_eq!(bytes(&records[0]), json.as_bytes());
    assert_eq!(records[0].format(), RecordFormat::FhirBundle);
    assert!(skipped.is_empty());
    assert!(has(&records[0], "icd-10|E10-E14"));
}

#[test]
fn files_by_type_make_one_record_in_whatever_order() {
    let medication = r#"{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"atc","code":"A10BA02"}]}}"#;
    let unused = r#"{"resourceType":"Medication","id":"unused"}"#;
    let request = r#"{"resourceType":"MedicationRequest","id":"r","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"Medication/m"}}"#;
    let one = folder(&[
        ("Patient/1.json", &patient("1", "1970-01-01")),
        (
            "Condition/all.ndjson",
            &format!(
                "{}\n\n{}\n",
                condition("a", "1", "E11.90"),
                condition("b", "1", "I10.00")
            ),
        ),
        ("Medication.ndjson", &format!("{medication}\n{unused}")),
        ("requests/r.json", request),
    ]);
    let other = folder(&[
        ("z.json", &patient("1", "1970-01-01")),
        ("b.json", &condition("b", "1", "I10.00")),
        ("a.json", &condition("a", "1", "E11.90")),
        ("a-copy.json", &condition("a", "1", "E11.90")),
        ("r.jsonl", &format!("{request}\n{medication}\n{unused}\n")),
    ]);
    let (first, skipped) = read(one.path());
    let (second, _) = read(other.path());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(bytes(&first[0]), bytes(&second[0]));
    assert_eq!(first[0].candidates(), second[0].candidates());
    assert!(has(&first[0], "atc|A10BA02"));
    let text = String::from_utf8(bytes(&first[0])).unwrap();
    assert_eq!(text.matches("\"resourceType\"").count(), 1 + 5);
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains("Medication.ndjson, line 2: no patient: Medication"));
}

#[test]
fn equal_ids_in_different_hospitals_are_different_patients() {
    let folder = folder(&[
        ("a/Patient.ndjson", &patient("1", "1970-01-01")),
        ("a/deep/Condition.ndjson", &condition("c", "1", "E11.90")),
        ("b/Patient.ndjson", &patient("1", "1980-01-01")),
        ("b/Condition.ndjson", &condition("c", "1", "F32.1")),
        ("c/Patient.json", r#"{"resourceType":"Patient","id":"1"}"#),
        ("d/Patient.json", r#"{"resourceType":"Patient","id":"1"}"#),
        ("stray.json", &condition("c", "1", "C50.1")),
    ]);
    let (records, skipped) = read(folder.path());
    assert_eq!(records.len(), 4, "an id alone is no evidence of one person");
    assert!(has(&records[0], "icd-10|E11") && !has(&records[0], "icd-10|F32"));
    assert!(has(&records[1], "icd-10|F32") && !has(&records[1], "icd-10|E11"));
    assert!(
        records.iter().all(|record| !has(record, "icd-10|C50")),
        "never by a guess"
    );
    assert_eq!(skipped.len(), 1);
    assert!(
        skipped[0].contains("stray.json") && skipped[0].contains("different patients of that id")
    );
}

#[test]
fn one_person_in_two_folders_is_one_record() {
    let folder = folder(&[
        ("visit-1/patient.json", &patient("1", "1970-01-01")),
        ("visit-1/c.json", &condition("a", "1", "E11.90")),
        ("visit-2/patient.json", &patient("1", "1970-01-01")),
        ("visit-2/c.json", &condition("b", "1", "F32.1")),
    ]);
    let (records, _) = read(folder.path());
    assert_eq!(records.len(), 1);
    assert!(has(&records[0], "icd-10|E11") && has(&records[0], "icd-10|F32"));
}

#[test]
fn several_bundles_of_one_patient_become_one_collection() {
    let bundle = |inner: &[String]| {
        let entries: Vec<_> = inner
            .iter()
            .map(|r| format!("{{\"resource\":{r}}}"))
            .collect();
        format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}",
            entries.join(",")
        )
    };
    let folder = folder(&[
        (
            "1.json",
            &bundle(&[patient("1", "1970-01-01"), condition("a", "1", "E11.90")]),
        ),
        (
            "2.json",
            &bundle(&[patient("1", "1970-01-01"), condition("b", "1", "F32.1")]),
        ),
        (
            "two.json",
            &bundle(&[
                patient("2", "1950-01-01"),
                patient("3", "1951-01-01"),
                condition("d", "3", "J44.9"),
            ]),
        ),
    ]);
    let (records, _) = read(folder.path());
    let ids: Vec<_> = records
        .iter()
        .map(|r| (r.patient().id(), r.format()))
        .collect();
    let collection = RecordFormat::FhirCollection;
    assert_eq!(
        ids,
        [("1", collection), ("2", collection), ("3", collection)]
    );
    assert!(has(&records[0], "icd-10|E11") && has(&records[0], "icd-10|F32"));
    assert_eq!(
        String::from_utf8(bytes(&records[0]))
            .unwrap()
            .matches("\"Patient\"")
            .count(),
        1
    );
    assert!(!has(&records[1], "icd-10|J44") && has(&records[2], "icd-10|J44"));
    assert!(
        !String::from_utf8(bytes(&records[1]))
            .unwrap()
            .contains("1951")
    );
}

#[test]
fn resources_without_their_patient_are_a_record_of_their_folder() {
    let folder = folder(&[
        ("a.json", &condition("a", "1", "E11.90")),
        ("b.json", &condition("b", "1", "F32.1")),
        ("other/c.json", &condition("c", "1", "J44.9")),
        (
            "shared.json",
            r#"{"resourceType":"Account","id":"x","subject":[{"reference":"Patient/1"},{"reference":"Patient/2"}]}"#,
        ),
    ]);
    let (records, skipped) = read(folder.path());
    assert_eq!(records.len(), 2);
    assert!(skipped[0].contains("Account names more than one patient"));
}

#[test]
fn local_and_foreign_code_systems_give_keywords() {
    let resource = r#"{"resourceType":"Condition","id":"c","meta":{"profile":["https://gematik.example/StructureDefinition/unknown"]},
      "subject":{"reference":"Patient/1"},"verificationStatus":{"coding":[{"code":"confirmed"}]},
      "code":{"coding":[{"system":"http://fhir.de/CodeSystem/bfarm/icd-10-gm","version":"2024","code":"E11.90"},
        {"system":"http://id.who.int/icd/release/11/mms","code":"5A11"},
        {"system":"https://klinik.example/Codes/","code":"dm2"},{"code":"nosystem"}]}}"#;
    let folder = folder(&[("c.json", resource)]);
    let (records, _) = read(folder.path());
    let chosen = choose(records[0].candidates(), 32, &Choice::Default).unwrap();
    let texts: Vec<_> = chosen.iter().map(Keyword::as_str).collect();
    let expected = [
        "http://fhir.de/CodeSystem/bfarm/icd-10-gm|E11.90",
        "http://id.who.int/icd/release/11/mms|5A11",
        "https://klinik.example/Codes|DM2",
        "urn:consilium:local|NOSYSTEM",
        "http://hl7.org/fhir/sid/icd-10|E11",
        "http://hl7.org/fhir/sid/icd-10|E10-E14",
    ];
    assert_eq!(texts, expected);
    let standing = records[0]
        .candidates()
        .iter()
        .next()
        .unwrap()
        .origins()
        .next()
        .unwrap()
        .1;
    assert_eq!(standing, Standing::Recorded);
}

#[test]
fn one_record_is_asked_for_and_given_or_the_reason() {
    let folder = folder(&[
        ("good.json", &condition("a", "1", "E11.90")),
        ("staff.json", r#"{"resourceType":"Practitioner"}"#),
    ]);
    let limits = Limits::default();
    assert!(Records::one(folder.path().join("good.json"), &limits).is_ok());
    let none = Records::one(folder.path().join("staff.json"), &limits)
        .unwrap_err()
        .to_string();
    assert!(
        none.contains("staff.json") && none.contains("no patient: Practitioner"),
        "{none}"
    );
    let absent = Records::one(folder.path().join("absent"), &limits)
        .unwrap_err()
        .to_string();
    assert!(
        absent.contains("absent") && absent.contains("check that it exists"),
        "{absent}"
    );
    fs::write(
        folder.path().join("more.json"),
        condition("b", "2", "F32.1"),
    )
    .unwrap();
    let several = Records::one(folder.path(), &limits)
        .unwrap_err()
        .to_string();
    assert!(several.contains("2 patients"), "{several}");
}

#[test]
fn a_file_that_changes_after_the_survey_is_left_out() {
    let bundle = |p: &str| {
        format!(
            "{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{}}}]}}",
            condition("a", p, "E11.90")
        )
    };
    let folder = folder(&[("a.json", &bundle("1"))]);
    let mut records = Records::open(folder.path(), &Limits::default()).unwrap();
    fs::write(folder.path().join("a.json"), bundle("2")).unwrap();
    assert!(records.next().is_none());
    assert_eq!(records.skipped()[0].reason(), &Refusal::Changed);
}

#[cfg(unix)]
#[test]
fn links_to_folders_hidden_and_special_files_are_named_and_left_out() {
    let folder = folder(&[
        ("a.json", &condition("a", "1", "E11.90")),
        (".hidden/b.json", "{}"),
    ]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let (records, skipped) = read(folder.path());
    assert_eq!(records.len(), 1);
    assert_eq!(skipped.len(), 3);
    assert!(skipped[0].contains(".hidden: hidden"));
    assert!(skipped[1].contains("loop: a symbolic link"));
    assert!(skipped[2].contains("socket: not a regular file"));
}
