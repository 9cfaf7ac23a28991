//! One validator by itself.

use std::time::Instant;

use consilium_contracts::{Height, Key, Rejection, StateRead as _, View};
use consilium_ledger::{InclusionProof, KeyProof};
use consilium_node::{NodeHandle, SubmitError, SyncState};

use crate::fixtures::{first_epoch, record, record_id};
use crate::network::{Network, Who, stop};

const A: Who = Who::Hospital(0);

#[tokio::test]
async fn commits_answers_and_shows_each_transaction() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let federation = network.genesis.federation();
    node.submit(first_epoch(federation)).await.unwrap();
    let (mut last, mut latencies) = (Height::new(0), Vec::new());
    for number in 1..=20 {
        let transaction = record(federation, 0, number);
        let begun = Instant::now();
        let receipt = node.submit(transaction.clone()).await.unwrap();
        latencies.push(begun.elapsed());
        assert!(
            receipt.height > last,
            "one after another: each in a later block"
        );
        last = receipt.height;
        assert_eq!(receipt.transaction, transaction.hash());
        let state = node.state();
        assert!(
            state.height() >= receipt.height,
            "applied before it is answered"
        );
        assert!(View::new(&state).record(&record_id(number)).is_some());
        assert_eq!(
            node.transaction(&receipt.transaction).unwrap(),
            Some(receipt.clone())
        );
        assert_eq!(
            node.submit(transaction).await.unwrap(),
            receipt,
            "the same receipt again"
        );
    }
    latencies.sort();
    println!(
        "submit to commit, one validator: p50 {:?}, max {:?}",
        latencies[10], latencies[19]
    );
    let status = node.status();
    assert_eq!(status.sync, SyncState::Following);
    assert!(status.votes && status.failure.is_none());
    assert_eq!((status.pool_transactions, status.pool_bytes), (0, 0));
    stop(node).await;
}

#[tokio::test]
async fn many_at_once_share_blocks_and_keep_their_order() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let federation = network.genesis.federation();
    node.submit(first_epoch(federation)).await.unwrap();
    let begun = Instant::now();
    let submissions: Vec<_> = (1..=500)
        .map(|number| {
            let (node, transaction) = (node.clone(), record(federation, 0, number));
            tokio::spawn(async move { node.submit(transaction).await.unwrap() })
        })
        .collect();
    let mut places = Vec::new();
    for submission in submissions {
        let receipt = submission.await.unwrap();
        places.push((receipt.height, receipt.index));
    }
    let took = begun.elapsed();
    println!(
        "500 transactions in {took:?}: {:.0}/s",
        500.0 / took.as_secs_f64()
    );
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 500, "each has a place of its own");
    let mut stream = node.subscribe(Height::new(0));
    let (mut seen, mut next) = (0, 1);
    while seen < 501 {
        let block = stream.next().await.unwrap().unwrap();
        assert_eq!(
            block.block.header().height,
            Height::new(next),
            "none missed"
        );
        assert_eq!(
            block.events.transactions.len(),
            block.block.transactions().len()
        );
        seen += block.block.transactions().len();
        next += 1;
    }
    assert!(
        next < 250,
        "a block carries what waits, not one each: {next}"
    );
    stop(node).await;
}

#[tokio::test]
async fn a_rejected_transaction_is_answered_with_its_reason_and_makes_no_block() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let federation = network.genesis.federation();
    node.submit(first_epoch(federation)).await.unwrap();
    node.submit(record(federation, 0, 1)).await.unwrap();
    let height = node.status().height;
    // The same record again, under another nonce.
    let again = crate::fixtures::transaction(
        federation,
        "h0",
        77,
        5_000,
        record(federation, 0, 1).transaction().action.clone(),
    );
    let refused = node.submit(again).await.unwrap_err();
    assert!(
        matches!(
            refused,
            SubmitError::Rejected(Rejection::RecordExists { .. })
        ),
        "{refused}"
    );
    let stranger = consilium_contracts::FederationId::from_bytes([9; 32]);
    let refused = node.submit(first_epoch(stranger)).await.unwrap_err();
    assert!(matches!(
        refused,
        SubmitError::Rejected(Rejection::WrongFederation { .. })
    ));
    let expired = crate::fixtures::transaction(
        federation,
        "h0",
        78,
        0,
        record(federation, 0, 2).transaction().action.clone(),
    );
    let refused = node.submit(expired).await.unwrap_err();
    assert!(matches!(
        refused,
        SubmitError::Rejected(Rejection::Expired { .. })
    ));
    assert_eq!(node.status().height, height);
    stop(node).await;
}

