//! An auditor's replay through the real command: of the demo's own ledger, of copies that were tampered with, and of a service's.

use std::fs;
use std::path::{Path, PathBuf};

use consilium_client::keyfile::{KeyPayload as _, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    Action, BlockTime, Height, Signature, SignedTransaction, SigningKey, Transaction,
};
use consilium_gateway::GatewayKeys;
use consilium_ledger::{
    Ballot, Block, CommitCertificate, CommitSignature, ConsensusStatement, ExportEntry,
    ExportReader, Handovers, Parent, Round, Slot, StateRoot, ValidatorAddress, export_entry,
    export_head,
};
use serde_json::Value;

use crate::common::dev::Dev;
use crate::common::{consilium, text};

/// What a demo left: the folders of its services with their keys, and its ledger as a file.
struct Left {
    demo: Value,
    folder: PathBuf,
    _place: tempfile::TempDir,
}

impl Left {
    /// Runs a demo on a few records.
    fn by_a_demo() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (all, few) = (place.path().join("all"), place.path().join("few"));
        let made = consilium(&["sample", all.to_str().unwrap()]);
        assert_eq!(made.status.code(), Some(0));
        fs::create_dir(&few).unwrap();
        for number in 1..=4 {
            let name = format!("patient-{number:02}.json");
            fs::copy(all.join("transactions").join(&name), few.join(&name)).unwrap();
        }
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_consilium"))
            .args(["demo", "--json", "--keep", "--records"])
            .arg(few)
            .env("TMPDIR", place.path())
            .output()
            .unwrap();
        assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
        let kept = text(&said.stderr);
        let folder = kept.lines().find_map(|line| line.strip_prefix("kept: "));
        Self {
            demo: serde_json::from_slice(&said.stdout).unwrap(),
            folder: folder.unwrap().into(),
            _place: place,
        }
    }

    /// A key out of a gateway's sealed bundle: `signing` or `validator`.
    fn key(&self, hospital: &str, name: &str) -> SigningKey {
        let passphrase = fs::read_to_string(self.folder.join("passphrase")).unwrap();
        let passphrase = Passphrase::new(passphrase.trim()).unwrap();
        let file = self.folder.join(hospital).join("gateway.keys");
        let keys: GatewayKeys = read_key_file(&file, Some(&passphrase)).unwrap();
        let bundle: Value = serde_json::from_slice(&keys.to_payload()).unwrap();
        let seed = hex::decode(bundle[name].as_str().unwrap()).unwrap();
        SigningKey::from_bytes(&seed.try_into().unwrap())
    }
}

/// The ledger in that file, to be tampered with by those who hold every key.
struct Copy {
    reader: ExportReader<fs::File>,
    entries: Vec<ExportEntry>,
    validator: SigningKey,
}

impl Copy {
    fn of(left: &Left) -> Self {
        let genesis = fs::read(left.folder.join("kgc/genesis.bin")).unwrap();
        let genesis = consilium_contracts::SignedGenesis::from_bytes(&genesis).unwrap();
        let federation = genesis.verify().unwrap().federation();
        let file = fs::File::open(left.folder.join("ledger.export")).unwrap();
        let mut reader = ExportReader::open(file, &federation).unwrap();
        let entries = std::iter::from_fn(|| reader.read().unwrap()).collect();
        let validator = left.key("st-mary", "validator");
        Self {
            reader,
            entries,
            validator,
        }
    }

    fn file(&self, entries: &[ExportEntry]) -> Vec<u8> {
        let genesis = self.reader.genesis();
        let mut bytes = export_head(genesis, self.reader.range(), &Handovers::default());
        for ExportEntry { block, certificate } in entries {
            bytes.extend(export_entry(block, certificate));
        }
        bytes
    }

