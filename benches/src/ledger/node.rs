//! One node in a process of its own: what the hidden command `node` runs.

use std::fs;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use consilium_contracts::{SignedTransaction, VerifiedGenesis, VerifyingKey};
use consilium_node::{NodeConfig, NodeHandle, Tuning, start};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::federation::{Federation, never_voted, node_keys};
use super::messages::{Command, DONE, FAILED, READY, Standing, Timing};
use crate::failure::Failure;

/// A loaded machine may take its time; a run that hangs must end.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs the node of a hospital until the input ends.
pub fn run_node(federation: &Path, hospital: usize) -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let node = runtime.block_on(start(config(federation, hospital)?))?;
    println!("{READY}");
    for line in std::io::stdin().lock().lines() {
        match obey(&runtime, &node, &line?) {
            Ok(answer) => println!("{answer}"),
            Err(failure) => println!("{FAILED} {failure}"),
        }
    }
    runtime.block_on(node.shutdown());
    Ok(())
}

fn config(folder: &Path, hospital: usize) -> Result<NodeConfig, Failure> {
    let genesis = Federation::open(folder)?;
    let (peer_key, validator_key) = node_keys(hospital);
    Ok(NodeConfig {
        data_dir: folder.join(format!("node-{hospital}")),
        listen: listen_address(&genesis, &peer_key.verifying_key())?,
        peer_key,
        validator_key: Some(validator_key),
        never_voted: Some(never_voted(folder, hospital)),
        peers: Vec::new(),
        tuning: Tuning {
            submit_timeout: SUBMIT_TIMEOUT,
            ..Tuning::default()
        },
        genesis,
    })
}

/// Where the hospital with this network identity listens.
fn listen_address(genesis: &VerifiedGenesis, peer: &VerifyingKey) -> Result<String, Failure> {
    let mut cards = genesis.genesis().hospitals.iter();
    let card = cards.find(|card| card.peer_key == *peer);
    let card = card.ok_or_else(|| Failure::new("no hospital of the federation has this key"))?;
    Ok(card.listen.as_str().to_owned())
}

fn obey(runtime: &Runtime, node: &NodeHandle, line: &str) -> Result<String, Failure> {
    match line.parse::<Command>()? {
        Command::Status => {
            let status = node.status();
            let standing = Standing {
                height: status.height.value(),
                peers: status.peers,
                tip: format!("{} {}", status.hash, status.state_root),
            };
            Ok(standing.to_string())
        }
        Command::Submit {
            file,
            in_flight,
            pause_ms,
        } => {
            let transactions = borsh::from_slice(&fs::read(&file)?)?;
            let pause = Duration::from_millis(pause_ms);
            let timings = runtime.block_on(submit_all(node, transactions, in_flight, pause))?;
            fs::write(file.with_extension("timings"), borsh::to_vec(&timings)?)?;
            Ok(DONE.to_owned())
        }
    }
}

/// Submits all, `in_flight` at once; each must be committed.
async fn submit_all(
    node: &NodeHandle,
    transactions: Vec<SignedTransaction>,
    in_flight: usize,
    pause: Duration,
) -> Result<Vec<Timing>, Failure> {
    let waiting = Arc::new(Mutex::new(transactions.into_iter()));
    let mut workers = JoinSet::new();
    for _ in 0..in_flight {
        let (node, waiting) = (node.clone(), Arc::clone(&waiting));
        workers.spawn(async move {
            let next = || {
                waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .next()
            };
            let mut timings = Vec::new();
            while let Some(transaction) = next() {
                timings.push(submit(&node, transaction).await?);
                tokio::time::sleep(pause).await;
            }
            Ok::<_, Failure>(timings)
        });
    }
    let mut timings = Vec::new();
    while let Some(done) = workers.join_next().await {
        timings.extend(done??);
    }
    Ok(timings)
}

async fn submit(node: &NodeHandle, transaction: SignedTransaction) -> Result<Timing, Failure> {
    let begun = Instant::now();
    node.submit(transaction).await?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timing {
        answered: microseconds(since),
        took: microseconds(begun.elapsed()),
    })
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
