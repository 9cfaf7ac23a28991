//! Who votes changes while the ledger runs: one joins, one leaves, one gets other keys; nobody stops for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use consilium_contracts::{
    Action, ApproveValidatorChange, Height, KeyUse, ProvenKey, UpdateCard, ValidatorChange, View,
};
use consilium_ledger::{CommittedHeader, Trust, ValidatorAddress};
use consilium_node::{NodeConfig, NodeHandle, StartError, StoreError, start};
use tokio::sync::RwLock;

use crate::fixtures::{first_epoch, key, name, public, record, transaction};
use crate::network::{Network, PATIENCE, Who, assert_equal_roots, eventually, stop};
use crate::replay::replay;

/// Hospital `i`'s node with a key to vote with, whether or not it does.
fn voting(network: &Network, i: usize) -> NodeConfig {
    NodeConfig {
        validator_key: Some(key(&format!("{}/validator", name(i)))),
        ..network.config(Who::Hospital(i))
    }
}

/// Submits an action; nonces count up from far above those of records.
struct Sender {
    network: Network,
    nonce: AtomicU64,
}

impl Sender {
    fn new(network: Network) -> Self {
        Self {
            network,
            nonce: AtomicU64::new(1 << 40),
        }
    }

    async fn submit(&self, at: &NodeHandle, sender: &str, action: Action) -> Height {
        let federation = self.network.genesis.federation();
        let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
        let expires = at.status().height.value() + 5_000;
        let signed = transaction(federation, sender, nonce, expires, action);
        at.submit(signed).await.unwrap().height
    }

    /// Proposes and has these hospitals approve; the height from which on it holds.
    async fn change(&self, at: &NodeHandle, change: ValidatorChange, by: &[usize]) -> Height {
        let action = Action::ProposeValidatorChange(change.clone());
        let proposed = self.submit(at, "kgc", action).await;
        for i in by {
            let action = Action::ApproveValidatorChange(ApproveValidatorChange {
                change: change.clone(),
                proposed,
            });
            self.submit(at, &name(*i), action).await;
        }
        last_change(&self.network, at)
    }
}

/// From which height on the last change holds, scheduled or in force.
fn last_change(network: &Network, at: &NodeHandle) -> Height {
    let scheduled = View::new(at.state()).validator_schedule().next;
    scheduled.map_or_else(
        || {
            let mut trust = Trust::genesis(&network.genesis);
            trust.follow_all(&at.handovers().unwrap()).unwrap();
            trust.since()
        },
        |next| next.from,
    )
}

/// Records, one after another, at whichever of the nodes is up; every one is committed.
struct Load {
    running: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
}

type Nodes = Arc<RwLock<Vec<Option<NodeHandle>>>>;

