//! A federation that changes while it runs: a hospital that joins, a doctor whose attributes change, a KGC from an old backup.

use std::fs;

use consilium_client::api::gateway::ApprovalRequest;
use consilium_client::api::kgc::{AdmitHospitalRequest, EnrolmentState, PublishEpochRequest};
use consilium_client::device::{doctor as device, patient as device_patient};
use consilium_contracts::{Canonical as _, Digest, Epoch, View};
use consilium_kgc::{Home, backup, restore};

use crate::world::*;

const TEXT: &[u8] = b"a record";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hospital_that_joins_later_is_consulted_like_the_others() {
    let world = World::new(settings()).await;
    let north = &world.north;
    let mut west = House::init(world.dir.path().join("west"), "west");
    fs::copy(world.home.genesis(), west.folder.join("genesis.bin")).unwrap();
    let request = AdmitHospitalRequest {
        card: west.card.to_canonical_bytes().into(),
    };
    world.kgc_admin().admit_hospital(&request).await.unwrap();
    west.start().await;
    wait("the newcomer to know of itself", async || {
        View::new(west.running().node().state()).hospital(&west.id)
    })
    .await;

    let reader = doctor(&world, &west, "role:cardiologist").await;
    interested(&world, &west, &reader, &["i50"]).await;
    authorize(north, &west).await;
    let patient = patient(north).await;
    let case = NewRecord {
        policy: "role:cardiologist and hospital:west",
        keywords: &["i50", "e11"],
        consent: consent(&[&west], 3_600_000),
        text: TEXT,
    };
    let sent = submit(&world, north, &patient, case).await;
    assigned(&reader, &sent.record).await;
    let opened = open(&world, &reader, &sent.record).await.unwrap();
    let (bytes, recipient) = read(&world, &reader, &opened).await;
    assert_eq!(bytes, TEXT);
    let (client, keys) = (&reader.client, &reader.keys);
    let text = report("Rest.");
    device::submit_report(
        client,
        &world.federation,
        keys,
        &recipient,
        text,
        &mut rng(),
    )
    .await
    .unwrap();
    let fetched = async || {
        let (client, record, random) = (&patient.client, sent.record, &mut rng());
        device_patient::read_report(client, &world.federation, &sent.keys, record, random)
            .await
            .ok()
    };
    let got = wait("the report", fetched).await;
    assert_eq!(got.report.expose_secret(), b"Rest.");
    west.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_whose_attributes_change_reads_by_the_new_ones_and_no_longer_by_the_former() {
    let world = World::new(settings()).await;
    let (north, south) = (&world.north, &world.south);
    let reader = asking(&world, south).await;
    let first = issued(&world, south, &reader, "role:cardiologist").await;
    interested(&world, south, &reader, &["e11"]).await;
    authorize(north, south).await;
    let patient = patient(north).await;
    let case = |policy| NewRecord {
        policy,
        keywords: &["e11"],
        consent: consent(&[south], 3_600_000),
        text: TEXT,
    };
    let before = submit(&world, north, &patient, case("role:cardiologist")).await;
    assigned(&reader, &before.record).await;
    open(&world, &reader, &before.record).await.unwrap();

    // Asked again, nothing changes; for other attributes the doctor asks in so many words, and until the KGC issues the former key goes on.
    ask(&world, &reader).await;
    let state = async || {
        let listed = reader.client.enrolments().await.unwrap().enrolments;
        listed[0].state
    };
    assert_eq!(state().await, EnrolmentState::Issued);
    renew(&world, &reader).await;
    assert_eq!(state().await, EnrolmentState::AwaitsHospital);
    open(&world, &reader, &before.record).await.unwrap();
    let second = issued(&world, south, &reader, "role:surgeon").await;
    assert_ne!(first, second);
    let epoch = device_patient::current_epoch(&patient.client)
        .await
        .unwrap();
    assert_eq!(epoch, Epoch::new(2), "the former leaf is excluded");

    let surgery = submit(&world, north, &patient, case("role:surgeon")).await;
    let cardiology = submit(&world, north, &patient, case("role:cardiologist")).await;
    assigned(&reader, &surgery.record).await;
    let opened = open(&world, &reader, &surgery.record).await.unwrap();
    assert_eq!(read(&world, &reader, &opened).await.0, TEXT);
    assigned(&reader, &cardiology.record).await;
    for closed in [&cardiology, &before] {
        assert_eq!(
            code_of(open(&world, &reader, &closed.record).await),
            "policy-not-satisfied"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_whose_key_would_cost_too_much_is_not_approved() {
    let world = World::new(settings()).await;
    let south = &world.south;
    let reader = asking(&world, south).await;
    let numbers: Vec<_> = (0..8).map(|number| format!("n{number}=1")).collect();
    // Eight numbers are 256 attributes, and `hospital:south` is one more.
    let approval = ApprovalRequest {
        attributes: numbers.join(", "),
    };
    let refused = south.operator().approve(&reader.id, &approval).await;
    assert_eq!(code_of(refused), "too-many-attributes");
    let listed = reader.client.enrolments().await.unwrap().enrolments;
    assert_eq!(listed[0].state, EnrolmentState::AwaitsHospital);
    issued(&world, south, &reader, &numbers[1..].join(", ")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kgc_from_an_old_backup_fetches_the_update_keys_it_lacks_from_the_gateways() {
    let mut world = World::new(settings()).await;
    let file = world.dir.path().join("kgc.backup");
    backup(&world.home, &file, &passphrase(), Some(1)).unwrap();
    // South is away for the second epoch: only north has its key.
    world.south.stop().await;
    let mut published: Vec<(Epoch, Digest, Vec<u8>)> = Vec::new();
    for epoch in [2, 3] {
        let request = PublishEpochRequest { epoch };
        let view = world.kgc_admin().publish_epoch(&request).await.unwrap();
        let (epoch, digest) = (Epoch::new(epoch), view.update_key_digest.0);
        let north = world.north.client(None);
        let body = wait("a gateway's copy", async || {
            let pieces = north.update_key(epoch, &digest, 1 << 20).await.ok()?;
            pieces.whole().await.ok()
        });
        published.push((epoch, digest, body.await));
    }
    world.stop_kgc().await;
    world.south.start().await;
    world.home = Home::at(world.dir.path().join("restored"));
    restore(&world.home, &file, &passphrase()).unwrap();
    world.start_kgc().await;

    let admin = world.kgc_admin();
    for (epoch, digest, body) in &published {
        let recovered = async || {
            let pieces = admin.update_key(*epoch, digest, 1 << 20).await.ok()?;
            pieces.whole().await.ok()
        };
        assert_eq!(wait("a recovered update key", recovered).await, *body);
    }
    let audit = fs::read_to_string(world.home.path().join("audit.jsonl")).unwrap();
    let lines = audit
        .lines()
        .filter(|line| line.contains("recover-update-key"));
    assert_eq!(lines.count(), 2, "{audit}");
    // And it goes on from there.
    let request = PublishEpochRequest { epoch: 4 };
    admin.publish_epoch(&request).await.unwrap();
    world.end().await;
}
