//! Each refusal, with its stable code, through the real services.

use consilium_client::api::gateway::{HospitalRevocationRequest, OpenRequest, RecordState};
use consilium_client::api::kgc::PublishEpochRequest;
use consilium_client::api::terms::{PurposeOfUse, RevocationReason};
use consilium_client::device::{keyword_tokens, patient as device};
use consilium_client::wire::Text;
use consilium_contracts::Settings;

use crate::world::*;

const TEXT: &[u8] = b"a record";

fn to_south<'a>(world: &World, policy: &'a str) -> NewRecord<'a> {
    let consent = consent(&[&world.south], 3_600_000);
    NewRecord {
        policy,
        keywords: &["e11"],
        consent,
        text: TEXT,
    }
}

/// Both hospitals, an authorization, a doctor in the south who is interested, a patient in the north.
async fn scene(attributes: &str) -> (World, Doctor, Patient) {
    let world = World::new(settings()).await;
    let reader = doctor(&world, &world.south, attributes).await;
    interested(&world, &world.south, &reader, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    (world, reader, patient)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unsatisfied_policy_is_declined_by_the_hospital() {
    let (world, reader, patient) = scene("role:generalist").await;
    let sent = submit(
        &world,
        &world.north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    assigned(&reader, &sent.record).await;
    assert_eq!(
        code_of(open(&world, &reader, &sent.record).await),
        "policy-not-satisfied"
    );
    assert_eq!(
        code_of(open(&world, &reader, &sent.record).await),
        "not-assigned"
    );
    // The owner's node may apply the block with the decline a moment after the doctor's.
    wait("the decline to reach the owner", async || {
        let view = patient.client.record(&sent.record).await.unwrap();
        (view.state == RecordState::Unmatched).then_some(())
    })
    .await;
    let refused = world.south.audit("pre-decrypt");
    assert!(
        refused.iter().all(|(outcome, _)| outcome == "refused"),
        "{refused:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn withdrawn_consent_authorization_and_revocation_are_refused_at_once() {
    let (world, reader, patient) = scene("role:cardiologist").await;
    let (north, south) = (&world.north, &world.south);
    let case = || to_south(&world, "role:cardiologist");
    let sent = submit(&world, north, &patient, case()).await;
    let other = submit(&world, north, &patient, case()).await;
    assigned(&reader, &sent.record).await;
    assigned(&reader, &other.record).await;

    let request = OpenRequest {
        purpose: PurposeOfUse::Research,
    };
    assert_eq!(
        code_of(reader.client.open(&sent.record, &request).await),
        "purpose-not-allowed"
    );
    let mut sink = Vec::new();
    let unopened = reader
        .client
        .download_cthd(&sent.record, &mut sink, 1 << 20)
        .await;
    assert_eq!(code_of(unopened), "not-opened");

    open(&world, &reader, &sent.record).await.unwrap();
    assert!(south.fetched(&sent.record).exists() && north.cthd(&sent.record).exists());
    let random = &mut rng();
    device::withdraw_consent(
        &patient.client,
        &world.federation,
        &sent.keys,
        sent.record,
        random,
    )
    .await
    .unwrap();
    let refused = async || {
        let code = code_of(open(&world, &reader, &sent.record).await);
        (code == "consent-withdrawn").then_some(())
    };
    wait("the withdrawal", refused).await;
    wait("the deletion", async || {
        (!north.cthd(&sent.record).exists()).then_some(())
    })
    .await;
    wait("the cache to go", async || {
        (!south.fetched(&sent.record).exists()).then_some(())
    })
    .await;
    let view = patient.client.record(&sent.record).await.unwrap();
    assert_eq!(view.state, RecordState::Withdrawn);

    for one in north
        .operator()
        .authorizations()
        .await
        .unwrap()
        .authorizations
    {
        north
            .operator()
            .withdraw_authorization(&one.authorization.0)
            .await
            .unwrap();
    }
    assert!(
        north
            .operator()
            .authorizations()
            .await
            .unwrap()
            .authorizations[0]
            .withdrawn
    );
    let refused = async || {
        let code = code_of(open(&world, &reader, &other.record).await);
        (code == "authorization-withdrawn").then_some(())
    };
    wait("the authorization's end", refused).await;

    let request = HospitalRevocationRequest {
        doctor: Text(reader.id),
        reason: RevocationReason::Departed,
    };
    assert_eq!(
        code_of(north.operator().revoke(&request).await),
        "transaction-rejected"
    );
    south.operator().revoke(&request).await.unwrap();
    assert_eq!(
        code_of(open(&world, &reader, &other.record).await),
        "doctor-revoked"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hospital_without_an_assignment_gets_nothing() {
    let (world, reader, patient) = scene("role:cardiologist").await;
    let sent = submit(
        &world,
        &world.north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    // The other hospital's own key, before its doctor is assigned and for a record that nobody has.
    let south = world.north.client(Some(&south_key(&world)));
    let unknown = consilium_contracts::RecordId::from_bytes([9; 32]);
    for record in [&sent.record, &unknown] {
        assert_eq!(code_of(south.shared_record(record).await), "not-assigned");
    }
    assigned(&reader, &sent.record).await;
    // A doctor's or a patient's device is no hospital.
    let at_north = world.north.client(Some(&patient.key));
    assert_eq!(
        code_of(at_north.shared_record(&sent.record).await),
        "forbidden"
    );
    // Nor is a stranger anybody.
    let stranger = world.north.client(Some(reader.keys.signing()));
    assert_eq!(
        code_of(stranger.shared_record(&sent.record).await),
        "scope-refused"
    );
    // Nor has another patient anything of it.
    let other = crate::world::patient(&world.north).await;
    assert_eq!(
        code_of(other.client.record(&sent.record).await),
        "not-found"
    );
    assert_eq!(
        code_of(other.client.upload_cthd(&sent.record, &sent.cthd).await),
        "not-found"
    );
    assert_eq!(
        code_of(other.client.report(&sent.record).await),
        "not-found"
    );
    world.end().await;
}

pub fn south_key(world: &World) -> consilium_contracts::SigningKey {
    // The hospital's signing key, out of its sealed bundle: what its gateway signs requests with.
    let keys = consilium_client::keyfile::read_key_file::<consilium_gateway::GatewayKeys>(
        &world.south.folder.join("gateway.keys"),
        Some(&passphrase()),
    );
    let payload = consilium_client::keyfile::KeyPayload::to_payload(&keys.unwrap());
    let bundle: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let seed: [u8; 32] = hex::decode(bundle["signing"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    consilium_contracts::SigningKey::from_bytes(&seed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tampered_ciphertext_in_the_owners_store_is_noticed() {
    let (world, reader, patient) = scene("role:cardiologist").await;
    let sent = submit(
        &world,
        &world.north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    assigned(&reader, &sent.record).await;
    let path = world.north.cthd(&sent.record);
    tamper(&path);
    assert_eq!(
        code_of(open(&world, &reader, &sent.record).await),
        "record-digest-mismatch"
    );
    assert!(!world.south.fetched(&sent.record).exists());
    // Restored, it opens: nothing was spoiled by the attempt.
    tamper(&path);
    let opened = open(&world, &reader, &sent.record).await.unwrap();
    assert_eq!(read(&world, &reader, &opened).await.0, TEXT);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stale_epoch_is_refused_at_submission_and_at_registration() {
    let (world, _reader, patient) = scene("role:cardiologist").await;
    let north = &world.north;
    let early = seal(
        &world,
        north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    let late = seal(
        &world,
        north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    patient
        .client
        .submit_record(early.sealed.submission())
        .await
        .unwrap();
    let request = PublishEpochRequest { epoch: 2 };
    world.kgc_admin().publish_epoch(&request).await.unwrap();
    let current = async || {
        let epochs = patient.client.epochs().await.unwrap();
        (epochs.current == Some(2)).then_some(())
    };
    wait("the second epoch", current).await;
    assert_eq!(
        code_of(patient.client.upload_cthd(&early.record, &early.cthd).await),
        "stale-epoch"
    );
    let view = patient.client.record(&early.record).await.unwrap();
    assert_eq!(view.state, RecordState::Refused);
    assert!(!north.cthd(&early.record).exists());
    let submitted = device::submit_record(&patient.client, &late.sealed, &late.cthd).await;
    assert_eq!(code_of(submitted), "stale-epoch");
    // Encrypted again, it is taken.
    submit(
        &world,
        north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_old_tip_refuses_to_open_and_an_absent_kgc_stops_tokens_only() {
    let settings = Settings {
        max_tip_age_ms: 3000,
        ..settings()
    };
    let mut world = World::new(settings).await;
    let reader = doctor(&world, &world.south, "role:cardiologist").await;
    interested(&world, &world.south, &reader, &["e11"]).await;
    authorize(&world.north, &world.south).await;
    let patient = patient(&world.north).await;
    let sent = submit(
        &world,
        &world.north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    assigned(&reader, &sent.record).await;

    world.stop_kgc().await;
    let keywords = ["icd-10|e11".parse().unwrap()];
    let random = &mut rng();
    let asked = consilium_client::device::keyword_tokens(
        &patient.client,
        &world.federation,
        &keywords,
        random,
    )
    .await;
    assert_eq!(code_of(asked), "kgc-unreachable");
    let opened = async || open(&world, &reader, &sent.record).await.ok();
    let opened = wait("reading to go on", opened).await;
    assert_eq!(read(&world, &reader, &opened).await.0, TEXT);

    world.north.stop().await;
    let old = async || {
        let status = world.south.running().node().status();
        (status.tip_age_ms > 3500).then_some(())
    };
    wait("the tip to grow old", old).await;
    assert_eq!(
        code_of(open(&world, &reader, &sent.record).await),
        "tip-too-old"
    );
    world.start_kgc().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tampered_capsule_in_the_owners_store_is_noticed() {
    let (mut world, reader, patient) = scene("role:cardiologist").await;
    let sent = submit(
        &world,
        &world.north,
        &patient,
        to_south(&world, "role:cardiologist"),
    )
    .await;
    assigned(&reader, &sent.record).await;
    world.north.stop().await;
    tamper_with_capsule(&world.north.folder.join("data/store"), &sent.record);
    world.north.start().await;
    let refused = async || {
        let code = code_of(open(&world, &reader, &sent.record).await);
        (code != "owner-unreachable" && code != "tip-too-old").then_some(code)
    };
    assert_eq!(wait("an answer", refused).await, "capsule-digest-mismatch");
    world.end().await;
}

/// Changes a byte of the stored CTSym, as a hospital that would like another ciphertext could.
fn tamper_with_capsule(store: &std::path::Path, record: &consilium_contracts::RecordId) {
    let options = rocksdb::Options::default();
    let columns = rocksdb::DB::list_cf(&options, store).unwrap();
    let db = rocksdb::DB::open_cf(&options, store, columns).unwrap();
    let column = db.cf_handle("records").unwrap();
    let mut row = db.get_cf(column, record.as_bytes()).unwrap().unwrap();
    let capsule = row.windows(4).position(|bytes| bytes == b"CTSY").unwrap();
    // The last byte of the tree's id: it parses as before.
    row[capsule + 37] ^= 1;
    db.put_cf(column, record.as_bytes(), row).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_device_has_only_so_many_tokens_evaluated_and_another_has_its_own_share() {
    let mut world = World::new(settings()).await;
    world.south.stop().await;
    let mut config = world.south.config();
    (
        config.gateway.tokens_burst,
        config.gateway.tokens_per_minute,
    ) = (3, 1);
    let started = consilium_gateway::Gateway::start(config, Some(&passphrase())).await;
    world.south.gateway = Some(started.unwrap());
    let (one, other) = (patient(&world.south).await, patient(&world.south).await);
    tokens(&world, &one.client, &["e11", "i10", "i50"]).await;
    let keyword = ["icd-10|e11".parse().unwrap()];
    let again = keyword_tokens(&one.client, &world.federation, &keyword, &mut rng()).await;
    assert_eq!(code_of(again), "rate-limited");
    tokens(&world, &other.client, &["e11"]).await;
    world.end().await;
}
