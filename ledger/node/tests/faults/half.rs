//! One of two validators lies. It may stop the ledger, which more than two thirds must make; it may neither bring the other to vote
//! twice nor have its lies believed for ever.

use std::fs;
use std::time::{Duration, Instant};

use consilium_contracts::Height;
use consilium_ledger::{Block, CommitCertificate, Round, Slot, ValidatorAddress};
use consilium_node::{NodeHandle, SyncState};
use tokio::time::timeout;

use crate::fixtures::public;
use crate::network::{Network, PATIENCE, Who, eventually, now, stop};
use crate::puppet::{Begin, Part, Puppet, parent};

const VICTIM: Who = Who::Hospital(0);
const LIAR: usize = 1;
/// Twice what a clock may differ by in the test's federation.
const CERTAIN: Duration = Duration::from_secs(20);
/// About how long a round takes in which nothing is decided.
const ROUND: Duration = Duration::from_secs(1);

/// The other commits a block of the liar's. Where it is not the liar's turn, it votes for nothing else, and the next round is its own.
async fn commit(victim: &NodeHandle, liar: &Puppet) {
    let parent = parent(victim);
    let time = now().max(parent.time.plus(1));
    let proposer = liar.address;
    let block = Block::new(&parent, Slot { proposer, time }, Vec::new());
    let (height, hash) = (block.header().height, Some(block.hash()));
    for round in (0..2).map(Round::new) {
        liar.propose_block(&block, round).await;
        for precommit in [false, true] {
            liar.vote(precommit, height, round, hash).await;
        }
        let committed = victim.reached(height);
        if timeout(2 * ROUND, committed).await.is_ok() {
            break;
        }
    }
    assert_eq!(victim.block(height).unwrap().unwrap().block, block);
}

fn recorded(node: &NodeHandle) -> Vec<(Block, CommitCertificate)> {
    let heights = (1..=node.status().height.value()).map(Height::new);
    let one = |height| {
        let committed = node.block(height).unwrap().unwrap();
        (committed.block, committed.certificate)
    };
    heights.map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_votes_that_are_sent_again_do_not_let_a_validator_vote_that_lost_its_log() {
    let network = Network::new(2, 2);
    let victim = network.start(VICTIM).await;
    let liar = Puppet::connect(&network, LIAR).await;
    for _ in 0..4 {
        commit(&victim, &liar).await;
    }
    let old = recorded(&victim);
    let voter = ValidatorAddress::of(&public("h0/validator"));
    let voted = |one: &CommitCertificate| one.signatures().iter().any(|vote| vote.voter == voter);
    assert!(old.iter().all(|(_, certificate)| voted(certificate)));
    stop(victim).await;
    liar.leave().await;
    fs::remove_dir_all(network.dir(VICTIM)).unwrap();

    let begun = Instant::now();
    let victim = network.start(VICTIM).await;
    assert!(victim.status().abstains && !victim.status().votes);
    let liar = Puppet::connect(&network, LIAR).await;
    for (block, certificate) in &old {
        let (height, round) = (certificate.height(), certificate.round());
        liar.body(block, round, liar.address).await;
        liar.propose(height, round, block.hash()).await;
        liar.send_again(certificate).await;
        let followed = timeout(PATIENCE, victim.reached(height)).await;
        followed.expect("it follows").unwrap();
        assert_eq!(
            victim.certificate(height).unwrap().as_ref(),
            Some(certificate)
        );
    }
    // It followed all four by their votes, none by fetching it, and knows no more than before what it voted for above.
    assert!(begun.elapsed() < CERTAIN, "too slow to show anything");
    let status = victim.status();
    assert!(status.abstains && !status.votes);
    assert!(network.dir(VICTIM).join("abstains").exists());
    stop(victim).await;
    liar.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_to_be_ahead_that_is_not_borne_out_is_forgotten() {
    let network = Network::new(2, 2);
    let victim = network.start(VICTIM).await;
    let liar = Puppet::connect(&network, LIAR).await;
    let begin = Begin {
        height: Height::new(1_000_000),
        round: Round::new(0),
        valid_round: None,
        proposer: liar.address,
        block: consilium_ledger::BlockHash::from_bytes([9; 32]),
        chunks: 1,
    };
    liar.part(liar.stream(), 0, Part::Begin(begin)).await;
    let target = Height::new(999_999);
    let behind = || victim.status().sync == SyncState::CatchingUp { target };
    eventually("its belief", behind).await;
    // Without a further lie, and although no block came since that would show it.
    let follows = || victim.status().sync == SyncState::Following;
    eventually("its doubt", follows).await;
    assert_eq!(victim.status().height, Height::new(0));
    stop(victim).await;
    liar.leave().await;
}
