//! The same transaction again and again: at every node at once, after it was committed, out of order, late, forwarded twice.

use std::time::Instant;

use consilium_contracts::{Canonical as _, Height};

use crate::fixtures::{key, name, record};
use crate::load::record_from;
use crate::puppet::Part;
use crate::stage::Stage;
use crate::times;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_more_than_once_is_applied_once_and_what_is_late_never() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let mut transactions: Vec<_> = (0..times(30, 1_000))
        .map(|i| stage.next_record(i % 3))
        .collect();
    let bytes: Vec<_> = transactions
        .iter()
        .map(|one| one.to_canonical_bytes())
        .collect();
    // Everybody forwards everything, backwards, while it is submitted at every node at once.
    let forward = async |times: usize| {
        for _ in 0..times {
            let backwards = bytes.iter().rev().cloned().collect();
            stage
                .puppet
                .part(stage.puppet.stream(), 0, Part::Transactions(backwards))
                .await;
        }
    };
    forward(2).await;
    let mut places = Vec::new();
    for transaction in &transactions {
        let [a, b, c] = [0, 1, 2].map(|at| stage.honest[at].submit(transaction));
        let (a, b, c) = tokio::join!(a, b, c);
        let place = a.unwrap();
        assert_eq!(
            (b.unwrap(), c.unwrap()),
            (place, place),
            "committed at one place"
        );
        places.push(place);
    }
    // After they were committed, in another order.
    forward(2).await;
    transactions.reverse();
    for (transaction, place) in transactions.iter().zip(places.iter().rev()) {
        assert_eq!(stage.honest[1].submit(transaction).await, Ok(*place));
    }
    // One whose last height has passed, submitted and forwarded.
    let mut late = record(stage.federation(), 0, 1 << 43).transaction().clone();
    late.expires = stage.eye.status().height;
    let late = late.sign(&key(&name(0)));
    for node in &stage.honest {
        let refused = node.submit(&late).await.unwrap_err();
        assert!(refused.starts_with("rejected"), "{refused}");
    }
    let part = Part::Transactions(vec![late.to_canonical_bytes()]);
    stage.puppet.part(stage.puppet.stream(), 0, part).await;
    // The same record and nonce, signed for another time: another transaction, of no effect.
    let again = record_from(stage.federation(), 0, 1, Height::new(77));
    let refused = stage.honest[2].submit(&again).await.unwrap_err();
    assert!(refused.starts_with("rejected"), "{refused}");
    stage.commit(4).await;
    assert_eq!(stage.eye.transaction(&late.hash()).unwrap(), None);
    stage.close("the same transactions many times", begun).await;
}
