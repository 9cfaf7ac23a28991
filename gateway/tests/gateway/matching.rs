//! What the match engine does in a gateway: each pair once, whatever comes first, across restarts, in as little memory as there may be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use consilium_contracts::{Canonical as _, Height, RecordId, RecordStatus, Settings, View};
use consilium_gateway::{Gateway, StartError};

use crate::filter::compared;
use crate::hidden::{has, put};
use crate::world::*;

const TEXT: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[]}";

/// Windows that stay open for as long as the test takes.
fn patient_settings() -> Settings {
    Settings {
        matching_window_ms: 600_000,
        ..settings()
    }
}

async fn record(world: &World, patient: &Patient, keywords: &[&str]) -> RecordId {
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords,
        consent: consent(&[&world.south], 3_600_000),
        text: TEXT,
    };
    submit(world, &world.north, patient, case).await.record
}

async fn matched(world: &World, record: &RecordId, doctor: &Doctor) {
    wait("the match", async || {
        let state = world.south.running().node().state();
        View::new(&state).matched(record, &doctor.id)
    })
    .await;
}

async fn compared_in_all(house: &House, pairs: u64) {
    wait("the comparisons", async || {
        (compared(house).await >= pairs).then_some(())
    })
    .await;
    settled(house, pairs).await;
}

/// Nothing more is compared, though the engine runs again and again.
async fn settled(house: &House, pairs: u64) {
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(compared(house).await, pairs);
}

/// With room for one trapdoor: new trapdoors meet old records, new records old trapdoors, each pair once, and a restart repeats nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_pair_is_compared_once_whatever_is_new_and_across_restarts() {
    let mut world = World::new(patient_settings()).await;
    // n is 8: nine points of each.
    world.south.memory = Some(9 * (19_584 + 96));
    world.south.stop().await;
    world.south.start().await;
    let first = doctor(&world, &world.south, "role:cardiologist").await;
    let second = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &first, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let mut records = Vec::new();
    for keywords in [["i50", "e11"], ["e11", "j45"], ["i50", "j45"]] {
        records.push(record(&world, &patient, &keywords).await);
    }
    compared_in_all(&world.south, 3).await;
    matched(&world, &records[0], &first).await;
    matched(&world, &records[2], &first).await;
    // A new trapdoor, and then a new record.
    interested(&world, &world.south, &second, &["e11"]).await;
    compared_in_all(&world.south, 6).await;
    matched(&world, &records[0], &second).await;
    matched(&world, &records[1], &second).await;
    records.push(record(&world, &patient, &["e11", "i50"]).await);
    compared_in_all(&world.south, 8).await;
    matched(&world, &records[3], &first).await;
    matched(&world, &records[3], &second).await;

    world.south.stop().await;
    world.south.start().await;
    settled(&world.south, 0).await;
    // One that is replaced while records stand is compared again, the other is not.
    interested(&world, &world.south, &first, &["j45"]).await;
    compared_in_all(&world.south, 4).await;
    matched(&world, &records[1], &first).await;
    world.end().await;
}

