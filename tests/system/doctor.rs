//! A doctor's device by its real command, against a gateway that lies about where the report goes, what was registered and how long a
//! record is.

#[path = "../../client/tests/common/mod.rs"]
#[allow(dead_code)]
mod device;

use std::fs;
use std::process::Output;

use crate::common::{consilium, text};
use consilium_client::api::gateway::ReportSubmission;
use consilium_client::genesis::write_genesis;
use consilium_client::keyfile::{AbeUserSecretFile, Protection, write_key_file};
use consilium_contracts::{Action, Canonical as _, Event, Fault, RecordId, SignedTransaction};
use consilium_schemes::report::{MIN_BITS, ReportContext, ReportError, SealedReport, SecretKey};
use device::gateway::LyingGateway;
use device::standing::record_proof;
use device::{TEXT, World};
use serde_json::json;

const REPORT: &[u8] = b"Rest, and less salt.";

/// A registered device, a record that waits for it, and the gateway.
struct Scene {
    world: World,
    record: RecordId,
    gateway: LyingGateway,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let (record, answer) = world.sealed("cthd");
        let cthd = fs::read(world.path("cthd")).unwrap();
        let terms = world.terms(record, &answer);
        let gateway = LyingGateway::start(world.federation.id(), answer, cthd);
        let doctor = world.doctor.id(&world.federation);
        gateway.prove(&record_proof(&world.genesis, &terms, doctor));
        let home = world.path("home");
        fs::create_dir(&home).unwrap();
        let profile = json!({
            "role": "doctor", "hospital": "north", "federation": world.federation.id().to_string(),
            "url": gateway.url(), "tls_pin": null,
        });
        fs::write(home.join("device.json"), profile.to_string()).unwrap();
        let (signing, beta) = (world.doctor.signing(), world.doctor.abe().to_bytes());
        let beta = AbeUserSecretFile::new(beta);
        write_key_file(&home.join("device.key"), signing, Protection::None).unwrap();
        write_key_file(&home.join("abe.key"), &beta, Protection::None).unwrap();
        write_genesis(&home.join("genesis.bin"), &world.genesis).unwrap();
        fs::write(world.path("report.txt"), REPORT).unwrap();
        Self {
            world,
            record,
            gateway,
        }
    }

    /// The ledger has what the gateway names now.
    fn register(&self) {
        let terms = self.world.terms(self.record, &self.gateway.answers().open);
        let doctor = self.world.doctor.id(&self.world.federation);
        let proof = record_proof(&self.world.genesis, &terms, doctor);
        self.gateway.prove(&proof);
    }

    fn doctor(&self, verb: &str, option: &str, file: &str, more: &[&str]) -> Output {
        let (home, file) = (self.world.path("home"), self.world.path(file));
        let record = self.record.to_string();
        let arguments = [
            "doctor",
            verb,
            "--home",
            home.to_str().unwrap(),
            &record,
            option,
            file.to_str().unwrap(),
        ];
        consilium(&[&arguments[..], more].concat())
    }

    fn plain(&self, verb: &str) -> Output {
        let (home, record) = (self.world.path("home"), self.record.to_string());
        consilium(&["doctor", verb, "--home", home.to_str().unwrap(), &record])
    }

    fn open(&self, out: &str) -> Output {
        self.doctor("open", "--out", out, &[])
    }

    fn report(&self) -> Output {
        self.doctor("report", "--text", "report.txt", &[])
    }

    /// The calls that open a case.
    fn opening(&self) -> [String; 2] {
        let record = self.record;
        [
            format!("POST /v1/records/{record}/open"),
            format!("GET /v1/ledger/proofs/records/{record}?as_of=0"),
        ]
    }

    fn take_report(&self) -> ReportSubmission {
        let mut answers = self.gateway.answers();
        assert_eq!(answers.reports.len(), 1);
        answers.reports.remove(0)
    }

    /// What a key makes of a report.
    fn opens(
        &mut self,
        key: &SecretKey,
        report: &ReportSubmission,
    ) -> Result<Vec<u8>, ReportError> {
        let sealed = SealedReport::from_bytes(report.report.as_bytes()).unwrap();
        let context = ReportContext {
            federation: *self.world.federation.id().as_bytes(),
            record: *self.record.as_bytes(),
        };
        let doctor = self.world.doctor.signing().verifying_key();
        let opened = key.open(&sealed, &context, &doctor, &mut self.world.rng)?;
        Ok(opened.expose_secret().to_vec())
    }
}

