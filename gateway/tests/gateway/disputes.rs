//! What a patient says about a report, and who lies: settled by the ledger of two hospitals, without anybody's judgement.
//!
//! A lying doctor or patient has a client of his own making: real keys, and bytes put together by hand.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use consilium_client::api::gateway::{
    AssignmentView, DisputeView, Fault, RecordState, ReportSubmission, SharedReport,
};
use consilium_client::api::terms::{ComplaintReason, ReportDefect};
use consilium_client::device::DeviceError;
use consilium_client::device::patient::{
    OpenedReport, ReceivedReport, acknowledge, complain, dispute, fetch_report, post_dispute,
    read_report,
};
use consilium_client::wire::Text;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{
    Action, Canonical as _, Decrypted, Digest, Height, Nonce, Report, SignedTransaction,
    SigningKey, Transaction, View,
};
use consilium_schemes::report::{
    DecryptionStatement, DisputeRefused, Evidence, Opening, PublicKey, ReportContext, ReportParts,
    SealedReport, SecretKey, prove_decryption, seal,
};
use consilium_schemes::signature::Purpose;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::refusals::south_key;
use crate::world::*;

const TEXT: &[u8] = b"a record";
const WORDS: &str = "Rest, and less salt.";

/// A record of the north, opened by a doctor of the south; one of the north matches it less well.
struct Scene {
    world: World,
    first: Doctor,
    second: Doctor,
    patient: Patient,
    sent: Sealed,
}

async fn scene() -> Scene {
    let world = World::new(settings()).await;
    let (north, south) = (&world.north, &world.south);
    let first = doctor(&world, south, "role:cardiologist").await;
    let second = doctor(&world, north, "role:cardiologist").await;
    interested(&world, south, &first, &["i50", "i50.1"]).await;
    interested(&world, north, &second, &["i50"]).await;
    authorize(north, south).await;
    let patient = patient(north).await;
    let case = NewRecord {
        policy: "role:cardiologist",
        keywords: &["i50", "i50.1"],
        consent: consent(&[south], 3_600_000),
        text: TEXT,
    };
    let sent = submit(&world, north, &patient, case).await;
    assigned(&first, &sent.record).await;
    open(&world, &first, &sent.record).await.unwrap();
    Scene {
        world,
        first,
        second,
        patient,
        sent,
    }
}

impl Scene {
    fn context(&self) -> ReportContext {
        ReportContext {
            federation: *self.world.federation.id().as_bytes(),
            record: *self.sent.record.as_bytes(),
        }
    }

    /// What an honest doctor would send to this key.
    fn sealed(&self, doctor: &Doctor, key: &PublicKey) -> SealedReport {
        let signing = doctor.keys.signing();
        seal(&report(WORDS), &self.context(), key, signing, &mut rng()).unwrap()
    }

    fn key(&self) -> &PublicKey {
        self.sent.keys.report().public_key()
    }

    /// z of a report to the record's key.
    fn z(&self, sealed: &SealedReport) -> Opening {
        let doctor = self.first.keys.signing().verifying_key();
        let keys = self.sent.keys.report();
        keys.decapsulate(sealed, &self.context(), &doctor, &mut rng())
            .unwrap()
    }

    /// The same report with another plaintext, which its doctor never signed inside.
    fn encrypting(&self, sealed: &SealedReport, plaintext: &[u8]) -> Vec<u8> {
        let encoded = sealed.to_bytes();
        let (header, rest) = encoded.split_at(166);
        let c = &rest[4..4 + self.key().size()];
        let mut keys = [0; 64];
        let bound = [&header[..134], c].concat();
        let z = self.z(sealed);
        Hkdf::<Sha256>::new(Some(b"CONSILIUM-V1-REPORT-KEYS"), z.expose_secret())
            .expand(&bound, &mut keys)
            .unwrap();
        let key: [u8; 32] = keys[..32].try_into().unwrap();
        let payload = Payload {
            msg: plaintext,
            aad: header,
        };
        let ciphertext = Aes256Gcm::new(&key.into()).encrypt(&[0; 12].into(), payload);
        let sized = |part: &[u8]| [&(part.len() as u32).to_be_bytes()[..], part].concat();
        let ciphertext = sized(&ciphertext.unwrap());
        [header.to_vec(), sized(c), ciphertext, vec![0; 64]].concat()
    }