    /// The last block with such a transaction, and the transaction's index.
    fn find(&self, which: impl Fn(&Action) -> bool) -> (u64, usize) {
        let found = self.entries.iter().rev().find_map(|entry| {
            let mut transactions = entry.block.transactions().iter();
            let index = transactions.position(|one| which(&one.transaction().action))?;
            Some((entry.block.header().height.value(), index))
        });
        found.expect("the demo has every kind")
    }

    fn transaction(&self, (height, index): (u64, usize)) -> &Transaction {
        self.entries[height as usize - 1].block.transactions()[index].transaction()
    }

    fn certified(&self, block: Block, by: &SigningKey) -> ExportEntry {
        let (header, round) = (*block.header(), Round::new(0));
        let voter = ValidatorAddress::of(&by.verifying_key());
        let (height, hash) = (header.height, header.hash());
        let ballot = Ballot {
            height,
            round,
            block: Some(hash),
            voter,
        };
        let signature = ConsensusStatement::Precommit(ballot).sign(&header.federation, by);
        let signatures = vec![CommitSignature { voter, signature }];
        let certificate = CommitCertificate::new(height, round, hash, signatures);
        ExportEntry { block, certificate }
    }

    /// The validator certifies this block as it wants it, and again those that follow.
    fn colluding(&self, height: u64, lie: impl Fn(&mut Told)) -> Vec<u8> {
        let mut entries: Vec<ExportEntry> = Vec::new();
        for entry in &self.entries {
            let header = entry.block.header();
            let mut told = Told {
                time: header.time,
                state: header.state,
                transactions: entry.block.transactions().to_vec(),
            };
            if header.height.value() == height {
                lie(&mut told);
            }
            let parent = Parent {
                federation: header.federation,
                height: Height::new(header.height.value() - 1),
                hash: entries
                    .last()
                    .map_or(header.previous, |last| last.block.hash()),
                time: header.time,
                state: told.state,
            };
            let slot = Slot {
                proposer: header.proposer,
                time: told.time,
            };
            let block = Block::new(&parent, slot, told.transactions);
            entries.push(self.certified(block, &self.validator));
        }
        self.file(&entries)
    }
}

/// What the validator says of a block.
struct Told {
    time: BlockTime,
    state: StateRoot,
    transactions: Vec<SignedTransaction>,
}

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
    assert_eq!(accepted["proofs"]["match"], left.demo["proofs"]["match"]);
    assert_eq!(accepted["state_root_certified"], false);
    for some in ["posting", "interests", "match", "consent"] {
        assert!(accepted["proofs"][some].as_u64().unwrap() > 0, "{some}");
    }

    let copy = Copy::of(&left);
    let entries = &copy.entries;
    let whole = fs::read(left.folder.join("ledger.export")).unwrap();
    assert_eq!(copy.file(entries), whole);
    let last = entries.len() as u64;
    let at = |which: fn(&Action) -> bool| copy.find(which);
    let matched = at(|action| matches!(action, Action::PostMatch(_)));
    let index = at(|action| matches!(action, Action::PostIndex(_)));
    let trapdoor = at(|action| matches!(action, Action::PostTrapdoor(_)));
    let record = at(|action| matches!(action, Action::RegisterRecord(_)));

    // Who posted a match signs another one, whose proof has one byte changed.
    let with_false_proof = |sender: &SigningKey, place: (u64, usize)| {
        let mut transaction = copy.transaction(place).clone();
        let Action::PostMatch(action) = &mut transaction.action else {
            panic!()
        };
        let mut proof = action.proof.as_bytes().to_vec();
        let end = proof.len() - 1;
        proof[end] ^= 1;
        action.proof = proof.try_into().unwrap();
        transaction.sign(sender)
    };
    let sender = copy.transaction(matched).sender;
    let hospitals = ["st-mary", "city-clinic"].map(|name| left.key(name, "signing"));
    let mut hospitals = hospitals.iter();
    let hospital = hospitals.find(|key| key.verifying_key() == sender).unwrap();
    let lie = with_false_proof(hospital, matched);
    let lying = lie.hash().to_string();

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
