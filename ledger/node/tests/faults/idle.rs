//! What a federation costs that has nothing to do.

use std::time::{Duration, Instant};

use crate::load::Fleet;
use crate::times;

/// Hundredths of a core that a node may take.
const MOST: f64 = 5.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_idle_validators_take_less_than_a_twentieth_of_a_core_each() {
    let fleet = Fleet::start(Vec::new()).await;
    // What follows the first block.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ticks = || {
        (0..4)
            .map(|i| fleet.node(i).unwrap().ticks())
            .collect::<Vec<_>>()
    };
    let (begun, before) = (Instant::now(), ticks());
    tokio::time::sleep(Duration::from_secs(times(8, 30) as u64)).await;
    let (seconds, after) = (begun.elapsed().as_secs_f64(), ticks());
    let used = before
        .iter()
        .zip(&after)
        .map(|(before, after)| (after - before) as f64 / seconds);
    let used: Vec<_> = used.collect();
    let megabytes: Vec<_> = (0..4).map(|i| fleet.node(i).unwrap().megabytes()).collect();
    println!("four idle validators over {seconds:.0} s: {used:.2?} % of a core, {megabytes:?} MB");
    assert!(used.iter().all(|percent| *percent < MOST), "{used:?}");
    fleet.stop().await;
}
