//! How the command answers: words, JSON, exit codes; bad input, each line of it through the real command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{consilium, text};
use serde_json::Value;

fn passphrase(folder: &Path, name: &str, words: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("{words}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    assert_eq!(consilium(&["patient", "fly"]).status.code(), Some(2));
    assert_eq!(consilium(&["sample"]).status.code(), Some(2));
    assert_eq!(consilium(&["--help"]).status.code(), Some(0));
    assert_eq!(
        consilium(&["gateway", "serve", "--help"]).status.code(),
        Some(0)
    );
}

#[test]
fn wrong_usage_is_json_for_programs() {
    let said = consilium(&["--json", "doctor", "open", "--purpose", "curiosity"]);
    assert_eq!(said.status.code(), Some(2));
    let error: Value = serde_json::from_slice(&said.stderr).unwrap();
    let words = error["error"].as_str().unwrap();
    assert!(words.contains("emergency-treatment"), "{words}");
    assert_eq!(error["code"], Value::Null);
}

#[test]
fn samples_are_written_once_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample");
    let path = path.to_str().unwrap();
    let made = consilium(&["sample", path, "--json"]);
    assert_eq!(made.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(json["patients"], 24);
    let again = consilium(&["sample", path, "--json"]);
    assert_eq!(again.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&again.stderr).unwrap();
    assert!(json["error"].as_str().unwrap().contains("is there already"));
}

#[test]
fn a_wrong_passphrase_is_named_and_existing_keys_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        passphrase(folder.path(), "right", "correct horse"),
        passphrase(folder.path(), "wrong", "battery"),
    );
    let home = folder.path().join("kgc");
    let home = home.to_str().unwrap();
    let init = [
        "kgc",
        "init",
        "--home",
        home,
        "--url",
        "http://127.0.0.1:1",
        "--passphrase-file",
        &right,
    ];
    assert_eq!(consilium(&init).status.code(), Some(0));
    let sealed = fs::read(Path::new(home).join("kgc.sealed")).unwrap();
    assert_eq!(consilium(&init).status.code(), Some(1));
    assert_eq!(
        fs::read(Path::new(home).join("kgc.sealed")).unwrap(),
        sealed
    );
    let listed = consilium(&[
        "kgc",
        "doctor",
        "list",
        "--home",
        home,
        "--passphrase-file",
        &wrong,
    ]);
    assert_eq!(listed.status.code(), Some(1));
    assert!(text(&listed.stderr).contains("wrong passphrase"));
    let listed = consilium(&["kgc", "doctor", "list", "--home", home]);
    assert_eq!(
        listed.status.code(),
        Some(2),
        "it needs a passphrase, and says how to give it"
    );
    assert!(text(&listed.stderr).contains("--passphrase-file"));
}

/// No second try mends a setting, and the units' `RestartPreventExitStatus=2` makes none.
#[test]
fn a_setting_that_is_none_is_refused_by_name_as_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let serve = |noun: &str, name: &str, value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium"));
        command
            .args([noun, "serve", "--home", home])
            .env(name, value);
        command.output().unwrap()
    };
    let refused = |said: Output, parts: &[&str]| {
        let words = text(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{words}");
        assert_eq!(words.lines().count(), 1, "{words}");
        for part in parts {
            assert!(words.contains(part), "no `{part}` in: {words}");
        }
    };
    for noun in ["gateway", "kgc"] {
        let (file, own) = (format!("{noun}.toml"), noun.to_uppercase());
        let path = folder.path().join(&file);
        let named = |rest: &str| format!("CONSILIUM_{own}_{rest}");
        fs::write(&path, "").unwrap();
        for (name, value, parts) in [
            ("HTTP_WORKERS", "abc", &["must be a whole number"][..]),
            ("HTTP_WORKERS", "-1", &["http.workers", "-1"]),
            (
                "HTTP_WORKER",
                "2",
                &["no setting", "did you mean", "HTTP_WORKERS?"],
            ),
            ("WEATHER", "2", &["no setting", "serve --help"]),
            ("LOG_FILTER", "info,=", &["log.filter"]),
        ] {
            refused(serve(noun, &named(name), value), parts);
        }
        let said = consilium(&[noun, "serve", "--home", home, "--http-workers", "many"]);
        refused(said, &["http-workers must be a whole number"]);
        for (content, part) in [
            ("[http]\nlisten_to = 1\n", "listen_to"),
            ("[http", "line 1"),
        ] {
            fs::write(&path, content).unwrap();
            let said = serve(noun, "UNRELATED", "");
            assert_eq!(said.status.code(), Some(2));
            let words = text(&said.stderr);
            assert!(words.contains(&file) && words.contains(part), "{words}");
        }
    }
    let said = serve("gateway", "CONSILIUM_GATEWAY_MATCHING_MEMORY_BYTES", "1");
    assert_eq!(said.status.code(), Some(2));
    // A folder that is not there may be a disk that is not mounted yet.
    let said = consilium(&["gateway", "serve", "--home", "nowhere"]);
    assert_eq!(said.status.code(), Some(1));
}

