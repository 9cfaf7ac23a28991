//! Starting a node: directory, store, engine, core; and taking them down again.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_malachitebft_app_channel::{Channels, EngineHandle, NetworkRequest};
use consilium_contracts::{TransactionHash, VerifiedTransaction};
use consilium_ledger::{Block, ValidatorAddress};
use tokio::sync::{mpsc, oneshot, watch};

use crate::abstain::Voter;
use crate::config::{NodeConfig, Peer};
use crate::core::{Core, Halt, Peers, Unverified, Wires};
use crate::engine::{Launch, LedgerContext, launch};
use crate::error::{StartError, StoreError};
use crate::handle::NodeHandle;
use crate::keeper::Keeper;
use crate::log;
use crate::pool::Bounds;
use crate::shared::{Command, Shared, View};
use crate::store::{Guard, Owner, Store, settle};
use crate::votes;

/// Submissions on their way to the core; more are refused as busy.
const COMMANDS: usize = 1024;
/// Messages with transactions of other nodes on their way to the verifier; more are dropped.
const TO_VERIFY: usize = 256;
/// How long a node that has just ended may hold its port.
const LETTING_GO: Duration = Duration::from_secs(3);
/// How long the engine is given to stop.
const STOP: Duration = Duration::from_secs(5);

/// Starts a node. It runs on threads of its own; the handle works from any runtime.
///
/// # Errors
/// [`StartError`]: nothing runs then, and the directory is released.
pub async fn start(config: NodeConfig) -> Result<NodeHandle, StartError> {
    let (started, outcome) = oneshot::channel();
    let (ending, ended) = watch::channel(());
    let node = std::thread::Builder::new().name("ledger".into());
    node.spawn(move || {
        run(config, started, ended);
        drop(ending);
    })
    .map_err(|error| StartError::Engine(error.to_string()))?;
    let died = |_| Err(StartError::Engine("its thread died; see the log".into()));
    outcome.await.unwrap_or_else(died)
}

type Started = oneshot::Sender<Result<NodeHandle, StartError>>;

/// The node's thread: from opening the store to the end. Holds nothing when it returns.
fn run(config: NodeConfig, started: Started, ended: watch::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("ledger-engine")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(live(config, started, ended));
            runtime.shutdown_timeout(STOP);
        }
        Err(error) => drop(started.send(Err(StartError::Engine(error.to_string())))),
    }
}

async fn live(config: NodeConfig, started: Started, ended: watch::Receiver<()>) {
    let Node {
        core,
        wires,
        engine,
        shared,
        commands,
    } = match assemble(config).await {
        Ok(node) => node,
        Err(error) => return drop(started.send(Err(error))),
    };
    // The starter may be gone; then the handle goes, and the core stops by itself.
    drop(started.send(Ok(NodeHandle::new(Arc::clone(&shared), commands, ended))));
    let _on_panic = OnPanic(Arc::clone(&shared));
    let halt = core.run(wires).await;
    stop_engine(engine).await;
    if let Some(Halt(reason)) = &halt {
        tracing::error!(%reason, "the ledger node has halted");
    }
    shared.stop(halt.map(|Halt(reason)| reason));
}

/// Says that the node has halted if its thread unwinds: nothing may wait for it then.
struct OnPanic(Arc<Shared>);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .stop(Some("the ledger's thread panicked; see the log".into()));
        }
    }
}

