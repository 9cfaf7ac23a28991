//! A report on the patient's device, from a gateway that lies about what stands on the ledger.

use crate::common::World as Devices;
use crate::common::fixture::*;
use crate::common::gateway::LyingGateway;
use crate::ledger_proof::Ledger;
use consilium_client::GatewayClient;
use consilium_client::api::gateway::ReportView;
use consilium_client::device::patient::{OpenedReport, RecordKeys, read_report};
use consilium_client::device::{DeviceError, Federation};
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::ledger_proof::Subject;
use consilium_client::wire::Text;
use consilium_contracts::*;
use consilium_schemes::report::{SealedReport, SecretKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

const RECORD: RecordId = RecordId::from_bytes([1; 32]);

/// The device's side: its keys, and a gateway that answers what a test wants.
struct Scene {
    ledger: Ledger,
    keys: RecordKeys,
    gateway: LyingGateway,
}

impl Scene {
    /// cleo posted this report.
    fn new(action: Action) -> Self {
        let mut ledger = Ledger::with_record();
        ledger.world.ok("cleo", action);
        let mut devices = Devices::new();
        let (_, open) = devices.sealed("cthd");
        let gateway = LyingGateway::start(ledger.genesis.federation(), open, Vec::new());
        Self {
            ledger,
            keys: keys("record 1", reports::patient()),
            gateway,
        }
    }

    fn sealed(&self, doctor: &str) -> SealedReport {
        reports::sealed(&self.ledger.genesis.federation(), &RECORD, doctor)
    }

    /// The gateway hands out these bytes as this doctor's, and proves what `of` says of it.
    fn hands_out(&self, bytes: Vec<u8>, doctor: &str, of: &Ledger) {
        let id = self.ledger.world.doctor(doctor);
        let view = ReportView {
            report: bytes.into(),
            digest: Text(digest("whatever it says")),
            doctor: Text(id),
            doctor_key: public(doctor).into(),
            height: 3,
        };
        let report = Subject::Report {
            record: RECORD,
            doctor: Some(id),
        };
        let proof = |subject| ("application/octet-stream", of.proof(subject).to_bytes());
        let records = format!("/v1/ledger/proofs/records/{RECORD}");
        let reports = format!("/v1/ledger/proofs/reports/{RECORD}/{id}");
        self.gateway.answers().others = [
            (
                format!("/v1/records/{RECORD}/report"),
                ("application/json", json!(view).to_string().into_bytes()),
            ),
            (records, proof(Subject::Record(RECORD))),
            (reports, proof(report)),
        ]
        .into();
    }

    async fn read(&self) -> Result<OpenedReport, DeviceError> {
        self.read_with(&self.keys).await
    }

    async fn read_with(&self, keys: &RecordKeys) -> Result<OpenedReport, DeviceError> {
        let endpoint = Endpoint::new(self.gateway.url().parse().unwrap(), None).unwrap();
        let client = GatewayClient::new(endpoint, None, ClientSettings::default()).unwrap();
        let federation = Federation::from_genesis(&self.ledger.genesis).unwrap();
        let mut random = StdRng::seed_from_u64(3);
        read_report(&client, &federation, keys, RECORD, &mut random).await
    }
}

fn keys(signing: &str, report: &SecretKey) -> RecordKeys {
    let document = report.expose_pkcs8_der();
    let report = SecretKey::from_pkcs8_der(&document, &mut StdRng::seed_from_u64(4));
    RecordKeys::new(key(signing), report.unwrap())
}

#[track_caller]
fn untrusted(outcome: Result<OpenedReport, DeviceError>, why: &str) {
    match outcome {
        Err(DeviceError::Untrusted(found)) => assert!(found.contains(why), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_report_on_the_ledger_is_opened_whatever_digest_the_gateway_names() {
    let scene = Scene::new(report(1));
    let sealed = scene.sealed("cleo");
    scene.hands_out(sealed.to_bytes(), "cleo", &scene.ledger);
    let opened = scene.read().await.unwrap();
    assert_eq!(opened.report.expose_secret(), b"text");
    assert_eq!(opened.digest, sealed.digest().into());
    assert_eq!(opened.doctor, public("cleo"));
    // And proves to have decrypted that one.
    let action = Action::Acknowledge(Box::new(opened.decrypted().clone()));
    let mut world = scene.ledger.world.clone();
    world.ok("record 1", action);
}

#[tokio::test]
async fn a_report_that_is_not_on_the_ledger_is_not_opened_whoever_signed_it() {
    let scene = Scene::new(report(1));
    // By a doctor who posted none, and by nobody whom the ledger knows.
    for other in ["ada", "mallory"] {
        let forged = scene.sealed(other);
        scene.hands_out(forged.to_bytes(), other, &scene.ledger);
        untrusted(scene.read().await, "another doctor's report is the one");
    }
    // While there is none, nobody's is.
    let none = Ledger::with_record();
    for other in ["cleo", "mallory"] {
        let forged = scene.sealed(other);
        scene.hands_out(forged.to_bytes(), other, &none);
        untrusted(scene.read().await, "no report by this doctor");
    }
    // By the right doctor, but of another record's digest.
    let federation = scene.ledger.genesis.federation();
    let other = reports::sealed(&federation, &record_id(2), "cleo");
    scene.hands_out(other.to_bytes(), "cleo", &scene.ledger);
    untrusted(scene.read().await, "not the one whose digest stands");
}

#[tokio::test]
async fn a_ledger_that_its_validators_did_not_sign_and_a_record_with_other_keys_are_not_believed() {
    let scene = Scene::new(report(1));
    let sealed = scene.sealed("cleo");
    // The same, on a ledger of one validator's making.
    let mut forged = Ledger::with_record();
    forged.genesis = genesis().sign(&key("kgc")).verify().unwrap();
    forged.world = World::with_record();
    scene.hands_out(sealed.to_bytes(), "cleo", &forged);
    let refused = scene.read().await.unwrap_err();
    assert!(matches!(refused, DeviceError::LedgerProof(_)), "{refused}");

    scene.hands_out(sealed.to_bytes(), "cleo", &scene.ledger);
    let other = keys("record 2", reports::patient());
    untrusted(
        scene.read_with(&other).await,
        "other keys than this device's",
    );
}

#[tokio::test]
async fn a_report_that_does_not_open_is_said_to_be_the_doctors_fault() {
    let scene = Scene::new(broken_report(1));
    let mut bytes = scene.sealed("cleo").to_bytes();
    let last = bytes.len() - 65;
    bytes[last] ^= 1;
    scene.hands_out(bytes, "cleo", &scene.ledger);
    let refused = scene.read().await.unwrap_err();
    let DeviceError::Unopenable { record, defect } = refused else {
        panic!("{refused}");
    };
    assert_eq!((record, defect), (RECORD, ReportDefect::Ciphertext));
}
