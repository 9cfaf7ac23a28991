//! A doctor's own gateway against her: records of its own making under an assigned id, and false words about a genuine one. What was
//! registered decides, proven from the genesis.

use std::fs;

use crate::common::gateway::LyingGateway;
use crate::common::standing::record_proof;
use crate::common::{EPOCH, World, fixture};
use consilium_client::api::gateway::OpenedRecord;
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{OpenedCase, RegisteredRecord, open_case};
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::wire::Text;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{Digest, DoctorId, Fault, RecordId, RecordTerms};
use consilium_schemes::report::{MIN_BITS, SecretKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A registered record, what an honest gateway answers about it, and the hospital's own RSA key.
struct Scene {
    world: World,
    record: RecordId,
    honest: OpenedRecord,
    terms: RecordTerms,
    theirs: SecretKey,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let (record, honest) = world.sealed("cthd");
        Self {
            terms: world.terms(record, &honest),
            theirs: SecretKey::generate(MIN_BITS, &mut world.rng).unwrap(),
            world,
            record,
            honest,
        }
    }

    fn finish(&self, answer: OpenedRecord) -> Result<OpenedCase, DeviceError> {
        self.world.finish_as(&self.terms, answer)
    }

    /// Signed anew by the hospital, for the capsule and the epoch that the answer names.
    fn signed(&self, answer: OpenedRecord) -> OpenedRecord {
        let semi = answer.semi_ciphertext.as_bytes().to_vec();
        let proof = answer.transform_proof.as_bytes().to_vec();
        self.world
            .signed(*self.record.as_bytes(), answer, semi, proof)
    }
}

type Lie = fn(&mut OpenedRecord);

