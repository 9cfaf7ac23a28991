//! Services that come back, or come late, when the blocks that they miss are pruned everywhere: they fetch a snapshot from each other,
//! and a gateway makes up for what it did not see.

use std::fs;

use consilium_client::api::errors::codes;
use consilium_client::api::kgc::{AdmitHospitalRequest, RevocationRequest};
use consilium_client::api::terms::RevocationReason;
use consilium_client::device::patient as device_patient;
use consilium_client::wire::Text;
use consilium_contracts::{Canonical as _, Height, View};
use consilium_node::History;

use crate::world::*;

const TEXT: &[u8] = b"a record";
const LITTLE: History = History {
    archive: false,
    keep_blocks: 20,
    snapshot_every: 10,
};

/// Waits until nobody but the named one could go on after `height` by blocks.
async fn pruned_beyond(world: &World, height: Height) {
    wait("the pruning", async || {
        let kgc = world.kgc_admin().ledger_status().await.ok()?;
        let north = world.north.operator().ledger_status().await.ok()?;
        let beyond = |oldest: u64| oldest > height.value() + 1;
        (beyond(kgc.oldest_block) && beyond(north.oldest_block)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_was_long_away_fetches_a_snapshot_and_misses_nothing() {
    let mut world = World::keeping(settings(), LITTLE).await;
    let revoked = doctor(&world, &world.south, "role:cardiologist").await;
    let stays = doctor(&world, &world.south, "role:cardiologist").await;
    let given = authorize(&world.south, &world.north).await;
    let patient_of_south = patient(&world.south).await;
    let case = |world: &World| NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent: consent(&[&world.north], 3_600_000),
        text: TEXT,
    };
    let withdrawn = submit(&world, &world.south, &patient_of_south, case(&world)).await;
    assert!(world.south.cthd(&withdrawn.record).exists());
    let height = world.south.running().node().status().height;
    world.south.stop().await;

    // While south is away: a doctor of its is revoked, a patient of its withdraws consent elsewhere.
    let request = RevocationRequest {
        doctor: Text(revoked.id),
        reason: RevocationReason::Departed,
        now: false,
    };
    world.kgc_admin().revoke(&request).await.unwrap();
    let elsewhere = patient(&world.north).await.client;
    let (federation, keys) = (&world.federation, &withdrawn.keys);
    device_patient::withdraw_consent(&elsewhere, federation, keys, withdrawn.record, &mut rng())
        .await
        .unwrap();
    pruned_beyond(&world, height).await;

    world.south.start().await;
    let status = world.south.running().node().status();
    assert!(status.oldest_block > height.plus(1), "it began anew");
    wait("the revoked doctor's key to go", async || {
        let lines = world.south.audit("drop-attribute-key");
        (!lines.is_empty()).then_some(())
    })
    .await;
    let gone = async || (!world.south.cthd(&withdrawn.record).exists()).then_some(());
    wait("the withdrawn record to go", gone).await;
    wait("its audit line", async || {
        let lines = world.south.audit("delete-record");
        (!lines.is_empty()).then_some(())
    })
    .await;
    let list = world.south.operator().authorizations().await.unwrap();
    assert!(
        list.authorizations
            .iter()
            .any(|one| one.authorization == given.authorization)
    );
    // What is pruned is said to be, and a snapshot is for nodes alone.
    let client = &patient_of_south.client;
    assert_eq!(code_of(client.block(Height::new(1)).await), "pruned");
    let snapshot = client.http();
    let snapshot = snapshot.get_bytes("/v1/ledger/snapshots/latest", 1 << 20);
    assert_eq!(code_of(snapshot.await), codes::FORBIDDEN.as_str());
    let record = client.record(&withdrawn.record).await.unwrap();
    assert_eq!(record.registration, None, "where it stood is pruned");

    // And the hospital goes on: another doctor of its reads a new case.
    interested(&world, &world.south, &stays, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent: consent(&[&world.south], 3_600_000),
        text: TEXT,
    };
    let sent = submit(&world, &world.north, &patient, case).await;
    assigned(&stays, &sent.record).await;
    let opened = open(&world, &stays, &sent.record).await.unwrap();
    assert_eq!(read(&world, &stays, &opened).await.0, TEXT);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hospital_that_joins_late_and_a_kgc_that_was_away_begin_with_a_snapshot() {
    let mut world = World::keeping(settings(), LITTLE).await;
    let mut west = House::init(world.dir.path().join("west"), "west");
    west.history = LITTLE;
    fs::copy(world.home.genesis(), west.folder.join("genesis.bin")).unwrap();
    let request = AdmitHospitalRequest {
        card: west.card.to_canonical_bytes().into(),
    };
    world.kgc_admin().admit_hospital(&request).await.unwrap();
    pruned_beyond(&world, Height::new(1)).await;
    west.start().await;
    let status = west.running().node().status();
    assert!(status.oldest_block.value() > 1, "it did not replay");
    let known = View::new(west.running().node().state()).hospital(&west.id);
    assert_eq!(known.map(|entry| entry.card), Some(west.card.clone()));

    let height = world.kgc_admin().ledger_status().await.unwrap().height;
    world.stop_kgc().await;
    for house in [&world.north, &world.south, &west] {
        wait("the pruning", async || {
            let oldest = house.running().node().status().oldest_block;
            (oldest.value() > height + 1).then_some(())
        })
        .await;
    }
    world.start_kgc().await;
    // It answers while it still looks for peers.
    wait("it to begin anew", async || {
        let status = world.kgc_admin().ledger_status().await.ok()?;
        (status.oldest_block > height + 1).then_some(())
    })
    .await;
    // It issues on what it fetched.
    doctor(&world, &west, "role:cardiologist").await;
    west.stop().await;
    world.end().await;
}
