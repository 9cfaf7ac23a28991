//! The main job, between two hospitals: a patient at one, doctors at both, a report back.

use consilium_client::api::gateway::RecordState;
use consilium_client::device::{doctor as device, patient as device_patient};
use consilium_contracts::{Digest, Height};
use consilium_policies::Policy;

use crate::world::*;

const TEXT: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[]}";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_is_matched_opened_and_answered_in_another_hospital() {
    let world = World::new(settings()).await;
    let (north, south) = (&world.north, &world.south);
    let specialist = doctor(&world, south, "role:cardiologist, clearance=4").await;
    let generalist = doctor(&world, north, "role:generalist").await;
    interested(&world, south, &specialist, &["i50", "i50.1"]).await;
    interested(&world, north, &generalist, &["i50"]).await;
    authorize(north, south).await;

    let patient = patient(north).await;
    let policy = "(role:cardiologist and hospital:south and clearance >= 3) or role:generalist";
    let case = NewRecord {
        policy,
        keywords: &["i50", "i50.1", "e11"],
        consent: consent(&[south], 3_600_000),
        text: TEXT,
    };
    let sent = submit(&world, north, &patient, case).await;

    // The one with more interests, though the other is the owner's own.
    assigned(&specialist, &sent.record).await;
    let opened = open(&world, &specialist, &sent.record).await.unwrap();
    let (text, recipient) = read(&world, &specialist, &opened).await;
    assert_eq!(text, TEXT);
    assert_eq!(
        code_of(open(&world, &generalist, &sent.record).await),
        "not-assigned"
    );
    let (outcome, why) = &south.audit("match")[0];
    assert_eq!(outcome, "allowed");
    assert!(why.contains("with proof, committed at"), "{why}");
    let shared = north.audit("share-ciphertext");
    assert_eq!(
        shared
            .iter()
            .filter(|(outcome, _)| outcome == "allowed")
            .count(),
        1
    );
    assert_eq!(south.audit("pre-decrypt")[0].0, "allowed");

    device::submit_report(
        &specialist.client,
        &world.federation,
        &specialist.keys,
        &recipient,
        report("Rest, and less salt."),
        &mut rng(),
    )
    .await
    .unwrap();
    let fetched = async || {
        let random = &mut rng();
        let (client, record) = (&patient.client, sent.record);
        device_patient::read_report(client, &world.federation, &sent.keys, record, random)
            .await
            .ok()
    };
    let got = wait("the report", fetched).await;
    assert_eq!(got.report.expose_secret(), b"Rest, and less salt.");
    assert_eq!(got.doctor, specialist.keys.signing().verifying_key());
    let random = &mut rng();
    let (client, keys) = (&patient.client, &sent.keys);
    device_patient::acknowledge(client, &world.federation, keys, &got, random)
        .await
        .unwrap();
    let view = patient.client.record(&sent.record).await.unwrap();
    assert_eq!(view.state, RecordState::Acknowledged);
    assert_eq!(view.assignments.len(), 1);
    assert!(
        view.assignments[0].accessed_height.is_some()
            && view.assignments[0].report_digest.is_some()
    );
    wait("the cache to go", async || {
        (!south.fetched(&sent.record).exists()).then_some(())
    })
    .await;
    assert_not_on_the_ledger(north, policy);
    world.end().await;
}

/// Neither the policy, nor a word of it or a keyword, nor the digest of one: whoever guesses would know the disease.
fn assert_not_on_the_ledger(house: &House, policy: &str) {
    let node = house.running().node();
    let blocks = (1..=node.status().height.value())
        .map(|height| node.block(Height::new(height)).unwrap().unwrap().block);
    let ledger: Vec<u8> = blocks.flat_map(|block| block.to_bytes()).collect();
    let stands = |bytes: &[u8]| ledger.windows(bytes.len()).any(|found| found == bytes);
    assert!(stands(house.id.as_str().as_bytes()), "this is the ledger");
    let parsed: Policy = policy.parse().unwrap();
    let whole = [policy.to_owned(), parsed.to_string()];
    for text in whole
        .iter()
        .map(String::as_str)
        .chain(["cardiologist", "i50.1"])
    {
        assert!(!stands(text.as_bytes()), "{text}");
        assert!(
            !stands(Digest::of(text.as_bytes()).as_bytes()),
            "digest of {text}"
        );
    }
    assert!(!stands(Digest::of(&parsed.to_bytes()).as_bytes()), "digest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_stays_in_its_hospital_and_an_unmatched_one_says_so() {
    let world = World::new(settings()).await;
    let north = &world.north;
    let own = doctor(&world, north, "role:generalist").await;
    interested(&world, north, &own, &["e11"]).await;
    let patient = patient(north).await;
    let case = |keywords| NewRecord {
        policy: "role:generalist",
        keywords,
        consent: consent(&[], 3_600_000),
        text: TEXT,
    };
    let found = submit(&world, north, &patient, case(&["e11", "i10"])).await;
    let lost = submit(&world, north, &patient, case(&["i10"])).await;
    assigned(&own, &found.record).await;
    let opened = open(&world, &own, &found.record).await.unwrap();
    assert_eq!(read(&world, &own, &opened).await.0, TEXT);
    let unmatched = async || {
        let view = patient.client.record(&lost.record).await.unwrap();
        (view.state == RecordState::Unmatched).then_some(view)
    };
    let view = wait("the window's end", unmatched).await;
    assert!(view.reason.unwrap().contains("matched"));
    assert_eq!(patient.client.records().await.unwrap().records.len(), 2);

    let status = north.operator().status().await.unwrap();
    assert_eq!(
        (
            status.doctors,
            status.patients,
            status.records,
            status.queued
        ),
        (1, 1, 2, 0)
    );
    assert!(status.kgc_reachable);
    world.end().await;
}