    /// The first doctor reports these bytes, signed outside, through his hospital's gateway.
    async fn reports(&self, bytes: Vec<u8>) {
        let bytes = signed_outside(bytes, self.first.keys.signing());
        let submission = ReportSubmission {
            transaction: self.posting(&bytes).await.to_canonical_bytes().into(),
            report: bytes.into(),
        };
        let (client, record) = (&self.first.client, &self.sent.record);
        client.submit_report(record, &submission).await.unwrap();
    }

    /// The transaction that posts their digest.
    async fn posting(&self, bytes: &[u8]) -> SignedTransaction {
        let digest = ReportParts::from_bytes(bytes).unwrap().digest();
        let action = Action::Report(Report {
            record: self.sent.record,
            digest: Digest::from_bytes(digest.to_bytes()),
        });
        self.signed(&self.first.client, self.first.keys.signing(), action)
            .await
    }

    async fn signed(
        &self,
        client: &GatewayClient,
        key: &SigningKey,
        action: Action,
    ) -> SignedTransaction {
        let height = client.ledger_status().await.unwrap().height;
        let transaction = Transaction {
            federation: self.world.federation.id(),
            sender: key.verifying_key(),
            nonce: Nonce::new(rand::random()),
            expires: Height::new(height + 100),
            action,
        };
        transaction.sign(key)
    }

    /// As it arrives on the patient's device.
    async fn received(&self) -> ReceivedReport {
        let (client, sent) = (&self.patient.client, &self.sent);
        let federation = &self.world.federation;
        let here = async || {
            let received = fetch_report(client, federation, &sent.keys, sent.record).await;
            received.ok()
        };
        wait("the report", here).await
    }

    async fn opened(&self) -> OpenedReport {
        let received = self.received().await;
        received.open(&self.sent.keys, &mut rng()).unwrap()
    }

