//! What a patient can say about a report, by the real commands.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::common::dev::Dev;
use crate::common::text;

/// A record of a patient, read and reported on in her own hospital; then what she tries.
const SCRIPT: &str = r#"set -euo pipefail
consilium dev up --matching-window 6
export CONSILIUM_PASSPHRASE_FILE=$PWD/consilium-dev/passphrase
consilium gateway invite doctor --home consilium-dev/st-mary > doctor.code
consilium doctor keygen --home dr --unprotected
DOCTOR=$(consilium doctor enroll --home dr --code-file doctor.code)
consilium gateway approve $DOCTOR --home consilium-dev/st-mary --attributes "role:psychiatrist"
consilium kgc doctor issue $DOCTOR --home consilium-dev/kgc --attributes "hospital:st-mary, role:psychiatrist"
consilium doctor status --home dr
consilium doctor interests --home dr "icd-10|F32"
consilium gateway invite patient --home consilium-dev/st-mary > patient.code
consilium patient keygen --home ann --unprotected
consilium patient register --home ann --code-file patient.code
consilium sample sample
RECORD=$(consilium patient encrypt sample/transactions/patient-01.json --home ann --policy "role:psychiatrist")
consilium patient submit $RECORD --home ann
consilium doctor inbox --home dr --wait 120
consilium doctor open $RECORD --home dr --out read.json
echo "Rest." > report.txt
consilium doctor report $RECORD --home dr --text report.txt
consilium patient reports --home ann --wait 60
for reason in dispute complain; do
    set +e
    case $reason in
        dispute) consilium --json patient dispute $RECORD --home ann --reveal ;;
        complain) consilium --json patient complain $RECORD --home ann --reason rude ;;
    esac 2> $reason.err
    echo $? > $reason.code
    set -e
done
consilium --json patient status --home ann > before.json
consilium --json patient complain $RECORD --home ann --reason incomplete > complaint.json
consilium --json patient status --home ann > after.json
consilium --json ledger proof report $RECORD --home ann --out report.proof > proof.json
consilium ledger verify --proof report.proof --genesis ann/genesis.bin > verified.txt
"#;

#[test]
fn a_patient_posts_no_dispute_that_would_be_lost_and_complains_with_the_proof_that_she_read_it() {
    let dev = Dev::new();
    let mut shell = Command::new("bash");
    let said = dev
        .environment(shell.args(["-c", SCRIPT]))
        .output()
        .unwrap();
    let (out, err) = (text(&said.stdout), text(&said.stderr));
    assert_eq!(said.status.code(), Some(0), "{out}\n{err}");
    let read = |name: &str| fs::read_to_string(dev.folder().join(name)).unwrap();
    let json = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };

    assert_eq!(read("dispute.code").trim(), "1");
    let refused: Value = serde_json::from_str(&read("dispute.err")).unwrap();
    let why = refused["error"].as_str().unwrap();
    assert!(
        why.starts_with("nothing was posted: the report opens"),
        "{why}"
    );
    assert_eq!(read("complain.code").trim(), "2");
    let before = &json("before.json")["records"][0];
    assert_eq!(before["state"], "reported");
    assert_eq!(before["assignments"][0]["dispute"], Value::Null);

    let height = json("complaint.json")["height"].as_u64().unwrap();
    let after = &json("after.json")["records"][0];
    assert_eq!(after["state"], "complained");
    assert_eq!(after["reason"], "the patient complained: it is incomplete");
    assert_eq!(after["assignments"][0]["complaint"], "incomplete");
    let entry = &json("proof.json")["proven"]["entry"];
    assert_eq!(entry["complaint"]["reason"], "incomplete");
    assert_eq!(entry["complaint"]["height"], height);
    assert_eq!(entry["acknowledged"], Value::Null);
    let verified = read("verified.txt");
    let expected = format!("the patient complained at block {height}: it is incomplete");
    assert!(verified.contains(&expected), "{verified}");
}
