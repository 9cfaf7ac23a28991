//! The files of the sample: every form of input, and some that are no records.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand_core::Rng;
use serde_json::{Value, json};

use super::SampleFile;
use super::person::{Dialect, Person, person, uuid};
use crate::dicom::{element, write_file};

/// How many patients come in each form; together [`Sample::PATIENTS`](super::Sample::PATIENTS).
const TRANSACTIONS: usize = 7;
const COLLECTIONS: usize = 5;
const DOCUMENTS: usize = 2;
const IN_BULK: usize = 5;
const IN_FOLDERS: usize = 4;

pub(super) fn files(rng: &mut impl Rng) -> Vec<SampleFile> {
    let mut files = Vec::new();
    for number in 1..=TRANSACTIONS {
        let person = person(rng, Dialect::American, |id| format!("urn:uuid:{id}"));
        let bytes = pretty(&bundle("transaction", &person, Value::Null));
        files.push(file(
            format!("transactions/patient-{number:02}.json"),
            bytes,
        ));
    }
    for number in 1..=COLLECTIONS {
        let person = person(rng, Dialect::German, relative);
        let bytes = gzip(&pretty(&bundle("collection", &person, Value::Null)));
        files.push(file(
            format!("collections/patient-{number:02}.json.gz"),
            bytes,
        ));
    }
    for number in 1..=DOCUMENTS {
        let person = person(rng, Dialect::Other, relative);
        let mut bytes = b"\xef\xbb\xbf".to_vec();
        bytes.extend(pretty(&bundle(
            "document",
            &person,
            composition(rng, &person.id),
        )));
        files.push(file(format!("documents/letter-{number:02}.json"), bytes));
    }
    let alone = person(rng, Dialect::WithoutConditions, relative);
    files.push(file(
        "searchset.json",
        pretty(&bundle("searchset", &alone, Value::Null)),
    ));
    files.extend(bulk(rng));
    files.extend(folders(rng));
    files.extend(others(rng));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn relative(id: &str) -> String {
    format!("Patient/{id}")
}

fn bundle(kind: &str, person: &Person, first: Value) -> Value {
    let resources = std::iter::once(&first).filter(|first| !first.is_null());
    let entries: Vec<_> = resources
        .chain(&person.resources)
        .chain(&person.medication)
        .map(|resource| entry(kind, resource))
        .collect();
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn entry(kind: &str, resource: &Value) -> Value {
    let text = |field: &str| {
        resource
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (name, id) = (text("resourceType"), text("id"));
    match kind {
        "transaction" => json!({
            "fullUrl": format!("urn:uuid:{id}"), "resource": resource,
            "request": { "method": "POST", "url": name },
        }),
        _ => {
            json!({ "fullUrl": format!("https://klinik.example/fhir/{name}/{id}"), "resource": resource })
        }
    }
}

fn composition(rng: &mut impl Rng, patient: &str) -> Value {
    json!({
        "resourceType": "Composition", "id": uuid(rng), "status": "final", "date": "2025-03-01",
        "type": { "coding": [{ "system": "http://loinc.org", "code": "11503-0" }] },
        "subject": { "reference": relative(patient) }, "title": "Letter to the family doctor",
        "author": [{ "display": "Ward 4" }],
    })
}

/// One file per type of resource, one resource per line, some gzipped.
fn bulk(rng: &mut impl Rng) -> Vec<SampleFile> {
    let people: Vec<_> = (0..IN_BULK)
        .map(|_| person(rng, Dialect::American, relative))
        .collect();
    let all: Vec<_> = people
        .iter()
        .flat_map(|person| person.resources.iter().chain(&person.medication))
        .collect();
    let kinds = [
        "Patient",
        "Condition",
        "Observation",
        "Procedure",
        "MedicationRequest",
        "Medication",
        "AllergyIntolerance",
    ];
    let lines = |kind: &str| {
        let of_kind = all
            .iter()
            .filter(|r| r.get("resourceType").and_then(Value::as_str) == Some(kind));
        of_kind.fold(Vec::new(), |mut text: Vec<u8>, resource| {
            text.extend(resource.to_string().into_bytes());
            text.push(b'\n');
            text
        })
    };
    let zipped = ["Observation", "MedicationRequest"];
    kinds
        .into_iter()
        .map(|kind| (kind, lines(kind)))
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(kind, lines)| match zipped.contains(&kind) {
            true => file(format!("bulk/{kind}.ndjson.gz"), gzip(&lines)),
            false => file(format!("bulk/{kind}.ndjson"), lines),
        })
        .collect()
}

/// One folder per patient, one file per resource.
fn folders(rng: &mut impl Rng) -> Vec<SampleFile> {
    let mut files = Vec::new();
    for number in 1..=IN_FOLDERS {
        let person = person(rng, Dialect::German, relative);
        for (index, resource) in person
            .resources
            .iter()
            .chain(&person.medication)
            .enumerate()
        {
            let kind = resource
                .get("resourceType")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let path = format!("folders/patient-{number:02}/{kind}-{index:02}.json");
            files.push(file(path, pretty(resource)));
        }
    }
    files
}

/// An image, and what is no record: staff, a note, a file cut short.
fn others(rng: &mut impl Rng) -> Vec<SampleFile> {
    let staff = json!({
        "resourceType": "Bundle", "type": "collection",
        "entry": [
            { "resource": { "resourceType": "Practitioner", "id": uuid(rng), "name": [{ "family": "Moreau" }] } },
            { "resource": { "resourceType": "Organization", "id": uuid(rng), "name": "Example clinic" } },
        ],
    });
    vec![
        file("images/chest.dcm", image(rng)),
        file("staff/practitioners.json", pretty(&staff)),
        file(
            "notes.txt",
            b"Not a record: the sample of a file that is no FHIR.\n".to_vec(),
        ),
        file(
            "cut-short.json",
            b"{\n  \"resourceType\": \"Patient\",\n  \"id\": \"cut".to_vec(),
        ),
    ]
}

/// A radiograph of eight by eight pixels.
fn image(rng: &mut impl Rng) -> Vec<u8> {
    const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
    let instance = format!("2.25.{}", rng.next_u64());
    let number = |value: u16| value.to_le_bytes().to_vec();
    let text = |value: &str| value.as_bytes().to_vec();
    let mut pixels = vec![0; 64];
    rng.fill_bytes(&mut pixels);
    let elements = [
        ((0x0008, 0x0005), *b"CS", text("ISO_IR 192")),
        ((0x0008, 0x0016), *b"UI", text(CLASS)),
        ((0x0008, 0x0018), *b"UI", text(&instance)),
        ((0x0008, 0x0020), *b"DA", text("20250301")),
        ((0x0008, 0x0060), *b"CS", text("DX")),
        ((0x0008, 0x1030), *b"LO", text("Chest, two views")),
        (
            (0x0008, 0x1032),
            *b"SQ",
            code_item("399208008", "SCT", "Plain film of the chest"),
        ),
        ((0x0010, 0x0010), *b"PN", text("Grünwald^Frida")),
        ((0x0010, 0x0020), *b"LO", text("S-IMAGE-1")),
        ((0x0018, 0x0015), *b"CS", text("CHEST")),
        ((0x0028, 0x0002), *b"US", number(1)),
        ((0x0028, 0x0004), *b"CS", text("MONOCHROME2")),
        ((0x0028, 0x0010), *b"US", number(8)),
        ((0x0028, 0x0011), *b"US", number(8)),
        ((0x0028, 0x0100), *b"US", number(8)),
        ((0x0028, 0x0101), *b"US", number(8)),
        ((0x0028, 0x0102), *b"US", number(7)),
        ((0x0028, 0x0103), *b"US", number(0)),
        ((0x7fe0, 0x0010), *b"OB", pixels),
    ];
    write_file(CLASS, &instance, &elements).expect("every value above is shorter than 64 KiB")
}

/// One item of a code sequence.
fn code_item(code: &str, scheme: &str, meaning: &str) -> Vec<u8> {
    let parts = [
        element((0x0008, 0x0100), *b"SH", code.as_bytes()),
        element((0x0008, 0x0102), *b"SH", scheme.as_bytes()),
        element((0x0008, 0x0104), *b"LO", meaning.as_bytes()),
    ];
    let inner: Vec<u8> = parts.into_iter().flatten().flatten().collect();
    let len = u32::try_from(inner.len()).expect("three short values");
    let mut item = vec![0xfe, 0xff, 0x00, 0xe0];
    item.extend(len.to_le_bytes());
    item.extend(inner);
    item
}

fn file(path: impl Into<PathBuf>, bytes: Vec<u8>) -> SampleFile {
    SampleFile {
        path: path.into(),
        bytes,
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = format!("{value:#}").into_bytes();
    text.push(b'\n');
    text
}

/// Without name and time, so that equal input gives equal output.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}
