//! One of four validators lies.
//!
//! Not covered: attacks below the ledger's own protocol (noise, yamux).

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use consilium_contracts::{
    BlockTime, Canonical as _, FederationId, Height, SignedTransaction, TransactionHash,
};
use consilium_ledger::{Block, BlockHash, Parent, Round, Slot, StateRoot, ValidatorAddress};
use consilium_node::NodeHandle;

use crate::fixtures::{first_epoch, key, name, public, record};
use crate::network::{Who, now};
use crate::process::Process;
use crate::puppet::{Begin, Channel, Part, Puppet, parent};
use crate::stage::{LIAR, Stage};
use crate::times;

fn nonsense() -> BlockHash {
    BlockHash::from_bytes(rand::random())
}

fn rounds(count: u32) -> impl Iterator<Item = Round> {
    (0..count).map(Round::new)
}

/// A block upon `parent`, as an honest validator would build it.
fn block(
    parent: &Parent,
    proposer: ValidatorAddress,
    transactions: Vec<SignedTransaction>,
) -> Block {
    let time = now().max(parent.time.plus(1));
    Block::new(parent, Slot { proposer, time }, transactions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_withholds_its_votes_delays_and_hinders_nobody() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let took = stage.commit(times(20, 500)).await;
    stage.assert_no_block_of_the_liar();
    stage
        .close(&format!("one withholds its votes, {took:?}"), begun)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_equivocates_changes_nothing_and_is_found_out() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    stage
        .commit_while(times(12, 300), |puppet, _, parent| async move {
            let height = parent.height.plus(1);
            for round in rounds(2) {
                let earlier = block(&parent, puppet.address, Vec::new());
                let time = BlockTime::new(earlier.header().time.value() + 1);
                let slot = Slot {
                    proposer: puppet.address,
                    time,
                };
                let later = Block::new(&parent, slot, Vec::new());
                for one in [&earlier, &later] {
                    puppet.propose_block(one, round).await;
                }
                for precommit in [false, true] {
                    for hash in [
                        Some(earlier.hash()),
                        Some(later.hash()),
                        Some(nonsense()),
                        None,
                    ] {
                        puppet.vote(precommit, height, round, hash).await;
                    }
                }
            }
        })
        .await;
    let evidence = stage.evidence().await;
    assert!(evidence.iter().all(|count| *count > 0), "{evidence:?}");
    // It is on disk: a restart forgets nothing.
    let before = evidence[0];
    stage.honest.remove(0).stop().await;
    let again = Process::start(&stage.network, Who::Hospital(0)).await;
    assert!(again.status().await.unwrap().evidence >= before);
    stage.honest.insert(0, again);
    stage
        .close(&format!("one equivocates, evidence {evidence:?}"), begun)
        .await;
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Rejected,
    Forged,
    State,
    Time,
    Size,
    Height,
    Proposer,
}

const WRONG: [Wrong; 7] = [
    Wrong::Rejected,
    Wrong::Forged,
    Wrong::State,
    Wrong::Time,
    Wrong::Size,
    Wrong::Height,
    Wrong::Proposer,
];

/// A record whose signature is of another transaction.
fn forged(federation: FederationId) -> SignedTransaction {
    let (one, two) = (
        record(federation, 0, 1 << 50),
        record(federation, 0, 1 << 51),
    );
    let (one, two) = (one.to_canonical_bytes(), two.to_canonical_bytes());
    let signature = one.len() - 64;
    let bytes = [&two[..signature], &one[signature..]].concat();
    SignedTransaction::from_bytes(&bytes).unwrap()
}

/// One transaction more than a block may have. They take long to sign: they are made once.
fn too_many(federation: FederationId) -> &'static [SignedTransaction] {
    static MANY: OnceLock<Vec<SignedTransaction>> = OnceLock::new();
    let sign = |number: u64| record(federation, 0, (1 << 41) + number);
    MANY.get_or_init(|| (0..=2_000).map(sign).collect())
}

