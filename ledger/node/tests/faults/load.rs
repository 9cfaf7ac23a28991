//! Nodes that come and go, and hospitals that submit to whichever runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consilium_contracts::{FederationId, Height, SignedTransaction, TransactionHash};
use tokio::task::JoinHandle;

use crate::fixtures::{first_epoch, key, name, record};
use crate::network::{Network, Who};
use crate::process::{Process, Special};

/// Validators, each a process of its own.
pub struct Fleet {
    pub network: Network,
    nodes: Vec<Mutex<Option<Arc<Process>>>>,
    specials: Vec<Special>,
}

/// A transaction that a node said to be committed.
pub struct Acknowledged {
    pub hash: TransactionHash,
    pub place: (Height, u32),
}

/// A record that may be registered until so many blocks from `now` on.
pub fn record_from(
    federation: FederationId,
    owner: usize,
    number: u64,
    now: Height,
) -> SignedTransaction {
    let mut transaction = record(federation, owner, number).transaction().clone();
    transaction.expires = now.plus(5_000);
    transaction.sign(&key(&name(owner)))
}

impl Fleet {
    /// Four validators, with epoch 1.
    pub async fn start(specials: Vec<Special>) -> Arc<Self> {
        Self::start_on(Network::new(4, 4), specials).await
    }

    pub async fn start_on(network: Network, specials: Vec<Special>) -> Arc<Self> {
        let fleet = Self {
            network,
            nodes: (0..4).map(|_| Mutex::default()).collect(),
            specials,
        };
        for i in 0..4 {
            fleet.restart(i).await;
        }
        let first = first_epoch(fleet.network.genesis.federation());
        let (height, _) = fleet.node(0).unwrap().submit(&first).await.unwrap();
        for i in 0..4 {
            let node = fleet.node(i).unwrap();
            node.until("the first epoch", |seen| seen.height >= height.value())
                .await;
        }
        Arc::new(fleet)
    }

    /// A node, if it runs.
    pub fn node(&self, i: usize) -> Option<Arc<Process>> {
        self.nodes[i].lock().unwrap().clone()
    }

    pub async fn restart(&self, i: usize) {
        let special = self.specials.get(i).cloned().unwrap_or_default();
        let process = Process::start_special(&self.network, Who::Hospital(i), &special).await;
        *self.nodes[i].lock().unwrap() = Some(Arc::new(process));
    }

    /// kill -9 of these, at once.
    pub fn kill(&self, these: &[usize]) {
        let victims: Vec<_> = these
            .iter()
            .filter_map(|i| self.nodes[*i].lock().unwrap().take())
            .collect();
        for victim in &victims {
            victim.kill();
        }
        for victim in &victims {
            victim.killed();
            victim.assert_sound();
        }
    }

    /// How far the furthest is.
    pub async fn height(&self) -> u64 {
        let mut height = 0;
        for i in 0..self.nodes.len() {
            if let Some(node) = self.node(i)
                && let Some(seen) = node.status().await
            {
                assert_eq!(seen.failure, "", "h{i} halted");
                height = height.max(seen.height);
            }
        }
        height
    }

    /// Stops all that run.
    pub async fn stop(self: Arc<Self>) -> Network {
        for node in &self.nodes {
            let running = node.lock().unwrap().take();
            if let Some(process) = running {
                process.assert_sound();
                Arc::into_inner(process).unwrap().stop().await;
            }
        }
        let fleet = Arc::into_inner(self).expect("nobody submits any more");
        fleet.network
    }
}

/// Hospitals that submit, each one transaction after the other, until each is acknowledged.
pub struct Load {
    enough: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    hospitals: Vec<JoinHandle<Vec<Acknowledged>>>,
}

impl Load {
    /// Begins; the submitters' numbers start at a million times `series`.
    pub fn begin(fleet: &Arc<Fleet>, submitters: usize, series: u64) -> Self {
        let (enough, count) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let hospitals = (0..submitters).map(|submitter| {
            let (fleet, enough, count) =
                (Arc::clone(fleet), Arc::clone(&enough), Arc::clone(&count));
            let first = series * 1_000_000 + submitter as u64 * 10_000;
            tokio::spawn(async move {
                let (mut done, mut height) = (Vec::new(), Height::new(0));
                for number in first.. {
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let federation = fleet.network.genesis.federation();
                    let transaction = record_from(federation, submitter % 4, number, height);
                    let place = insist(&fleet, &transaction).await;
                    count.fetch_add(1, Ordering::Relaxed);
                    height = place.0;
                    done.push(Acknowledged {
                        hash: transaction.hash(),
                        place,
                    });
                }
                done
            })
        });
        Self {
            hospitals: hospitals.collect(),
            enough,
            count,
        }
    }

    /// Waits until so many more are acknowledged.
    pub async fn more(&self, count: u64) {
        let wanted = self.count.load(Ordering::Relaxed) + count;
        let begun = std::time::Instant::now();
        while self.count.load(Ordering::Relaxed) < wanted {
            assert!(
                begun.elapsed() < crate::network::PATIENCE,
                "nothing is committed any more"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that was submitted is acknowledged.
    pub async fn finish(self) -> Vec<Acknowledged> {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for hospital in self.hospitals {
            all.extend(hospital.await.unwrap());
        }
        all
    }
}

/// Submits at some node that runs, again at another when that one goes away.
async fn insist(fleet: &Fleet, transaction: &SignedTransaction) -> (Height, u32) {
    loop {
        let Some(node) = fleet.node(rand::random_range(0..4)) else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        match node.submit(transaction).await {
            Ok(place) => return place,
            // Its process went away, or its disk.
            Err(error) if error == "gone" || error.contains("halted") => {}
            Err(error) => panic!("refused: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
