//! Validators whose clocks differ.

use std::time::Instant;

use tempfile::TempDir;

use crate::agreement::agree;
use crate::load::{Fleet, Load};
use crate::machine::WallClock;
use crate::process::Special;
use crate::times;

const SUBMITTERS: usize = 4;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A clock for each of four, so many milliseconds off.
fn clocks(folder: &TempDir, off: [i64; 4]) -> Option<Vec<WallClock>> {
    let first = WallClock::build(folder.path())?;
    let clocks = (0..4).zip(off).map(|(i, off)| {
        let clock = first.another(&format!("offset {i}"));
        clock.shift_ms(off);
        clock
    });
    Some(clocks.collect())
}

fn specials(clocks: &[WallClock]) -> Vec<Special> {
    let special = |clock: &WallClock| Special {
        environment: clock.environment(),
        ..Special::default()
    };
    clocks.iter().map(special).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_an_hour_ahead_of_three_of_four_clocks_goes_on() {
    let begun = Instant::now();
    let folder = TempDir::new().unwrap();
    let Some(clocks) = clocks(&folder, [HOUR; 4]) else {
        return;
    };
    let fleet = Fleet::start(specials(&clocks)).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    load.more(20).await;
    for clock in &clocks[..3] {
        clock.shift_ms(0);
    }
    load.more(times(60, 2_000) as u64).await;
    let ahead = fleet.node(0).unwrap().status().await.unwrap().ahead_ms;
    assert!(ahead as i64 > HOUR / 2, "block time turned back: {ahead}");
    let acknowledged = load.finish().await;
    let agreed = agree(&fleet.stop().await, &acknowledged).await;
    println!(
        "an hour ahead of three clocks: {agreed}, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_clock_refuses_every_proposal_follows_the_quorum_through_every_kill() {
    let (begun, kills) = (Instant::now(), times(3, 30));
    let folder = TempDir::new().unwrap();
    // Ten seconds are allowed.
    let Some(clocks) = clocks(&folder, [0, 0, 0, -MINUTE]) else {
        return;
    };
    let fleet = Fleet::start(specials(&clocks)).await;
    let load = Load::begin(&fleet, SUBMITTERS, 1);
    for _ in 0..kills {
        load.more(10).await;
        fleet.kill(&[3]);
        fleet.restart(3).await;
        let height = fleet.height().await;
        let slow = fleet.node(3).unwrap();
        slow.until("what the others decided", |seen| {
            seen.failure.is_empty() && seen.height >= height
        })
        .await;
    }
    let acknowledged = load.finish().await;
    let agreed = agree(&fleet.stop().await, &acknowledged).await;
    println!(
        "one a minute behind, killed {kills} times: {agreed}, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}
