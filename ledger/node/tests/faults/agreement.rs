//! What must hold at the end, whatever happened: the same blocks, certificates, receipts and roots everywhere.

use std::collections::BTreeMap;
use std::fmt;

use consilium_contracts::{Height, TransactionHash};
use consilium_ledger::StateRoot;
use consilium_node::NodeHandle;

use crate::load::Acknowledged;
use crate::network::{Network, Who, free_ports, stop};
use crate::process::at;
use crate::replay::replay;

/// What all nodes agree on.
pub struct Agreed {
    height: u64,
    transactions: usize,
    root: StateRoot,
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            height,
            transactions,
            root,
        } = self;
        write!(
            f,
            "height {height}, {transactions} transactions, root {root}"
        )
    }
}

/// Starts these validators once more, on the directories that they left, and lets them commit once more.
pub async fn restarted(network: &Network, nodes: &[usize]) -> Vec<NodeHandle> {
    let mut handles = Vec::new();
    for i in nodes {
        handles.push(network.start(Who::Hospital(*i)).await);
    }
    // Numbers of their own.
    let number = (1 << 40) + handles[0].status().height.value();
    let height = handles[0].status().height;
    let last = crate::load::record_from(network.genesis.federation(), 0, number, height);
    handles[0].submit(last).await.unwrap();
    handles
}

/// The same of validators that listened where this process does not reach them.
pub async fn agree_elsewhere(network: &Network, acknowledged: &[Acknowledged]) -> Agreed {
    let address = |port: &u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let addresses: Vec<_> = free_ports(4).iter().map(address).collect();
    let mut nodes = Vec::new();
    for (i, listen) in addresses.iter().enumerate() {
        let mut config = network.config(Who::Hospital(i));
        let others = addresses
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != i);
        config.peers = others.map(|(other, address)| at(other, address)).collect();
        config.listen = listen.clone();
        nodes.push(consilium_node::start(config).await.unwrap());
    }
    let agreed = compare(network, &nodes, acknowledged).await;
    for node in nodes {
        stop(node).await;
    }
    agreed
}

/// All four, restarted: nothing that was acknowledged is lost or elsewhere, nothing stands twice, and they agree.
pub async fn agree(network: &Network, acknowledged: &[Acknowledged]) -> Agreed {
    let nodes = restarted(network, &[0, 1, 2, 3]).await;
    let agreed = compare(network, &nodes, acknowledged).await;
    for node in nodes {
        stop(node).await;
    }
    agreed
}

/// The same of nodes that run.
pub async fn compare(
    network: &Network,
    nodes: &[NodeHandle],
    acknowledged: &[Acknowledged],
) -> Agreed {
    let height = nodes.iter().map(|node| node.status().height).max().unwrap();
    for node in nodes {
        node.reached(height).await.unwrap();
    }
    let stand = same_blocks(network, nodes, height);
    for one in acknowledged {
        assert_eq!(
            stand.get(&one.hash),
            Some(&one.place),
            "{} was lost",
            one.hash
        );
        for node in nodes {
            let receipt = node.transaction(&one.hash).unwrap().unwrap();
            assert_eq!((receipt.height, receipt.index), one.place);
        }
    }
    let root = root_after(&nodes[0], height);
    for node in nodes {
        assert_eq!(node.status().failure, None);
        assert_eq!(root_after(node, height), root);
    }
    replay(&network.genesis, &nodes[0]);
    Agreed {
        height: height.value(),
        transactions: stand.len(),
        root,
    }
}

/// The root of the state after a block: the node's own, or, where it went on, the one that the next header names.
fn root_after(node: &NodeHandle, height: Height) -> StateRoot {
    let state = node.state();
    if state.height() == height {
        return state.root();
    }
    node.block(height.plus(1))
        .unwrap()
        .unwrap()
        .block
        .header()
        .state
}

/// Every block up to `height` is the same at every node and certified there; where each transaction stands, once.
fn same_blocks(
    network: &Network,
    nodes: &[NodeHandle],
    height: Height,
) -> BTreeMap<TransactionHash, (Height, u32)> {
    let federation = network.genesis.federation();
    let validators = nodes[0].status().validators;
    let mut stand = BTreeMap::new();
    for at in (1..=height.value()).map(Height::new) {
        let first = nodes[0].block(at).unwrap().unwrap();
        for node in nodes {
            let block = node.block(at).unwrap().unwrap();
            assert_eq!(block.block, first.block, "block {at}");
            assert_eq!(block.events, first.events, "events of block {at}");
            assert_eq!(*block.certificate.block(), first.block.hash());
            block.certificate.verify(&federation, &validators).unwrap();
        }
        for (index, transaction) in (0..).zip(first.block.transactions()) {
            let hash = transaction.hash();
            let before = stand.insert(hash, (at, index));
            assert_eq!(before, None, "{hash} stands twice");
        }
    }
    stand
}