fn wrong_block(wrong: Wrong, parent: &Parent, liar: ValidatorAddress) -> Block {
    let federation = parent.federation;
    match wrong {
        // Epoch 1 a second time.
        Wrong::Rejected => block(parent, liar, vec![first_epoch(federation)]),
        Wrong::Forged => block(parent, liar, vec![forged(federation)]),
        Wrong::State => {
            let state = StateRoot::from_bytes(rand::random());
            block(&Parent { state, ..*parent }, liar, Vec::new())
        }
        Wrong::Time => {
            let time = now().plus(3_600_000);
            Block::new(
                parent,
                Slot {
                    proposer: liar,
                    time,
                },
                Vec::new(),
            )
        }
        Wrong::Size => block(parent, liar, too_many(federation).to_vec()),
        Wrong::Height => {
            let height = parent.height.plus(1);
            block(&Parent { height, ..*parent }, liar, Vec::new())
        }
        Wrong::Proposer => block(parent, ValidatorAddress::from_bytes([9; 32]), Vec::new()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_invalid_block_of_one_is_committed() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    for wrong in WRONG {
        let lie = move |puppet: Arc<Puppet>, _, parent: Parent| async move {
            let block = wrong_block(wrong, &parent, puppet.address);
            let (height, hash) = (block.header().height, Some(block.hash()));
            for round in rounds(2) {
                puppet.propose_block(&block, round).await;
                for precommit in [false, true] {
                    puppet.vote(precommit, height, round, hash).await;
                }
            }
        };
        // Each turn comes once in four heights.
        stage.commit_while(times(4, 40), lie).await;
    }
    stage.assert_no_block_of_the_liar();
    stage
        .close("one proposes seven kinds of invalid blocks", begun)
        .await;
}

/// Else a lie in it would be laid at the other's door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_another_is_said_to_have_built_is_not_committed() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let innocent = ValidatorAddress::of(&public("h0/validator"));
    let lies = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lies);
    let lie = move |puppet: Arc<Puppet>, _, parent: Parent| {
        let block = block(&parent, innocent, Vec::new());
        told.lock().unwrap().push(block.hash());
        async move {
            let (height, hash) = (block.header().height, Some(block.hash()));
            for round in rounds(2) {
                puppet.propose_block(&block, round).await;
                for precommit in [false, true] {
                    puppet.vote(precommit, height, round, hash).await;
                }
            }
        }
    };
    stage.commit_while(times(8, 80), lie).await;
    let lies = lies.lock().unwrap().clone();
    assert!(!lies.is_empty());
    for height in 1..=stage.eye.status().height.value() {
        let committed = stage.eye.block(Height::new(height)).unwrap().unwrap();
        assert!(!lies.contains(&committed.block.hash()), "block {height}");
    }
    stage
        .close("one says that another built its blocks", begun)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_in_the_name_of_others_do_not_keep_theirs_out() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let took = stage
        .commit_while(times(12, 300), |puppet, eye, parent| async move {
            let validators = eye.status().validators;
            for round in rounds(3) {
                for validator in validators.as_slice() {
                    for _ in 0..2 {
                        let state = StateRoot::from_bytes(rand::random());
                        let wrong = Parent { state, ..parent };
                        let body = block(&wrong, *validator.address(), Vec::new());
                        puppet.body(&body, round, *validator.address()).await;
                    }
                }
            }
        })
        .await;
    // A block of an honest validator needs one round, one of the liar's turn two; a slow machine may need a few more.
    let (heights, late) = late(&stage.eye);
    assert!(
        late * 4 <= heights,
        "{late} of {heights} blocks needed a third round"
    );
    stage
        .close(&format!("bodies in others' names, {took:?}"), begun)
        .await;
}

/// How many blocks there are, and how many of them needed more than two rounds.
fn late(node: &NodeHandle) -> (usize, usize) {
    let heights = 1..=node.status().height.value();
    let round = |height| {
        node.certificate(Height::new(height))
            .unwrap()
            .unwrap()
            .round()
    };
    let late = heights.clone().filter(|height| round(*height).value() > 1);
    (heights.count(), late.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_one_to_be_far_ahead_move_nobody() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let claim = |puppet: Arc<Puppet>, _, parent: Parent| async move {
        for ahead in [2, 9, 1_000, u64::MAX - parent.height.value() - 1] {
            let height = parent.height.plus(ahead);
            let (proposer, block) = (puppet.address, nonsense());
            let begin = Begin {
                height,
                round: Round::new(0),
                valid_round: None,
                proposer,
                block,
                chunks: 1,
            };
            puppet.part(puppet.stream(), 0, Part::Begin(begin)).await;
            puppet.propose(height, Round::new(0), block).await;
            puppet.vote(false, height, Round::new(0), Some(block)).await;
            puppet.claim_tip(height.value()).await;
        }
    };
    stage.commit_while(8, claim).await;
    let before = stage.honest[0].status().await.unwrap();
    assert_eq!(before.sync, "Following", "it believes one");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let after = stage.honest[0].status().await.unwrap();
    assert!(
        after.height <= before.height + 2,
        "blocks of nothing: {before:?}, {after:?}"
    );
    stage.close("one claims to be far ahead", begun).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_every_channel_is_dropped() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let garbage = |puppet: Arc<Puppet>, _, _| async move {
        for length in [0, 1, 7, 64, 177, 2_000, 100_000] {
            for channel in [
                Channel::Consensus,
                Channel::Liveness,
                Channel::ProposalParts,
            ] {
                puppet.publish(channel, random_bytes(length)).await;
            }
            puppet.broadcast(Channel::Sync, random_bytes(length)).await;
            puppet
                .broadcast(Channel::Consensus, random_bytes(length))
                .await;
            for i in 0..LIAR {
                puppet.request(Who::Hospital(i), random_bytes(length)).await;
            }
        }
        // Numbers that nothing has.
        for (first, last) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            let range = borsh::to_vec(&(first, last)).unwrap();
            puppet.request(Who::Hospital(0), range).await;
        }
        let unknown = TransactionHash::from_bytes(rand::random());
        let refused = Part::Refused {
            transaction: unknown,
            height: Height::new(u64::MAX),
        };
        puppet.part(u64::MAX, u64::MAX, refused).await;
        puppet
            .part(u64::MAX, u64::MAX, Part::Chunk(Vec::new()))
            .await;
        puppet
            .part(
                u64::MAX,
                0,
                Part::Transactions(vec![random_bytes(300), Vec::new()]),
            )
            .await;
    };
    stage.commit_while(times(10, 200), garbage).await;
    stage.close("garbage on every channel", begun).await;
}

