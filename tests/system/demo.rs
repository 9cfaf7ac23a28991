//! The main job from beginning to end, through the real command and real services.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{consilium, shared, text};
use serde_json::Value;

fn demo(arguments: &[&str]) -> Value {
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
    assert!(number(&json["proofs"]["match"]) >= number(&json["assignments"]));
    assert!(number(&json["assignments"]) >= number(&json["decrypted"]));
    let ledger = &json["ledger"];
    assert!(number(&ledger["height"]) > 0);
    assert_eq!(number(&ledger["nodes"]), number(&json["hospitals"]) + 1);
    assert_eq!(ledger["state_root"].as_str().unwrap().len(), 64);
    let verified = &ledger["verified"];
    assert_eq!(verified["to"], ledger["height"]);
    assert_eq!(verified["blocks"], ledger["height"]);
    assert_eq!(verified["state_root"], ledger["state_root"]);
    assert_eq!(verified["proofs"]["match"], json["proofs"]["match"]);
    assert!(number(&verified["assignments"]) >= number(&json["assignments"]));
    assert!(number(&verified["votes"]) >= number(&ledger["height"]));
    assert!(json["seconds"].as_object().unwrap().len() >= 8);
    assert_eq!(json["failures"], Value::Array(Vec::new()));
    refused(json);
    settled(json);
}

/// Every report that was opened is acknowledged with a proof; who lies about a report is shown at fault.
fn settled(json: &Value) {
    let (opened, proofs) = (number(&json["reports_opened"]), &json["proofs"]);
    // And the patient who disputed a good report acknowledged it after all.
    assert_eq!(number(&proofs["decrypted"]), opened + 1);
    assert_eq!(number(&proofs["disputes"]), 2);
    let faults = json["disputes"].as_array().unwrap().iter();
    let faults: Vec<_> = faults.map(|one| (&one["fault"], &one["holds"])).collect();
    let (patient, doctor, holds) = ("patient".into(), "doctor".into(), true.into());
    assert_eq!(faults, [(&patient, &holds), (&doctor, &holds)]);
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
        (
            "a hospital whose authorization was withdrawn",
            Some("authorization-withdrawn"),
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
    assert_eq!(number(&json["ledger"]["validators"]), 1);
    assert_eq!(json["outage"], Value::Null);
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

/// A few records of the sample, so that it does not take long.
#[test]
fn the_main_job_runs_over_four_validators_one_of_them_killed_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let (all, few) = (folder.path().join("all"), folder.path().join("few"));
    let made = consilium(&["sample", all.to_str().unwrap()]);
    assert_eq!(made.status.code(), Some(0));
    fs::create_dir(&few).unwrap();
    for number in 1..=7 {
        let name = format!("patient-{number:02}.json");
        fs::copy(all.join("transactions").join(&name), few.join(&name)).unwrap();
    }
    // Four gateways and whatever else is tested beside them take their time on a small machine.
    let few = ["--records", few.to_str().unwrap()];
    let window = ["--matching-window", "50"];
    let json = demo(&[&["--hospitals", "4"], &few[..], &window].concat());
    check(&json);
    assert_eq!(number(&json["records"]), 7);
    assert_eq!(number(&json["ledger"]["nodes"]), 5);
    assert_eq!(number(&json["ledger"]["validators"]), 4);
    let outage = &json["outage"];
    assert_eq!(outage["hospital"], "lakeside");
    let heights = ["killed_at", "others_at", "caught_up_at"].map(|name| number(&outage[name]));
    let [killed, others, caught_up] = heights;
    assert!(killed > 0 && others >= killed + 5, "{outage}");
    assert!(caught_up >= others, "{outage}");
    assert!(number(&json["ledger"]["height"]) >= caught_up);
}

#[test]
fn the_main_job_runs_on_published_images() {
    let Some(path) = shared("dicom") else { return };
    let files = fs::read_dir(&path).unwrap().count() as u64;
    let json = demo(&["--records", path.to_str().unwrap()]);
    check(&json);
    let skipped = json["patients"]["skipped"].as_array().unwrap().len() as u64;
    assert_eq!(number(&json["records"]) + skipped, files, "{json:#}");
}

/// As without, by far fewer comparisons than there are pairs.
#[test]
fn the_main_job_runs_with_a_prefilter() {
    let Some(path) = shared("dicom") else { return };
    let json = demo(&["--records", path.to_str().unwrap(), "--prefilter", "1024"]);
    check(&json);
    assert_eq!(json["prefilter"], 1024);
    let (compared, matches) = (number(&json["compared"]), number(&json["matches"]));
    let pairs = number(&json["records"]) * number(&json["doctors"]);
    assert!(
        matches <= compared && compared < pairs,
        "{compared} of {pairs} compared"
    );
}

#[test]
fn the_main_job_runs_on_published_patients() {
    let Some(path) = shared("fhir") else { return };
    let json = demo(&["--records", path.to_str().unwrap()]);
    check(&json);
    assert_eq!(number(&json["patients"]["read"]), 120);
    assert!(number(&json["records"]) >= 119, "{json:#}");
}

/// The processes that `parent` started and that still run.
fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stat = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_child = |pid: &u32| {
        // After the name in parentheses: state, parent.
        let stat = stat(pid);
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    numbers.filter(is_child).collect()
}

/// A demo whose services run, on one small record, with everything it writes in `place`.
fn begun(place: &Path) -> (Child, Vec<u32>) {
    let records = place.join("records");
    fs::create_dir(&records).unwrap();
    let bundle = r#"{"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p1"}},
        {"resource": {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]}}}]}"#;
    fs::write(records.join("p1.json"), bundle).unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_consilium"))
        .args(["demo", "--json", "--records"])
        .arg(records)
        .env("TMPDIR", place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    loop {
        let services = children(demo.id());
        if services.len() == 3 {
            return (demo, services);
        }
        assert_eq!(demo.try_wait().unwrap(), None, "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(300));
        sleep(Duration::from_millis(100));
    }
}

fn signal(name: &str, process: u32) {
    let call = format!("kill -{name} {process}");
    let said = Command::new("sh").args(["-c", &call]).status();
    assert!(said.unwrap().success());
}

/// Whether a service has this process; its number may be another program's by now.
fn serves(process: u32) -> bool {
    let command = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.contains("serve")
}

#[test]
fn a_demo_that_is_stopped_leaves_no_service_and_no_folder_behind() {
    let place = tempfile::tempdir().unwrap();
    let (mut demo, services) = begun(place.path());
    signal("TERM", demo.id());
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    sleep(Duration::from_secs(1));
    for pid in services {
        assert!(!serves(pid), "service {pid} still runs");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

/// It can run no code of its own then: the services notice that their standard input closed.
#[test]
fn a_demo_that_is_killed_leaves_no_service_behind() {
    let place = tempfile::tempdir().unwrap();
    let (mut demo, services) = begun(place.path());
    signal("KILL", demo.id());
    assert_eq!(demo.wait().unwrap().code(), None);
    let killed = Instant::now();
    while services.iter().any(|pid| serves(*pid)) {
        if killed.elapsed() > Duration::from_secs(60) {
            services.iter().for_each(|pid| signal("KILL", *pid));
            panic!("services {services:?} still run");
        }
        sleep(Duration::from_millis(100));
    }
}
