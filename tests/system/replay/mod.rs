//! An auditor's replay through the real command: of the demo's own ledger, of copies that were tampered with, and of a service's.

mod copy;

use std::fs;
use std::path::Path;

use consilium_contracts::{Action, BlockTime, Signature, SignedTransaction, SigningKey};
use consilium_ledger::{CommitCertificate, ExportEntry, Round, StateRoot};
use serde_json::Value;

use crate::common::dev::Dev;
use crate::common::{consilium, text};
use copy::{Copy, Left};

/// `ledger verify` of a file: what it answers, or its error.
fn verify(folder: &Path, file: &str) -> Result<Value, String> {
    let [file, genesis] = [file, "kgc/genesis.bin"].map(|name| folder.join(name));
    let [file, genesis] = [&file, &genesis].map(|path| path.to_str().unwrap());
    let call = [
        "--json",
        "ledger",
        "verify",
        "--export",
        file,
        "--genesis",
        genesis,
    ];
    let said = consilium(&call);
    match said.status.code() {
        Some(0) => Ok(serde_json::from_slice(&said.stdout).unwrap()),
        Some(1) => {
            let error: Value = serde_json::from_slice(&said.stderr).unwrap();
            Err(error["error"].as_str().unwrap().to_owned())
        }
        code => panic!("exit code {code:?}: {}", text(&said.stderr)),
    }
}

#[test]
fn the_demos_ledger_is_accepted_and_every_tampered_copy_is_refused_by_the_name_of_its_block() {
    let left = Left::by_a_demo();
    let accepted = verify(&left.folder, "ledger.export").unwrap();
    let counted = &left.demo["ledger"]["verified"];
    assert_eq!(accepted, *counted, "the demo said the same of itself");
    assert_eq!(accepted["to"], left.demo["ledger"]["height"]);
    assert_eq!(accepted["state_root"], left.demo["ledger"]["state_root"]);
    assert_eq!(accepted["assignments"], left.demo["assignments"]);
    let proofs = &left.demo["proofs"];
    assert_eq!(accepted["proofs"]["match"], proofs["match"]);
    assert_eq!(accepted["proofs"]["no-match"], proofs["non_match"]);
    assert_eq!(accepted["state_root_certified"], false);
    for some in ["posting", "interests", "match", "no-match", "consent"] {
        assert!(accepted["proofs"][some].as_u64().unwrap() > 0, "{some}");
    }

    let copy = Copy::of(&left);
    let entries = &copy.entries;
    let whole = fs::read(left.folder.join("ledger.export")).unwrap();
    assert_eq!(copy.file(entries), whole);
    let last = entries.len() as u64;
    let at = |which: fn(&Action) -> bool| copy.find(which);
    let matched = at(|action| matches!(action, Action::PostMatch(_)));
    let answer = at(|action| matches!(action, Action::AnswerChallenge(_)));
    let index = at(|action| matches!(action, Action::PostIndex(_)));
    let trapdoor = at(|action| matches!(action, Action::PostTrapdoor(_)));
    let record = at(|action| matches!(action, Action::RegisterRecord(_)));

    // Who posted a match signs another one, whose proof has one byte changed.
    let with_false_proof = |sender: &SigningKey, place: (u64, usize)| {
        let mut transaction = copy.transaction(place).clone();
        let proof = match &mut transaction.action {
            Action::PostMatch(action) => &mut action.proof,
            Action::AnswerChallenge(action) => &mut action.proof,
            _ => panic!(),
        };
        let mut changed = proof.as_bytes().to_vec();
        let end = changed.len() - 1;
        changed[end] ^= 1;
        *proof = changed.try_into().unwrap();
        transaction.sign(sender)
    };
    let hospitals = ["st-mary", "city-clinic"].map(|name| left.key(name, "signing"));
    let false_proof = |place: (u64, usize)| {
        let sender = copy.transaction(place).sender;
        let mut hospitals = hospitals.iter();
        let hospital = hospitals.find(|key| key.verifying_key() == sender).unwrap();
        with_false_proof(hospital, place)
    };
    let (lie, false_answer) = (false_proof(matched), false_proof(answer));
    let (lying, answering) = (lie.hash().to_string(), false_answer.hash().to_string());

    let forged = |(height, index): (u64, usize)| {
        let right = &entries[height as usize - 1].block.transactions()[index];
        let mut signature = right.signature().to_bytes();
        signature[0] ^= 1;
        SignedTransaction::new(
            right.transaction().clone(),
            Signature::from_bytes(signature),
        )
    };
    let without = |height: u64, index: usize| {
        copy.colluding(height, |told| drop(told.transactions.remove(index)))
    };
    let listed = |change: &dyn Fn(&mut Vec<ExportEntry>)| {
        let mut entries = entries.clone();
        change(&mut entries);
        copy.file(&entries)
    };
    let changed = |place: usize| {
        let mut file = whole.clone();
        file[place] ^= 1;
        file
    };
    let certificate = entries[last as usize - 1].certificate.to_bytes().len();
    let stranger = SigningKey::from_bytes(&[7; 32]);
    let root = StateRoot::from_bytes([7; 32]);
    let early = BlockTime::new(1);
    let again = entries[matched.0 as usize - 1].block.transactions()[matched.1].clone();
    let two = index.0 as usize;

    // What was done, the file, the block that must be named, and what must be said.
    let copies: Vec<(&str, Vec<u8>, u64, &str)> = vec![
        (
            "one byte of a vote's signature",
            changed(whole.len() - 1),
            last,
            "does not verify",
        ),
        (
            "one byte of the last block's header",
            changed(whole.len() - certificate - 4 - 20),
            last,
            "",
        ),
        (
            "a forged signature, certified",
            copy.colluding(index.0, |told| told.transactions[index.1] = forged(index)),
            index.0,
            "signature",
        ),
        (
            "a false proof of Match, certified",
            copy.colluding(matched.0, |told| told.transactions[matched.1] = lie.clone()),
            matched.0,
            &lying,
        ),
        (
            "a false answer to a challenge, certified",
            copy.colluding(answer.0, |told| {
                told.transactions[answer.1] = false_answer.clone()
            }),
            answer.0,
            &answering,
        ),
        (
            "a trapdoor with a forged signature, certified",
            copy.colluding(trapdoor.0, |told| {
                told.transactions[trapdoor.1] = forged(trapdoor)
            }),
            trapdoor.0,
            "signature",
        ),
        (
            "a state root, certified",
            copy.colluding(last - 1, |told| told.state = root),
            last - 1,
            "the parent led to",
        ),
        (
            "a record left out, certified",
            without(record.0, record.1),
            record.0 + 1,
            "the parent led to",
        ),
        (
            "a match left out, certified",
            without(matched.0, matched.1),
            matched.0 + 1,
            "the parent led to",
        ),
        (
            "a transaction twice, certified",
            copy.colluding(matched.0 + 1, |told| told.transactions.push(again.clone())),
            matched.0 + 1,
            "nonce",
        ),
        (
            "time going back, certified",
            copy.colluding(3, |told| told.time = early),
            3,
            "not later than its parent's",
        ),
        (
            "a stranger's certificate",
            listed(&|entries| {
                let block = entries[4].block.clone();
                entries[4] = copy.certified(block, &stranger);
            }),
            5,
            "not a validator",
        ),
        (
            "no vote",
            listed(&|entries| {
                let (header, round) = (*entries[4].block.header(), Round::new(0));
                let none = CommitCertificate::new(header.height, round, header.hash(), Vec::new());
                entries[4].certificate = none;
            }),
            5,
            "0 of 1 votes",
        ),
        (
            "another block's certificate",
            listed(&|entries| entries[4].certificate = entries[3].certificate.clone()),
            5,
            "not for this one",
        ),
        (
            "two blocks exchanged",
            listed(&|entries| entries.swap(two - 1, two)),
            index.0,
            "the next one is",
        ),
        (
            "a block repeated",
            listed(&|entries| entries.insert(4, entries[3].clone())),
            5,
            "the next one is 5",
        ),
        (
            "a block missing",
            listed(&|entries| drop(entries.remove(4))),
            5,
            "the next one is 5",
        ),
        (
            "a file cut off",
            whole[..whole.len() - 1].to_vec(),
            last,
            "cut off",
        ),
        ("a byte more", [&whole[..], &[0]].concat(), last, "goes on"),
    ];
    for (what, file, height, words) in copies {
        fs::write(left.folder.join("tampered.export"), file).unwrap();
        let said = match verify(&left.folder, "tampered.export") {
            Ok(answer) => panic!("{what}: accepted: {answer}"),
            Err(said) => said,
        };
        let names = said.contains(&format!("block {height}: "))
            || said.contains(&format!("in block {height}"))
            || said.ends_with(&format!("its last block {height}"));
        assert!(
            names && said.contains(words),
            "{what}, block {height} ({words}): {said}"
        );
    }
}