/// What was posted while the gateway was down, and what waited for an authorization that was taken back, is compared all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_waits_for_an_authorization_or_for_the_gateway_is_compared_when_it_can_be() {
    let mut world = World::new(patient_settings()).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    let given = authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let old = record(&world, &patient, &["i50", "e11"]).await;
    let indexed = async |world: &World, record| {
        wait("the index", async || {
            let state = world.north.running().node().state();
            View::new(&state).index(record, &world.south.id)
        })
        .await;
    };
    indexed(&world, &old).await;
    let operator = world.north.operator();
    operator
        .withdraw_authorization(&given.authorization.0)
        .await
        .unwrap();
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    settled(&world.south, 0).await;
    world.south.stop().await;
    authorize(&world.north, &world.south).await;
    let new = record(&world, &patient, &["i50"]).await;
    indexed(&world, &new).await;
    world.south.start().await;
    compared_in_all(&world.south, 2).await;
    matched(&world, &old, &cardiologist).await;
    matched(&world, &new, &cardiologist).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_little_memory_for_one_trapdoor_and_one_index_is_refused_at_the_start() {
    let mut world = World::new(settings()).await;
    world.south.stop().await;
    world.south.memory = Some(9 * (19_584 + 96) - 1);
    let refused = Gateway::start(world.south.config(), Some(&passphrase())).await;
    let Err(StartError::Config(error)) = refused else {
        panic!("{refused:?}");
    };
    let text = error.to_string();
    assert!(text.contains("gateway.matching_memory_bytes"), "{text}");
    assert!(text.contains("at least 177120"), "{text}");
    world.south.memory = Some(9 * (19_584 + 96));
    world.south.start().await;
    world.end().await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A store that is older than the ledger beside it: what it lacks is compared again, and what stands on the ledger is not posted again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_from_an_older_backup_repeats_what_it_lacks_and_nothing_is_posted_twice() {
    let mut world = World::new(patient_settings()).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let first = record(&world, &patient, &["i50", "e11"]).await;
    matched(&world, &first, &cardiologist).await;
    let posted = async |world: &World, lines: usize| {
        wait("the audit lines", async || {
            (world.south.audit("match").len() >= lines).then_some(())
        })
        .await;
        assert_eq!(world.south.audit("match").len(), lines);
    };
    posted(&world, 1).await;
    world.south.stop().await;
    let (store, backup) = (
        world.south.folder.join("data/store"),
        world.dir.path().join("backup"),
    );
    copy(&store, &backup);
    world.south.start().await;
    let second = record(&world, &patient, &["i50"]).await;
    matched(&world, &second, &cardiologist).await;
    posted(&world, 2).await;
    world.south.stop().await;
    fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    world.south.start().await;
    // The second only; the ledger has its match, and says so.
    posted(&world, 3).await;
    let (_, why) = world.south.audit("match").pop().unwrap();
    assert!(why.contains("too late"), "{why}");
    settled(&world.south, 1).await;
    posted(&world, 3).await;
    world.end().await;
}

/// What a crash left of a record between a batch and the record's end goes at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_of_a_closed_record_is_left_after_a_start() {
    let mut world = World::new(settings()).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let closed = record(&world, &patient, &["i50"]).await;
    wait("the window's end", async || {
        let state = world.south.running().node().state();
        let entry = View::new(&state).record(&closed)?;
        matches!(entry.status, RecordStatus::Closed(_)).then_some(())
    })
    .await;
    world.south.stop().await;
    let pair = [closed.as_bytes(), &[1; 32], &[2; 32]].map(|part| &part[..]);
    put(
        &world.south,
        "pairs",
        &pair.concat(),
        &false.to_canonical_bytes(),
    );
    put(
        &world.south,
        "to-post",
        &pair.concat(),
        &().to_canonical_bytes(),
    );
    world.south.start().await;
    world.south.stop().await;
    for column in ["pairs", "to-post"] {
        assert!(!has(&world.south, column, &pair.concat()), "{column}");
    }
    world.end().await;
}

/// A node whose folder was lost and that reads the ledger again does not know yet what the gateway found on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_found_is_kept_while_the_node_is_behind_what_the_gateway_acted_on() {
    let mut world = World::new(settings()).await;
    let pair = [[1; 32], [2; 32], [3; 32]].concat();
    let height = world.south.running().node().status().height;
    world.south.stop().await;
    let ahead = Height::new(height.value() + 1_000_000);
    put(&world.south, "cursor", &[], &ahead.to_canonical_bytes());
    put(&world.south, "to-post", &pair, &().to_canonical_bytes());
    world.south.start().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.south.stop().await;
    assert!(has(&world.south, "to-post", &pair));
    put(&world.south, "cursor", &[], &height.to_canonical_bytes());
    world.south.start().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.south.stop().await;
    assert!(!has(&world.south, "to-post", &pair));
    world.end().await;
}
