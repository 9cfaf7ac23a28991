//! What is seen of a ledger from one of its nodes: who voted, what is provable.

use consilium_contracts::{Height, Key};
use consilium_ledger::ValidatorAddress;
use consilium_node::{NodeHandle, ProofError};

use crate::fixtures::{first_epoch, name, public, record, record_id};
use crate::network::{Network, Who, eventually, stop};

fn validator(i: usize) -> ValidatorAddress {
    ValidatorAddress::of(&public(&format!("{}/validator", name(i))))
}

fn last_vote(node: &NodeHandle, i: usize) -> Option<Height> {
    node.status().last_votes.of(&validator(i))
}

#[tokio::test]
async fn who_voted_last_when_is_seen_and_known_again_after_a_restart() {
    let network = Network::new(4, 4);
    let federation = network.genesis.federation();
    let mut nodes = Vec::new();
    for i in 0..4 {
        nodes.push(network.start(Who::Hospital(i)).await);
    }
    let status = nodes[0].status();
    assert_eq!(status.last_votes.looked_since(), Height::new(1));
    nodes[0].submit(first_epoch(federation)).await.unwrap();
    // A fourth vote may come too late for a block's certificate, but not for each of many.
    let mut number = 0;
    while last_vote(&nodes[0], 3).is_none() {
        number += 1;
        assert!(number < 100, "the fourth never voted in time");
        nodes[0]
            .submit(record(federation, 0, number))
            .await
            .unwrap();
    }
    stop(nodes.pop().unwrap()).await;
    for more in 1..=5 {
        let transaction = record(federation, 0, number + more);
        nodes[0].submit(transaction).await.unwrap();
    }
    let status = nodes[0].status();
    // Three of four are needed: each of the others voted for the last block.
    for i in 0..3 {
        assert_eq!(last_vote(&nodes[0], i), Some(status.height));
    }
    let gone = last_vote(&nodes[0], 3).unwrap();
    assert!(gone < status.height, "{gone} of {}", status.height);
    assert_eq!(nodes[0].status().oldest_block, Height::new(1));

    stop(nodes.remove(0)).await;
    let again = network.start(Who::Hospital(0)).await;
    assert_eq!(last_vote(&again, 3), Some(gone), "from the stored blocks");
    for node in nodes.into_iter().chain([again]) {
        stop(node).await;
    }
}

#[tokio::test]
async fn what_the_last_block_changed_is_provable_from_the_next_one_on() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let node = network.start(Who::Hospital(0)).await;
    let early = node.proof_as_of(&Key::current_epoch(), Height::new(0));
    assert!(matches!(early.unwrap_err(), ProofError::NotYet));
    node.submit(first_epoch(federation)).await.unwrap();
    let first = node.submit(record(federation, 0, 1)).await.unwrap().height;

    // The heartbeat is ten seconds away: the block stands alone.
    let changed = Key::record(&record_id(1));
    let refused = node.proof_as_of(&changed, first).unwrap_err();
    assert!(matches!(refused, ProofError::NotCertified { height } if height == first));
    let validators = node.status().validators;
    let unchanged = node.proof_as_of(&Key::current_epoch(), first).unwrap();
    let proven = unchanged.verify(&federation, &validators).unwrap();
    assert!(proven.value.is_some());

    let next = node.submit(record(federation, 0, 2)).await.unwrap().height;
    assert!(next > first);
    let proof = node.proof_as_of(&changed, first).unwrap();
    let proven = proof.verify(&federation, &validators).unwrap();
    assert!(proven.height >= first && proven.value.is_some());
    stop(node).await;
}

#[tokio::test]
async fn a_watch_does_not_keep_a_node() {
    let network = Network::new(2, 1);
    let node = network.start(Who::Hospital(0)).await;
    let watch = node.watch();
    assert!(watch.status().is_some() && watch.state().is_some());
    stop(node).await;
    eventually("the node is gone", || watch.status().is_none()).await;
    // Its directory is free.
    stop(network.start(Who::Hospital(0)).await).await;
}
