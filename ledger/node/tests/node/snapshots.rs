//! Snapshots: joining by one, coming back by one, pruning below them, and every way in which one is refused.

use std::fs::{self, File};
use std::path::Path;

use consilium_contracts::{
    Action, ApproveValidatorChange, Height, Key, Rejection, SignedTransaction, ValidatorChange,
    View,
};
use consilium_ledger::{SNAPSHOT_MAGIC, SnapshotError, SnapshotHead, SnapshotPart};
use consilium_node::{
    History, HistoryError, NodeHandle, NodeHome, RestoreError, SnapshotFile, StoreError,
    SubmitError, restore, standing, start,
};

use crate::fixtures::{Plan, first_epoch, key, name, record, record_id, transaction};
use crate::network::{Network, Who, eventually, stop};

const A: Who = Who::Hospital(0);
const B: Who = Who::Hospital(1);
/// More than any snapshot here.
const PLENTY: u64 = 1 << 30;

/// Keeps little: old blocks go soon, and a node that falls ten behind needs a snapshot.
const LITTLE: History = History {
    archive: false,
    keep_blocks: 3,
    snapshot_every: 5,
};

async fn begin(network: &Network, who: Who, history: History) -> NodeHandle {
    let mut config = network.config(who);
    config.tuning.history = history;
    start(config).await.unwrap()
}

fn home(network: &Network, who: Who) -> NodeHome {
    network.config(who).home()
}

/// Commits records of hospital 0, each in a block of its own at least; the transactions.
async fn commit(
    network: &Network,
    node: &NodeHandle,
    numbers: std::ops::RangeInclusive<u64>,
) -> Vec<SignedTransaction> {
    let mut committed = Vec::new();
    for number in numbers {
        let transaction = record(network.genesis.federation(), 0, number);
        node.submit(transaction.clone()).await.unwrap();
        committed.push(transaction);
    }
    committed
}

/// A validator that has pruned its first blocks, and the transactions in them.
async fn pruned(network: &Network) -> (NodeHandle, Vec<SignedTransaction>) {
    let node = begin(network, A, LITTLE).await;
    let epoch = first_epoch(network.genesis.federation());
    node.submit(epoch).await.unwrap();
    let committed = commit(network, &node, 1..=30).await;
    eventually("the pruning", || node.status().oldest_block.value() > 15).await;
    (node, committed)
}

fn latest(node: &NodeHandle) -> SnapshotFile {
    node.latest_snapshot().unwrap().unwrap()
}

fn restore_from(path: &Path, home: &NodeHome) -> Result<Height, RestoreError> {
    restore(home, File::open(path).unwrap(), PLENTY).map(|restored| restored.height)
}

