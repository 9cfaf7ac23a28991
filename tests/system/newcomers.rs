//! What somebody meets who does not know the order of things yet: each answer says how it stands and what to do.

use std::fs;
use std::path::Path;

use crate::common::dev::Dev;
use crate::common::text;
use serde_json::{Value, json};

const KGC: &str = "consilium-dev/kgc";
const CLINIC: &str = "consilium-dev/city-clinic";
const MARY: &str = "consilium-dev/st-mary";
const ATTRIBUTES: &str = "hospital:city-clinic, role:internist";

fn invited(dev: &Dev, hospital: &str, role: &str) -> String {
    let invited = dev.json(&["gateway", "invite", role, "--home", hospital]);
    let file = format!("{role}.code");
    fs::write(dev.folder().join(&file), invited["code"].as_str().unwrap()).unwrap();
    file
}

/// Calls what must fail; its words.
fn complaint(dev: &Dev, arguments: &[&str]) -> String {
    let error = dev.try_json(arguments).expect_err("it was not refused");
    error["error"].as_str().unwrap().to_owned()
}

fn assert_says(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "no `{part}` in: {words}");
    }
}

#[test]
fn a_doctor_sees_how_far_her_enrolment_is_and_asking_again_changes_nothing() {
    let dev = Dev::new();
    dev.up("20");
    let status = ["doctor", "status", "--home", "kim"];
    let enroll = ["doctor", "enroll", "--home", "kim"];
    let interests = ["doctor", "interests", "--home", "kim", "icd-10|E11"];
    dev.keygen("doctor", "kim");
    assert_says(&complaint(&dev, &status), &["doctor enroll", "--code-file"]);

    let code = invited(&dev, CLINIC, "doctor");
    let asked = dev.json(&[&enroll[..], &["--code-file", &code]].concat());
    assert_eq!(asked["state"], "awaits-hospital");
    assert_eq!(dev.json(&enroll), asked);
    let doctor = asked["doctor"].as_str().unwrap();
    assert_says(
        &complaint(&dev, &interests),
        &["awaits-hospital", "gateway approve", doctor],
    );

    let approve = ["gateway", "approve", doctor, "--home", CLINIC];
    let approved = dev.json(&[&approve[..], &["--attributes", ATTRIBUTES]].concat());
    assert_eq!(approved["state"], "awaits-issue");
    // It had gone back to the hospital, whose operator had to approve again.
    assert_eq!(dev.json(&enroll), approved);
    assert_says(
        &complaint(&dev, &interests),
        &["awaits-issue", "kgc doctor issue", doctor],
    );

    let issue = ["kgc", "doctor", "issue", doctor, "--home", KGC];
    dev.json(&[&issue[..], &["--attributes", ATTRIBUTES]].concat());
    let wait = || loop {
        let seen = dev.json(&status);
        if seen["enrolment"]["state"] == "issued" {
            return seen;
        }
    };
    let issued = wait();
    assert_eq!(dev.json(&enroll), issued["enrolment"]);
    assert_eq!(issued["doctor"], doctor);
    assert_eq!(issued["hospital"], "city-clinic");
    assert_eq!(issued["leaf"], 0);
    assert_eq!(issued["interests"], Value::Null);
    assert_eq!(issued["epoch"], 1);
    assert_eq!(issued["cases"], json!([]));
    dev.json(&interests);
    let seen = dev.json(&status);
    assert_eq!(seen["interests"]["interests"], 1);
    let days =
        |from: &Value, to: &Value| (to.as_u64().unwrap() - from.as_u64().unwrap()) / 86_400_000;
    assert_eq!(
        days(&issued["time_ms"], &seen["interests"]["expires_ms"]),
        30
    );

    // Other attributes are asked for in so many words; until they are issued the former hold.
    let renewed = dev.json(&[&enroll[..], &["--renew"]].concat());
    assert_eq!(renewed["state"], "awaits-hospital");
    dev.json(&interests);

    let counts = |issued: u64, revoked: u64| {
        let status = dev.json(&["kgc", "status", "--home", KGC]);
        assert_eq!(status["issued"], issued);
        assert_eq!(status["revoked"], revoked);
        assert_eq!(status["in_force"], issued - revoked);
    };
    counts(1, 0);
    let revoke = ["kgc", "doctor", "revoke", doctor, "--home", KGC];
    dev.json(&[&revoke[..], &["--reason", "departed"]].concat());
    counts(1, 1);
    let revoked = || {
        let seen = dev.json(&status);
        assert!(seen["leaf"].is_null() == (seen["enrolment"]["state"] == "revoked"));
        seen["leaf"].is_null()
    };
    while !revoked() {}
    assert_says(
        &complaint(&dev, &interests),
        &["revoked", "new keys", "doctor keygen"],
    );
}

const RECORD: &str = r#"{"resourceType":"Bundle","type":"collection","entry":[
    {"resource":{"resourceType":"Patient","id":"1"}},
    {"resource":{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/1"},
    "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11.9"}]}}}]}"#;

