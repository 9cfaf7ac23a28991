//! Packets are lost: validators in network namespaces of their own, each a process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::agreement::agree_elsewhere;
use crate::lan::{Lan, plan};
use crate::load::{Fleet, Load};
use crate::network::Network;
use crate::process::Special;
use crate::times;

const SUBMITTERS: usize = 4;

async fn fleet(lan: &Lan) -> Arc<Fleet> {
    let special = |i| Special {
        prefix: lan.prefix(i),
        ..Special::default()
    };
    Fleet::start_on(Network::of(plan()), (0..4).map(special).collect()).await
}

async fn agree(fleet: Arc<Fleet>, load: Load, what: &str, begun: Instant) {
    let acknowledged = load.finish().await;
    let agreed = agree_elsewhere(&fleet.stop().await, &acknowledged).await;
    println!("{what}: {agreed}, {:.1} s", begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validators_whose_packets_are_lost_in_a_cut_agree_when_it_heals() {
    let (begun, cuts) = (Instant::now(), times(1, 10));
    let Some(lan) = Lan::build() else {
        return;
    };
    let fleet = fleet(&lan).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    for cut in 0..cuts {
        load.more(20).await;
        lan.cut_off(&[cut % 4, (cut + 1) % 4]);
        // What a quorum has voted for already may still be committed on one side.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = fleet.height().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(fleet.height().await, before, "half of them committed");
        lan.heal();
        load.more(20).await;
        lan.cut_off(&[cut % 4]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (alone, other) = (cut % 4, (cut + 1) % 4);
        let height = fleet.node(other).unwrap().status().await.unwrap().height;
        assert!(height > before, "three of four committed nothing");
        let behind = fleet.node(alone).unwrap().status().await.unwrap().height;
        assert!(behind < height, "it was not cut off");
        lan.heal();
        let alone = fleet.node(alone).unwrap();
        alone
            .until("the others' blocks", |seen| seen.height >= height)
            .await;
    }
    agree(
        fleet,
        load,
        &format!("packets lost in {cuts} cuts into 2|2 and 3|1"),
        begun,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validators_whose_packets_are_late_or_lost_go_on() {
    let begun = Instant::now();
    let Some(lan) = Lan::build() else {
        return;
    };
    if !lan.impair(100, 5) {
        return eprintln!("skipped: this machine has no netem");
    }
    let fleet = fleet(&lan).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    load.more(times(40, 1_000) as u64).await;
    agree(
        fleet,
        load,
        "netem: 100 ms each way, 5 % of packets lost",
        begun,
    )
    .await;
}