fn is_pruned<T: std::fmt::Debug>(answer: Result<T, HistoryError>) -> Height {
    match answer.unwrap_err() {
        HistoryError::Pruned { oldest } => oldest,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_is_pruned_is_said_to_be_and_its_transactions_are_not_taken_again() {
    let network = Network::new(2, 1);
    let (a, committed) = pruned(&network).await;
    let (first, oldest) = (&committed[0], a.status().oldest_block);
    assert!(is_pruned(a.block(Height::new(1))) >= oldest);
    assert!(is_pruned(a.certificate(Height::new(1))) >= oldest);
    assert!(is_pruned(a.transaction(&first.hash())) >= oldest);
    assert!(is_pruned(a.inclusion(&first.hash())) >= oldest);
    let mut stream = a.subscribe(Height::new(1));
    assert!(is_pruned(stream.next().await.unwrap()) >= oldest);
    drop(stream);
    let text = a.block(Height::new(1)).unwrap_err().to_string();
    assert!(text.contains("archive"), "{text}");
    // What is kept is given, and what is not there yet is not there.
    let last = committed.last().unwrap();
    assert!(a.transaction(&last.hash()).unwrap().is_some());
    assert!(a.inclusion(&last.hash()).unwrap().is_some());
    assert!(a.block(a.status().height).unwrap().is_some());
    assert_eq!(a.block(a.status().height.plus(9)).unwrap(), None);

    // The state remembers nonces until they expire: no column of blocks is needed for it.
    let height = a.status().height;
    let again = a.submit(first.clone()).await.unwrap_err();
    assert!(
        matches!(again, SubmitError::Rejected(Rejection::NonceUsed { .. })),
        "{again}"
    );
    assert_eq!(a.status().height, height, "no block was made for it");

    // A restart finds the same.
    stop(a).await;
    let a = begin(&network, A, LITTLE).await;
    assert!(a.status().oldest_block >= oldest);
    is_pruned(a.block(Height::new(1)));
    commit(&network, &a, 31..=31).await;
    stop(a).await;
}

#[tokio::test]
async fn an_archive_node_and_one_without_snapshots_keep_every_block() {
    let archive = History {
        archive: true,
        ..LITTLE
    };
    let none = History {
        snapshot_every: 0,
        ..LITTLE
    };
    for (history, snapshots) in [(archive, true), (none, false)] {
        let network = Network::new(2, 1);
        let node = begin(&network, A, history).await;
        node.submit(first_epoch(network.genesis.federation()))
            .await
            .unwrap();
        let committed = commit(&network, &node, 1..=20).await;
        if snapshots {
            eventually("a snapshot", || node.latest_snapshot().unwrap().is_some()).await;
        }
        assert_eq!(node.latest_snapshot().unwrap().is_some(), snapshots);
        // The thread that prunes is joined: what it would do is done.
        stop(node).await;
        let node = begin(&network, A, history).await;
        assert_eq!(node.status().oldest_block, Height::new(1));
        assert!(node.block(Height::new(1)).unwrap().is_some());
        assert!(node.transaction(&committed[0].hash()).unwrap().is_some());
        let unknown = record(network.genesis.federation(), 0, 99).hash();
        assert_eq!(node.transaction(&unknown).unwrap(), None, "a certain no");
        stop(node).await;
    }
}

#[tokio::test]
async fn two_snapshots_are_kept_and_what_a_reader_has_not_read_is_not_pruned() {
    let network = Network::new(2, 1);
    let a = begin(&network, A, LITTLE).await;
    let mut reader = a.subscribe(Height::new(1));
    a.submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    commit(&network, &a, 1..=24).await;
    eventually("snapshots", || latest_height(&a) >= Some(20)).await;
    let folder = latest(&a).path.parent().unwrap().to_owned();
    let files = || fs::read_dir(&folder).unwrap().count();
    eventually("the old ones to go", || files() == 2).await;
    assert_eq!(a.status().oldest_block, Height::new(1));
    for height in 1..=20 {
        let block = reader.next().await.unwrap().unwrap();
        assert_eq!(block.block.header().height, Height::new(height));
    }
    commit(&network, &a, 25..=25).await;
    eventually("pruning up to the reader", || {
        a.status().oldest_block.value() > 10
    })
    .await;
    assert!(a.status().oldest_block <= reader.position());
    // Whoever restores the older of the two finds the blocks after it.
    let oldest = fs::read_dir(&folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let height = path.file_stem().unwrap().to_str().unwrap();
        height.parse::<u64>().unwrap()
    });
    assert!(a.status().oldest_block.value() <= oldest.min().unwrap() + 1);
    drop(reader);
    stop(a).await;
}

fn latest_height(node: &NodeHandle) -> Option<u64> {
    let latest = node.latest_snapshot().unwrap();
    latest.map(|file| file.height.value())
}

#[tokio::test]
async fn a_node_joins_by_a_snapshot() {
    let network = Network::new(2, 1);
    let (a, _) = pruned(&network).await;
    let snapshot = latest(&a);
    let height = restore_from(&snapshot.path, &home(&network, B)).unwrap();
    assert_eq!(height, snapshot.height);
    assert_eq!(standing(&home(&network, B)).unwrap().height, height);

    let b = begin(&network, B, LITTLE).await;
    assert!(View::new(&b.state()).record(&record_id(1)).is_some());
    assert_eq!(b.status().oldest_block, height.plus(1));
    is_pruned(b.block(height));
    for number in 31..=45 {
        commit(&network, &a, number..=number).await;
        // So little is kept that nobody may fall behind.
        b.reached(a.status().height).await.unwrap();
    }
    assert_eq!(b.status().state_root, a.status().state_root);
    b.submit(record(network.genesis.federation(), 1, 46))
        .await
        .unwrap();
    // It makes snapshots by itself now, the same ones; and starts again on what it has.
    eventually("equal snapshots", || {
        latest_height(&a).is_some() && latest_height(&a) == latest_height(&b)
    })
    .await;
    let bytes = |node| fs::read(latest(node).path).unwrap();
    assert_eq!(state_of(&bytes(&a)), state_of(&bytes(&b)));
    stop(b).await;
    let b = begin(&network, B, LITTLE).await;
    commit(&network, &a, 47..=47).await;
    b.reached(a.status().height).await.unwrap();
    assert_eq!(b.status().state_root, a.status().state_root);
    stop(a).await;
    stop(b).await;
}

#[tokio::test]
async fn a_node_that_was_long_away_comes_back_by_a_snapshot() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (
        begin(&network, A, LITTLE).await,
        begin(&network, B, LITTLE).await,
    );
    b.submit(first_epoch(federation)).await.unwrap();
    commit(&network, &a, 1..=6).await;
    b.reached(a.status().height).await.unwrap();
    let away = b.status().height;
    stop(b).await;
    commit(&network, &a, 7..=40).await;
    eventually("the pruning", || a.status().oldest_block > away.plus(1)).await;

    let at_home = home(&network, B);
    assert_eq!(standing(&at_home).unwrap().height, away);
    restore_from(&latest(&a).path, &at_home).unwrap();
    // The same again, or an older one, is refused.
    let again = restore_from(&latest(&a).path, &at_home).unwrap_err();
    assert!(matches!(again, RestoreError::Older { .. }), "{again}");
    let b = begin(&network, B, LITTLE).await;
    b.reached(a.status().height).await.unwrap();
    assert_eq!(b.status().state_root, a.status().state_root);
    b.submit(record(federation, 1, 41)).await.unwrap();
    // While it runs, nobody replaces its store.
    let running = restore_from(&latest(&a).path, &at_home).unwrap_err();
    assert!(
        matches!(running, RestoreError::Store(StoreError::Locked { .. })),
        "{running}"
    );
    stop(a).await;
    stop(b).await;
}