#[test]
fn a_service_is_replayed_with_its_receipts_and_a_part_of_its_ledger_is_not() {
    let dev = Dev::new();
    dev.up("2");
    let (home, other) = ("consilium-dev/city-clinic", "consilium-dev/st-mary");
    let made = dev.json(&["gateway", "authorize", "city-clinic", "--home", other]);
    assert!(made["authorization"].is_string());
    let verified = dev.json(&["ledger", "verify", "--home", home]);
    assert_eq!(verified["replayed"], true);
    assert_eq!(verified["from"], 1);
    assert_eq!(verified["blocks"], verified["to"]);
    assert_eq!(verified["receipts"], verified["transactions"]);
    assert!(verified["transactions"].as_u64().unwrap() > 0);
    // Another node of the same ledger, a little later.
    let again = dev.json(&["ledger", "verify", "--home", "consilium-dev/kgc"]);
    assert!(again["to"].as_u64() >= verified["to"].as_u64());
    let genesis = format!("{other}/genesis.bin");
    let of = |id: &str| {
        let call = ["ledger", "verify", "--home", home, "--federation", id];
        dev.try_json(&call)
    };
    of(verified["federation"].as_str().unwrap()).unwrap();
    let refused = of(&"ab".repeat(32)).unwrap_err();
    assert!(refused["error"].as_str().unwrap().contains("expected"));

    // The words, for people.
    let said = dev.command(&["ledger", "verify", "--home", home]);
    let mut words = std::process::Command::new(env!("CARGO_BIN_EXE_consilium"));
    let words = dev
        .environment(&mut words)
        .args(said.get_args().skip(1))
        .output()
        .unwrap();
    let words = text(&words.stdout);
    for one in [
        "replayed from genesis",
        "votes in their certificates",
        "receipts of the service",
        "not certified yet",
    ] {
        assert!(words.contains(one), "{one}: {words}");
    }

    // A file that begins later says what was not checked.
    let part = ["--out", "part.export", "--from", "2", "--to", "2"];
    dev.json(&[&["ledger", "export", "--home", home], &part[..]].concat());
    let call = [
        "ledger",
        "verify",
        "--export",
        "part.export",
        "--genesis",
        &genesis,
    ];
    assert_eq!(dev.json(&call)["replayed"], false);
    let mut words = std::process::Command::new(env!("CARGO_BIN_EXE_consilium"));
    let words = dev.environment(&mut words).args(call).output().unwrap();
    let words = text(&words.stdout);
    assert!(words.contains("NOT replayed"), "{words}");
}
