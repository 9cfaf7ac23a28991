//! Data directories that a node must not run on.

use std::fs;
use std::path::{Path, PathBuf};

use consilium_contracts::VerifiedGenesis;
use consilium_node::{NodeConfig, StartError, StoreError, start};

use crate::fixtures::{Plan, first_epoch, key, record};
use crate::network::{Network, Who, stop};

pub const A: Who = Who::Hospital(0);

/// A validator's directory with a few blocks in it.
pub async fn used() -> Network {
    let network = Network::new(2, 1);
    let federation = network.genesis.federation();
    let node = network.start(A).await;
    node.submit(first_epoch(federation)).await.unwrap();
    for number in 1..=10 {
        node.submit(record(federation, 0, number)).await.unwrap();
    }
    stop(node).await;
    network
}

pub async fn refusal(config: NodeConfig) -> StoreError {
    match start(config).await {
        Err(StartError::Store(error)) => error,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_second_node_in_the_same_directory_is_refused() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let error = refusal(network.config(A)).await;
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    stop(node).await;
}

#[tokio::test]
async fn another_federation_node_or_machine_is_refused() {
    let network = used().await;
    let other: VerifiedGenesis = Plan::of(3, 1).genesis();
    let error = refusal(NodeConfig {
        genesis: other,
        ..network.config(A)
    })
    .await;
    assert!(
        matches!(error, StoreError::OtherFederation { .. }),
        "{error}"
    );
    let error = refusal(NodeConfig {
        peer_key: key("another"),
        ..network.config(A)
    })
    .await;
    assert!(matches!(error, StoreError::OtherNode { .. }), "{error}");
    let error = refusal(NodeConfig {
        validator_key: None,
        ..network.config(A)
    })
    .await;
    assert!(matches!(error, StoreError::OtherNode { .. }), "{error}");

    let marker = network.dir(A).join("node");
    let text = fs::read_to_string(&marker).unwrap();
    let moved: String = text
        .lines()
        .map(|line| {
            if line.starts_with("machine ") {
                "machine elsewhere\n".into()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    fs::write(&marker, moved).unwrap();
    let error = refusal(network.config(A)).await;
    assert!(matches!(error, StoreError::OtherMachine { .. }), "{error}");
    assert!(error.to_string().contains(marker.to_str().unwrap()));
    // As the message says: without the marker it starts again.
    fs::remove_file(marker).unwrap();
    stop(network.start(A).await).await;
}

#[tokio::test]
async fn a_torn_marker_is_refused_by_name() {
    let network = used().await;
    let marker = network.dir(A).join("node");
    fs::write(&marker, "format 1\nfeder").unwrap();
    let error = refusal(network.config(A)).await;
    assert!(
        matches!(&error, StoreError::Corrupt { path, .. } if *path == marker),
        "{error}"
    );
}

/// Files of the store with this ending, largest first.
pub fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    found
}

#[tokio::test]
async fn a_damaged_store_is_refused_never_served() {
    let network = used().await;
    let store = network.dir(A).join("store");
    // A flipped bit in the middle of the database's log, where the last blocks stand.
    let log = files(&store, ".log").into_iter().next().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let error = refusal(network.config(A)).await;
    assert!(matches!(&error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("To recover"), "{error}");
    assert!(
        error.to_string().contains(store.to_str().unwrap()),
        "{error}"
    );
}

/// Copies a directory of files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_store_older_than_the_consensus_log_is_refused() {
    let network = used().await;
    let federation = network.genesis.federation();
    let (store, backup) = (network.dir(A).join("store"), network.root().join("backup"));
    copy(&store, &backup);
    let node = network.start(A).await;
    for number in 11..=14 {
        node.submit(record(federation, 0, number)).await.unwrap();
    }
    stop(node).await;
    // A backup put back under a validator that voted since: it would vote twice.
    fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    let error = refusal(network.config(A)).await;
    assert!(
        matches!(&error, StoreError::Corrupt { detail, .. } if detail.contains("blocks were lost")),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_or_damaged_table_is_refused() {
    let network = used().await;
    let store = network.dir(A).join("store");
    // A restart moves the log into tables.
    stop(network.start(A).await).await;
    let table = files(&store, ".sst").into_iter().next().unwrap();
    let whole = fs::read(&table).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 3] ^= 1;
    fs::write(&table, &bytes).unwrap();
    let error = refusal(network.config(A)).await;
    assert!(matches!(&error, StoreError::Corrupt { .. }), "{error}");
    let name = table.file_name().unwrap().to_str().unwrap();
    assert!(
        error.to_string().contains(name),
        "{error} does not name {name}"
    );
    fs::remove_file(&table).unwrap();
    let error = refusal(network.config(A)).await;
    assert!(
        error.to_string().contains(name),
        "{error} does not name {name}"
    );
    // Whole again, it starts again: refusing changed nothing.
    fs::write(&table, &whole).unwrap();
    stop(network.start(A).await).await;
}

#[tokio::test]
async fn a_damaged_consensus_log_is_refused_by_name() {
    let network = used().await;
    let log = network.dir(A).join("consensus.wal");
    fs::write(&log, [0xff; 64]).unwrap();
    let error = refusal(network.config(A)).await;
    assert!(
        matches!(&error, StoreError::Corrupt { path, .. } if *path == log),
        "{error}"
    );
}

#[tokio::test]
async fn a_listen_address_that_is_no_multiaddress_is_refused() {
    let network = Network::new(1, 1);
    let wrong = NodeConfig {
        listen: "127.0.0.1:7400".into(),
        ..network.config(A)
    };
    let error = start(wrong).await.err().unwrap();
    assert!(
        matches!(
            error,
            StartError::Address {
                what: "listen address",
                ..
            }
        ),
        "{error}"
    );
    // It left nothing behind.
    stop(network.start(A).await).await;
}

#[tokio::test]
async fn a_port_that_another_node_listens_on_is_refused() {
    let network = Network::new(2, 1);
    let node = network.start(A).await;
    let taken = NodeConfig {
        listen: network.config(A).listen,
        ..network.config(Who::Hospital(1))
    };
    let error = start(taken)
        .await
        .err()
        .expect("it started on a taken port");
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    // It left nothing behind.
    stop(network.start(Who::Hospital(1)).await).await;
    stop(node).await;
}
