//! A ledger that stands still for a while: what the own node refuses because of what only waits in its pool is no verdict, and nothing is
//! forgotten for it.

use std::time::Duration;

use consilium_client::api::gateway::RecordState;
use consilium_client::api::kgc::PublishEpochRequest;
use consilium_client::device::{doctor as device, patient as device_patient};
use consilium_contracts::{Settings, View};

use crate::filter::compared;
use crate::world::*;

const TEXT: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[]}";
/// Of four that vote three must.
const OTHERS: &[&str] = &["east", "west"];
/// Long enough for an attempt that ends without a block, and several more.
const A_WHILE: Duration = Duration::from_secs(6);

fn case<'a>(world: &World) -> NewRecord<'a> {
    NewRecord {
        policy: "role:cardiologist",
        keywords: &["i50", "e11"],
        consent: consent(&[&world.south], 3_600_000),
        text: TEXT,
    }
}

/// A match that was submitted and not committed is refused when it is submitted again, since it waits already; then the node is restarted,
/// and nothing waits any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_match_that_only_waits_in_the_pool_is_posted_after_all() {
    let settings = Settings {
        matching_window_ms: 600_000,
        ..settings()
    };
    let mut world = World::voting(settings, OTHERS).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    world.south.stop().await;
    let patient = patient(&world.north).await;
    let record = submit(&world, &world.north, &patient, case(&world))
        .await
        .record;
    wait("the index", async || {
        let state = world.north.running().node().state();
        View::new(&state).index(&record, &world.south.id)
    })
    .await;
    for house in &mut world.others {
        house.stop().await;
    }
    world.south.patience = Some(Duration::from_secs(1));
    world.south.start().await;
    wait("the comparison", async || {
        (compared(&world.south).await == 1).then_some(())
    })
    .await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(world.south.audit("match"), []);
    // Every pool is emptied.
    world.south.stop().await;
    world.north.stop().await;
    for house in [&mut world.north, &mut world.south]
        .into_iter()
        .chain(&mut world.others)
    {
        house.start().await;
    }
    wait("the match", async || {
        let state = world.south.running().node().state();
        View::new(&state).matched(&record, &cardiologist.id)
    })
    .await;
    world.end().await;
}

/// A report that was sent again while the first waited, and a record that a waiting epoch would outdate.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_report_and_a_record_are_not_forgotten_for_what_only_waits_in_the_pool() {
    let mut world = World::voting(settings(), OTHERS).await;
    world.south.stop().await;
    world.south.patience = Some(Duration::from_secs(4));
    world.south.start().await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let sent = submit(&world, &world.north, &patient, case(&world)).await;
    assigned(&cardiologist, &sent.record).await;
    let opened = open(&world, &cardiologist, &sent.record).await.unwrap();
    let (_, recipient) = read(&world, &cardiologist, &opened).await;
    for house in &mut world.others {
        house.stop().await;
    }

    // The device seals anew each time: the first waits, the second is another.
    for code in ["ledger-stalled", "transaction-rejected"] {
        let (client, keys) = (&cardiologist.client, &cardiologist.keys);
        let (text, random) = (report("Rest, and less salt."), &mut rng());
        let submitted =
            device::submit_report(client, &world.federation, keys, &recipient, text, random);
        assert_eq!(code_of(submitted.await), code);
    }

    let waiting = || world.north.running().node().status().pool_transactions;
    let before = waiting();
    let admin = world.kgc_admin();
    let publishing = tokio::spawn(async move {
        let request = PublishEpochRequest { epoch: 2 };
        admin.publish_epoch(&request).await
    });
    wait("the epoch to wait in the pool", async || {
        (waiting() > before).then_some(())
    })
    .await;
    let one = seal(&world, &world.north, &patient, case(&world)).await;
    let view = device_patient::submit_record(&patient.client, &one.sealed, &one.cthd)
        .await
        .unwrap();
    assert_eq!(view.state, RecordState::Queued);
    assert!(world.north.cthd(&one.record).exists());

    for house in &mut world.others {
        house.start().await;
    }
    wait("the report", async || {
        let (client, federation) = (&patient.client, &world.federation);
        let (keys, record) = (&sent.keys, sent.record);
        device_patient::read_report(client, federation, keys, record, &mut rng())
            .await
            .ok()
    })
    .await;
    // Now it is for good.
    wait("the refusal", async || {
        let view = patient.client.record(&one.record).await.unwrap();
        (view.state == RecordState::Refused).then_some(())
    })
    .await;
    publishing.abort();
    world.end().await;
}