/// A node that is about to run.
struct Node {
    core: Core,
    wires: Wires,
    engine: EngineHandle,
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

async fn assemble(config: NodeConfig) -> Result<Node, StartError> {
    let owner = config.home().owner();
    let NodeConfig {
        data_dir,
        genesis,
        peer_key,
        validator_key,
        never_voted,
        listen,
        peers,
        tuning,
    } = config;
    let guard = Guard::acquire(&data_dir, &owner)?;
    settle(&data_dir)?;
    check_listen(&listen).await?;
    let store = Store::open(&data_dir, guard, &genesis, tuning.tree_versions)?;
    log::check(&data_dir, &store)?;
    let view = first_view(&store)?;
    let snapshot = view.latest.clone();
    store.guard.settle(&owner, &snapshot)?;
    let runtime = tokio::runtime::Handle::current();
    let pool_bounds = Bounds {
        transactions: tuning.pool_transactions,
        bytes: tuning.pool_bytes,
    };
    let shared = Shared::new(store, view, runtime, tuning.submit_timeout, pool_bounds);
    let shared = Arc::new(shared);

    let voter = owner.validator.map(|key| {
        let address = ValidatorAddress::of(&key);
        Voter::of(&data_dir, address, never_voted.as_deref())
    });
    let voter = voter.transpose()?;
    let settings = consilium_contracts::View::new(&snapshot).settings();
    let given = peers.iter().map(|peer| peer.key).collect();
    let known = Peers::new(&snapshot, snapshot.time(), owner.node, given);
    let (named, members) = (known.named().to_vec(), known.members());
    let keeper = Keeper::start(Arc::clone(&shared), tuning.history)
        .map_err(|error| StartError::Engine(error.to_string()))?;
    let core = Core::new(Arc::clone(&shared), tuning, voter, known, keeper)?;
    let launched = launch(Launch {
        federation: shared.federation,
        name: short_name(&owner),
        peers: with_overrides(named, peers, &owner),
        members,
        log: log::path(&data_dir),
        block_bytes: Block::byte_limit(&settings),
        peer_key,
        validator_key,
        listen,
    });
    let (channels, engine) = launched.await?;
    let (wires, commands) = connect(channels, &shared);
    Ok(Node {
        core,
        wires,
        engine,
        shared,
        commands,
    })
}

/// Enough of the node's key to tell nodes of one process apart.
fn short_name(owner: &Owner) -> String {
    owner.node.to_string().chars().take(8).collect()
}

/// What is published before the first block of this run.
fn first_view(store: &Store) -> Result<View, StoreError> {
    let latest = store.snapshot()?;
    let validators = crate::core::validators_of(&latest);
    let evidence = store.evidence_count()?;
    let mut last_votes = store.recent_votes(votes::WINDOW)?;
    last_votes.keep(&validators);
    let heard = latest.height();
    Ok(View {
        latest,
        moved: Instant::now(),
        previous: None,
        validators: Arc::new(validators),
        votes: false,
        abstains: false,
        heard,
        last_votes,
        evidence,
        failure: None,
    })
}

/// The peers that the state names, with the addresses of `given` in their place, and those that
/// only `given` names; this node itself is none of them.
fn with_overrides(named: Vec<Peer>, given: Vec<Peer>, owner: &Owner) -> Vec<Peer> {
    let keys: Vec<_> = given.iter().map(|peer| peer.key).collect();
    let kept = named.into_iter().filter(|peer| !keys.contains(&peer.key));
    let own = |peer: &Peer| peer.key == owner.node;
    kept.chain(given).filter(|peer| !own(peer)).collect()
}

/// Tries the listen address. The engine's sockets share ports: without this, two nodes would
/// listen on one port and each get some of the connections. A node that has just ended may hold
/// its port for a moment.
async fn check_listen(address: &str) -> Result<(), StartError> {
    let Some(socket) = socket_of(address) else {
        return Ok(());
    };
    let begun = Instant::now();
    loop {
        match std::net::TcpListener::bind(socket) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < LETTING_GO => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => {
                return Err(StartError::Listen {
                    address: address.to_owned(),
                    detail: error.to_string(),
                });
            }
        }
    }
}

/// The socket of `/ip4/../tcp/..` or `/ip6/../tcp/..`; names are left to the engine.
fn socket_of(address: &str) -> Option<SocketAddr> {
    let parts: Vec<&str> = address.split('/').collect();
    match parts.as_slice() {
        ["", "ip4" | "ip6", ip, "tcp", port] => {
            Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
        }
        _ => None,
    }
}

/// Wires the core to the engine and starts what runs beside it.
fn connect(
    channels: Channels<LedgerContext>,
    shared: &Arc<Shared>,
) -> (Wires, mpsc::Sender<Command>) {
    let (commands_in, commands) = mpsc::channel(COMMANDS);
    let (to_verify, unverified) = mpsc::channel(TO_VERIFY);
    let (verified, incoming) = mpsc::channel(COMMANDS);
    tokio::spawn(verify_incoming(Arc::clone(shared), unverified, verified));
    tokio::spawn(count_peers(
        Arc::clone(shared),
        channels.net_requests.clone(),
    ));
    let Channels {
        consensus,
        network,
        net_requests: requests,
        ..
    } = channels;
    (
        Wires {
            consensus,
            network,
            requests,
            commands,
            incoming,
            to_verify,
        },
        commands_in,
    )
}

/// Verifies other nodes' transactions away from the core.
async fn verify_incoming(
    shared: Arc<Shared>,
    mut unverified: mpsc::Receiver<Unverified>,
    verified: mpsc::Sender<VerifiedTransaction>,
) {
    let most = shared.verifier.batch();
    let mut messages = Vec::new();
    while unverified.recv_many(&mut messages, most).await > 0 {
        let (mut waiting, mut places) = (Vec::new(), Vec::new());
        for message in messages.drain(..) {
            let Unverified {
                transactions,
                place,
            } = message;
            waiting.extend(transactions);
            places.push(place);
        }
        while !waiting.is_empty() {
            let batch: Vec<_> = waiting.drain(..most.min(waiting.len())).collect();
            let shared = Arc::clone(&shared);
            // A store that cannot be read halts the core; here it only means more work.
            let verify = move || {
                let is_new = |hash: &TransactionHash| {
                    shared.store.has_transaction(hash).is_ok_and(|there| !there)
                };
                let state = shared.snapshot();
                shared.verifier.forwarded(&batch, is_new, &state)
            };
            let Ok(batch) = tokio::task::spawn_blocking(verify).await else {
                return;
            };
            for transaction in batch {
                if verified.send(transaction).await.is_err() {
                    return;
                }
            }
        }
        drop(places);
    }
}

/// Keeps the number of connected peers current.
async fn count_peers(shared: Arc<Shared>, requests: mpsc::Sender<NetworkRequest>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        match NetworkRequest::dump_state(&requests).await {
            Ok(Some(dump)) => shared
                .gauges
                .peers
                .store(dump.peers.len(), Ordering::Relaxed),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

async fn stop_engine(engine: EngineHandle) {
    let actors = engine.actor.get_cell();
    let children = actors.stop_children_and_wait(Some("shutdown".into()), Some(STOP));
    children.await;
    engine.actor.stop(Some("shutdown".into()));
    let _ = tokio::time::timeout(STOP, engine.handle).await;
}
