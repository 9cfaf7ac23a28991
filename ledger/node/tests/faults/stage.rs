//! Three honest validators, processes of the real program; a puppet with the fourth's keys; and the KGC's node, which does not vote, as the
//! test's eye on the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use consilium_contracts::{FederationId, Height, SignedTransaction};
use consilium_ledger::Parent;
use consilium_node::NodeHandle;

use crate::agreement::compare;
use crate::fixtures::first_epoch;
use crate::load::{Acknowledged, record_from};
use crate::network::{Network, Who, stop};
use crate::process::Process;
use crate::puppet::{Puppet, parent};

/// The lying hospital.
pub const LIAR: usize = 3;

/// Three honest validators, the eye, and the liar.
pub struct Stage {
    pub network: Network,
    pub honest: Vec<Process>,
    pub eye: NodeHandle,
    pub puppet: Arc<Puppet>,
    acknowledged: Vec<Acknowledged>,
    numbers: u64,
}

impl Stage {
    pub async fn open() -> Self {
        let network = Network::new(4, 4);
        let mut honest = Vec::new();
        for i in 0..LIAR {
            honest.push(Process::start(&network, Who::Hospital(i)).await);
        }
        let eye = network.start(Who::Kgc).await;
        let puppet = Arc::new(Puppet::connect(&network, LIAR).await);
        let mut stage = Self {
            network,
            honest,
            eye,
            puppet,
            acknowledged: Vec::new(),
            numbers: 0,
        };
        let first = first_epoch(stage.federation());
        stage.submit(0, first).await;
        stage
    }

    pub fn federation(&self) -> FederationId {
        self.network.genesis.federation()
    }

    pub async fn submit(&mut self, at: usize, transaction: SignedTransaction) {
        let hash = transaction.hash();
        let place = self.honest[at].submit(&transaction).await;
        let place = place.unwrap_or_else(|error| panic!("{error}: {}", self.honest[at].log()));
        self.acknowledged.push(Acknowledged { hash, place });
    }

    /// A record that was not registered yet.
    pub fn next_record(&mut self, owner: usize) -> SignedTransaction {
        self.numbers += 1;
        record_from(
            self.federation(),
            owner,
            self.numbers,
            self.eye.status().height,
        )
    }

    /// The honest ones commit so many transactions, one after the other.
    pub async fn commit(&mut self, count: usize) -> Duration {
        let begun = Instant::now();
        for i in 0..count {
            let transaction = self.next_record(i % LIAR);
            self.submit(i % LIAR, transaction).await;
        }
        begun.elapsed()
    }

    /// Lies at each height until the honest ones have committed so many transactions.
    pub async fn commit_while<L, F>(&mut self, count: usize, lie: L) -> Duration
    where
        L: Fn(Arc<Puppet>, NodeHandle, Parent) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let enough = Arc::new(AtomicBool::new(false));
        let liar = tokio::spawn({
            let (puppet, eye, enough) = (
                Arc::clone(&self.puppet),
                self.eye.clone(),
                Arc::clone(&enough),
            );
            async move {
                let mut last = None;
                while !enough.load(Ordering::Relaxed) {
                    let now = parent(&eye);
                    if last != Some(now.height) {
                        last = Some(now.height);
                        lie(Arc::clone(&puppet), eye.clone(), now).await;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        });
        let took = self.commit(count).await;
        enough.store(true, Ordering::Relaxed);
        liar.await.unwrap();
        took
    }

    /// The pieces of evidence that each honest one has.
    pub async fn evidence(&self) -> Vec<u64> {
        let mut found = Vec::new();
        for node in &self.honest {
            found.push(node.status().await.unwrap().evidence);
        }
        found
    }

    /// No block of the liar's is committed.
    pub fn assert_no_block_of_the_liar(&self) {
        for height in 1..=self.eye.status().height.value() {
            let block = self.eye.block(Height::new(height)).unwrap().unwrap().block;
            assert_ne!(
                block.header().proposer,
                self.puppet.address,
                "block {height}"
            );
        }
    }

    /// The honest ones agree, none has halted, none thinks that it is behind.
    pub async fn close(self, what: &str, begun: Instant) {
        for node in &self.honest {
            node.assert_sound();
            node.until("the tip", |seen| seen.sync == "Following").await;
            assert_eq!(node.status().await.unwrap().failure, "");
        }
        for node in self.honest {
            node.stop().await;
        }
        Arc::into_inner(self.puppet)
            .expect("it lies no more")
            .leave()
            .await;
        let mut nodes = crate::agreement::restarted(&self.network, &[0, 1, 2]).await;
        nodes.push(self.eye);
        let agreed = compare(&self.network, &nodes, &self.acknowledged).await;
        println!("{what}: {agreed}, {:.1} s", begun.elapsed().as_secs_f64());
        for node in nodes {
            stop(node).await;
        }
    }
}
