//! Restores that are interrupted, and validators that come back by one: what they signed before, they never sign otherwise.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use consilium_contracts::Height;
use consilium_node::{
    History, NeverVoted, NodeHandle, NodeHome, RestoreError, restore, standing, start,
};

use crate::fixtures::{Plan, first_epoch, public, record};
use crate::network::{Network, Who, eventually, never_voted, stop};

const PLENTY: u64 = 1 << 30;
/// Twice what a clock may differ by in the tests' federation.
const CERTAIN: Duration = Duration::from_secs(20);
const LITTLE: History = History {
    archive: false,
    keep_blocks: 10,
    snapshot_every: 5,
};

async fn begin(network: &Network, i: usize) -> NodeHandle {
    let mut config = network.config(Who::Hospital(i));
    config.tuning.history = LITTLE;
    start(config).await.unwrap()
}

fn home(network: &Network, i: usize) -> NodeHome {
    network.config(Who::Hospital(i)).home()
}

fn latest(node: &NodeHandle) -> (Height, PathBuf) {
    let file = node.latest_snapshot().unwrap().unwrap();
    (file.height, file.path)
}

async fn commit(network: &Network, node: &NodeHandle, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let transaction = record(network.genesis.federation(), 0, number);
        node.submit(transaction).await.unwrap();
    }
}

async fn snapshot_above(node: &NodeHandle, height: u64) -> (Height, PathBuf) {
    eventually("a snapshot", || {
        let latest = node.latest_snapshot().unwrap();
        latest.is_some_and(|file| file.height.value() > height)
    })
    .await;
    latest(node)
}

fn restore_from(path: &Path, home: &NodeHome) -> Result<Height, RestoreError> {
    restore(home, File::open(path).unwrap(), PLENTY).map(|restored| restored.height)
}

/// Four validators, some blocks, and validator 3 gone meanwhile; the height at which it went.
async fn three_of_four(network: &Network) -> (Vec<NodeHandle>, Height) {
    let mut nodes = Vec::new();
    for i in 0..4 {
        nodes.push(begin(network, i).await);
    }
    nodes[0]
        .submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    commit(network, &nodes[0], 1..=3).await;
    let height = nodes[0].status().height;
    nodes[3].reached(height).await.unwrap();
    let gone = nodes.pop().unwrap();
    let height = gone.status().height;
    stop(gone).await;
    commit(network, &nodes[0], 4..=14).await;
    (nodes, height)
}

#[tokio::test]
async fn a_validator_that_was_long_away_votes_again_after_a_snapshot() {
    let network = Network::new(4, 4);
    let (mut nodes, away) = three_of_four(&network).await;
    let (_, path) = snapshot_above(&nodes[0], away.value() + 1).await;
    restore_from(&path, &home(&network, 3)).unwrap();
    // Its log was there: it says how far it voted, and that is below the snapshot.
    let back = begin(&network, 3).await;
    back.reached(nodes[0].status().height).await.unwrap();
    assert!(back.status().votes);
    stop(nodes.pop().unwrap()).await;
    // Two others and it are just enough.
    commit(&network, &nodes[0], 15..=18).await;
    back.reached(nodes[0].status().height).await.unwrap();
    assert_eq!(back.status().state_root, nodes[0].status().state_root);
    for node in nodes.into_iter().chain([back]) {
        assert_eq!(node.status().evidence, 0);
        stop(node).await;
    }
}