#[tokio::test]
async fn an_idle_ledger_beats_slowly_and_a_snapshot_stands_still() {
    let network = Network::with_heartbeat(2, 1, 300);
    let node = network.start(A).await;
    let old = node.reached(Height::new(1)).await.unwrap();
    let begun = Instant::now();
    node.reached(old.height().plus(3)).await.unwrap();
    let took = begun.elapsed().as_millis();
    assert!(took >= 550, "three heartbeats of 300 ms took {took} ms");
    node.submit(first_epoch(network.genesis.federation()))
        .await
        .unwrap();
    assert_eq!(View::new(&old).current_epoch(), None);
    assert!(View::new(&node.state()).current_epoch().is_some());
    assert!(node.state().time() > old.time());
    stop(node).await;
}

#[tokio::test]
async fn what_stands_is_provable_to_who_holds_the_genesis_alone() {
    let network = Network::with_heartbeat(2, 1, 100);
    let node = network.start(A).await;
    let federation = network.genesis.federation();
    let receipt = node.submit(first_epoch(federation)).await.unwrap();
    let state = node.reached(receipt.height.plus(1)).await.unwrap();
    let validators = node.status().validators;

    let bytes = node.proof(&Key::current_epoch()).unwrap().to_bytes();
    let proof = KeyProof::from_bytes(&bytes).unwrap();
    let proven = proof.verify(&federation, &validators).unwrap();
    assert!(proven.height >= receipt.height);
    assert_eq!(proven.value, state.get(&Key::current_epoch()).as_deref());
    let absent = node.proof(&Key::record(&record_id(1))).unwrap();
    assert_eq!(absent.verify(&federation, &validators).unwrap().value, None);

    let bytes = node
        .inclusion(&receipt.transaction)
        .unwrap()
        .unwrap()
        .to_bytes();
    let proof = InclusionProof::from_bytes(&bytes).unwrap();
    let proven = proof.verify(&federation, &validators).unwrap();
    assert_eq!(
        (proven.height, proven.index as u32),
        (receipt.height, receipt.index)
    );
    assert_eq!(*proven.transaction, first_epoch(federation));
    stop(node).await;
}

#[tokio::test]
async fn a_restart_resumes_where_it_stopped() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let node = network.start(A).await;
    node.submit(first_epoch(federation)).await.unwrap();
    for number in 1..=5 {
        node.submit(record(federation, 0, number)).await.unwrap();
    }
    let before = node.status();
    stop(node).await;

    let node = network.start(A).await;
    let after: NodeHandle = node.clone();
    let block = after.block(before.height).unwrap().unwrap();
    assert_eq!(block.block.hash(), before.hash);
    let state = node.state();
    if state.height() == before.height {
        assert_eq!(state.root(), before.state_root);
    }
    let next = node.submit(record(federation, 0, 6)).await.unwrap();
    assert!(next.height > before.height);
    let following = after.block(before.height.plus(1)).unwrap().unwrap();
    assert_eq!(
        following.block.header().state,
        before.state_root,
        "the next block says so too"
    );
    drop(after);
    stop(node).await;
}

#[tokio::test]
async fn after_shutdown_submissions_say_so() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let other = node.clone();
    let mut stream = node.subscribe(node.status().height.plus(1_000));
    stop(node).await;
    let outcome = other
        .submit(first_epoch(network.genesis.federation()))
        .await;
    assert_eq!(outcome.unwrap_err(), SubmitError::ShuttingDown);
    assert!(stream.next().await.is_none());
}