/// A snapshot taken apart, to be put together otherwise.
#[derive(Clone)]
struct Apart {
    head: Vec<u8>,
    pairs: Vec<(Key, Vec<u8>)>,
}

pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes.strip_prefix(SNAPSHOT_MAGIC).unwrap();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (frame, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame.to_vec());
        rest = after;
    }
    frames
}

fn apart(bytes: &[u8]) -> Apart {
    let mut frames = frames(bytes);
    assert_eq!(frames.pop(), Some(Vec::new()), "the end");
    let head = frames.remove(0);
    let parts = frames.iter().map(|frame| {
        let part = SnapshotPart::from_bytes(frame).unwrap();
        part.into_pairs(None).unwrap()
    });
    let pairs = parts.flatten().collect();
    Apart { head, pairs }
}

/// The pairs alone: certificates of one block may differ between nodes.
fn state_of(bytes: &[u8]) -> Vec<(Key, Vec<u8>)> {
    apart(bytes).pairs
}

pub fn together(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = SNAPSHOT_MAGIC.to_vec();
    for frame in frames {
        bytes.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
        bytes.extend(frame);
    }
    bytes
}

impl Apart {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        change(&mut self);
        let part = SnapshotPart::new(self.pairs).to_bytes();
        together([self.head, part, Vec::new()])
    }
}

/// More and more, as long as somebody reads.
struct Endless {
    begin: Vec<u8>,
    number: u64,
}

impl std::io::Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        if self.begin.is_empty() {
            self.number += 1;
            let key = format!("zzz/{:020}", self.number).into_bytes();
            let pairs = vec![(Key::from_bytes(key), vec![0; 100_000])];
            let frame = SnapshotPart::new(pairs).to_bytes();
            let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
            self.begin = [length.to_vec(), frame].concat();
        }
        let read = bytes.len().min(self.begin.len());
        bytes[..read].copy_from_slice(&self.begin[..read]);
        self.begin.drain(..read);
        Ok(read)
    }
}