#[test]
fn the_help_of_serve_names_each_setting_in_the_environment() {
    let help = text(&consilium(&["gateway", "serve", "--help"]).stdout);
    assert!(help.contains("(CONSILIUM_GATEWAY_GATEWAY_MATCHING_MEMORY_BYTES)"));
    let help = text(&consilium(&["kgc", "serve", "--help"]).stdout);
    assert!(help.contains("(CONSILIUM_KGC_HTTP_LISTEN)"));
}

/// What cannot be a record, and what the command says about it.
#[test]
fn what_is_no_record_is_refused_with_the_rule_and_without_a_panic() {
    let nested = format!(
        "{{\"resourceType\":\"Patient\",\"x\":{}1{}}}",
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    let deep = "[".repeat(100_000_000);
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Bundle"}}]}"#;
    let mut dicom = vec![0_u8; 128];
    dicom.extend(b"DICM\x02\x00\x00\x00UL\x04\x00\xff");
    let cases: [(&str, &[u8]); 6] = [
        ("text.json", b"this is not JSON"),
        ("nested.json", nested.as_bytes()),
        ("deep.json", deep.as_bytes()),
        ("unknown.json", br#"{"resourceType":"Spaceship"}"#),
        ("bundles.json", bundle.as_bytes()),
        ("cut.dcm", &dicom),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let said = consilium(&["patient", "keywords", path.to_str().unwrap()]);
        let words = text(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{name}: {words}");
        assert!(
            words.starts_with("error: ") && words.contains(name),
            "{name}: {words}"
        );
        assert!(!words.contains("panicked"), "{name}: {words}");
    }
}

#[test]
fn a_byte_order_mark_is_accepted_and_keywords_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let record = "\u{feff}{\"resourceType\":\"Condition\",\"id\":\"c\",\"subject\":{\"reference\":\"Patient/1\"},\
        \"code\":{\"coding\":[{\"system\":\"http://hl7.org/fhir/sid/icd-10-cm\",\"code\":\"E11.9\"}]}}";
    fs::write(&path, record).unwrap();
    let said = consilium(&["patient", "keywords", path.to_str().unwrap(), "--json"]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    let json: Value = serde_json::from_slice(&said.stdout).unwrap();
    let keywords: Vec<_> = json["keywords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["keyword"])
        .collect();
    assert!(
        keywords.contains(&&Value::from("http://hl7.org/fhir/sid/icd-10-cm|E11.9")),
        "{keywords:?}"
    );
}

#[test]
fn a_policy_that_is_none_is_refused_before_anything_is_opened() {
    let deep = format!("{}icu{}", "(".repeat(10_000), ")".repeat(10_000));
    for policy in ["role:", "not icu", "3 of (icu, er)", &deep] {
        let said = consilium(&[
            "patient",
            "encrypt",
            "--home",
            "nowhere",
            "nothing.json",
            "--policy",
            policy,
        ]);
        assert_eq!(said.status.code(), Some(2), "{}", text(&said.stderr));
        assert!(
            text(&said.stderr).starts_with("error: policy: "),
            "{}",
            text(&said.stderr)
        );
    }
}
