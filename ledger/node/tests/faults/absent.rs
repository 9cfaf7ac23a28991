//! Two of four are gone: nothing is committed, everybody says so, and what waited is committed when they return.

use std::time::{Duration, Instant};

use consilium_node::{SubmitError, SyncState};

use crate::agreement::compare;
use crate::fixtures::{first_epoch, record};
use crate::network::{Network, Who, eventually, stop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_nothing_is_committed_and_what_waited_is_on_return() {
    let begun = Instant::now();
    let network = Network::with_heartbeat(4, 4, 500);
    let federation = network.genesis.federation();
    let mut nodes = Vec::new();
    for i in 0..4 {
        let mut config = network.config(Who::Hospital(i));
        config.tuning.submit_timeout = Duration::from_secs(3);
        nodes.push(consilium_node::start(config).await.unwrap());
    }
    nodes[3].submit(first_epoch(federation)).await.unwrap();
    nodes[2].submit(record(federation, 2, 1)).await.unwrap();
    stop(nodes.pop().unwrap()).await;
    stop(nodes.pop().unwrap()).await;
    for node in &nodes {
        eventually("the loss of two peers", || node.status().peers == 1).await;
    }
    // What was decided before they left may still arrive.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = nodes[0].status();
    let waiting = [record(federation, 0, 2), record(federation, 1, 3)];
    let (one, two) = tokio::join!(
        nodes[0].submit(waiting[0].clone()),
        nodes[1].submit(waiting[1].clone())
    );
    for (outcome, transaction) in [one, two].into_iter().zip(&waiting) {
        let expected = SubmitError::NoProgress {
            hash: transaction.hash(),
            height: before.height,
        };
        assert_eq!(outcome.unwrap_err(), expected, "an answer, not silence");
    }
    for node in &nodes {
        let status = node.status();
        assert_eq!(status.height, before.height, "committed without a quorum");
        assert!(status.tip_age_ms >= 3_000, "{status:?}");
        assert_eq!((status.peers, status.failure.clone()), (1, None));
        // It is behind nobody: there is nothing to catch up with.
        assert_eq!(status.sync, SyncState::Following);
        assert!(status.pool_transactions >= 1, "{status:?}");
    }
    for i in 2..4 {
        nodes.push(network.start(Who::Hospital(i)).await);
    }
    for node in &nodes {
        for transaction in &waiting {
            let hash = transaction.hash();
            eventually("what waited", || node.transaction(&hash).unwrap().is_some()).await;
        }
    }
    let (three, epoch) = (record(federation, 3, 4), nodes[0].status().height);
    assert!(nodes[3].submit(three).await.unwrap().height >= epoch);
    let agreed = compare(&network, &nodes, &[]).await;
    println!(
        "two of four gone and back: {agreed}, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    for node in nodes {
        stop(node).await;
    }
}
