//! kill -9 under load: of one validator at a time, and of all at once.

use std::time::{Duration, Instant};

use crate::agreement::agree;
use crate::load::{Fleet, Load};
use crate::times;

const SUBMITTERS: usize = 8;

async fn pause(most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..most_ms))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_validator_is_killed_again_and_again_and_nothing_acknowledged_is_lost() {
    let (begun, kills) = (Instant::now(), times(6, 50));
    let fleet = Fleet::start(Vec::new()).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    for _ in 0..kills {
        load.more(20).await;
        pause(400).await;
        let victim = rand::random_range(0..4);
        fleet.kill(&[victim]);
        pause(400).await;
        fleet.restart(victim).await;
    }
    load.more(20).await;
    let acknowledged = load.finish().await;
    let agreed = agree(&fleet.stop().await, &acknowledged).await;
    println!(
        "one of four killed {kills} times under load: {} acknowledged, {agreed}, {:.1} s",
        acknowledged.len(),
        begun.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_validators_are_killed_at_once_and_nothing_acknowledged_is_lost() {
    let (begun, kills) = (Instant::now(), times(2, 10));
    let fleet = Fleet::start(Vec::new()).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    for _ in 0..kills {
        load.more(20).await;
        pause(400).await;
        fleet.kill(&[0, 1, 2, 3]);
        for i in 0..4 {
            fleet.restart(i).await;
        }
    }
    load.more(20).await;
    let acknowledged = load.finish().await;
    let agreed = agree(&fleet.stop().await, &acknowledged).await;
    println!(
        "all four killed at once {kills} times under load: {} acknowledged, {agreed}, {:.1} s",
        acknowledged.len(),
        begun.elapsed().as_secs_f64()
    );
}
