//! One peer answers requests for missed blocks with lies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use consilium_contracts::{FederationId, Height};
use consilium_ledger::{Block, CommitCertificate, Round, Slot};
use consilium_node::{CommittedBlock, NodeHandle};

use crate::fixtures::{certificate, first_epoch, name, record};
use crate::network::{Network, PATIENCE, Who, assert_equal_roots, stop};
use crate::puppet::{Answer, Asked, BlockRequest, Puppet};
use crate::times;

/// Four who vote, of whom one stays; the liar; one who was away.
const VALIDATORS: usize = 4;
const LIAR: usize = 4;
const LATE: usize = 5;

#[derive(Clone, Copy, Debug)]
enum Lie {
    /// No answer at all.
    Silence,
    /// Bytes that are no answer.
    Garbage,
    /// No block.
    Nothing,
    /// Each block as that of the next height.
    Shifted,
    /// True certificates with blocks that they do not certify.
    OtherBlock,
    /// True blocks with the votes of too few.
    FewVotes,
    /// Blocks of the liar's own, voted for by itself alone and by nobody that it names.
    Forged,
}

const LIES: [Lie; 7] = [
    Lie::Silence,
    Lie::Garbage,
    Lie::Nothing,
    Lie::Shifted,
    Lie::OtherBlock,
    Lie::FewVotes,
    Lie::Forged,
];

/// The same block without what happened in it.
fn emptied(block: &Block) -> Block {
    let header = block.header();
    let slot = Slot {
        proposer: header.proposer,
        time: header.time.plus(1),
    };
    let parent = consilium_ledger::Parent {
        federation: header.federation,
        height: Height::new(header.height.value() - 1),
        hash: header.previous,
        time: header.time,
        state: header.state,
    };
    Block::new(&parent, slot, Vec::new())
}

/// A block and its certificate, as the liar tells them.
fn told(lie: Lie, committed: CommittedBlock) -> (Vec<u8>, CommitCertificate) {
    let CommittedBlock {
        block,
        certificate: votes,
        ..
    } = committed;
    let (round, signatures) = (votes.round(), votes.signatures());
    match lie {
        Lie::OtherBlock => (emptied(&block).to_bytes(), votes),
        Lie::FewVotes => {
            let few = signatures[..2].to_vec();
            let few = CommitCertificate::new(votes.height(), round, *votes.block(), few);
            (block.to_bytes(), few)
        }
        Lie::Forged => {
            let forged = emptied(&block);
            // Its own vote, and the others' for the true block.
            let own = [format!("{}/validator", name(LIAR))];
            let own = certificate(forged.header(), Round::new(0), own);
            let all = [own.signatures(), signatures].concat();
            let all = CommitCertificate::new(votes.height(), round, forged.hash(), all);
            (forged.to_bytes(), all)
        }
        Lie::Silence | Lie::Garbage | Lie::Nothing | Lie::Shifted => (block.to_bytes(), votes),
    }
}

/// The liar's answer; `None` for none.
fn answer(lie: Lie, asked: &Asked, honest: &NodeHandle) -> Option<Vec<u8>> {
    let shift = u64::from(matches!(lie, Lie::Shifted));
    let heights = asked.from.value() + shift..=asked.to.value() + shift;
    let blocks = heights.map_while(|height| honest.block(Height::new(height)).unwrap());
    let values = match lie {
        Lie::Silence => return None,
        Lie::Garbage => return Some((0..5_000).map(|_| rand::random()).collect()),
        Lie::Nothing => Vec::new(),
        _ => blocks.map(|committed| told(lie, committed)).collect(),
    };
    let start = asked.from;
    Some(borsh::to_vec(&Answer { start, values }).unwrap())
}

/// Claims the honest tip and answers with lies; counts them.
async fn lies(puppet: Arc<Puppet>, honest: NodeHandle, lie: Lie, told: Arc<AtomicUsize>) {
    let mut claim = tokio::time::interval(Duration::from_millis(10));
    loop {
        tokio::select! {
            _ = claim.tick() => puppet.claim_tip(honest.status().height.value()).await,
            asked = puppet.asked() => {
                told.fetch_add(1, Ordering::Relaxed);
                if let Some(bytes) = answer(lie, &asked, &honest) {
                    puppet.answer(asked, bytes).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_blocks_are_fetched_past_one_that_answers_with_lies() {
    let begun = Instant::now();
    let network = Network::new(6, VALIDATORS);
    let mut validators = Vec::new();
    for i in 0..VALIDATORS {
        validators.push(network.start(Who::Hospital(i)).await);
    }
    let puppet = Arc::new(Puppet::connect(&network, LIAR).await);
    let federation = network.genesis.federation();
    validators[0].submit(first_epoch(federation)).await.unwrap();
    for number in 1..=times(24, 200) {
        let owner = number % VALIDATORS;
        let one = record(federation, owner, number as u64);
        validators[owner].submit(one).await.unwrap();
    }
    // One honest peer and one liar: whoever was away asks either.
    let honest = validators.remove(0);
    for other in validators {
        stop(other).await;
    }
    let tip = honest.status().height;
    let mut count = 0;
    for lie in LIES {
        let told = Arc::new(AtomicUsize::new(0));
        let liar = tokio::spawn(lies(
            Arc::clone(&puppet),
            honest.clone(),
            lie,
            Arc::clone(&told),
        ));
        while told.load(Ordering::Relaxed) == 0 {
            let late = network.start(Who::Hospital(LATE)).await;
            let reached = tokio::time::timeout(PATIENCE, late.reached(tip)).await;
            reached
                .unwrap_or_else(|_| panic!("{lie:?} keeps it at {}", late.status().height))
                .unwrap();
            assert_equal_roots(&[honest.clone(), late.clone()]).await;
            stop(late).await;
            std::fs::remove_dir_all(network.config(Who::Hospital(LATE)).data_dir).unwrap();
        }
        liar.abort();
        count += told.load(Ordering::Relaxed);
    }
    println!(
        "{count} lies of {} kinds in answers: height {tip} reached each time, {:.1} s",
        LIES.len(),
        begun.elapsed().as_secs_f64()
    );
    stop(honest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_requests_that_a_member_signed_are_answered() {
    let network = Network::new(2, 1);
    let honest = network.start(Who::Hospital(0)).await;
    let puppet = Puppet::connect(&network, 1).await;
    let federation = network.genesis.federation();
    honest.submit(first_epoch(federation)).await.unwrap();
    let answered = |request: BlockRequest, patience: u64| {
        let (puppet, patience) = (&puppet, Duration::from_secs(patience));
        async move { puppet.asks_for(Who::Hospital(0), &request, patience).await }
    };
    let member = format!("{}/peer", name(1));
    let signed = |by: &str| BlockRequest::signed(&federation, 1, 1, by);
    assert!(answered(signed(&member), 20).await, "a member is answered");

    let elsewhere = FederationId::from_bytes([9; 32]);
    let lies = [
        signed("stranger"),
        BlockRequest {
            key: signed(&member).key,
            ..signed("stranger")
        },
        BlockRequest::signed(&elsewhere, 1, 1, &member),
        BlockRequest {
            to: Height::new(2),
            ..signed(&member)
        },
    ];
    for lie in lies {
        assert!(!answered(lie, 1).await, "a lie is answered");
    }
    assert!(answered(signed(&member), 20).await, "it answers no more");
    puppet.leave().await;
    stop(honest).await;
}
