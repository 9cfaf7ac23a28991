//! The main job from beginning to end, through the real command and real services.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Mutex;

use common::{consilium, shared, text};
use serde_json::Value;

/// One demo at a time: each uses every processor.
static ALONE: Mutex<()> = Mutex::new(());

fn demo(arguments: &[&str]) -> Value {
    let _alone = ALONE.lock().unwrap();
    let said = consilium(&[&["demo", "--json"], arguments].concat());
    let json: Value =
        serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{}", text(&said.stderr)));
    assert_eq!(said.status.code(), Some(0), "{json:#}");
    json
}

fn number(json: &Value) -> u64 {
    json.as_u64()
        .unwrap_or_else(|| panic!("{json} is no number"))
}

fn check(json: &Value) {
    let registered = number(&json["patients"]["registered"]);
    assert_eq!(number(&json["records"]), registered);
    assert!(
        number(&json["decrypted"]) * 100 >= registered * 80,
        "{json:#}"
    );
    let unmatched = json["unmatched"].as_array().unwrap().len() as u64;
    assert_eq!(
        number(&json["decrypted"]) + unmatched,
        registered,
        "{json:#}"
    );
    assert_eq!(json["reports_opened"], json["decrypted"]);
    assert!(number(&json["doctors"]) >= 8);
    assert!(number(&json["matches"]) >= number(&json["decrypted"]));
    assert!(number(&json["assignments"]) >= number(&json["decrypted"]));
    assert!(number(&json["ledger"]["height"]) > 0);
    assert!(json["seconds"].as_object().unwrap().len() >= 8);
    assert_eq!(json["failures"], Value::Array(Vec::new()));
    refused(json);
}

/// Each misuse, refused for its own reason and by whom it should be: a service with its code, or the device itself.
fn refused(json: &Value) {
    let codes = [
        (
            "a hospital lets another one search",
            Some("transaction-rejected"),
        ),
        ("a hospital outside the federation", Some("scope-refused")),
        (
            "a doctor of a hospital that is not authorized",
            Some("not-assigned"),
        ),
        (
            "a doctor whose attributes do not satisfy",
            Some("policy-not-satisfied"),
        ),
        (
            "a doctor revoked while his case is open",
            Some("doctor-revoked"),
        ),
        (
            "a record is opened after its patient withdrew",
            Some("consent-withdrawn"),
        ),
        ("a ciphertext with one bit changed", None),
    ];
    let refusals = json["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), codes.len(), "{refusals:#?}");
    for (begins, code) in codes {
        let found = refusals
            .iter()
            .find(|one| one["attempted"].as_str().unwrap().starts_with(begins));
        let found = found.unwrap_or_else(|| panic!("{begins} was not attempted"));
        assert_eq!(found["refused"], true, "{found:#}");
        assert_eq!(found["refused_with"].as_str(), code, "{found:#}");
        assert!(!found["reason"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_main_job_runs_on_the_projects_own_sample() {
    let json = demo(&[]);
    check(&json);
    assert_eq!(number(&json["patients"]["read"]), 25);
    assert_eq!(number(&json["records"]), 25);
    let skipped = json["patients"]["skipped"].as_array().unwrap();
    assert!(
        skipped
            .iter()
            .any(|one| one["what"].as_str().unwrap().ends_with("notes.txt"))
    );
    assert!(
        skipped
            .iter()
            .all(|one| !one["reason"].as_str().unwrap().is_empty())
    );
}

#[test]
fn the_main_job_runs_on_published_images() {
    let Some(path) = shared("dicom") else { return };
    let files = std::fs::read_dir(&path).unwrap().count() as u64;
    let json = demo(&["--records", path.to_str().unwrap()]);
    check(&json);
    let skipped = json["patients"]["skipped"].as_array().unwrap().len() as u64;
    assert_eq!(number(&json["records"]) + skipped, files, "{json:#}");
}

#[test]
fn the_main_job_runs_on_published_patients() {
    let Some(path) = shared("fhir") else { return };
    let json = demo(&["--records", path.to_str().unwrap()]);
    check(&json);
    assert_eq!(number(&json["patients"]["read"]), 120);
    assert!(number(&json["records"]) >= 119, "{json:#}");
}