#[tokio::test]
async fn a_snapshot_that_is_not_the_ledgers_is_refused_and_the_old_store_stays() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (
        begin(&network, A, LITTLE).await,
        begin(&network, B, LITTLE).await,
    );
    b.submit(first_epoch(federation)).await.unwrap();
    stop(b).await;
    commit(&network, &a, 1..=30).await;
    eventually("a snapshot", || latest_height(&a) >= Some(20)).await;
    let good = fs::read(latest(&a).path).unwrap();
    let at_home = home(&network, B);
    let before = standing(&at_home).unwrap();
    let refused = |bytes: &[u8], most| {
        let error = restore(&at_home, bytes, most).unwrap_err();
        assert_eq!(standing(&at_home).unwrap(), before, "{error}");
        let left = fs::read_dir(&at_home.data_dir).unwrap().any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_str().unwrap().starts_with("store.")
        });
        assert!(!left, "nothing is left of it");
        error
    };
    let real = apart(&good);
    let root = |bytes: Vec<u8>| {
        let error = refused(&bytes, PLENTY);
        assert!(matches!(error, RestoreError::Root { .. }), "{error}");
    };
    let middle = real.pairs.len() / 2;
    root(real.clone().with(|one| one.pairs[middle].1.push(0)));
    root(real.clone().with(|one| drop(one.pairs.remove(middle))));
    root(real.clone().with(|one| drop(one.pairs.pop())));
    let more = (Key::from_bytes(b"zzz/more".to_vec()), vec![1]);
    root(real.clone().with(|one| one.pairs.push(more)));

    let error = refused(
        &real.clone().with(|one| one.pairs.swap(middle, middle + 1)),
        PLENTY,
    );
    assert!(
        matches!(error, RestoreError::Snapshot(SnapshotError::Order { .. })),
        "{error}"
    );
    let twice = real.pairs[middle].clone();
    let error = refused(
        &real.clone().with(|one| one.pairs.insert(middle, twice)),
        PLENTY,
    );
    assert!(
        matches!(error, RestoreError::Snapshot(SnapshotError::Order { .. })),
        "{error}"
    );
    let error = refused(&together([real.head.clone(), Vec::new()]), PLENTY);
    assert!(matches!(error, RestoreError::Empty), "{error}");

    // Every byte of the head counts: header, certificate, headers.
    for at in (0..real.head.len()).step_by(97) {
        let changed = real.clone().with(|one| one.head[at] ^= 1);
        let error = refused(&changed, PLENTY);
        assert!(
            matches!(error, RestoreError::Snapshot(_)),
            "at {at}: {error}"
        );
    }
    // Another federation with the same keys.
    let other = Plan {
        created: crate::network::now().plus(1),
        ..Plan::of(2, 1)
    };
    let elsewhere = NodeHome {
        genesis: other.genesis(),
        data_dir: network.root().join("elsewhere"),
        ..at_home.clone()
    };
    let error = restore(&elsewhere, good.as_slice(), PLENTY).unwrap_err();
    assert!(
        matches!(error, RestoreError::Snapshot(SnapshotError::Header(_))),
        "{error}"
    );

    for cut in [0, 10, 60, good.len() / 2, good.len() - 4, good.len() - 1] {
        let error = refused(&good[..cut], PLENTY);
        assert!(
            matches!(error, RestoreError::CutOff),
            "cut at {cut}: {error}"
        );
    }
    let error = refused(b"something else that is long enough", PLENTY);
    assert!(matches!(error, RestoreError::NotASnapshot), "{error}");
    let error = refused(&[good.as_slice(), &[0]].concat(), PLENTY);
    assert!(matches!(error, RestoreError::Trailing), "{error}");
    let error = refused(&good, good.len() as u64 - 1);
    assert!(matches!(error, RestoreError::TooLong { .. }), "{error}");
    let huge = [SNAPSHOT_MAGIC, u32::MAX.to_le_bytes().as_slice()].concat();
    let error = refused(&huge, PLENTY);
    assert!(matches!(error, RestoreError::Part { .. }), "{error}");
    let endless = Endless {
        begin: together([real.head.clone(), SnapshotPart::new(real.pairs).to_bytes()]),
        number: 0,
    };
    let error = restore(&at_home, endless, 16 << 20).unwrap_err();
    assert!(matches!(error, RestoreError::TooLong { .. }), "{error}");
    assert_eq!(standing(&at_home).unwrap(), before);

    // After all of that the good one still does.
    assert!(SnapshotHead::from_bytes(&real.head).is_ok());
    restore(&at_home, good.as_slice(), PLENTY).unwrap();
    let b = begin(&network, B, LITTLE).await;
    b.reached(a.status().height).await.unwrap();
    assert_eq!(b.status().state_root, a.status().state_root);
    stop(a).await;
    stop(b).await;
}

