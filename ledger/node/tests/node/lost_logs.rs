//! Validators whose log of votes is gone: they do not vote, unless it stands elsewhere that they never did.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use consilium_contracts::Height;
use consilium_node::{NeverVoted, NodeHandle, start};

use crate::fixtures::{first_epoch, key, public};
use crate::network::{Network, Who, eventually, never_voted, stop};

const A: Who = Who::Hospital(0);
const B: Who = Who::Hospital(1);
const C: Who = Who::Hospital(2);

/// Where it stands that a validator key never voted.
fn word(network: &Network, who: Who) -> PathBuf {
    never_voted(network.root(), who)
}

#[tokio::test]
async fn a_validator_that_lost_its_directory_after_its_first_vote_abstains_though_nobody_answers() {
    let network = Network::new(2, 1);
    let dir = network.dir(A);
    let marker = dir.join("abstains");
    assert!(word(&network, A).exists());
    let a = network.start(A).await;
    assert!(a.status().votes && !a.status().abstains);
    let first = first_epoch(network.genesis.federation());
    a.submit(first.clone()).await.unwrap();
    assert!(!word(&network, A).exists(), "it voted");
    stop(a).await;
    fs::remove_dir_all(&dir).unwrap();

    let mut config = network.config(A);
    config.tuning.submit_timeout = Duration::from_secs(3);
    let a = start(config).await.unwrap();
    assert!(a.status().abstains && !a.status().votes);
    a.submit(first.clone()).await.unwrap_err();
    assert_eq!(a.status().height, Height::new(0), "it voted again");
    stop(a).await;
    // Now there is a log, of no votes.
    let a = network.start(A).await;
    assert!(a.status().abstains && !a.status().votes);
    stop(a).await;
    // Its operator knows that nobody has a vote of it.
    fs::remove_file(&marker).unwrap();
    let a = network.start(A).await;
    assert!(a.status().votes && !a.status().abstains);
    a.submit(first).await.unwrap();
    stop(a).await;
}

#[tokio::test]
async fn a_validator_without_a_log_beside_its_store_abstains() {
    let network = Network::new(2, 1);
    let dir = network.dir(A);
    let log = dir.join("consensus.wal");
    let a = network.start(A).await;
    commit_first(&network, &a).await;
    let height = a.status().height;
    stop(a).await;
    for damage in [
        |log: &Path| fs::remove_file(log).unwrap(),
        |log: &Path| drop(File::create(log).unwrap()),
    ] {
        damage(&log);
        let a = network.start(A).await;
        assert!(a.status().abstains && !a.status().votes);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(a.status().height, height);
        stop(a).await;
        fs::remove_file(dir.join("abstains")).unwrap();
        // Whole again, it goes on.
        stop(network.start(A).await).await;
    }
}

async fn commit_first(network: &Network, node: &NodeHandle) {
    let first = first_epoch(network.genesis.federation());
    node.submit(first).await.unwrap();
}

#[tokio::test]
async fn the_word_that_a_key_never_voted_goes_with_its_first_height_and_counts_for_it_alone() {
    let network = Network::new(3, 2);
    // It begins, and ends before anything is decided: its log shows what it voted for.
    let a = network.start(A).await;
    assert!(a.status().votes);
    eventually("its first vote", || !word(&network, A).exists()).await;
    stop(a).await;
    let a = network.start(A).await;
    assert!(a.status().votes, "it knows by its log");
    // A word of another key is none, and goes.
    NeverVoted::write(&word(&network, B), &public("h0/validator")).unwrap();
    let b = network.start(B).await;
    assert!(b.status().abstains && !b.status().votes);
    assert!(!word(&network, B).exists());
    stop(b).await;
    NeverVoted::write(&word(&network, B), &public("h1/validator")).unwrap();
    fs::remove_dir_all(network.dir(B)).unwrap();
    let b = network.start(B).await;
    commit_first(&network, &b).await;
    assert!(!word(&network, B).exists());
    // Who has a key and does not vote with it keeps the word, and may lose its directory.
    let follower = || {
        let mut config = network.config(C);
        config.validator_key = Some(key("h2/validator"));
        config
    };
    for _ in 0..2 {
        let c = start(follower()).await.unwrap();
        c.reached(a.status().height).await.unwrap();
        assert!(!c.status().abstains && !c.status().votes);
        assert!(word(&network, C).exists());
        stop(c).await;
        fs::remove_dir_all(network.dir(C)).unwrap();
    }
    stop(a).await;
    stop(b).await;
}