#[track_caller]
fn untrusted(outcome: Result<OpenedCase, DeviceError>, why: &str) {
    match outcome.err() {
        Some(DeviceError::Untrusted(found)) => assert!(found.contains(why), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn other_capsule(outcome: Result<OpenedCase, DeviceError>) {
    match outcome.err() {
        Some(DeviceError::WrongTransform(wrong)) => {
            assert_eq!(wrong.fault(), Fault::HospitalOtherCapsule);
        }
        other => panic!("{other:?}"),
    }
}

/// Everything fits together and would open, were it the registered record: what the hospital signed shows its fault, under whatever
/// names.
#[test]
fn a_hospitals_own_record_under_an_assigned_id_is_the_hospitals_fault() {
    let mut s = Scene::new();
    let forged = s.world.forged(s.record, s.theirs.public_key(), "forged");
    let case = s.world.finish(s.record, forged.clone()).unwrap();
    let (cthd, out) = (s.world.path("forged"), s.world.path("record"));
    s.world.decrypt(&case, &cthd, &out).unwrap();

    other_capsule(s.finish(forged.clone()));
    let (honest, own) = (s.honest.clone(), forged);
    let mut renamed = own.clone();
    renamed.ctsym_digest = honest.ctsym_digest;
    other_capsule(s.finish(renamed.clone()));
    renamed.cthd_digest = honest.cthd_digest;
    renamed.rsa_public_key = honest.rsa_public_key.clone();
    other_capsule(s.finish(renamed.clone()));
    // Signed for the registered capsule, it is nobody's.
    let unsigned = s.finish(s.signed(renamed)).err().unwrap();
    assert!(
        matches!(unsigned, DeviceError::Unsigned(found) if found == s.record),
        "{unsigned:?}"
    );

    // The genuine capsule with the hospital's own record: its key has no digest on the ledger, its ciphertext is not this capsule's.
    let mut mixed = honest.clone();
    mixed.rsa_public_key = own.rsa_public_key;
    untrusted(s.finish(mixed.clone()), "another report key");
    mixed.cthd_digest = own.cthd_digest;
    untrusted(s.finish(mixed), "another encrypted record");
    let case = s.finish(honest).unwrap();
    fs::remove_file(&out).unwrap();
    s.world.decrypt(&case, &cthd, &out).err().unwrap();
    assert!(!out.exists());
}

#[test]
fn a_false_epoch_digest_or_key_in_the_answer_is_named_and_blames_nobody() {
    let s = Scene::new();
    let false_names: [(&str, Lie); 5] = [
        ("another capsule", |answer| {
            answer.ctsym_digest = Text(Digest::of(b"another"));
        }),
        ("another encrypted record", |answer| {
            answer.cthd_digest = Text(Digest::of(b"another"));
        }),
        ("another epoch", |answer| {
            answer.epoch = EPOCH.number() + 1;
        }),
        ("another record key", |answer| {
            answer.record_key = fixture::public("thief").into();
        }),
        ("another report key", |answer| {
            answer.rsa_public_key = b"no key at all".to_vec().into();
        }),
    ];
    for (what, lie) in false_names {
        let mut answer = s.honest.clone();
        lie(&mut answer);
        untrusted(s.finish(answer.clone()), what);
        // Nor if the hospital signs for what it names.
        untrusted(s.finish(s.signed(answer)), what);
    }
    s.finish(s.honest.clone()).unwrap();
}

#[tokio::test]
async fn only_a_proof_from_the_genesis_that_this_record_was_registered_opens_a_case() {
    let mut s = Scene::new();
    let forged = s.world.forged(s.record, s.theirs.public_key(), "forged");
    let own_terms = s.world.terms(s.record, &forged);
    let (other, answer) = s.world.sealed("other");
    let gateway = LyingGateway::start(s.world.federation.id(), forged.clone(), Vec::new());
    let endpoint = Endpoint::new(gateway.url().parse().unwrap(), None).unwrap();
    let client = GatewayClient::new(endpoint, None, ClientSettings::default()).unwrap();
    let hospital = fixture::public("north");
    let open = async || {
        let (federation, doctor) = (&s.world.federation, &s.world.doctor);
        let (purpose, rng) = (PurposeOfUse::Treatment, &mut StdRng::seed_from_u64(3));
        open_case(
            &client, federation, doctor, &hospital, s.record, purpose, rng,
        )
        .await
    };
    // What it makes up stands on a ledger of its own making only.
    let mut elsewhere = fixture::genesis();
    elsewhere.name = "another federation".parse().unwrap();
    let elsewhere = elsewhere.sign(&fixture::key("kgc")).verify().unwrap();
    let doctor = s.world.doctor.id(&s.world.federation);
    gateway.prove(&record_proof(&elsewhere, &own_terms, doctor));
    let refused = open().await.err().unwrap();
    assert!(matches!(refused, DeviceError::LedgerProof(_)), "{refused}");

    // A record that was registered, but is another one.
    let of_other = record_proof(&s.world.genesis, &s.world.terms(other, &answer), doctor);
    let refused = RegisteredRecord::from_proof(&s.world.federation, s.record, &of_other);
    assert!(matches!(
        refused.err().unwrap(),
        DeviceError::Untrusted("the record is not on the ledger")
    ));
    let path = format!("/v1/ledger/proofs/records/{}", s.record);
    let body = ("application/octet-stream", of_other.to_bytes());
    gateway.answers().others.insert(path, body);
    let refused = open().await.err().unwrap();
    assert!(
        matches!(refused, DeviceError::Gateway(ClientError::Protocol(_))),
        "{refused}"
    );

    // A genuine record that the ledger gave to a colleague.
    let colleague = DoctorId::from_bytes([7; 32]);
    gateway.prove(&record_proof(&s.world.genesis, &s.terms, colleague));
    untrusted(
        open().await,
        "the ledger did not assign the record to this doctor",
    );

    gateway.prove(&record_proof(&s.world.genesis, &s.terms, doctor));
    other_capsule(open().await);
    gateway.answers().open = s.honest.clone();
    open().await.unwrap();
}
