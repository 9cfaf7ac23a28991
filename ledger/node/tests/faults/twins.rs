//! One validator's key runs on two machines: the real program equivocates by itself, and the others neither split nor stop.

use std::time::Instant;

use consilium_contracts::Height;
use consilium_node::NeverVoted;

use crate::agreement::{compare, restarted};
use crate::fixtures::{first_epoch, public};
use crate::load::{Acknowledged, record_from};
use crate::network::{Network, Who, stop};
use crate::process::{Process, Special};
use crate::times;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_runs_twice_is_found_out_and_splits_nobody() {
    let begun = Instant::now();
    let network = Network::new(4, 4);
    let federation = network.genesis.federation();
    let mut nodes = Vec::new();
    for i in 0..4 {
        nodes.push(Process::start(&network, Who::Hospital(i)).await);
    }
    nodes[0].submit(&first_epoch(federation)).await.unwrap();
    // The second one has a place of its own in the network, the KGC's, its own empty directory, and a copy of the word that the key
    // never voted, made before it did.
    let word = network.root().join("twin.never-voted");
    NeverVoted::write(&word, &public("h3/validator")).unwrap();
    let twin = Special {
        dir: Some(network.root().join("twin")),
        never_voted: Some(word),
        listen: Some(network.plan.kgc.clone()),
        peer_key: Some(Who::Kgc),
        ..Special::default()
    };
    let twin = Process::start_special(&network, Who::Hospital(3), &twin).await;
    let mut acknowledged = Vec::new();
    for number in 0..times(16, 400) {
        let (at, now) = (number % 3, nodes[0].status().await.unwrap().height);
        let transaction = record_from(federation, at, 1 + number as u64, Height::new(now));
        let place = nodes[at].submit(&transaction).await.unwrap();
        acknowledged.push(Acknowledged {
            hash: transaction.hash(),
            place,
        });
    }
    let mut evidence = Vec::new();
    for node in &nodes[..3] {
        node.assert_sound();
        evidence.push(
            node.until("evidence", |seen| seen.evidence > 0)
                .await
                .evidence,
        );
    }
    twin.assert_sound();
    drop(twin);
    for node in nodes {
        node.stop().await;
    }
    let nodes = restarted(&network, &[0, 1, 2, 3]).await;
    let agreed = compare(&network, &nodes, &acknowledged).await;
    println!(
        "one validator runs twice, evidence {evidence:?}: {agreed}, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    for node in nodes {
        stop(node).await;
    }
}
