//! A gateway that is restarted in the middle, and what a crash leaves behind.

use consilium_client::api::gateway::RecordState;

use crate::world::*;

const TEXT: &[u8] = b"a record";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restarted_gateway_goes_on_where_it_was() {
    let mut world = World::new(settings()).await;
    let reader = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &reader, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let consent = consent(&[&world.south], 3_600_000);
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent,
        text: TEXT,
    };
    let sent = submit(&world, &world.north, &patient, case).await;
    assigned(&reader, &sent.record).await;

    // The owner, which is the validator, and then the doctor's hospital; a leftover of an upload lies about.
    world.north.stop().await;
    let part = world.north.cthd(&sent.record).with_extension("part");
    std::fs::write(&part, b"cut off").unwrap();
    let unknown = consilium_contracts::RecordId::from_bytes([7; 32]);
    std::fs::write(world.north.cthd(&unknown), b"whole, but nobody's").unwrap();
    world.north.start().await;
    assert!(!part.exists() && !world.north.cthd(&unknown).exists());
    world.south.stop().await;
    world.south.start().await;

    let opened = async || open(&world, &reader, &sent.record).await.ok();
    let opened = wait("the case to open", opened).await;
    assert_eq!(read(&world, &reader, &opened).await.0, TEXT);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_staged_record_is_served_to_nobody_and_goes_on_after_a_restart() {
    let mut world = World::new(settings()).await;
    let patient = patient(&world.north).await;
    let case = |world: &World| NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent: consent(&[&world.south], 3_600_000),
        text: TEXT,
    };
    let staged = seal(&world, &world.north, &patient, case(&world)).await;
    let view = patient
        .client
        .submit_record(staged.sealed.submission())
        .await
        .unwrap();
    assert_eq!(
        (view.state, view.registration),
        (RecordState::AwaitsCthd, None)
    );
    world.north.stop().await;
    world.north.start().await;
    assert_eq!(
        code_of(patient.client.report(&staged.record).await),
        "not-found"
    );
    let view = patient.client.record(&staged.record).await.unwrap();
    assert_eq!(view.state, RecordState::AwaitsCthd);
    let view = patient
        .client
        .upload_cthd(&staged.record, &staged.cthd)
        .await
        .unwrap();
    assert!(view.registration.is_some());
    let indexed = async || {
        let view = patient.client.record(&staged.record).await.unwrap();
        (view.state != RecordState::Registered).then_some(view.state)
    };
    assert_eq!(wait("the index", indexed).await, RecordState::Matching);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_waits_in_the_queue_while_the_ledger_stands_still() {
    let mut world = World::new(settings()).await;
    let patient = patient(&world.south).await;
    let consent = consent(&[], 3_600_000);
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent,
        text: TEXT,
    };
    let sent = seal(&world, &world.south, &patient, case).await;
    world.south.stop().await;
    let mut config = world.south.config();
    config.tuning.submit_timeout = std::time::Duration::from_secs(2);
    let started = consilium_gateway::Gateway::start(config, Some(&passphrase()))
        .await
        .unwrap();
    world.south.gateway = Some(started);
    patient
        .client
        .submit_record(sent.sealed.submission())
        .await
        .unwrap();
    world.north.stop().await;
    let view = patient
        .client
        .upload_cthd(&sent.record, &sent.cthd)
        .await
        .unwrap();
    assert_eq!((view.state, view.registration), (RecordState::Queued, None));
    assert!(view.reason.is_some());
    let status = world.south.operator().status().await.unwrap();
    assert_eq!((status.records, status.queued), (0, 1));

    world.north.start().await;
    let registered = async || {
        let view = patient.client.record(&sent.record).await.unwrap();
        view.registration
    };
    wait("the queue to be worked through", registered).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_lost_its_ledger_does_not_vote_by_itself_and_says_so() {
    let mut world = World::new(settings()).await;
    let word = |house: &House| house.folder.join("never-voted").exists();
    assert!(!word(&world.north), "it votes");
    assert!(word(&world.south), "it has a key and never voted");
    let before = world.south.running().node().status().height;
    world.north.stop().await;
    let ledger = world.north.folder.join("data/ledger");
    std::fs::remove_dir_all(&ledger).unwrap();
    world.north.start().await;

    let node = world.north.running().node().clone();
    node.reached(before).await.unwrap();
    let anyone = world.north.client(None);
    let status = anyone.ledger_status().await.unwrap();
    let why = status.abstains.unwrap();
    assert!(why.contains("does not vote"), "{why}");
    let said = || consilium_service::ledger::readiness(&node).detail;
    assert!(said().contains(&why), "{}", said());
    // Whoever else has the ledger does not vote: it stands still until its operator says that it may go on.
    let height = node.status().height;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(node.status().height, height);
    drop(node);
    world.north.stop().await;
    std::fs::remove_file(ledger.join("abstains")).unwrap();
    world.north.start().await;
    authorize(&world.north, &world.south).await;
    let status = world.north.client(None).ledger_status().await.unwrap();
    assert_eq!(status.abstains, None);
    world.end().await;
}