    /// Posts what no device of ours would; why the ledger refuses it.
    async fn refused(&self, action: Action) -> String {
        let client = &self.patient.client;
        let key = self.sent.keys.signing();
        let transaction = self.signed(client, key, action).await;
        match client.submit(&transaction).await {
            Err(ClientError::Refused { code, message, .. }) => {
                assert_eq!(code.as_str(), "transaction-rejected");
                message
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// The patient's gateway has a line for a false proof of this record's key.
    async fn audited(&self, why: &str) {
        let patient = format!("the patient of record {}: ", self.sent.record);
        wait("the audit line", async || {
            let lines = self.world.north.audit("refuse-proof");
            let about =
                |line: &(String, String)| line.1.starts_with(&patient) && line.1.contains(why);
            lines.iter().any(about).then_some(())
        })
        .await;
    }

    async fn assignments(&self) -> (RecordState, Vec<AssignmentView>) {
        let view = self.patient.client.record(&self.sent.record).await.unwrap();
        (view.state, view.assignments)
    }

    /// The dispute of a bad report: posted by the device, lost by the doctor; the second doctor's report is the one that counts.
    async fn refutes(self, found: ReportDefect) {
        let (client, keys) = (&self.patient.client, &self.sent.keys);
        let (federation, record) = (&self.world.federation, self.sent.record);
        let received = self.received().await;
        let opened = received.open(keys, &mut rng()).unwrap_err();
        assert!(matches!(opened, DeviceError::Unopenable { .. }), "{opened}");
        let (receipt, defect) = dispute(client, federation, keys, &received, &mut rng())
            .await
            .unwrap();
        assert_eq!(ReportDefect::from(defect), found);
        let (state, assignments) = self.assignments().await;
        let shown = DisputeView {
            fault: Fault::Doctor,
            defect: Some(found),
            height: receipt.height,
        };
        assert_eq!(assignments[0].dispute, Some(shown));
        assert_eq!(assignments[1].doctor.0, self.second.id);
        assert_eq!(state, RecordState::Assigned);
        // The hospital of the doctor at fault has it on its own copy of the ledger, and serves him no more.
        wait("the south to follow", async || {
            let view = View::new(self.world.south.running().node().state());
            let entry = view.report(&record, &self.first.id)?;
            entry.dispute.map(|_| ())
        })
        .await;
        let again = open(&self.world, &self.first, &record).await;
        assert_eq!(code_of(again), "not-assigned");
        assigned(&self.second, &record).await;
        let case = open(&self.world, &self.second, &record).await.unwrap();
        let (_, recipient) = read(&self.world, &self.second, &case).await;
        let (doctor, text) = (&self.second, report("Nothing."));
        consilium_client::device::doctor::submit_report(
            &doctor.client,
            federation,
            &doctor.keys,
            &recipient,
            text,
            &mut rng(),
        )
        .await
        .unwrap();
        let next = wait("the next report", async || {
            read_report(client, federation, keys, record, &mut rng())
                .await
                .ok()
        })
        .await;
        assert_eq!(next.report.expose_secret(), b"Nothing.");
        acknowledge(client, federation, keys, &next, &mut rng())
            .await
            .unwrap();
        assert_eq!(self.assignments().await.0, RecordState::Acknowledged);
        self.world.end().await;
    }
}

fn signed_outside(mut bytes: Vec<u8>, doctor: &SigningKey) -> Vec<u8> {
    let digest = ReportParts::from_bytes(&bytes).unwrap().digest();
    let purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-OUTSIDE");
    let signature = doctor.sign(purpose, &bytes[..134], digest.as_bytes());
    let end = bytes.len() - 64;
    bytes[end..].copy_from_slice(&signature.to_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_good_report_is_acknowledged_with_the_proof_that_it_was_decrypted() {
    let scene = scene().await;
    let sealed = scene.sealed(&scene.first, scene.key());
    scene.reports(sealed.to_bytes()).await;
    let opened = scene.opened().await;
    assert_eq!(opened.report.expose_secret(), WORDS.as_bytes());
    let (client, keys) = (&scene.patient.client, &scene.sent.keys);
    acknowledge(client, &scene.world.federation, keys, &opened, &mut rng())
        .await
        .unwrap();
    let (state, assignments) = scene.assignments().await;
    assert_eq!(state, RecordState::Acknowledged);
    assert_eq!(
        (assignments[0].complaint, &assignments[0].dispute),
        (None, &None)
    );
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_proof_for_another_report_or_key_acknowledges_nothing_and_complains_about_nothing() {
    let scene = scene().await;
    let sealed = scene.sealed(&scene.first, scene.key());
    scene.reports(sealed.to_bytes()).await;
    let opened = scene.opened().await;
    let good = opened.decrypted();
    let prove = |key: &SecretKey, sealed: &SealedReport| {
        let doctor = scene.first.keys.signing().verifying_key();
        let opening = key.decapsulate(sealed, &scene.context(), &doctor, &mut rng());
        let statement = DecryptionStatement {
            context: &scene.context(),
            report: &sealed.digest(),
            key: key.public_key(),
            c: sealed.encapsulation(),
        };
        let proof = prove_decryption(&statement, &opening.unwrap(), &mut rng()).unwrap();
        let digests = ReportParts::from(sealed).digests();
        let ours =
            |digest: consilium_schemes::digest::Digest| Digest::from_bytes(digest.to_bytes());
        Decrypted {
            record: scene.sent.record,
            key: key.public_key().to_bytes().try_into().unwrap(),
            c: sealed.encapsulation().to_vec().try_into().unwrap(),
            header: ours(digests.header),
            ciphertext: ours(digests.ciphertext),
            proof: proof.to_bytes().try_into().unwrap(),
        }
    };
    let acknowledging = |shown: &Decrypted| Action::Acknowledge(Box::new(shown.clone()));
    // A report that the doctor wrote as well, but did not post.
    let another = scene.sealed(&scene.first, scene.key());
    let of_another = prove(scene.sent.keys.report(), &another);
    let why = scene.refused(acknowledging(&of_another)).await;
    assert!(why.contains("the posted report's digest is"), "{why}");
    let mixed = Decrypted {
        proof: of_another.proof,
        ..good.clone()
    };
    let why = scene.refused(acknowledging(&mixed)).await;
    assert!(
        why.contains("not proven that the report was decrypted"),
        "{why}"
    );
    let complaint = consilium_contracts::Complain {
        decrypted: mixed,
        reason: consilium_contracts::ComplaintReason::Incorrect,
    };
    let why = scene.refused(Action::Complain(Box::new(complaint))).await;
    assert!(
        why.contains("not proven that the report was decrypted"),
        "{why}"
    );
    // Another key, which opens a report to it well enough.
    let vectors = include_str!("../../../schemes/tests/vectors/report_v2.json");
    let cases: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let document = hex::decode(cases[0]["pkcs8"].as_str().unwrap()).unwrap();
    let other = SecretKey::from_pkcs8_der(&document, &mut rng()).unwrap();
    let to_other = prove(&other, &scene.sealed(&scene.first, other.public_key()));
    for (key, proof, expected) in [
        (
            to_other.key.clone(),
            good.proof.clone(),
            "the RSA key's digest is",
        ),
        (
            good.key.clone(),
            to_other.proof,
            "not proven that the report was decrypted",
        ),
    ] {
        let shown = Decrypted {
            key,
            proof,
            ..good.clone()
        };
        let why = scene.refused(acknowledging(&shown)).await;
        assert!(why.contains(expected), "{why}");
    }
    assert_eq!(scene.assignments().await.0, RecordState::Reported);
    // Those that were no proof are remembered here: the refusals leave nothing on the ledger.
    scene
        .audited("not proven that the report was decrypted")
        .await;
    // The one who decrypted it complains about what it says.
    let (client, keys) = (&scene.patient.client, &scene.sent.keys);
    let reason = ComplaintReason::Incorrect;
    let why = reason.into();
    complain(
        client,
        &scene.world.federation,
        keys,
        &opened,
        why,
        &mut rng(),
    )
    .await
    .unwrap();
    let (state, assignments) = scene.assignments().await;
    assert_eq!(state, RecordState::Complained);
    assert_eq!(assignments[0].complaint, Some(reason));
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_patient_who_disputes_a_good_report_is_shown_at_fault() {
    let scene = scene().await;
    let sealed = scene.sealed(&scene.first, scene.key());
    scene.reports(sealed.to_bytes()).await;
    let (client, keys) = (&scene.patient.client, &scene.sent.keys);
    let (federation, record) = (&scene.world.federation, scene.sent.record);
    // The device tries, and posts nothing.
    let received = scene.received().await;
    let refused = dispute(client, federation, keys, &received, &mut rng()).await;
    assert!(matches!(
        refused,
        Err(DeviceError::DisputeRefused(DisputeRefused::Opens))
    ));
    assert_eq!(scene.assignments().await.1[0].dispute, None);
    // The liar's does not ask.
    let evidence = Evidence::new(scene.z(&sealed), received.parts().clone());
    let receipt = post_dispute(client, federation, keys, record, &evidence, &mut rng())
        .await
        .unwrap();
    let (state, assignments) = scene.assignments().await;
    let shown = DisputeView {
        fault: Fault::Patient,
        defect: None,
        height: receipt.height,
    };
    assert_eq!(assignments[0].dispute, Some(shown));
    assert_eq!((state, assignments.len()), (RecordState::Reported, 1));
    let again = post_dispute(client, federation, keys, record, &evidence, &mut rng()).await;
    assert_eq!(code_of(again), "transaction-rejected");
    let opened = received.open(keys, &mut rng()).unwrap();
    acknowledge(client, federation, keys, &opened, &mut rng())
        .await
        .unwrap();
    assert_eq!(scene.assignments().await.0, RecordState::Acknowledged);
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_whose_ciphertext_does_not_decrypt_is_shown_at_fault_and_the_next_follows() {
    let scene = scene().await;
    let mut bytes = scene.sealed(&scene.first, scene.key()).to_bytes();
    let last = bytes.len() - 65;
    bytes[last] ^= 1;
    scene.reports(bytes).await;
    scene.refutes(ReportDefect::Ciphertext).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_doctor_who_did_not_sign_inside_is_shown_at_fault_and_the_next_follows() {
    let scene = scene().await;
    let sealed = scene.sealed(&scene.first, scene.key());
    let unsigned = [&[3; 64][..], b"I never said this."].concat();
    let bytes = scene.encrypting(&sealed, &unsigned);
    scene.reports(bytes).await;
    scene.refutes(ReportDefect::InnerSignature).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_forged_opening_settles_nothing_about_a_good_report_nor_a_bad_one() {
    let scene = scene().await;
    let sealed = scene.sealed(&scene.first, scene.key());
    let mut bytes = sealed.to_bytes();
    let last = bytes.len() - 65;
    bytes[last] ^= 1;
    scene.reports(bytes).await;
    let received = scene.received().await;
    let mut forged = scene.z(&sealed).expose_secret().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let key = scene.key().to_bytes();
    for z in [forged, Vec::new()] {
        let opening = Opening::from_bytes(z.into());
        let evidence = Evidence::new(opening, received.parts().clone());
        let action = Action::Dispute(Box::new(consilium_contracts::Dispute {
            record: scene.sent.record,
            key: key.clone().try_into().unwrap(),
            evidence: evidence.expose_secret().to_vec().try_into().unwrap(),
        }));
        let why = scene.refused(action).await;
        assert!(why.contains("the opening is not the one"), "{why}");
    }
    let (state, assignments) = scene.assignments().await;
    assert_eq!(
        (state, &assignments[0].dispute),
        (RecordState::Reported, &None)
    );
    scene.audited("the opening is not the one").await;
    // The true one does.
    scene.refutes(ReportDefect::Ciphertext).await;
}

/// A doctor and his hospital's gateway that take anything and pass it on: the patient still has what she needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_no_report_but_stands_on_the_ledger_reaches_the_patient_who_disputes_it() {
    let scene = scene().await;
    let mut bytes = scene.sealed(&scene.first, scene.key()).to_bytes();
    bytes[0] ^= 1;
    let posting = scene.posting(&bytes).await;
    scene.first.client.submit(&posting).await.unwrap();
    let colluding = scene.world.north.client(Some(&south_key(&scene.world)));
    let shared = SharedReport {
        record: Text(scene.sent.record),
        report: bytes.into(),
    };
    wait("the north to have the digest", async || {
        colluding.share_report(&shared).await.ok()
    })
    .await;
    scene.refutes(ReportDefect::Header).await;
}

/// What only the signature outside is wrong of is the caller's doing: nothing to dispute, so it is not kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_report_whose_outer_signature_was_damaged_on_the_way_is_not_kept() {
    let scene = scene().await;
    let bytes = scene.sealed(&scene.first, scene.key()).to_bytes();
    let posting = scene.posting(&bytes).await;
    scene.first.client.submit(&posting).await.unwrap();
    let colluding = scene.world.north.client(Some(&south_key(&scene.world)));
    let mut damaged = bytes.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let of = |bytes: Vec<u8>| SharedReport {
        record: Text(scene.sent.record),
        report: bytes.into(),
    };
    let refused = wait("the north to have the digest", async || {
        let outcome = colluding.share_report(&of(damaged.clone())).await;
        let code = code_of(outcome);
        (code != "report-not-committed").then_some(code)
    })
    .await;
    assert_eq!(refused, "report-mismatch");
    colluding.share_report(&of(bytes)).await.unwrap();
    scene.opened().await;
    scene.world.end().await;
}
