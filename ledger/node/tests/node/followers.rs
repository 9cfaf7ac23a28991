//! Nodes that do not vote: the KGC and hospital B beside one validator.

use std::time::{Duration, Instant};

use consilium_contracts::{Height, Rejection, View};
use consilium_node::{NodeConfig, SubmitError, SyncState};

use crate::fixtures::{first_epoch, key, record, record_id};
use crate::network::{Network, Who, eventually, stop};

const A: Who = Who::Hospital(0);
const B: Who = Who::Hospital(1);

#[tokio::test]
async fn followers_forward_and_follow_with_equal_roots() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b, kgc) = (
        network.start(A).await,
        network.start(B).await,
        network.start(Who::Kgc).await,
    );
    kgc.submit(first_epoch(federation)).await.unwrap();
    let mut latencies = Vec::new();
    for number in 1..=20 {
        let begun = Instant::now();
        let receipt = b.submit(record(federation, 1, number)).await.unwrap();
        latencies.push(begun.elapsed());
        assert!(
            View::new(&b.state()).record(&record_id(number)).is_some(),
            "applied at B"
        );
        kgc.reached(receipt.height).await.unwrap();
    }
    latencies.sort();
    println!(
        "submit at B to applied at B: p50 {:?}, max {:?}",
        latencies[10], latencies[19]
    );
    assert!(!b.status().votes && !kgc.status().votes && a.status().votes);
    let height = b.status().height;
    for at in 1..=height.value() {
        let hash = |node: &consilium_node::NodeHandle| {
            node.block(Height::new(at))
                .unwrap()
                .unwrap()
                .block
                .header()
                .state
        };
        assert_eq!(hash(&a), hash(&b));
        assert_eq!(hash(&a), hash(&kgc));
    }
    for node in [a, b, kgc] {
        assert!(node.status().peers >= 1);
        stop(node).await;
    }
}

#[tokio::test]
async fn a_follower_hears_why_the_validator_rejects() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (network.start(A).await, network.start(B).await);
    b.submit(first_epoch(federation)).await.unwrap();
    b.submit(record(federation, 1, 1)).await.unwrap();
    let height = a.status().height;
    let again = crate::fixtures::transaction(
        federation,
        "h1",
        77,
        5_000,
        record(federation, 1, 1).transaction().action.clone(),
    );
    let begun = Instant::now();
    let refused = b.submit(again).await.unwrap_err();
    assert!(
        matches!(
            refused,
            SubmitError::Rejected(Rejection::RecordExists { .. })
        ),
        "{refused}"
    );
    println!("rejection heard at B after {:?}", begun.elapsed());
    assert_eq!(a.status().height, height, "no block was made for it");
    stop(a).await;
    stop(b).await;
}

#[tokio::test]
async fn a_follower_that_was_away_catches_up_by_blocks() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (network.start(A).await, network.start(B).await);
    b.submit(first_epoch(federation)).await.unwrap();
    stop(b).await;
    for number in 1..=40 {
        a.submit(record(federation, 0, number)).await.unwrap();
    }
    let begun = Instant::now();
    let b = network.start(B).await;
    b.reached(a.status().height).await.unwrap();
    println!(
        "40 missed blocks fetched in {:?} from its start",
        begun.elapsed()
    );
    assert_eq!(b.status().state_root, a.status().state_root);
    // And it takes part again.
    let receipt = b.submit(record(federation, 1, 41)).await.unwrap();
    assert_eq!(b.transaction(&receipt.transaction).unwrap(), Some(receipt));
    assert_eq!(b.status().sync, SyncState::Following);
    stop(a).await;
    stop(b).await;
}

#[tokio::test]
async fn a_follower_reconnects_to_a_validator_that_was_away() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (network.start(A).await, network.start(B).await);
    b.submit(first_epoch(federation)).await.unwrap();
    stop(a).await;
    // Nobody votes: what is submitted now waits, and is sent again until somebody does.
    let waiting = tokio::spawn({
        let (b, transaction) = (b.clone(), record(federation, 1, 1));
        async move { b.submit(transaction).await }
    });
    eventually("the loss of the peer", || b.status().peers == 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(b.status().pool_transactions, 1);
    let begun = Instant::now();
    let a = network.start(A).await;
    waiting.await.unwrap().unwrap();
    println!(
        "committed {:?} after the validator came back",
        begun.elapsed()
    );
    stop(a).await;
    stop(b).await;
}

#[tokio::test]
async fn a_stranger_is_not_let_in() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let (a, b) = (network.start(A).await, network.start(B).await);
    b.submit(first_epoch(federation)).await.unwrap();
    // A node with the right genesis and a key that the genesis does not name.
    let stranger = NodeConfig {
        peer_key: key("stranger"),
        data_dir: network.root().join("stranger"),
        ..network.config(Who::Kgc)
    };
    let stranger = consilium_node::start(stranger).await.unwrap();
    a.submit(record(federation, 0, 1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        stranger.status().height,
        Height::new(0),
        "it was told nothing"
    );
    assert_eq!(b.status().height, a.status().height);
    for node in [a, b, stranger] {
        stop(node).await;
    }
}

#[tokio::test]
async fn a_full_pool_says_busy() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let mut config = network.config(B);
    config.tuning.pool_transactions = 4;
    config.tuning.submit_timeout = Duration::from_millis(500);
    // No validator runs: everything waits.
    let b = consilium_node::start(config).await.unwrap();
    let submissions: Vec<_> = (1..=6)
        .map(|number| {
            let (b, transaction) = (b.clone(), record(federation, 1, number));
            tokio::spawn(async move { b.submit(transaction).await.unwrap_err() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for submission in submissions {
        outcomes.push(submission.await.unwrap());
    }
    let busy = outcomes
        .iter()
        .filter(|e| **e == SubmitError::Busy { waiting: 4 })
        .count();
    let waiting = outcomes
        .iter()
        .filter(|e| matches!(e, SubmitError::NoProgress { .. }))
        .count();
    assert_eq!((busy, waiting), (2, 4), "{outcomes:?}");
    stop(b).await;
}
