//! A hospital that says nothing is asked to prove it.

use consilium_client::api::challenges::{ChallengeRequest, ChallengeState, ConductView, PairView};
use consilium_client::api::gateway::RecordState;
use consilium_client::device::patient as device;
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::wire::Text;
use consilium_contracts::{DoctorId, RecordId, Settings, View};

use crate::hidden::put;
use crate::world::*;

const TEXT: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[]}";

fn case<'a>(keywords: &'a [&'a str], to: &House) -> NewRecord<'a> {
    NewRecord {
        policy: "role:cardiologist",
        keywords,
        consent: consent(&[to], 3_600_000),
        text: TEXT,
    }
}

/// Waits until the record is closed because nobody matched.
async fn unmatched(patient: &Patient, record: &RecordId) {
    wait("the window's end", async || {
        let view = patient.client.record(record).await.unwrap();
        (view.state == RecordState::Unmatched).then_some(())
    })
    .await;
}

/// What the owner shows of a record and a doctor.
async fn pair(house: &House, record: &RecordId, doctor: &DoctorId) -> PairView {
    let list = house.operator().pairs(record).await.unwrap();
    let mut pairs = list.pairs.into_iter();
    pairs.find(|pair| pair.doctor.0 == *doctor).unwrap()
}

async fn settled(house: &House, record: &RecordId, doctor: &DoctorId) -> ChallengeState {
    wait("the challenge to be settled", async || {
        let challenge = pair(house, record, doctor).await.challenge.unwrap();
        (challenge.status != ChallengeState::Open).then_some(challenge.status)
    })
    .await
}

async fn conduct(house: &House) -> ConductView {
    let status = house.operator().ledger_status().await.unwrap();
    assert_eq!(status.challenges.len(), 1);
    status.challenges[0].clone()
}

async fn challenged_by_patient(world: &World, patient: &Patient, sent: &Sealed, doctor: &DoctorId) {
    let (client, keys) = (&patient.client, &sent.keys);
    let random = &mut rng();
    device::challenge(
        client,
        &world.federation,
        keys,
        sent.record,
        *doctor,
        random,
    )
    .await
    .unwrap();
}

/// The south is cut off while the record looks for a doctor; afterwards it cannot deny that one matched.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn silence_is_shown_to_be_no_match_or_a_hidden_one() {
    let mut world = World::new(settings()).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    let another = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    interested(&world, &world.south, &another, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    world.south.stop().await;
    let sent = submit(&world, &world.north, &patient, case(&["i50"], &world.south)).await;
    unmatched(&patient, &sent.record).await;

    let (guilty, innocent) = (
        cardiologist.keys.id(&world.federation),
        another.keys.id(&world.federation),
    );
    let silent = pair(&world.north, &sent.record, &guilty).await;
    assert_eq!((silent.interests, silent.matched_height), (Some(1), None));
    let own = patient.client.pairs(&sent.record).await.unwrap().pairs;
    assert_eq!(own.len(), 2);
    challenged_by_patient(&world, &patient, &sent, &guilty).await;
    let request = ChallengeRequest {
        doctor: Text(innocent),
    };
    let operator = world.north.operator();
    operator.challenge(&sent.record, &request).await.unwrap();
    let again = operator.challenge(&sent.record, &request).await;
    let again = again.unwrap_err().to_string();
    assert!(again.contains("is open already"), "{again}");
    assert_eq!(conduct(&world.north).await.open, 2);

    world.south.start().await;
    let north = &world.north;
    let answer = settled(north, &sent.record, &guilty).await;
    assert_eq!(answer, ChallengeState::Contradicted);
    let answer = settled(north, &sent.record, &innocent).await;
    assert_eq!(answer, ChallengeState::NoMatch);
    let conduct = conduct(north).await;
    assert_eq!(conduct.hospital.0, world.south.id);
    assert_eq!((conduct.contradicted, conduct.unmatched), (1, 1));
    let (outcome, why) = &world.south.audit("answer-challenge")[0];
    assert_eq!(outcome, "allowed");
    assert!(why.contains("with a proof, committed at"), "{why}");
    assert_eq!(north.audit("challenge").len(), 2);
    world.end().await;
}

/// An owner who takes its authorization back for a while does not keep a hospital from matching afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pair_that_came_while_nothing_was_authorized_is_matched_later() {
    let settings = Settings {
        matching_window_ms: 60_000,
        ..settings()
    };
    let world = World::new(settings).await;
    let (north, south) = (&world.north, &world.south);
    let cardiologist = doctor(&world, south, "role:cardiologist").await;
    let given = authorize(north, south).await;
    let patient = patient(north).await;
    let sent = submit(&world, north, &patient, case(&["i50"], south)).await;
    let state = || View::new(south.running().node().state());
    wait("the index", async || state().index(&sent.record, &south.id)).await;
    let operator = north.operator();
    let withdrawn = operator
        .withdraw_authorization(&given.authorization.0)
        .await;
    let at = withdrawn.unwrap().height;
    wait("south to hear of it", async || {
        (south.running().node().status().height.value() >= at).then_some(())
    })
    .await;
    interested(&world, south, &cardiologist, &["i50"]).await;
    // Long enough for the engine to have looked.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    authorize(north, south).await;
    let id = cardiologist.keys.id(&world.federation);
    wait("the match", async || {
        pair(north, &sent.record, &id).await.matched_height
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_does_not_answer_is_overdue_for_everyone_to_see() {
    let settings = Settings {
        challenge_window_ms: 2_000,
        ..settings()
    };
    let mut world = World::new(settings).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    world.south.stop().await;
    let sent = submit(&world, &world.north, &patient, case(&["i50"], &world.south)).await;
    let silent = cardiologist.keys.id(&world.federation);
    // As soon as the index stands on the ledger.
    let asked = async || {
        let (client, keys) = (&patient.client, &sent.keys);
        let random = &mut rng();
        device::challenge(client, &world.federation, keys, sent.record, silent, random)
            .await
            .ok()
    };
    wait("the challenge", asked).await;
    let answer = settled(&world.north, &sent.record, &silent).await;
    assert_eq!(answer, ChallengeState::Overdue);
    assert_eq!(conduct(&world.north).await.overdue, 1);
    let anyone = HttpClient::new(world.north.endpoint(), None, ClientSettings::default()).unwrap();
    let metrics = anyone.get_bytes("/metrics", 1 << 20).await.unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    let overdue = r#"ledger_challenges_overdue{hospital="south"} 1"#;
    assert!(metrics.contains(overdue), "{metrics}");
    world.south.start().await;
    world.end().await;
}

/// An engine that is busy for days, or as here cannot go on at all, keeps no hospital from answering: what is challenged is compared apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_challenged_pair_is_compared_and_posted_whatever_the_engine_does() {
    let settings = Settings {
        matching_window_ms: 600_000,
        ..settings()
    };
    let mut world = World::new(settings).await;
    let cardiologist = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &cardiologist, &["i50"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    world.south.stop().await;
    let mut records = Vec::new();
    for keywords in [["e11"], ["i50"]] {
        let sent = submit(
            &world,
            &world.north,
            &patient,
            case(&keywords, &world.south),
        )
        .await;
        wait("the index", async || {
            let state = world.north.running().node().state();
            View::new(&state).index(&sent.record, &world.south.id)
        })
        .await;
        records.push(sent.record);
    }
    // How far the other is, which was there before, cannot be read: no run with both begins.
    put(&world.south, "compared", records[0].as_bytes(), &[0xFF]);
    world.south.start().await;
    let request = ChallengeRequest {
        doctor: Text(cardiologist.id),
    };
    let operator = world.north.operator();
    operator.challenge(&records[1], &request).await.unwrap();
    wait("the match", async || {
        pair(&world.north, &records[1], &cardiologist.id)
            .await
            .matched_height
    })
    .await;
    let answer = settled(&world.north, &records[1], &cardiologist.id).await;
    assert_eq!(answer, ChallengeState::Match);
    world.end().await;
}
