//! A patient of north lies: her device to the gateway, and her record's key to the ledger.

use consilium_client::api::gateway::RecordSubmission;
use consilium_client::device::patient::{self, RecordChoices, SealedRecord};
use consilium_contracts::{
    Action, Canonical as _, Complain, ComplaintReason, Decrypted, Digest, Dispute, Epoch,
    PostIndex, RecordTerms, RegisterRecord, Rejection, ReportKeyBytes, Role, SigningKey,
    WithdrawConsent,
};
use consilium_schemes::report::{DecryptionProof, MIN_BITS};
use serde_json::Value;

use super::ledger::Seen;
use super::points::replaced;
use super::program::{Program, Site, quiet_federation};
use crate::faults::devices::{Patient, later, record_keys, refusal, rng, tokens};
use crate::faults::process::wait;
use crate::faults::world::{World, copy_of};

struct Scene {
    world: World,
    device: Patient,
    key: SigningKey,
    sealed: SealedRecord,
    cthd: std::path::PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let world = quiet_federation(&["south"]).await;
        let device = Patient::new(&world).await;
        let keys = record_keys();
        let cthd = world.dir.path().join("cthd");
        let policy = "role:cardiologist".parse().unwrap();
        let tokens = tokens(&world, &device.client).await.unwrap();
        let choices = RecordChoices {
            owner: &world.card.id,
            policy: &policy,
            consent: patient::consent([], [], later()).unwrap(),
            tokens: &tokens,
        };
        let epoch = patient::current_epoch(&device.client).await.unwrap();
        let (federation, random) = (&world.federation, &mut rng());
        let text = &b"a record"[..];
        let sealed = patient::seal_record(federation, &keys, epoch, choices, text, &cthd, random);
        Self {
            key: copy_of(keys.signing()),
            sealed: sealed.unwrap(),
            device,
            cthd,
            world,
        }
    }

    fn terms(&self) -> RecordTerms {
        let bytes = self.sealed.submission().registration.as_bytes();
        RegisterRecord::from_canonical_bytes(bytes).unwrap().terms
    }

    /// The honest submission with other terms, co-signed by `key`.
    fn submission(&self, terms: RecordTerms, key: &SigningKey) -> RecordSubmission {
        let signed = terms.co_sign(&self.world.federation.id(), key);
        RecordSubmission {
            registration: signed.to_canonical_bytes().into(),
            ..self.sealed.submission().clone()
        }
    }

    /// Refused with this code and for this reason; nothing of it is there afterwards.
    async fn refused(&self, lie: &str, submission: RecordSubmission, code: &str, why: &str) {
        let client = &self.device.client;
        let before = client.ledger_status().await.unwrap().state_root;
        let answer = client.submit_record(&submission).await;
        assert!(answer.is_err(), "{lie} was taken");
        let (_, found, words) = refusal(answer);
        assert_eq!(found, code, "{lie}: {words}");
        assert!(words.contains(why), "{lie}: {words}");
        let records = client.records().await.unwrap().records;
        assert!(records.is_empty(), "{lie}: {records:?}");
        assert_eq!(client.ledger_status().await.unwrap().state_root, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patients_lies_are_refused_each_for_its_reason() {
    let scene = Scene::new().await;
    report_keys(&scene).await;
    registrations(&scene).await;
    let (client, record) = (&scene.device.client, scene.sealed.record());
    let view = patient::submit_record(client, &scene.sealed, &scene.cthd).await;
    assert!(view.unwrap().registration.is_some());
    let again = scene.submission(
        RecordTerms {
            cthd: Digest::of(b"other"),
            ..scene.terms()
        },
        &scene.key,
    );
    let (_, code, words) = refusal(client.submit_record(&again).await);
    assert_eq!(code, "conflict", "{words}");
    assert!(words.contains("with other content"), "{words}");
    by_the_record_key(&scene, record).await;
}

/// A modulus with two roots for one c, and certificates that say otherwise.
async fn report_keys(scene: &Scene) {
    let vectors = include_str!("../../../schemes/tests/vectors/report_crafted.json");
    let cases: Value = serde_json::from_str(vectors).unwrap();
    let honest = scene.sealed.submission().rsa_public_key.as_bytes().to_vec();
    let size = (honest.len() - 5) / 9;
    let modulus = |case: &Value| hex::decode(case["N"].as_str().unwrap()).unwrap();
    let [crafted, small] = [0, 1].map(|case| replaced(&honest, 5, &modulus(&cases[case])));
    let ones = [vec![0; size - 1], vec![1]].concat().repeat(8);
    let roots = |key: &[u8], roots: &[u8]| replaced(key, 5 + size, roots);
    for (lie, key, why) in [
        (
            "a crafted modulus under an honest certificate",
            crafted.clone(),
            "certificate does not hold (sigma_1)",
        ),
        (
            "a crafted modulus under a certificate of ones",
            roots(&crafted, &ones),
            "certificate does not hold (sigma_1)",
        ),
        ("a modulus with a small factor", small, "divisible by 65521"),
        (
            "an honest modulus without its certificate",
            roots(&honest, &vec![0; 8 * size]),
            "certificate does not hold (sigma_1)",
        ),
        (
            "a byte less",
            honest[..honest.len() - 1].to_vec(),
            "rsa_public_key",
        ),
    ] {
        let terms = RecordTerms {
            rsa_key: Digest::of(&key),
            ..scene.terms()
        };
        let submission = RecordSubmission {
            rsa_public_key: key.into(),
            ..scene.submission(terms, &scene.key)
        };
        scene.refused(lie, submission, "malformed-body", why).await;
    }
    let terms = RecordTerms {
        rsa_key: Digest::of(b"another"),
        ..scene.terms()
    };
    let submission = scene.submission(terms, &scene.key);
    let (lie, why) = (
        "a key that is not registered",
        "the digest in the registration",
    );
    scene.refused(lie, submission, "malformed-body", why).await;
}

async fn registrations(scene: &Scene) {
    let another = SigningKey::generate(&mut rng());
    let (terms, key) = (scene.terms(), &scene.key);
    let lies = [
        (
            "co-signed by another key",
            scene.submission(terms.clone(), &another),
            "malformed-body",
            "co-signature of the record's key does not verify",
        ),
        (
            "another owner's record",
            scene.submission(
                RecordTerms {
                    owner: "south".parse().unwrap(),
                    ..terms.clone()
                },
                key,
            ),
            "malformed-body",
            "must be this hospital, north",
        ),
        (
            "of an epoch that is not",
            scene.submission(
                RecordTerms {
                    epoch: Epoch::new(9),
                    ..terms.clone()
                },
                key,
            ),
            "stale-epoch",
            "current is 1",
        ),
        (
            "another record's capsule",
            scene.submission(
                RecordTerms {
                    record: consilium_contracts::RecordId::from_bytes([4; 32]),
                    ..terms.clone()
                },
                key,
            ),
            "malformed-body",
            "bound to another record",
        ),
        (
            "a capsule that is not registered",
            scene.submission(
                RecordTerms {
                    ctsym: Digest::of(b"other"),
                    ..terms
                },
                key,
            ),
            "malformed-body",
            "the digest in the registration",
        ),
    ];
    for (lie, submission, code, why) in lies {
        scene.refused(lie, submission, code, why).await;
    }
}

/// Once the record stands on the ledger.
async fn by_the_record_key(scene: &Scene, record: consilium_contracts::RecordId) {
    let north = Site::of(&scene.world, "north");
    let program = Program::new(&scene.world, north.operator(), &scene.key).await;
    let indexed = (record, north.card.id.clone());
    wait("the index, the gateway's last step", async || {
        let seen = Seen::through(&program.gateway, &program.federation).await;
        seen.indexes.contains_key(&indexed).then_some(())
    })
    .await;
    let unknown = consilium_contracts::RecordId::from_bytes([4; 32]);
    let digest = Digest::of(b"a report");
    let stranger = SigningKey::generate(&mut rng());
    // Well-formed, and about nothing.
    let key = ReportKeyBytes::try_from(vec![1; 64]).unwrap();
    let proof = [
        vec![1],
        vec![0; DecryptionProof::length(MIN_BITS as usize / 8) - 1],
    ]
    .concat();
    let decrypted = Decrypted {
        record,
        key: key.clone(),
        c: vec![1; MIN_BITS as usize / 8].try_into().unwrap(),
        header: digest,
        ciphertext: digest,
        proof: proof.try_into().unwrap(),
    };
    let complain = Complain {
        decrypted: decrypted.clone(),
        reason: ComplaintReason::Incorrect,
    };
    let dispute = Dispute {
        record,
        key,
        evidence: [vec![1], vec![0; 16]].concat().try_into().unwrap(),
    };
    let acknowledge = Action::Acknowledge(Box::new(decrypted));
    for (lie, action, why) in [
        (
            "a report that was never posted, acknowledged",
            acknowledge.clone(),
            Rejection::NoReport { record },
        ),
        (
            "another's record withdrawn",
            Action::WithdrawConsent(WithdrawConsent { record: unknown }),
            Rejection::UnknownRecord { record: unknown },
        ),
        (
            "an index by the patient",
            Action::PostIndex(PostIndex {
                record,
                to: north.card.id.clone(),
                index: vec![1; 64].try_into().unwrap(),
                filter: None,
            }),
            Rejection::BadIndex,
        ),
        (
            "a dispute about nothing",
            Action::Dispute(Box::new(dispute)),
            Rejection::NoReport { record },
        ),
        (
            "a complaint about a report that was never posted",
            Action::Complain(Box::new(complain)),
            Rejection::NoReport { record },
        ),
        (
            "a doctor's interests withdrawn",
            Action::WithdrawTrapdoor,
            Rejection::Forbidden {
                needed: Role::Doctor,
            },
        ),
    ] {
        program.refused(lie, action, &why).await;
    }
    let stranger_program = Program::new(&scene.world, north.operator(), &stranger).await;
    let sender = stranger.verifying_key().into();
    let (lie, why) = ("by a stranger's key", Rejection::UnknownSender { sender });
    stranger_program.refused(lie, acknowledge, &why).await;
    let truth = Action::WithdrawConsent(WithdrawConsent { record });
    program.taken("her consent withdrawn", truth).await;
}
