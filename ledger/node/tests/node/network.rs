//! Nodes of a test federation on free ports of loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use consilium_contracts::{BlockTime, Height, VerifiedGenesis};
use consilium_node::{NeverVoted, NodeConfig, NodeHandle, Tuning, start};
use tempfile::TempDir;

use crate::fixtures::{Plan, key, name, public};

/// Nothing here takes longer unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Who runs a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Kgc,
    Hospital(usize),
}

/// A federation whose nodes listen on free ports.
pub struct Network {
    pub genesis: VerifiedGenesis,
    pub plan: Plan,
    root: TempDir,
}

impl Network {
    /// `hospitals` hospitals, `validators` of which vote.
    pub fn new(hospitals: usize, validators: usize) -> Self {
        Self::with_heartbeat(hospitals, validators, 10_000)
    }

    pub fn with_heartbeat(hospitals: usize, validators: usize, heartbeat_ms: u64) -> Self {
        let mut ports = free_ports(hospitals + 1).into_iter();
        let mut address = || format!("/ip4/127.0.0.1/tcp/{}", ports.next().unwrap());
        let plan = Plan {
            kgc: address(),
            hospitals: (0..hospitals).map(|_| address()).collect(),
            validators,
            created: now(),
            heartbeat_ms,
        };
        Self::of(plan)
    }

    pub fn of(plan: Plan) -> Self {
        quiet();
        let root = TempDir::new().unwrap();
        for i in 0..plan.hospitals.len() {
            let who = Who::Hospital(i);
            let key = public(&format!("{}/validator", label(who)));
            NeverVoted::write(&never_voted(root.path(), who), &key).unwrap();
        }
        Self {
            genesis: plan.genesis(),
            plan,
            root,
        }
    }

    /// Everything a node is given.
    pub fn config(&self, who: Who) -> NodeConfig {
        config(&self.plan, self.genesis.clone(), self.root(), who)
    }

    pub fn dir(&self, who: Who) -> PathBuf {
        self.root.path().join(label(who))
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub async fn start(&self, who: Who) -> NodeHandle {
        start(self.config(who)).await.unwrap()
    }
}

/// Everything a node is given whose directory is in `root`.
pub fn config(plan: &Plan, genesis: VerifiedGenesis, root: &Path, who: Who) -> NodeConfig {
    let name = label(who);
    let (listen, votes) = match who {
        Who::Kgc => (plan.kgc.clone(), false),
        Who::Hospital(i) => (plan.hospitals[i].clone(), i < plan.validators),
    };
    NodeConfig {
        data_dir: root.join(&name),
        genesis,
        peer_key: key(&format!("{name}/peer")),
        validator_key: votes.then(|| key(&format!("{name}/validator"))),
        never_voted: Some(never_voted(root, who)),
        listen,
        peers: Vec::new(),
        tuning: Tuning {
            submit_timeout: PATIENCE,
            propose_timeout: Duration::from_millis(1000),
            ..Tuning::default()
        },
    }
}

/// Where it stands that a node's validator key never voted.
pub fn never_voted(root: &Path, who: Who) -> PathBuf {
    root.join(format!("{}.never-voted", label(who)))
}

pub fn label(who: Who) -> String {
    match who {
        Who::Kgc => "kgc".into(),
        Who::Hospital(i) => name(i),
    }
}

/// Ports that nobody listens on just now.
pub fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

pub fn now() -> BlockTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    BlockTime::new(since.as_millis() as u64)
}

/// The engine's log, when `RUST_LOG` asks for it.
fn quiet() {
    if std::env::var_os("RUST_LOG").is_some() {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
    }
}

/// Waits until `done`.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Stops a node and waits until its directory is free.
pub async fn stop(node: NodeHandle) {
    node.shutdown().await;
}

/// All of them have the same blocks, with the same effects and state roots, up to the highest tip.
pub async fn assert_equal_roots(nodes: &[NodeHandle]) {
    let height = nodes.iter().map(|node| node.status().height).max().unwrap();
    for node in nodes {
        node.reached(height).await.unwrap();
    }
    for at in 1..=height.value() {
        let of = |node: &NodeHandle| node.block(Height::new(at)).unwrap().unwrap();
        let first = of(&nodes[0]);
        for node in nodes {
            assert_eq!(of(node).block, first.block, "block {at}");
            assert_eq!(of(node).events, first.events, "events of block {at}");
        }
    }
}