/// The KGC proposes that hospital 1 votes too, and hospital 0, which votes alone, approves; the height it holds from.
async fn join(network: &Network, at: &NodeHandle) -> Height {
    let federation = network.genesis.federation();
    let change = ValidatorChange::Join {
        hospital: name(1).parse().unwrap(),
    };
    let propose = Action::ProposeValidatorChange(change.clone());
    let propose = transaction(federation, "kgc", 900, 5_000, propose);
    let proposed = at.submit(propose).await.unwrap().height;
    let approve = Action::ApproveValidatorChange(ApproveValidatorChange { change, proposed });
    let approve = transaction(federation, &name(0), 901, 5_000, approve);
    at.submit(approve).await.unwrap();
    let next = View::new(at.state()).validator_schedule().next;
    next.unwrap().from
}

#[tokio::test]
async fn a_snapshot_after_a_change_of_the_validators_is_judged_from_the_genesis_by_its_handovers() {
    let network = Network::new(3, 1);
    let a = begin(&network, A, LITTLE).await;
    let mut of_b = network.config(B);
    of_b.validator_key = Some(key(&format!("{}/validator", name(1))));
    let b = start(of_b).await.unwrap();
    a.submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    b.reached(a.status().height).await.unwrap();
    let from = join(&network, &a).await;
    for number in 1..=30 {
        commit(&network, &a, number..=number).await;
        // So little is kept that nobody may fall behind.
        b.reached(a.status().height).await.unwrap();
    }
    eventually("the pruning", || a.status().oldest_block > from.plus(5)).await;

    let snapshot = fs::read(latest(&a).path).unwrap();
    let at_home = home(&network, Who::Hospital(2));
    let mut pieces = frames(&snapshot);
    let handover = pieces.remove(1);
    let refused = |pieces: Vec<Vec<u8>>| {
        let bytes = together(pieces);
        let refused = restore(&at_home, bytes.as_slice(), PLENTY).unwrap_err();
        assert_eq!(standing(&at_home).unwrap().height, Height::new(0));
        refused
    };
    // Its handover left out: nobody whom the genesis names alone certifies it.
    let mut without = pieces.clone();
    let count = without[0].len() - 4;
    without[0][count] = 0;
    let error = refused(without);
    assert!(
        matches!(error, RestoreError::Snapshot(SnapshotError::Header(_))),
        "{error}"
    );
    // Changed.
    for at in [handover.len() / 4, handover.len() / 2, handover.len() - 1] {
        let (mut with, mut changed) = (pieces.clone(), handover.clone());
        changed[at] ^= 1;
        with.insert(1, changed);
        refused(with);
    }
    // Twice.
    let mut twice = pieces.clone();
    twice[0][count] = 2;
    twice.splice(1..1, [handover.clone(), handover]);
    let error = refused(twice);
    assert!(matches!(error, RestoreError::Handover(_)), "{error}");

    restore(&at_home, snapshot.as_slice(), PLENTY).unwrap();
    let c = begin(&network, Who::Hospital(2), LITTLE).await;
    commit(&network, &a, 31..=31).await;
    c.reached(a.status().height).await.unwrap();
    assert_eq!(c.status().state_root, a.status().state_root);
    assert_eq!(c.handovers().unwrap(), a.handovers().unwrap());
    assert_eq!(c.status().validators.as_slice().len(), 2);
    for node in [a, b, c] {
        stop(node).await;
    }
}