#[test]
fn a_record_for_an_unknown_hospital_is_not_encrypted_and_one_that_is_there_is_not_taken_for_another()
 {
    let dev = Dev::new();
    dev.up("20");
    let code = invited(&dev, MARY, "patient");
    dev.keygen("patient", "ann");
    dev.json(&["patient", "register", "--home", "ann", "--code-file", &code]);
    fs::write(dev.folder().join("record.json"), RECORD).unwrap();
    let encrypt = [
        "patient",
        "encrypt",
        "record.json",
        "--home",
        "ann",
        "--policy",
        "role:internist",
    ];
    let refused = dev.call(&[&encrypt[..], &["--hospital", "harbour"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert_says(
        &text(&refused.stderr),
        &["harbour", "city-clinic", "st-mary"],
    );
    assert!(!dev.folder().join("ann/records").exists());

    let made = dev.json(&[&encrypt[..], &["--hospital", "city-clinic"]].concat());
    let record = made["record"].as_str().unwrap();
    let submit = ["patient", "submit", record, "--home", "ann"];
    let first = dev.json(&submit);
    assert_eq!(first["state"], "registered");
    // An answer that was lost is asked for again; nothing is sent a second time.
    let again = dev.json(&submit);
    assert_eq!(again["record"], first["record"]);
    assert_eq!(again["registration"], first["registration"]);
    dev.json(&["patient", "withdraw", record, "--home", "ann"]);
    assert_says(
        &complaint(&dev, &submit),
        &[record, "st-mary", "withdrawn", "patient encrypt"],
    );
}

#[test]
fn a_service_that_does_not_answer_is_named_with_its_role_and_what_to_do() {
    let dev = Dev::new();
    dev.up("20");
    let code = invited(&dev, CLINIC, "doctor");
    dev.keygen("doctor", "kim");
    let enroll = ["doctor", "enroll", "--home", "kim"];
    dev.json(&[&enroll[..], &["--code-file", &code]].concat());

    dev.json(&["dev", "down"]);
    let url = |number| format!("http://127.0.0.1:{}", dev.ports(number).0);
    let inbox = complaint(&dev, &["doctor", "inbox", "--home", "kim"]);
    let gateway = [
        "the gateway of hospital city-clinic",
        &url(2),
        "gateway serve",
    ];
    assert_says(&inbox, &gateway);
    let status = complaint(&dev, &["gateway", "status", "--home", CLINIC]);
    assert_says(&status, &gateway);
    let status = complaint(&dev, &["kgc", "status", "--home", KGC]);
    assert_says(&status, &["the KGC", &url(0), "kgc serve"]);
    let status = complaint(&dev, &["ledger", "status", "--home", KGC]);
    assert_says(&status, &["the KGC", &url(0)]);
}

#[test]
fn a_folder_is_served_by_one_process() {
    let dev = Dev::new();
    dev.up("20");
    for (noun, home, name) in [("gateway", CLINIC, "city-clinic"), ("kgc", KGC, "kgc")] {
        let served = dev.call(&[noun, "serve", "--home", home]);
        let words = text(&served.stderr);
        assert_eq!(served.status.code(), Some(1), "{words}");
        let error: Value = serde_json::from_str(words.lines().last().unwrap()).unwrap();
        let words = error["error"].as_str().unwrap();
        assert_says(words, &[name, "served already by another process"]);
    }
    // The first goes on, and one that was killed leaves no lock behind.
    assert_eq!(dev.json(&["kgc", "status", "--home", KGC])["sealed"], false);
    assert!(dev.kill("city-clinic"));
    dev.up("20");
}

#[test]
fn a_gateway_without_a_genesis_says_where_it_comes_from() {
    let dev = Dev::new();
    let folder = dev.folder();
    fs::write(folder.join("secret"), "correct horse battery staple\n").unwrap();
    let init = [
        "gateway", "init", "harbour", "--home", "harbour", "--name", "Harbour",
    ];
    let more = ["--url", "http://127.0.0.1:1", "--passphrase-file", "secret"];
    dev.json(&[&init[..], &more].concat());
    // Before the passphrase is asked for, which takes its time and is another matter.
    let served = dev.call(&["gateway", "serve", "--home", "harbour"]);
    let words = text(&served.stderr);
    assert_eq!(served.status.code(), Some(1), "{words}");
    let error: Value = serde_json::from_str(&words).unwrap();
    let genesis = Path::new("harbour").join("genesis.bin");
    assert_says(
        error["error"].as_str().unwrap(),
        &[genesis.to_str().unwrap(), "kgc genesis"],
    );
}

/// What a fresh gateway is started with wrongly costs it nothing: it has joined nothing, and may still vote from the first block on.
#[test]
fn a_wrong_setting_is_said_before_a_gateway_joins_or_votes() {
    let dev = Dev::new();
    let folder = dev.folder();
    fs::write(folder.join("secret"), "correct horse battery staple\n").unwrap();
    let secret = ["--passphrase-file", "secret"];
    let url = ["--url", "http://127.0.0.1:1"];
    let init = ["gateway", "init", "harbour", "--home", "harbour"];
    dev.json(&[&init[..], &["--name", "Harbour"], &url, &secret].concat());
    let init = ["kgc", "init", "--home", "kgc", "--depth", "4"];
    dev.json(&[&init[..], &url, &secret].concat());
    let genesis = ["kgc", "genesis", "--home", "kgc", "--name", "One"];
    dev.json(&[&genesis[..], &secret, &["harbour/hospital.json"]].concat());
    let home = folder.join("harbour");
    fs::copy(folder.join("kgc/genesis.bin"), home.join("genesis.bin")).unwrap();

    let serve = ["gateway", "serve", "--home", "harbour"];
    for (flag, value, part) in [
        ("--gateway-matching-memory-bytes", "1", "must be at least"),
        ("--gateway-kgc-url", "ftp://kgc", "gateway.kgc_url"),
    ] {
        let served = dev.call(&[&serve[..], &secret, &[flag, value]].concat());
        let words = text(&served.stderr);
        assert_eq!(served.status.code(), Some(2), "{words}");
        // One line, and nothing of an engine that starts and fails.
        let error: Value = serde_json::from_str(&words).unwrap();
        assert_says(error["error"].as_str().unwrap(), &[part]);
        assert!(home.join("never-voted").exists());
        assert!(!home.join("data").exists());
    }
}
