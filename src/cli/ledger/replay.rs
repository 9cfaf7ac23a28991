//! A ledger replayed from genesis, from a file or from what a service sends block by block; what was checked, as a table.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use consilium_client::LedgerClient;
use consilium_client::api::ledger::{BlockRange, LedgerStatus, TransactionReceipt};
use consilium_contracts::{
    Canonical as _, Event, Height, ProofKind, TransactionHash, VerifiedGenesis,
};
use consilium_ledger::{
    BlockEvents, Checked, ExportEntries, ExportEntry, ExportError, ExportReader, Parent, Replay,
};
use consilium_schemes::parallel::processors;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::export::progress;
use super::measure::{count, moment};
use super::verify::at;
use crate::cli::answer::{Answer, Failure, Outcome};
use crate::cli::listing::table;

/// A ledger that was replayed, and nothing in it was wrong.
#[derive(Debug)]
pub struct Replayed {
    /// The last block, and the state after it.
    last: Parent,
    checked: Checked,
    /// How many receipts of a service were compared with what the replay found.
    receipts: Option<u64>,
}

impl Replayed {
    fn new(replay: &Replay, receipts: Option<u64>) -> Self {
        Self {
            last: *replay.parent(),
            checked: replay.checked().clone(),
            receipts,
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let checked = &self.checked;
        let proofs = checked.proofs.values().sum();
        format!(
            "{}, {}, {}, {}: everything holds",
            count(checked.blocks, "block"),
            count(checked.transactions, "transaction"),
            count(proofs, "proof"),
            count(checked.assignments, "assignment"),
        )
    }

    /// How many proofs of a kind were verified.
    pub fn proofs(&self, kind: ProofKind) -> u64 {
        self.checked.proofs.get(&kind).copied().unwrap_or_default()
    }

    /// The last block, and the state after it.
    pub const fn last(&self) -> &Parent {
        &self.last
    }
}

/// The head of an export of this federation's ledger.
pub fn open(
    path: &Path,
    genesis: &VerifiedGenesis,
) -> Result<ExportReader<BufReader<File>>, Failure> {
    let source = BufReader::new(File::open(path).map_err(at(path))?);
    ExportReader::open(source, &genesis.federation()).map_err(at(path))
}

/// Replays the rest of an export.
pub async fn of_file(
    path: &Path,
    reader: ExportReader<BufReader<File>>,
) -> Result<Replayed, Failure> {
    let bar = progress(reader.range().blocks());
    let replay = move || {
        let outcome = reader.replay(processors(), |_| bar.inc(1));
        bar.finish_and_clear();
        outcome
    };
    let replay = spawn_blocking(replay).await?.map_err(at(path))?;
    Ok(Replayed::new(&replay, None))
}

/// Replays what a service sends, and compares its receipts and its state with what comes of it.
pub async fn of_service(
    client: &LedgerClient,
    genesis: &VerifiedGenesis,
) -> Result<Replayed, Failure> {
    let status = client.ledger_status().await?;
    keeps_all(&status)?;
    let to = Height::new(status.height);
    let bar = progress(status.height);
    let mut replay = Replay::new(genesis, processors());
    let mut receipts = 0_u64;
    while replay.next_height() <= to {
        let from = replay.next_height().value();
        let range = BlockRange {
            from,
            to: to.value(),
        };
        let answer = client.blocks(range).await?;
        let (shown, so_far) = (bar.clone(), replay);
        let done = spawn_blocking(move || apply(so_far, &answer, to, &shown)).await?;
        for expected in &done.receipts {
            let view = client.transaction(&expected.hash).await?;
            expected.is(&view.receipt).map_err(Failure::said)?;
            receipts = receipts.saturating_add(1);
        }
        // Receipts of blocks before the one that is wrong come first: the first difference is named.
        done.outcome?;
        replay = done.replay;
        if replay.next_height().value() == from {
            return Err(Failure::said(format!("the service sends no block {from}")));
        }
    }
    bar.finish_and_clear();
    let (said, found) = (status.state_root.as_bytes(), &replay.parent().state);
    if said != found.as_bytes() {
        return Err(Failure::said(format!(
            "block {to}: the service says that the state after it has root {}, the replay has {found}",
            hex::encode(said)
        )));
    }
    Ok(Replayed::new(&replay, Some(receipts)))
}

/// A service that dropped blocks cannot be replayed.
fn keeps_all(status: &LedgerStatus) -> Result<(), Failure> {
    match status.oldest_block {
        0 | 1 => Ok(()),
        oldest => Err(Failure::said(format!(
            "the service has dropped the blocks before {oldest}, and a replay begins with block 1: ask an archive node, which keeps every block (kept: every block, in consilium ledger status), or replay a file that was exported from one (--export)"
        ))),
    }
}

/// Where a transaction stands and what it did, as the replay has it.
struct Expected {
    hash: TransactionHash,
    height: Height,
    index: u32,
    events: Vec<Event>,
}

impl Expected {
    /// Whether a service says the same.
    fn is(&self, receipt: &TransactionReceipt) -> Result<(), String> {
        let Self {
            hash,
            height,
            index,
            events,
        } = self;
        let differs = |what: &str| {
            format!("block {height}: the service's receipt of transaction {hash} has {what}")
        };
        if (receipt.height, receipt.index) != (height.value(), *index) {
            return Err(differs("another place"));
        }
        let said = receipt.events.iter().map(|event| event.as_bytes().to_vec());
        match events.iter().map(Event::to_canonical_bytes).eq(said) {
            true => Ok(()),
            false => Err(differs("other events than the replay")),
        }
    }
}

/// What came of some blocks.
struct Done {
    replay: Replay,
    receipts: Vec<Expected>,
    /// Why it went no further.
    outcome: Result<(), Failure>,
}

/// Applies blocks as a service sends them, up to `to`.
fn apply(mut replay: Replay, bytes: &[u8], to: Height, bar: &ProgressBar) -> Done {
    let mut receipts = Vec::new();
    let outcome = apply_each(&mut replay, bytes, to, |found| {
        receipts.extend(found);
        bar.inc(1);
    });
    Done {
        replay,
        receipts,
        outcome,
    }
}

fn apply_each(
    replay: &mut Replay,
    bytes: &[u8],
    to: Height,
    mut done: impl FnMut(Vec<Expected>),
) -> Result<(), Failure> {
    let mut entries = ExportEntries::new(bytes, replay.next_height());
    while let Some(entry) = entries.read()? {
        if replay.next_height() > to {
            return Err(ExportError::Trailing(to).into());
        }
        let events = replay.apply(&entry.block, &entry.certificate)?;
        done(expected(&entry, events));
    }
    Ok(())
}

fn expected(entry: &ExportEntry, events: BlockEvents) -> Vec<Expected> {
    let height = entry.block.header().height;
    let transactions = entry.block.transactions().iter().zip(events.transactions);
    (0..)
        .zip(transactions)
        .map(move |(index, (transaction, events))| Expected {
            hash: transaction.hash(),
            height,
            index,
            events,
        })
        .collect()
}

/// As the answer of the command.
pub fn shown(replayed: Replayed) -> Outcome {
    Ok(Answer::new(replayed.text(), replayed.json()))
}

impl Replayed {
    /// What was checked, for people.
    fn text(&self) -> String {
        let (last, checked) = (&self.last, &self.checked);
        let height = last.height;
        let mut rows = vec![
            row("blocks, each upon the one before", checked.blocks),
            row("votes in their certificates", checked.votes),
            row("transactions and their signatures", checked.transactions),
        ];
        let actions = checked.actions.iter();
        rows.extend(actions.map(|(name, number)| row(&format!("  {name}"), *number)));
        let proofs = checked.proofs.iter();
        rows.extend(proofs.map(|(kind, number)| row(&format!("proofs: {kind}"), *number)));
        rows.extend([
            row("events that follow", checked.events),
            row("  of them assignments of doctors", checked.assignments),
            row("changes of the validators", checked.validator_changes),
            row("state roots that headers name", checked.state_roots),
        ]);
        let receipts = self.receipts.iter();
        rows.extend(receipts.map(|number| row("receipts of the service", *number)));
        format!(
            "{} of federation {} replayed from genesis: everything in them holds\nThe last, block {height}, is of {}: whether there are later ones, nothing here says.\n\n{}\n\nThe state after block {height} has root {}. It is not certified yet: the next block's header will name it.",
            count(checked.blocks, "block"),
            last.federation,
            moment(last.time.value()),
            table(["checked", "number"], rows),
            last.state,
        )
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let (last, checked) = (&self.last, &self.checked);
        let proofs = checked.proofs.iter();
        let proofs: serde_json::Map<_, _> = proofs
            .map(|(kind, number)| (kind.to_string(), Value::from(*number)))
            .collect();
        json!({
            "federation": last.federation.to_string(),
            "from": 1,
            "to": last.height.value(),
            "time_ms": last.time.value(),
            "replayed": true,
            "blocks": checked.blocks,
            "votes": checked.votes,
            "transactions": checked.transactions,
            "actions": checked.actions,
            "proofs": proofs,
            "events": checked.events,
            "assignments": checked.assignments,
            "validator_changes": checked.validator_changes,
            "state_roots": checked.state_roots,
            "receipts": self.receipts,
            "state_root": last.state.to_string(),
            "state_root_certified": false,
        })
    }
}

fn row(name: &str, number: u64) -> [String; 2] {
    [name.to_owned(), number.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_contracts::{HospitalId, RecordId};

    fn expected() -> Expected {
        let owner: HospitalId = "north".parse().unwrap();
        let record = RecordId::from_bytes([7; 32]);
        let until = consilium_contracts::BlockTime::new(9);
        Expected {
            hash: TransactionHash::from_bytes([1; 32]),
            height: Height::new(5),
            index: 2,
            events: vec![Event::WindowOpened {
                record,
                owner,
                until,
            }],
        }
    }

    fn receipt(of: &Expected) -> TransactionReceipt {
        let events = of
            .events
            .iter()
            .map(|event| event.to_canonical_bytes().into());
        TransactionReceipt {
            hash: consilium_client::wire::Text(of.hash),
            height: of.height.value(),
            index: of.index,
            events: events.collect(),
        }
    }

    #[test]
    fn a_receipt_that_says_something_else_is_refused_and_named() {
        let expected = expected();
        expected.is(&receipt(&expected)).unwrap();
        let place = TransactionReceipt {
            index: 1,
            ..receipt(&expected)
        };
        let height = TransactionReceipt {
            height: 6,
            ..receipt(&expected)
        };
        let nothing = TransactionReceipt {
            events: Vec::new(),
            ..receipt(&expected)
        };
        for (receipt, words) in [
            (place, "another place"),
            (height, "another place"),
            (nothing, "other events"),
        ] {
            let said = expected.is(&receipt).unwrap_err();
            assert!(
                said.starts_with("block 5: ") && said.contains(words),
                "{said}"
            );
            assert!(said.contains(&expected.hash.to_string()), "{said}");
        }
    }

    #[test]
    fn a_service_that_dropped_blocks_says_what_to_do() {
        let of = |oldest_block: u64| {
            let status = json!({
                "federation": "00".repeat(32), "height": 42, "hash": "11".repeat(32), "oldest_block": oldest_block,
                "snapshot": null, "state_root": "22", "tip_time_ms": 0, "tip_age_ms": 3000, "max_tip_age_ms": 60_000,
                "heartbeat_ms": 10_000, "validators": [], "votes_since": 7, "peers": 3,
                "pool": { "transactions": 0, "bytes": 0, "max_transactions": 1, "max_bytes": 1 },
                "evidence": 0, "sync": "following", "abstains": null, "failure": null, "challenges": [], "keywords": 32,
            });
            keeps_all(&serde_json::from_value(status).unwrap())
        };
        of(1).unwrap_or_else(|error| panic!("{error}"));
        let Err(refused) = of(30) else {
            panic!("blocks are missing")
        };
        let said = refused.to_string();
        assert!(
            said.contains("before 30") && said.contains("archive") && said.contains("--export"),
            "{said}"
        );
    }
}