fn random_bytes(length: usize) -> Vec<u8> {
    (0..length).map(|_| rand::random()).collect()
}

/// Megabytes by which a flood may make a node larger. What it may keep of one publisher is 48 MB of bodies; gossip keeps what came in
/// the last seconds.
const GROWTH: u64 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_neither_fills_memory_nor_keeps_others_from_committing() {
    let (begun, waves) = (Instant::now(), times(6, 200));
    let mut stage = Stage::open().await;
    stage.commit(4).await;
    let before = stage.honest[0].megabytes();
    let flood = tokio::spawn({
        let (puppet, eye) = (Arc::clone(&stage.puppet), stage.eye.clone());
        async move {
            let junk = useless(puppet.federation);
            let mut megabytes = 0;
            for _ in 0..waves {
                megabytes += flood(&puppet, &parent(&eye), &junk).await >> 20;
            }
            megabytes
        }
    });
    let (mut committed, mut largest) = (0, before);
    while !flood.is_finished() {
        stage.commit(1).await;
        committed += 1;
        largest = largest.max(stage.honest[0].megabytes());
    }
    let sent = flood.await.unwrap();
    let what = format!(
        "a flood of {sent} MB, {committed} committed meanwhile, {before} MB before, {largest} MB at most"
    );
    assert!(committed > 0, "nothing was committed during the flood");
    assert!(largest < before + GROWTH, "{what}");
    stage.commit(4).await;
    stage.close(&what, begun).await;
}

/// Transactions of nobody's, in messages as large as honest ones.
fn useless(federation: FederationId) -> Vec<Vec<u8>> {
    let nobody = |number: u64| {
        let mut transaction = record(federation, 0, (1 << 42) + number)
            .transaction()
            .clone();
        let key = key(&format!("nobody {}", name(number as usize)));
        transaction.sender = key.verifying_key();
        transaction.sign(&key).to_canonical_bytes()
    };
    (0..500).map(nobody).collect()
}

/// Streams that do not end, whole bodies for later heights, transactions of nobody's, votes for far heights and rounds; how many bytes.
async fn flood(puppet: &Puppet, parent: &Parent, junk: &[Vec<u8>]) -> usize {
    const PIECE: usize = 256 << 10;
    let mut bytes = 0;
    for _ in 0..16 {
        puppet
            .part(puppet.stream(), 1, Part::Chunk(vec![7; PIECE]))
            .await;
        bytes += PIECE;
    }
    for ahead in 2..10 {
        let (height, stream) = (parent.height.plus(ahead), puppet.stream());
        let (proposer, block) = (puppet.address, nonsense());
        let begin = Begin {
            height,
            round: Round::new(0),
            valid_round: None,
            proposer,
            block,
            chunks: 4,
        };
        puppet.part(stream, 0, Part::Begin(begin)).await;
        for sequence in 1..=4 {
            puppet
                .part(stream, sequence, Part::Chunk(vec![7; PIECE]))
                .await;
            bytes += PIECE;
        }
    }
    puppet
        .part(puppet.stream(), 0, Part::Transactions(junk.to_vec()))
        .await;
    bytes += junk.iter().map(Vec::len).sum::<usize>();
    for number in 0..300 {
        let (height, round) = (
            parent.height.plus(1 + number % 20),
            Round::new(number as u32),
        );
        puppet
            .vote(number % 2 == 0, height, round, Some(nonsense()))
            .await;
    }
    bytes
}