impl Load {
    fn start(nodes: Nodes, federation: consilium_contracts::FederationId) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let task = tokio::spawn({
            let running = Arc::clone(&running);
            async move {
                let mut number = 1;
                while running.load(Ordering::Relaxed) {
                    let at = {
                        let nodes = nodes.read().await;
                        let up: Vec<_> = nodes.iter().flatten().cloned().collect();
                        up[number as usize % up.len()].clone()
                    };
                    let transaction = record(federation, number as usize % 4, number);
                    // A node that is stopped just now did not take it: another does.
                    if at.submit(transaction).await.is_ok() {
                        number += 1;
                    }
                }
                number - 1
            }
        });
        Self { running, task }
    }

    async fn end(self) -> u64 {
        self.running.store(false, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn passed(nodes: &Nodes, height: Height) {
    let up: Vec<_> = nodes.read().await.iter().flatten().cloned().collect();
    for node in up {
        let reached = tokio::time::timeout(PATIENCE, node.reached(height)).await;
        reached.expect("the ledger goes on").unwrap();
    }
}

/// Whether a validator signed one of the last blocks.
fn signed_lately(at: &NodeHandle, validator: &str) -> bool {
    let (height, address) = (
        at.status().height.value(),
        ValidatorAddress::of(&public(validator)),
    );
    let last = (height.saturating_sub(5).max(1)..=height).map(Height::new);
    last.filter_map(|height| at.certificate(height).unwrap())
        .any(|certificate| {
            certificate
                .signatures()
                .iter()
                .any(|one| one.voter == address)
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_joins_one_leaves_one_gets_other_keys_under_load_and_nobody_stops() {
    let network = Network::with_heartbeat(5, 4, 500);
    let federation = network.genesis.federation();
    let mut started = Vec::new();
    for i in 0..5 {
        started.push(Some(start(voting(&network, i)).await.unwrap()));
    }
    let first = started[0].clone().unwrap();
    let nodes: Nodes = Arc::new(RwLock::new(started));
    let sender = Sender::new(network);
    first.submit(first_epoch(federation)).await.unwrap();
    let load = Load::start(Arc::clone(&nodes), federation);
    let node = async |i: usize| nodes.read().await[i].clone().unwrap();

    // h4 follows and does not vote; once it joins it does, without a restart.
    let fifth = node(4).await;
    assert!(!fifth.status().votes);
    let join = ValidatorChange::Join {
        hospital: name(4).parse().unwrap(),
    };
    let joined = sender.change(&first, join, &[0, 1, 2]).await;
    passed(&nodes, joined).await;
    assert!(fifth.status().votes);
    assert_eq!(first.status().validators.as_slice().len(), 5);
    eventually("a vote of the newcomer", || {
        signed_lately(&first, "h4/validator")
    })
    .await;

    // h3 leaves: its node goes on as a follower.
    let leave = ValidatorChange::Leave {
        hospital: name(3).parse().unwrap(),
    };
    let left = sender.change(&first, leave, &[0, 1, 2, 4]).await;
    passed(&nodes, left).await;
    assert!(!node(3).await.status().votes);
    assert_eq!(first.status().validators.as_slice().len(), 4);

    // h1 gets another voting key and another network identity, and is restarted with them.
    let rotated = rotate(&sender, &nodes, &first).await;
    eventually("a vote under the new key", || {
        signed_lately(&first, "h1/validator 2")
    })
    .await;
    let height = first.status().height;
    passed(&nodes, height.plus(1)).await;

    let committed = load.end().await;
    println!(
        "{committed} records committed meanwhile, {} blocks",
        first.status().height
    );
    assert!(committed > 0);
    let up: Vec<_> = nodes.read().await.iter().flatten().cloned().collect();
    assert_equal_roots(&up).await;
    // Each node's certificates are of its own, and so are its handovers.
    for node in &up {
        check_certificates(&sender.network, node, [joined, left, rotated]);
        replay(&sender.network.genesis, node);
    }
    for number in 1..=committed {
        let hash = record(federation, number as usize % 4, number).hash();
        assert!(
            first.transaction(&hash).unwrap().is_some(),
            "record {number}"
        );
    }
    drop((first, fifth));
    nodes.write().await.clear();
    for node in up {
        assert_eq!(node.status().evidence, 0);
        stop(node).await;
    }
}

/// h1 rotates; the height from which on its new key votes.
async fn rotate(sender: &Sender, nodes: &Nodes, first: &NodeHandle) -> Height {
    let network = &sender.network;
    let federation = network.genesis.federation();
    let proven = |usage, new| ProvenKey::prove(&federation, &public("h1"), usage, &key(new));
    let update = UpdateCard {
        validator_key: Some(proven(KeyUse::Validator, "h1/validator 2")),
        peer_key: Some(proven(KeyUse::Peer, "h1/peer 2")),
        ..UpdateCard::default()
    };
    let former = nodes.read().await[1].clone().unwrap();
    sender
        .submit(&former, "h1", Action::UpdateCard(Box::new(update)))
        .await;
    let from = last_change(network, &former);
    passed(nodes, from).await;
    assert!(!former.status().votes, "its key is no longer in force");
    nodes.write().await[1] = None;
    stop(former).await;

    // The rest goes on without it, and lets it in under its new name.
    let before = first.status().height;
    let renewed = restarted(|| renewed(network)).await;
    eventually("the renewed node", || renewed.status().height > before).await;
    assert!(renewed.status().votes);
    stop(renewed).await;
    // Its directory moves on with it and never back.
    match refused(|| voting(network, 1)).await {
        StoreError::OtherNode { .. } => {}
        other => panic!("refused for another reason: {other}"),
    }
    nodes.write().await[1] = Some(restarted(|| self::renewed(network)).await);
    from
}

/// h1's node with its new keys.
fn renewed(network: &Network) -> NodeConfig {
    NodeConfig {
        validator_key: Some(key("h1/validator 2")),
        peer_key: key("h1/peer 2"),
        ..voting(network, 1)
    }
}

/// Starts a node as soon as the last handle of the run before has released its directory.
async fn outcome(config: impl Fn() -> NodeConfig) -> Result<NodeHandle, StartError> {
    let begun = std::time::Instant::now();
    loop {
        match start(config()).await {
            Err(StartError::Store(StoreError::Locked { .. }) | StartError::Listen { .. })
                if begun.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn restarted(config: impl Fn() -> NodeConfig) -> NodeHandle {
    outcome(config).await.unwrap()
}

async fn refused(config: impl Fn() -> NodeConfig) -> StoreError {
    match outcome(config).await {
        Err(StartError::Store(error)) => error,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it started"),
    }
}

/// From genesis and the handovers alone: every certificate holds under the validators of its height, and where these changed not under
/// the former ones.
fn check_certificates(network: &Network, node: &NodeHandle, from: [Height; 3]) {
    let mut trust = Trust::genesis(&network.genesis);
    let handovers = node.handovers().unwrap();
    assert_eq!(handovers.len(), 3);
    for (handover, from) in handovers.iter().zip(from) {
        assert_eq!(trust.follow(handover).unwrap(), from);
    }
    let federation = network.genesis.federation();
    for at in 1..=node.status().height.value() {
        let height = Height::new(at);
        let committed = node.block(height).unwrap().unwrap();
        let header = *committed.block.header();
        let verify = |by| CommittedHeader::verify(header, &committed.certificate, &federation, by);
        verify(trust.validators_at(height)).unwrap();
        // Before the key was replaced the leaver's vote counted; afterwards only the new key does.
        let signers = committed.certificate.signatures();
        let signed = |name: &str| {
            let address = ValidatorAddress::of(&public(name));
            signers.iter().any(|one| one.voter == address)
        };
        assert!(!signed("h4/validator") || height >= from[0]);
        assert!(!signed("h3/validator") || height < from[1]);
        assert!(!signed("h1/validator") || height < from[2]);
        assert!(!signed("h1/validator 2") || height >= from[2]);
        if signed("h1/validator 2") {
            verify(trust.validators_at(Height::new(from[2].value() - 1))).unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_single_validator_needs_its_former_key_until_the_new_one_is_in_force() {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let former = || network.config(Who::Hospital(0));
    let renewed = || NodeConfig {
        validator_key: Some(key("h0/validator 2")),
        ..former()
    };
    let node = start(former()).await.unwrap();
    node.submit(first_epoch(federation)).await.unwrap();
    let proven = ProvenKey::prove(
        &federation,
        &public("h0"),
        KeyUse::Validator,
        &key("h0/validator 2"),
    );
    let update = UpdateCard {
        validator_key: Some(proven),
        ..UpdateCard::default()
    };
    let action = Action::UpdateCard(Box::new(update));
    node.submit(transaction(federation, "h0", 1 << 40, 5_000, action))
        .await
        .unwrap();
    let from = last_change(&network, &node);
    stop(node).await;
    // Nobody else could make the blocks that are left to the former key.
    let early = refused(renewed).await;
    assert!(
        matches!(&early, StoreError::KeyInForce { from: named, .. } if *named == from),
        "{early}"
    );
    let node = restarted(former).await;
    let mut number = 0;
    while node.status().height.plus(1) < from {
        number += 1;
        node.submit(record(federation, 0, number)).await.unwrap();
    }
    assert!(!node.status().votes);
    stop(node).await;
    let node = restarted(renewed).await;
    let receipt = node
        .submit(record(federation, 0, number + 1))
        .await
        .unwrap();
    assert!(receipt.height >= from);
    stop(node).await;
    let late = refused(former).await;
    assert!(matches!(late, StoreError::OtherNode { .. }), "{late}");
}