#[tokio::test]
async fn a_snapshot_below_what_a_validator_may_have_voted_on_is_refused() {
    let network = Network::new(2, 1);
    let a = begin(&network, 0).await;
    a.submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    commit(&network, &a, 1..=12).await;
    let (height, path) = snapshot_above(&a, 4).await;
    let kept = network.root().join("old.snapshot");
    fs::copy(&path, &kept).unwrap();
    commit(&network, &a, 13..=16).await;
    stop(a).await;
    // Its store is gone, its log is not.
    let at_home = home(&network, 0);
    fs::remove_dir_all(at_home.data_dir.join("store")).unwrap();
    assert_eq!(standing(&at_home).unwrap().height, Height::new(0));
    let error = restore_from(&kept, &at_home).unwrap_err();
    match error {
        RestoreError::Older { snapshot, reached } => {
            assert_eq!(snapshot, height);
            assert!(reached > height);
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_validator_whose_log_is_lost_watches_two_blocks_before_it_votes() {
    let network = Network::new(4, 4);
    let (mut nodes, away) = three_of_four(&network).await;
    let (_, path) = snapshot_above(&nodes[0], away.value() + 1).await;
    let at_home = home(&network, 3);
    fs::remove_dir_all(&at_home.data_dir).unwrap();
    restore_from(&path, &at_home).unwrap();
    let marker = at_home.data_dir.join("abstains");
    // Two validators are not enough, and the third does not vote yet.
    let third = nodes.pop().unwrap();
    stop(third).await;
    let begun = Instant::now();
    let back = begin(&network, 3).await;
    assert!(back.status().abstains && !back.status().votes && marker.exists());
    back.reached(nodes[0].status().height).await.unwrap();
    let height = nodes[0].status().height;
    let waiting = tokio::spawn({
        let (node, transaction) = (
            nodes[0].clone(),
            record(network.genesis.federation(), 0, 15),
        );
        async move { node.submit(transaction).await }
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(nodes.iter().all(|node| node.status().height == height));
    // With the third there are blocks. By their time they may be older than its beginning; it votes after two that are not.
    nodes.push(begin(&network, 2).await);
    waiting.await.unwrap().unwrap();
    commit(&network, &nodes[0], 16..=19).await;
    assert!(begun.elapsed() < CERTAIN, "too slow to show anything");
    assert!(back.status().abstains && marker.exists());
    tokio::time::sleep_until((begun + CERTAIN).into()).await;
    let height = nodes[0].status().height;
    commit(&network, &nodes[0], 20..=23).await;
    eventually("its return", || back.status().votes).await;
    assert!(!back.status().abstains && !marker.exists());
    let voter = public("h3/validator");
    let signed = |node: &NodeHandle, at: Height| {
        let certificate = node.certificate(at).unwrap().unwrap();
        let mut signatures = certificate.signatures().iter();
        signatures.any(|one| one.voter == consilium_ledger::ValidatorAddress::of(&voter))
    };
    for block in 1..=2 {
        assert!(!signed(&nodes[0], height.plus(block)), "block {block}");
    }
    stop(nodes.pop().unwrap()).await;
    commit(&network, &nodes[0], 24..=26).await;
    back.reached(nodes[0].status().height).await.unwrap();
    assert!(signed(&nodes[0], nodes[0].status().height), "it is needed");
    for node in nodes.into_iter().chain([back]) {
        assert_eq!(node.status().evidence, 0);
        stop(node).await;
    }
}

/// Moves folders of a data directory about as a crash between two steps of a restore leaves them.
#[tokio::test]
async fn wherever_a_restore_is_cut_off_there_is_the_old_store_or_the_new() {
    let network = Network::new(2, 1);
    let (a, b) = (begin(&network, 0).await, begin(&network, 1).await);
    b.submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    stop(b).await;
    commit(&network, &a, 1..=12).await;
    let (_, path) = snapshot_above(&a, 4).await;
    let at_home = home(&network, 1);
    let dir = &at_home.data_dir;
    let old = standing(&at_home).unwrap().height;
    let aside = network.root().join("aside");
    copy(&dir.join("store"), &aside);
    let new = restore_from(&path, &at_home).unwrap();
    let whole = network.root().join("whole");
    fs::rename(dir.join("store"), &whole).unwrap();

    let laid_out = |folders: &[(&str, &Path)]| {
        for name in ["store", "store.part", "store.new", "store.old"] {
            let _ = fs::remove_dir_all(dir.join(name));
        }
        for (name, from) in folders {
            copy(from, &dir.join(name));
        }
        standing(&at_home).unwrap().height
    };
    assert_eq!(laid_out(&[("store", &aside), ("store.part", &whole)]), old);
    assert_eq!(laid_out(&[("store", &aside), ("store.new", &whole)]), new);
    assert_eq!(
        laid_out(&[("store.old", &aside), ("store.new", &whole)]),
        new
    );
    assert_eq!(laid_out(&[("store", &whole), ("store.old", &aside)]), new);
    let left = ["store.part", "store.new", "store.old"].map(|name| dir.join(name).exists());
    assert_eq!(left, [false; 3]);
    let b = begin(&network, 1).await;
    b.reached(a.status().height).await.unwrap();
    assert_eq!(b.status().state_root, a.status().state_root);
    stop(a).await;
    stop(b).await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

const DIR: &str = "CONSILIUM_TEST_RESTORE_DIR";
const FILE: &str = "CONSILIUM_TEST_RESTORE_FILE";

/// A home whose genesis the child process makes again by itself.
fn child_home(dir: &Path) -> NodeHome {
    let plan = Plan::of(2, 1);
    NodeHome {
        data_dir: dir.to_owned(),
        genesis: plan.genesis(),
        peer_key: public("h1/peer"),
        validator_key: None,
    }
}

/// Reads a little at a time, slowly.
struct Slow(File);

impl Read for Slow {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_micros(300));
        let most = bytes.len().min(512);
        self.0.read(&mut bytes[..most])
    }
}

/// The victim: restores. Does nothing unless the test below runs it as a process of its own.
#[test]
fn restoring_victim() {
    let (Ok(dir), Ok(file)) = (std::env::var(DIR), std::env::var(FILE)) else {
        return;
    };
    let source = Slow(File::open(file).unwrap());
    restore(&child_home(Path::new(&dir)), source, PLENTY).unwrap();
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_store_or_the_new() {
    // The child makes the same federation: its addresses and its time are fixed.
    let plan = Plan::of(2, 1);
    let root = tempfile::TempDir::new().unwrap();
    let word = never_voted(root.path(), Who::Hospital(0));
    NeverVoted::write(&word, &public("h0/validator")).unwrap();
    let config = consilium_node::NodeConfig {
        data_dir: root.path().join("a"),
        genesis: plan.genesis(),
        peer_key: crate::fixtures::key("h0/peer"),
        validator_key: Some(crate::fixtures::key("h0/validator")),
        never_voted: Some(word),
        listen: format!("/ip4/127.0.0.1/tcp/{}", crate::network::free_ports(1)[0]),
        peers: Vec::new(),
        tuning: consilium_node::Tuning {
            history: LITTLE,
            ..consilium_node::Tuning::default()
        },
    };
    let a = start(config).await.unwrap();
    let federation = plan.genesis().federation();
    a.submit(first_epoch(federation)).await.unwrap();
    let many: Vec<_> = (1..=400)
        .map(|number| {
            let (node, transaction) = (a.clone(), record(federation, 0, number));
            tokio::spawn(async move { node.submit(transaction).await.unwrap() })
        })
        .collect();
    for one in many {
        one.await.unwrap();
    }
    for number in 401..=412 {
        a.submit(record(federation, 0, number)).await.unwrap();
    }
    let tip = a.status().height.value();
    let (height, path) = snapshot_above(&a, tip.saturating_sub(7)).await;
    let kept = root.path().join("kept.snapshot");
    fs::copy(&path, &kept).unwrap();
    stop(a).await;

    let begun = std::time::Instant::now();
    let whole = root.path().join("whole");
    restore(
        &child_home(&whole),
        Slow(File::open(&kept).unwrap()),
        PLENTY,
    )
    .unwrap();
    let took = begun.elapsed();
    let (mut old, mut new) = (0, 0);
    let dir = root.path().join("b");
    for round in 0..10_u32 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["restores::restoring_victim", "--exact", "--nocapture"])
            .env(DIR, &dir)
            .env(FILE, &kept)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took.mul_f64(f64::from(round) / 8.0));
        let _ = victim.kill();
        victim.wait().unwrap();
        let stands = standing(&child_home(&dir)).unwrap().height;
        match stands {
            at if at == Height::new(0) => old += 1,
            at if at == height => new += 1,
            at => panic!("neither the old nor the new store, but {at}"),
        }
        if stands == height {
            fs::remove_dir_all(&dir).unwrap();
        }
    }
    println!(
        "killed in the middle of a restore of {took:?}: {old} times the old store, {new} times the new"
    );
    assert!(old > 0, "no kill came early enough");
    // And what a kill left is no hindrance.
    let again = child_home(&dir);
    if standing(&again).unwrap().height != height {
        restore(&again, File::open(&kept).unwrap(), PLENTY).unwrap();
    }
    assert_eq!(standing(&again).unwrap().height, height);
}
