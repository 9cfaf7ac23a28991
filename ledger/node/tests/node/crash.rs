//! kill -9 at random moments: what was acknowledged is never lost.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consilium_contracts::{TransactionHash, VerifiedGenesis};
use consilium_node::{NeverVoted, NodeConfig, NodeHandle, Tuning, start};

use crate::fixtures::{Plan, first_epoch, key, public, record};
use crate::network::{free_ports, stop};
use crate::replay::replay;

/// How often the process is killed.
const KILLS: u64 = 8;
const DIR: &str = "CONSILIUM_TEST_CRASH_DIR";
const ROUND: &str = "CONSILIUM_TEST_CRASH_ROUND";
const PORT: &str = "CONSILIUM_TEST_CRASH_PORT";

fn plan(port: u16) -> Plan {
    let mut plan = Plan::of(2, 1);
    plan.hospitals[0] = format!("/ip4/127.0.0.1/tcp/{port}");
    plan
}

fn never_voted(dir: &Path) -> PathBuf {
    dir.join("never-voted")
}

async fn node(dir: &str, port: u16) -> (VerifiedGenesis, NodeHandle) {
    let genesis = plan(port).genesis();
    let config = NodeConfig {
        data_dir: Path::new(dir).join("node"),
        genesis: genesis.clone(),
        peer_key: key("h0/peer"),
        validator_key: Some(key("h0/validator")),
        never_voted: Some(never_voted(Path::new(dir))),
        listen: format!("/ip4/127.0.0.1/tcp/{port}"),
        peers: Vec::new(),
        tuning: Tuning {
            tree_versions: 8,
            ..Tuning::default()
        },
    };
    (genesis, start(config).await.unwrap())
}

/// The victim: submits as fast as it can and prints what was acknowledged. Does nothing unless
/// the test below runs it as a process of its own.
#[tokio::test]
async fn victim() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else {
        return;
    };
    let round: u64 = round.parse().unwrap();
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let (genesis, node) = node(&dir, port).await;
    let federation = genesis.federation();
    if round == 0 {
        node.submit(first_epoch(federation)).await.unwrap();
    }
    for number in 0.. {
        // Four at a time, so that blocks of several are cut off as well.
        let base = round * 100_000 + number * 4;
        let four = (1..=4).map(|i| {
            let (node, transaction) = (node.clone(), record(federation, 0, base + i));
            tokio::spawn(async move { node.submit(transaction).await.unwrap() })
        });
        for submission in four.collect::<Vec<_>>() {
            println!("acknowledged {}", submission.await.unwrap().transaction);
        }
    }
}

/// Runs the victim, kills it after a while; what it had acknowledged.
fn kill_after(dir: &str, port: u16, round: u64, delay: Duration) -> Vec<TransactionHash> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::victim",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .env(PORT, port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let reader = std::thread::spawn({
        let acknowledged = Arc::clone(&acknowledged);
        move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, hash)) = line.split_once("acknowledged ") {
                    // The last line may be cut off by the kill.
                    acknowledged
                        .lock()
                        .unwrap()
                        .extend(hash.parse::<TransactionHash>());
                }
            }
        }
    });
    std::thread::sleep(delay);
    victim.kill().unwrap();
    victim.wait().unwrap();
    reader.join().unwrap();
    std::mem::take(&mut acknowledged.lock().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_by_killing_the_process() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    let port = free_ports(1)[0];
    NeverVoted::write(&never_voted(dir.path()), &public("h0/validator")).unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        // The first run must get as far as its first blocks.
        let least = if round == 0 { 1_500 } else { 0 };
        let delay = Duration::from_millis(least + rand::random_range(50..900));
        acknowledged.extend(kill_after(path, port, round, delay));
    }
    println!("{} acknowledged over {KILLS} kills", acknowledged.len());
    assert!(
        acknowledged.len() > 20,
        "the victim hardly ran: {}",
        acknowledged.len()
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (genesis, node) = node(path, port).await;
        for hash in &acknowledged {
            assert!(node.transaction(hash).unwrap().is_some(), "{hash} was lost");
        }
        replay(&genesis, &node);
        node.submit(record(genesis.federation(), 0, 99_999_999))
            .await
            .unwrap();
        stop(node).await;
    });
}