fn refused(said: &Output, why: &str) {
    let words = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(
        words.starts_with("error: ") && words.contains(why),
        "{words}"
    );
}

fn done(said: &Output) {
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
}

/// The hospital exchanges A and B: nothing is decrypted, the command says whose fault it is, and posts what shows it.
#[test]
fn a_wrong_transform_is_said_to_be_the_hospitals_and_can_be_complained_about() {
    let scene = Scene::new();
    refused(&scene.plain("complain"), "nothing to complain about");
    let honest = scene.gateway.answers().open.clone();
    scene.gateway.answers().open = scene.world.swapped(scene.record, &honest);
    let said = scene.open("record");
    refused(&said, "nothing was decrypted. At fault is the hospital: B");
    refused(
        &said,
        &format!("consilium doctor complain {}", scene.record),
    );
    assert!(!scene.world.path("record").exists());
    let kept = format!("home/cases/{}.complaint.json", scene.record);
    assert!(scene.world.path(&kept).exists());

    let settled = Event::TransformComplained {
        record: scene.record,
        owner: "north".parse().unwrap(),
        doctor: scene.world.doctor.id(&scene.world.federation),
        hospital: "north".parse().unwrap(),
        fault: Fault::HospitalUpdate,
    };
    scene.gateway.answers().events = vec![settled.to_canonical_bytes().into()];
    let said = scene.plain("complain");
    done(&said);
    let words = text(&said.stdout);
    assert!(words.contains("At fault is the hospital: B"), "{words}");
    assert!(!scene.world.path(&kept).exists());
    let posted = scene.gateway.answers().transactions.remove(0);
    let signed = SignedTransaction::from_bytes(posted.transaction.as_bytes()).unwrap();
    let Action::ComplainTransform(action) = &signed.transaction().action else {
        panic!("{signed:?}")
    };
    assert_eq!(action.record, scene.record);
    refused(&scene.plain("complain"), "nothing to complain about");

    // A right answer later takes back nothing of what shows the wrong one.
    refused(&scene.open("record"), "At fault is the hospital");
    scene.gateway.answers().open = honest;
    done(&scene.open("record"));
    done(&scene.plain("complain"));
    refused(&scene.plain("complain"), "nothing to complain about");
}

#[test]
fn a_report_on_a_record_that_was_not_read_here_is_refused_and_nothing_is_sent() {
    let scene = Scene::new();
    refused(&scene.report(), "was not read on this device");
    assert_eq!(scene.gateway.calls(), [""; 0]);
}

#[test]
fn a_report_goes_to_the_key_of_the_record_that_was_read_whatever_the_gateway_names_later() {
    let mut scene = Scene::new();
    done(&scene.open("record"));
    assert_eq!(fs::read(scene.world.path("record")).unwrap(), TEXT);
    let theirs = SecretKey::generate(MIN_BITS, &mut scene.world.rng).unwrap();
    scene.gateway.answers().open.rsa_public_key = theirs.public_key().to_bytes().into();
    scene.gateway.calls();

    // The key is not asked for again.
    done(&scene.report());
    let path = format!("/v1/records/{}", scene.record);
    let calls = scene.gateway.calls();
    let expected = [
        "GET /v1/ledger/status".to_owned(),
        format!("POST {path}/reports"),
    ];
    assert_eq!(calls, expected);
    let report = scene.take_report();
    scene.opens(&theirs, &report).unwrap_err();
    let patient = scene.world.patient.report();
    let patient = SecretKey::from_pkcs8_der(&patient.expose_pkcs8_der(), &mut rand::rng()).unwrap();
    assert_eq!(scene.opens(&patient, &report).unwrap(), REPORT);

    // Reading once more does not let another key in, and shows nothing.
    refused(&scene.open("again"), "names another report key");
    assert_eq!(scene.gateway.calls(), scene.opening());
    assert!(!scene.world.path("again").exists());
    done(&scene.report());
    let report = scene.take_report();
    assert_eq!(scene.opens(&patient, &report).unwrap(), REPORT);
}

