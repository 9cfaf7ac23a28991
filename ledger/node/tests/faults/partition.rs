//! The network between validators fails: in two, slowly, with losses.

use std::time::{Duration, Instant};

use consilium_contracts::Height;
use consilium_node::{NodeHandle, SubmitError};

use crate::agreement::compare;
use crate::fixtures::{first_epoch, record};
use crate::network::{Network, PATIENCE, Who, stop};
use crate::process::at;
use crate::proxy::{Passes, Ways, Weather};
use crate::times;

/// Four validators that reach each other through the test's ways.
struct Four {
    network: Network,
    nodes: Vec<NodeHandle>,
    ways: Ways,
    numbers: u64,
}

impl Four {
    async fn start() -> Self {
        let network = Network::new(4, 4);
        let ways = Ways::between(&network, 4).await;
        let mut nodes = Vec::new();
        for i in 0..4 {
            let mut config = network.config(Who::Hospital(i));
            config.peers = ways
                .peers(i)
                .iter()
                .map(|(to, address)| at(*to, address))
                .collect();
            nodes.push(consilium_node::start(config).await.unwrap());
        }
        let first = first_epoch(network.genesis.federation());
        nodes[0].submit(first).await.unwrap();
        Self {
            network,
            nodes,
            ways,
            numbers: 0,
        }
    }

    /// A record is registered at a node; where it is committed, however long that takes.
    fn submit(&mut self, node: usize) -> impl Future<Output = Result<Height, SubmitError>> + use<> {
        self.numbers += 1;
        let transaction = record(self.network.genesis.federation(), node, self.numbers);
        let node = self.nodes[node].clone();
        async move { Ok(node.submit(transaction).await?.height) }
    }

    /// One at each of these, one after the other.
    async fn commit_at(&mut self, these: &[usize]) -> Vec<Duration> {
        let mut took = Vec::new();
        for node in these {
            let begun = Instant::now();
            self.submit(*node).await.unwrap();
            took.push(begun.elapsed());
        }
        took.sort();
        took
    }

    fn heights(&self) -> Vec<u64> {
        let height = |node: &NodeHandle| node.status().height.value();
        self.nodes.iter().map(height).collect()
    }

    async fn agree(self, what: &str, begun: Instant) {
        let agreed = compare(&self.network, &self.nodes, &[]).await;
        println!("{what}: {agreed}, {:.1} s", begun.elapsed().as_secs_f64());
        for node in self.nodes {
            assert_eq!(node.status().evidence, 0);
            stop(node).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_into_two_and_two_nothing_is_committed_until_it_heals() {
    let (begun, cuts) = (Instant::now(), times(1, 10));
    let mut four = Four::start().await;
    for cut in 0..cuts {
        let passes = if cut % 2 == 0 {
            Passes::Nothing
        } else {
            Passes::Broken
        };
        four.commit_at(&[0, 1, 2, 3]).await;
        four.ways.between_these_and_others(&[0, 1], passes);
        // What a quorum has voted for already may still be committed on one side.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = four.heights();
        let waiting = [four.submit(0), four.submit(2)].map(tokio::spawn);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(four.heights(), before, "half of them committed");
        four.ways.between_these_and_others(&[0, 1], Passes::All);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
    }
    four.agree(&format!("cut into 2|2 {cuts} times"), begun)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_alone_one_falls_behind_and_catches_up_when_it_heals() {
    let (begun, cuts) = (Instant::now(), times(1, 10));
    let mut four = Four::start().await;
    for cut in 0..cuts {
        let (alone, passes) = (
            cut % 4,
            if cut % 2 == 0 {
                Passes::Broken
            } else {
                Passes::Nothing
            },
        );
        let others: Vec<_> = (0..4).filter(|i| *i != alone).collect();
        four.commit_at(&[0, 1, 2, 3]).await;
        four.ways.between_these_and_others(&[alone], passes);
        let waiting = tokio::spawn(four.submit(alone));
        let height = four.nodes[others[0]].status().height;
        four.commit_at(&others).await;
        four.commit_at(&others).await;
        assert!(
            four.nodes[alone].status().height <= height.plus(1),
            "it heard of the others"
        );
        assert!(!waiting.is_finished(), "it was committed by one alone");
        four.ways.between_these_and_others(&[alone], Passes::All);
        waiting.await.unwrap().unwrap();
        let height = four.nodes[others[0]].status().height;
        let reached = four.nodes[alone].reached(height);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap()
            .unwrap();
    }
    four.agree(&format!("cut into 3|1 {cuts} times"), begun)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_and_lossy_network_delays_and_breaks_nothing() {
    let (begun, rounds) = (Instant::now(), times(3, 50));
    let mut four = Four::start().await;
    let slow = Weather {
        delay: Duration::from_millis(100),
        loss: 5,
        ..Weather::FAIR
    };
    four.ways.all(slow);
    let mut took = Vec::new();
    for _ in 0..rounds {
        took.extend(four.commit_at(&[0, 1, 2, 3]).await);
    }
    took.sort();
    assert!(
        took[0] >= Duration::from_millis(200),
        "nothing was slow: {:?}",
        took[0]
    );
    let what = format!(
        "100 ms and 5 % loss, {} transactions: p50 {:?}, max {:?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1]
    );
    four.agree(&what, begun).await;
}
