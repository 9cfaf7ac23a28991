//! The ledger that a demo leaves behind, and copies of it by those who hold every key.

use std::fs;
use std::path::PathBuf;

use consilium_client::keyfile::{KeyPayload as _, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{Action, BlockTime, Height, SignedTransaction, SigningKey, Transaction};
use consilium_gateway::GatewayKeys;
use consilium_ledger::{
    Ballot, Block, CommitCertificate, CommitSignature, ConsensusStatement, ExportEntry,
    ExportReader, Handovers, Parent, Round, Slot, StateRoot, ValidatorAddress, export_entry,
    export_head,
};
use serde_json::Value;

use crate::common::{consilium, text};

/// What a demo left: the folders of its services with their keys, and its ledger as a file.
pub struct Left {
    pub demo: Value,
    pub folder: PathBuf,
    _place: tempfile::TempDir,
}

impl Left {
    /// Runs a demo on a few records.
    pub fn by_a_demo() -> Self {
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
    pub fn key(&self, hospital: &str, name: &str) -> SigningKey {
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
pub struct Copy {
    reader: ExportReader<fs::File>,
    pub entries: Vec<ExportEntry>,
    validator: SigningKey,
}

impl Copy {
    pub fn of(left: &Left) -> Self {
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

    pub fn file(&self, entries: &[ExportEntry]) -> Vec<u8> {
        let genesis = self.reader.genesis();
        let mut bytes = export_head(genesis, self.reader.range(), &Handovers::default());
        for ExportEntry { block, certificate } in entries {
            bytes.extend(export_entry(block, certificate));
        }
        bytes
    }

    /// The last block with such a transaction, and the transaction's index.
    pub fn find(&self, which: impl Fn(&Action) -> bool) -> (u64, usize) {
        let found = self.entries.iter().rev().find_map(|entry| {
            let mut transactions = entry.block.transactions().iter();
            let index = transactions.position(|one| which(&one.transaction().action))?;
            Some((entry.block.header().height.value(), index))
        });
        found.expect("the demo has every kind")
    }

    pub fn transaction(&self, (height, index): (u64, usize)) -> &Transaction {
        self.entries[height as usize - 1].block.transactions()[index].transaction()
    }

    pub fn certified(&self, block: Block, by: &SigningKey) -> ExportEntry {
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
    pub fn colluding(&self, height: u64, lie: impl Fn(&mut Told)) -> Vec<u8> {
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
pub struct Told {
    pub time: BlockTime,
    pub state: StateRoot,
    pub transactions: Vec<SignedTransaction>,
}