#[test]
fn a_record_announced_longer_than_the_device_takes_is_refused_before_any_of_it_is_fetched() {
    let scene = Scene::new();
    let length = scene.gateway.answers().cthd.len() as u64;
    let opened = scene.opening();
    for announced in [u64::MAX, (16 << 30) + 1] {
        scene.gateway.answers().open.cthd_length = announced;
        refused(&scene.open("record"), "--max-bytes");
        assert_eq!(scene.gateway.calls(), opened);
    }
    scene.gateway.answers().open.cthd_length = length;
    let limited = |most: u64| {
        let most = most.to_string();
        scene.doctor("open", "--out", "record", &["--max-bytes", &most])
    };
    refused(&limited(length - 1), &format!("at most {}", length - 1));
    assert_eq!(scene.gateway.calls(), opened);
    assert!(!scene.world.path("record").exists());
    done(&limited(length));
    assert_eq!(fs::read(scene.world.path("record")).unwrap(), TEXT);
}

/// All of it fits together, and a report to its key would be refuted on the ledger.
#[test]
fn a_record_of_the_hospitals_own_making_under_an_assigned_id_is_not_read_and_gets_no_report() {
    let mut scene = Scene::new();
    let theirs = SecretKey::generate(MIN_BITS, &mut scene.world.rng).unwrap();
    let (record, key) = (scene.record, theirs.public_key());
    let forged = scene.world.forged(record, key, "forged");
    let honest = scene.gateway.answers().open.clone();
    let mut misdated = honest.clone();
    misdated.epoch += 1;
    scene.gateway.answers().cthd = fs::read(scene.world.path("forged")).unwrap();
    for (answer, why) in [
        (
            forged,
            "At fault is the hospital: it pre-decrypted another capsule",
        ),
        (misdated, "it names another epoch than"),
        // The genuine capsule, with the ciphertext of the hospital's record.
        (honest, "error: "),
    ] {
        scene.gateway.answers().open = answer;
        refused(&scene.open("record"), why);
        assert!(!scene.world.path("record").exists());
        refused(&scene.report(), "was not read on this device");
    }
    assert!(scene.gateway.answers().reports.is_empty());
}

/// The one that has two roots for one encapsulation, under another key's certificate; the patient registered it.
#[test]
fn a_case_with_a_crafted_report_key_does_not_open_and_gets_no_report() {
    let scene = Scene::new();
    let vectors = include_str!("../../schemes/tests/vectors/report_crafted.json");
    let cases: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let modulus = hex::decode(cases[0]["N"].as_str().unwrap()).unwrap();
    let honest = scene.gateway.answers().open.rsa_public_key.clone();
    let mut crafted = honest.as_bytes().to_vec();
    crafted[5..5 + modulus.len()].copy_from_slice(&modulus);
    scene.gateway.answers().open.rsa_public_key = crafted.into();
    scene.register();
    refused(&scene.open("record"), "certificate does not hold");
    assert!(!scene.world.path("record").exists());
    refused(&scene.report(), "was not read on this device");
    assert!(scene.gateway.answers().reports.is_empty());

    scene.gateway.answers().open.rsa_public_key = honest;
    scene.register();
    done(&scene.open("record"));
    done(&scene.report());
}
