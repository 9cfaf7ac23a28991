//! Four validators: the same code, more of it. What happens when they fail is tested elsewhere.

use std::time::Instant;

use consilium_node::NodeHandle;

use crate::fixtures::{first_epoch, record};
use crate::network::{Network, Who, assert_equal_roots, stop};

async fn all(network: &Network, hospitals: usize) -> Vec<NodeHandle> {
    let mut nodes = Vec::new();
    for i in 0..hospitals {
        nodes.push(network.start(Who::Hospital(i)).await);
    }
    nodes
}

#[tokio::test]
async fn four_validators_agree_wherever_a_transaction_is_submitted() {
    let network = Network::new(4, 4);
    let federation = network.genesis.federation();
    let nodes = all(&network, 4).await;
    nodes[3].submit(first_epoch(federation)).await.unwrap();
    let mut latencies = Vec::new();
    for number in 1..=24 {
        let node = number as usize % 4;
        let begun = Instant::now();
        nodes[node]
            .submit(record(federation, node, number))
            .await
            .unwrap();
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    println!(
        "four validators, one at a time: p50 {:?}, max {:?}",
        latencies[12], latencies[23]
    );
    let status = nodes[0].status();
    let certificate = nodes[0].certificate(status.height).unwrap().unwrap();
    assert!(certificate.signatures().len() >= 3);
    certificate.verify(&federation, &status.validators).unwrap();
    assert_equal_roots(&nodes).await;
    for node in nodes {
        assert_eq!(node.status().evidence, 0);
        stop(node).await;
    }
}

#[tokio::test]
async fn four_validators_go_on_without_one_and_it_catches_up() {
    let network = Network::new(4, 4);
    let federation = network.genesis.federation();
    let mut nodes = all(&network, 4).await;
    nodes[0].submit(first_epoch(federation)).await.unwrap();
    stop(nodes.pop().unwrap()).await;
    let begun = Instant::now();
    for number in 1..=12 {
        let node = number as usize % 3;
        nodes[node]
            .submit(record(federation, node, number))
            .await
            .unwrap();
    }
    println!(
        "12 transactions with one of four away: {:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    nodes.push(network.start(Who::Hospital(3)).await);
    let height = nodes[0].status().height;
    nodes[3].reached(height).await.unwrap();
    println!("it caught up {:?} after its start", begun.elapsed());
    nodes[3].submit(record(federation, 3, 13)).await.unwrap();
    assert_equal_roots(&nodes).await;
    for node in nodes {
        stop(node).await;
    }
}
