//! Each kind of file in a data directory, torn, altered, missing: refused by name with the way to recover, or harmless; never served.

use std::fs;
use std::path::{Path, PathBuf};

use consilium_contracts::{Height, TransactionHash};
use consilium_node::{NodeHandle, StartError, StoreError, start};

use crate::damage::{A, files, refusal, used};
use crate::fixtures::record;
use crate::network::{Network, Who, stop};
use crate::replay::replay;

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One bit, in the middle.
    Altered,
    /// The second half is gone.
    Torn,
    Emptied,
    Missing,
}

impl Damage {
    const ALL: [Self; 4] = [Self::Altered, Self::Torn, Self::Emptied, Self::Missing];

    fn do_to(self, file: &Path) {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        match self {
            Self::Altered => bytes[middle] ^= 1,
            Self::Torn => bytes.truncate(middle),
            Self::Emptied => bytes.clear(),
            Self::Missing => return fs::remove_file(file).unwrap(),
        }
        fs::write(file, bytes).unwrap();
    }
}

/// All files of a directory and below with their contents.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(contents(&path)),
            false => all.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    all
}

fn put_back(dir: &Path, whole: &[(PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(dir).unwrap();
    for (path, bytes) in whole {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A file of the store by the beginning of its name.
fn of_store(network: &Network, beginning: &str) -> PathBuf {
    let entries = fs::read_dir(network.dir(A).join("store")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.find(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(beginning)
    });
    found.unwrap()
}

/// Each damage to this file is refused: its name and the way to recover are told, and nothing else is changed.
async fn refused(network: &Network, file: &Path) {
    let dir = network.dir(A);
    let whole = contents(&dir);
    for damage in Damage::ALL {
        damage.do_to(file);
        let error = refusal(network.config(A)).await.to_string();
        let name = file.file_name().unwrap().to_str().unwrap();
        let kind = name.split('-').next().unwrap();
        assert!(
            error.contains(kind),
            "{damage:?}: {error} does not name {name}"
        );
        assert!(error.contains("To recover"), "{damage:?}: {error}");
        put_back(&dir, &whole);
    }
    // Whole again, it starts again.
    stop(network.start(A).await).await;
}

#[tokio::test]
async fn a_damaged_list_of_the_databases_files_is_refused_by_name() {
    let network = used().await;
    refused(&network, &of_store(&network, "MANIFEST")).await;
}

#[tokio::test]
async fn a_list_of_the_databases_files_that_is_cut_off_anywhere_shows_no_state_but_the_last() {
    let network = used().await;
    // A restart moves the log into tables, which the list then names.
    let node = network.start(A).await;
    let (height, root) = (node.status().height, node.status().state_root);
    stop(node).await;
    let dir = network.dir(A);
    let whole = contents(&dir);
    let list = of_store(&network, "MANIFEST");
    let length = fs::metadata(&list).unwrap().len();
    let (mut refusals, mut resumed) = (0, 0);
    for left in (0..length).step_by(61) {
        let file = fs::File::options().write(true).open(&list).unwrap();
        file.set_len(left).unwrap();
        match start(network.config(A)).await {
            Err(StartError::Store(StoreError::Corrupt { .. })) => refusals += 1,
            Err(error) => panic!("{left} of {length} bytes: {error}"),
            Ok(node) => {
                let state = node.reached(height).await.unwrap();
                if state.height() == height {
                    assert_eq!(state.root(), root, "{left} of {length} bytes");
                }
                replay(&network.genesis, &node);
                stop(node).await;
                resumed += 1;
            }
        }
        put_back(&dir, &whole);
    }
    println!("{refusals} refusals, resumed {resumed} times, {length} bytes");
    assert!(refusals > 0);
}

#[tokio::test]
async fn a_damaged_pointer_to_that_list_is_refused_by_name() {
    let network = used().await;
    refused(&network, &of_store(&network, "CURRENT")).await;
}

/// How far it is, and what the last block holds.
fn tip(node: &NodeHandle) -> (Height, Option<TransactionHash>) {
    let height = node.status().height;
    let block = node.block(height).unwrap().map(|committed| committed.block);
    let last = block.and_then(|block| Some(block.transactions().last()?.hash()));
    (height, last)
}

#[tokio::test]
async fn a_database_log_that_lost_synced_blocks_is_refused_or_they_are_made_good() {
    let network = used().await;
    let federation = network.genesis.federation();
    let node = network.start(A).await;
    for number in 11..=14 {
        node.submit(record(federation, 0, number)).await.unwrap();
    }
    let (height, last) = tip(&node);
    stop(node).await;
    let (dir, store) = (network.dir(A), network.dir(A).join("store"));
    let whole = contents(&dir);
    let log = files(&store, ".log").into_iter().next().unwrap();
    let length = fs::metadata(&log).unwrap().len();
    let (mut refusals, mut resumed) = (0, 0);
    for lost in [1, 7, 100, 1_000, length / 3, length / 2, length - 1, length] {
        fs::File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(length - lost)
            .unwrap();
        match start(network.config(A)).await {
            Err(StartError::Store(StoreError::Corrupt { detail, .. })) => {
                assert!(
                    detail.contains("blocks were lost"),
                    "{lost} bytes: {detail}"
                );
                refusals += 1;
            }
            Err(error) => panic!("{lost} bytes: {error}"),
            // The engine's log and the body that was proposed make the last block again.
            Ok(node) => {
                node.reached(height).await.unwrap();
                let block = node.block(height).unwrap().unwrap().block;
                assert_eq!(block.transactions().last().map(|one| one.hash()), last);
                stop(node).await;
                resumed += 1;
            }
        }
        put_back(&dir, &whole);
    }
    assert!(
        refusals > 0 && resumed > 0,
        "{refusals} refusals, resumed {resumed} times"
    );
    fs::remove_file(&log).unwrap();
    let error = refusal(network.config(A)).await.to_string();
    assert!(
        error.contains("blocks were lost") && error.contains("To recover"),
        "{error}"
    );
}

#[tokio::test]
async fn an_altered_vote_in_the_consensus_log_is_refused_by_name() {
    // Two of three validators: the log holds votes that wait for more.
    let network = Network::new(3, 3);
    let node = network.start(A).await;
    let waiting = tokio::spawn({
        let (node, transaction) = (
            node.clone(),
            crate::fixtures::first_epoch(network.genesis.federation()),
        );
        async move { node.submit(transaction).await }
    });
    let log = network.dir(A).join("consensus.wal");
    let votes = || fs::metadata(&log).unwrap().len() > 200;
    crate::network::eventually("votes in the log", votes).await;
    stop(node).await;
    waiting.await.unwrap().unwrap_err();
    let whole = fs::read(&log).unwrap();
    for place in [whole.len() / 2, whole.len() - 5] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&log, bytes).unwrap();
        let error = refusal(network.config(A)).await;
        assert!(
            matches!(&error, StoreError::Corrupt { path, .. } if *path == log),
            "{place}: {error}"
        );
        assert!(error.to_string().contains("To recover"), "{error}");
    }
    // An entry that was cut off while it was written was never acted upon.
    fs::write(&log, &whole[..whole.len() - 5]).unwrap();
    stop(network.start(A).await).await;
    for length in [1, 3, 4, 11] {
        fs::write(&log, &whole[..length]).unwrap();
        let error = refusal(network.config(A)).await;
        assert!(
            matches!(&error, StoreError::Corrupt { path, .. } if *path == log),
            "{length}: {error}"
        );
    }
}

#[tokio::test]
async fn each_damage_to_the_marker_is_refused_by_name_and_one_to_the_lock_is_harmless() {
    let network = used().await;
    let dir = network.dir(A);
    let marker = dir.join("node");
    let whole = fs::read(&marker).unwrap();
    for damage in [Damage::Torn, Damage::Emptied] {
        damage.do_to(&marker);
        let error = refusal(network.config(A)).await.to_string();
        assert!(
            error.contains(marker.to_str().unwrap()),
            "{damage:?}: {error}"
        );
        fs::write(&marker, &whole).unwrap();
    }
    // Letters in the middle are a key's.
    Damage::Altered.do_to(&marker);
    let error = refusal(network.config(A)).await.to_string();
    assert!(error.contains(marker.to_str().unwrap()), "{error}");
    fs::write(&marker, &whole).unwrap();
    // Nothing is read from the lock.
    fs::write(dir.join("lock"), [0xff; 100]).unwrap();
    stop(network.start(A).await).await;
    fs::remove_file(dir.join("lock")).unwrap();
    stop(network.start(A).await).await;
    let elsewhere = network.config(Who::Hospital(1)).data_dir;
    fs::create_dir_all(elsewhere.join("lock")).unwrap();
    let error = refusal(network.config(Who::Hospital(1))).await;
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("lock"), "{error}");
}
