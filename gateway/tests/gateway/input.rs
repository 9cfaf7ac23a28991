//! What bad input gets: a refusal that names the field, nothing stored.

use consilium_client::api::gateway::*;
use consilium_client::api::kgc::EnrolmentState;
use consilium_client::device::doctor as device;
use consilium_client::device::register;
use consilium_client::genesis::GenesisFileError;
use consilium_client::http::ClientSettings;
use consilium_client::keyfile::KeyFileError;
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::HexBytes;
use consilium_contracts::SigningKey;
use consilium_gateway::{Gateway, InitError, InitRequest, StartError};

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invitations_and_enrolments_are_checked() {
    let world = World::new(settings()).await;
    let north = &world.north;
    let settings = ClientSettings::default;
    let invitation = north.invite(DeviceRole::Doctor).await;
    let (one, two) = (
        SigningKey::generate(&mut rng()),
        SigningKey::generate(&mut rng()),
    );
    let wrong = register(&invitation, DeviceRole::Patient, &one, settings()).await;
    assert_eq!(code_of(wrong), "invitation-invalid");
    register(&invitation, DeviceRole::Doctor, &one, settings())
        .await
        .unwrap();
    register(&invitation, DeviceRole::Doctor, &one, settings())
        .await
        .expect("the same device asks again");
    let used = register(&invitation, DeviceRole::Doctor, &two, settings()).await;
    assert_eq!(code_of(used), "invitation-invalid");
    let forged = RegistrationRequest {
        secret: north.invite(DeviceRole::Doctor).await.secret(),
        role: DeviceRole::Doctor,
        signing_key: two.verifying_key().into(),
        signature: HexBytes::from(vec![7; 64]),
    };
    assert_eq!(
        code_of(north.client(None).register(&forged).await),
        "malformed-body"
    );
    assert_eq!(
        code_of(north.client(Some(&two)).inbox().await),
        "scope-refused"
    );

    let keys = device::DoctorKeys::generate(&mut rng());
    let invitation = north.invite(DeviceRole::Doctor).await;
    register(&invitation, DeviceRole::Doctor, keys.signing(), settings())
        .await
        .unwrap();
    let client = north.client(Some(keys.signing()));
    device::enrol(&client, &world.federation, &keys, &mut rng())
        .await
        .unwrap();
    let id = keys.id(&world.federation);
    for (attributes, code) in [
        ("role:cardiologist, hospital:south", "foreign-hospital"),
        ("role:cardiologist and icu", "malformed-body"),
        ("clearance=4, clearance=5", "malformed-body"),
    ] {
        let request = ApprovalRequest {
            attributes: attributes.to_owned(),
        };
        assert_eq!(
            code_of(north.operator().approve(&id, &request).await),
            code,
            "{attributes}"
        );
    }
    // Only the operator approves.
    let request = ApprovalRequest {
        attributes: "icu".to_owned(),
    };
    assert_eq!(code_of(client.approve(&id, &request).await), "forbidden");
    north.operator().refuse_enrolment(&id).await.unwrap();
    let listed = north.operator().enrolments().await.unwrap().enrolments;
    assert_eq!(listed[0].state, EnrolmentState::Refused);
    // Asked again, it stays refused, until the doctor begins anew.
    let asked = device::enrol(&client, &world.federation, &keys, &mut rng()).await;
    assert_eq!(asked.unwrap().state, EnrolmentState::Refused);
    let anew = device::renew(&client, &world.federation, &keys, &mut rng()).await;
    assert_eq!(anew.unwrap().state, EnrolmentState::AwaitsHospital);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_is_served_once_and_not_with_a_wrong_passphrase() {
    let mut world = World::new(settings()).await;
    let start = async |house: &House, with| Gateway::start(house.config(), Some(&with)).await;
    let twice = start(&world.north, passphrase()).await;
    assert!(matches!(twice, Err(StartError::Served(_))), "{twice:?}");
    world.north.stop().await;
    let wrong = start(&world.north, Passphrase::new("wrong").unwrap()).await;
    assert!(
        matches!(
            wrong,
            Err(StartError::Keys(KeyFileError::WrongPassphrase { .. }))
        ),
        "{wrong:?}"
    );
    world.north.start().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_submission_that_breaks_a_rule_is_refused_by_name_and_leaves_nothing() {
    let world = World::new(settings()).await;
    let north = &world.north;
    let patient = patient(north).await;
    let case = || NewRecord {
        policy: "role:cardiologist",
        keywords: &["e11"],
        consent: consent(&[&world.south], 3_600_000),
        text: b"a record",
    };
    let good = seal(&world, north, &patient, case()).await;
    let other = seal(&world, north, &patient, case()).await;
    let submission = good.sealed.submission();
    let flip = |bytes: &HexBytes, at: usize| {
        let mut bytes = bytes.as_bytes().to_vec();
        bytes[at] ^= 1;
        HexBytes::from(bytes)
    };
    let last = submission.registration.as_bytes().len() - 1;
    let token = submission.keyword_tokens[0].clone();
    let broken = [
        (
            "registration.co_signature",
            RecordSubmission {
                registration: flip(&submission.registration, last),
                ..submission.clone()
            },
        ),
        (
            "ctsym",
            RecordSubmission {
                ctsym: other.sealed.submission().ctsym.clone(),
                ..submission.clone()
            },
        ),
        (
            "rsa_public_key",
            RecordSubmission {
                rsa_public_key: flip(&submission.rsa_public_key, 40),
                ..submission.clone()
            },
        ),
        (
            "cthd_length",
            RecordSubmission {
                cthd_length: 0,
                ..submission.clone()
            },
        ),
        (
            "keyword_tokens:",
            RecordSubmission {
                keyword_tokens: vec![token; 9],
                ..submission.clone()
            },
        ),
        (
            "keyword_tokens:",
            RecordSubmission {
                keyword_tokens: Vec::new(),
                ..submission.clone()
            },
        ),
        (
            "keyword_tokens[0]",
            RecordSubmission {
                keyword_tokens: vec![secret(&"ff".repeat(32))],
                ..submission.clone()
            },
        ),
    ];
    for (field, request) in broken {
        let refused = patient.client.submit_record(&request).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with(field), "{field}: {text}");
        assert_eq!(code_of::<()>(Err(refused)), "malformed-body");
    }
    assert!(patient.client.records().await.unwrap().records.is_empty());

    // A ciphertext that is longer, another, or another record's: refused, and the right one is taken afterwards.
    patient.client.submit_record(submission).await.unwrap();
    let wrong = world.dir.path().join("wrong.cthd");
    let whole = std::fs::read(&good.cthd).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let longer = [whole.as_slice(), b"x"].concat();
    let shorter = whole[..whole.len() - 1].to_vec();
    for (bytes, code) in [
        (changed, "malformed-body"),
        (longer, "body-too-large"),
        (shorter, "malformed-body"),
    ] {
        std::fs::write(&wrong, bytes).unwrap();
        assert_eq!(
            code_of(patient.client.upload_cthd(&good.record, &wrong).await),
            code
        );
        assert!(!north.cthd(&good.record).exists());
    }
    let view = patient
        .client
        .upload_cthd(&good.record, &good.cthd)
        .await
        .unwrap();
    assert!(view.registration.is_some());
    let again = patient
        .client
        .upload_cthd(&good.record, &good.cthd)
        .await
        .unwrap();
    assert_eq!(again.registration, view.registration);
    // Submitted again, it is what it was; its id is another device's no more.
    let again = patient.client.submit_record(submission).await.unwrap();
    assert_eq!(again.registration, view.registration);
    let other = crate::world::patient(north).await;
    assert_eq!(
        code_of(other.client.submit_record(submission).await),
        "conflict"
    );
    world.end().await;
}

#[test]
fn init_refuses_to_overwrite_and_nothing_starts_without_a_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = passphrase();
    let request = InitRequest {
        folder: folder.path(),
        id: "north".parse().unwrap(),
        name: "North".to_owned(),
        url: "https://127.0.0.1:1".to_owned(),
        http_listen: "127.0.0.1:1".to_owned(),
        ledger_listen: "/ip4/127.0.0.1/tcp/1".to_owned(),
        passphrase: &passphrase,
        operator_passphrase: None,
        work: Some(cheap()),
    };
    let made = Gateway::init(&request, &mut rng()).unwrap();
    let before = std::fs::read(&made.keys).unwrap();
    let again = Gateway::init(&request, &mut rng());
    assert!(matches!(again, Err(InitError::Exists { .. })));
    assert_eq!(std::fs::read(&made.keys).unwrap(), before);
    let config = consilium_gateway::GatewayConfig::load(&made.settings, [], []).unwrap();
    assert_eq!(config.frame.http.public_url, "https://127.0.0.1:1");
    assert_eq!(config.gateway.keys, made.keys);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = runtime.block_on(Gateway::start(config, Some(&passphrase)));
    let genesis = folder.path().join("genesis.bin");
    assert!(matches!(
        started,
        Err(StartError::Genesis { path, source: GenesisFileError::Missing }) if path == genesis
    ));
    let url = InitRequest {
        url: "http://example.org".to_owned(),
        ..request
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let url = InitRequest {
        folder: elsewhere.path(),
        ..url
    };
    assert!(matches!(
        Gateway::init(&url, &mut rng()),
        Err(InitError::Url(_))
    ));
}
