//! kill -9 of the services at random moments while everyone works: what was committed stays, what is served is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::common::dev::{Dev, SERVICES};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const KILLS: u32 = 20;
const WINDOW: &str = "8";
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(240);

/// What the services have answered for: it must be there at the end.
#[derive(Default)]
struct Answered {
    /// Transactions by hash, with their height.
    committed: BTreeMap<String, u64>,
    /// Blocks by height, with their hash.
    blocks: BTreeMap<u64, String>,
    /// Registered records, with the number of the patient's file.
    records: BTreeMap<String, u32>,
    /// Authorizations that were given, and whether they were withdrawn.
    authorizations: BTreeMap<String, bool>,
    /// The last epoch that was published.
    epoch: u64,
    /// The leaf of each doctor who has a key.
    leaves: BTreeMap<String, u64>,
    /// Records that a doctor opened whole.
    opened: BTreeSet<String>,
    /// Records whose report was returned.
    reported: BTreeSet<String>,
}

impl Answered {
    fn receipt(&mut self, receipt: &Value) {
        let hash = receipt["hash"].as_str().unwrap().to_owned();
        let height = receipt["height"].as_u64().unwrap();
        let before = self.committed.insert(hash, height);
        assert!(before.is_none_or(|before| before == height));
    }
}

struct Federation {
    dev: Dev,
    doctor: String,
    over: AtomicBool,
    answered: Mutex<Answered>,
}

impl Federation {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn with<T>(&self, note: impl FnOnce(&mut Answered) -> T) -> T {
        note(&mut self.answered.lock().unwrap())
    }

    /// What a person does: try again, as long as a service may be down.
    fn again(&self, arguments: &[&str]) -> Result<Value, Value> {
        for _ in 0..40 {
            match self.dev.try_json(arguments) {
                Err(error) if may_pass(&error) && self.goes_on() => sleep(PAUSE),
                answer => return answer,
            }
        }
        self.dev.try_json(arguments)
    }
}

/// Whether trying again may help: nobody answered, or not now.
fn may_pass(error: &Value) -> bool {
    let text = error["error"].as_str().unwrap();
    assert!(!text.contains("panicked"), "{text}");
    let nobody = error["code"].is_null() && !text.contains("registered already");
    nobody || text.contains("status 5") || text.contains("status 429")
}

/// A patient's file; each is another one.
fn bundle(number: u32) -> String {
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Patient", "id": format!("p{number}") } },
        { "resource": { "resourceType": "Condition", "id": format!("c{number}"),
            "subject": { "reference": format!("Patient/p{number}") },
            "note": [{ "text": "x".repeat(usize::try_from(number).unwrap() * 997 % 300_000) }],
            "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9" }] } } },
    ]});
    bundle.to_string()
}

fn file(number: u32) -> String {
    format!("patient-{number}.json")
}

fn begin() -> Federation {
    let dev = Dev::new();
    dev.up(WINDOW);
    let (clinic, mary) = ("consilium-dev/city-clinic", "consilium-dev/st-mary");
    let code = |hospital: &str, role: &str, file: &str| {
        let made = dev.json(&["gateway", "invite", role, "--home", hospital]);
        fs::write(dev.folder().join(file), made["code"].as_str().unwrap()).unwrap();
    };
    code(clinic, "doctor", "doctor.code");
    dev.keygen("doctor", "doctor");
    let asked = dev.json(&[
        "doctor",
        "enroll",
        "--home",
        "doctor",
        "--code-file",
        "doctor.code",
    ]);
    let doctor = asked["doctor"].as_str().unwrap().to_owned();
    let attributes = "hospital:city-clinic, role:internist, clearance=4";
    let approve = ["gateway", "approve", &doctor, "--home", clinic];
    dev.json(&[&approve[..], &["--attributes", attributes]].concat());
    let issue = [
        "kgc",
        "doctor",
        "issue",
        &doctor,
        "--home",
        "consilium-dev/kgc",
    ];
    dev.json(&[&issue[..], &["--attributes", attributes]].concat());
    dev.json(&["doctor", "interests", "--home", "doctor", "icd-10|E11"]);
    dev.json(&["gateway", "authorize", "city-clinic", "--home", mary]);
    for patient in ["patient-a", "patient-b"] {
        code(mary, "patient", "patient.code");
        dev.keygen("patient", patient);
        dev.json(&[
            "patient",
            "register",
            "--home",
            patient,
            "--code-file",
            "patient.code",
        ]);
    }
    Federation {
        dev,
        doctor,
        over: AtomicBool::new(false),
        answered: Mutex::default(),
    }
}

/// A patient hands over one record after the other.
fn patient(federation: &Federation, home: &str, first: u32) {
    for number in (first..).step_by(2).take_while(|_| federation.goes_on()) {
        fs::write(federation.dev.folder().join(file(number)), bundle(number)).unwrap();
        let file = file(number);
        let encrypt = [
            "patient",
            "encrypt",
            &file,
            "--home",
            home,
            "--hospital",
            "city-clinic",
        ];
        let policy = ["--policy", "role:internist and clearance >= 3"];
        let Ok(made) = federation.again(&[&encrypt[..], &policy].concat()) else {
            continue;
        };
        let record = made["record"].as_str().unwrap();
        // Refused for good where a new epoch came between: the next record is encrypted to that.
        if let Ok(view) = federation.again(&["patient", "submit", record, "--home", home]) {
            federation.with(|answered| {
                // A gateway that was killed meanwhile may have it in its queue and say so.
                if !view["registration"].is_null() {
                    answered.receipt(&view["registration"]);
                }
                answered.records.insert(record.to_owned(), number);
            });
        }
    }
}

/// Operators authorize and withdraw; the KGC's administrator publishes epochs.
fn offices(federation: &Federation) {
    let (clinic, mary) = ("consilium-dev/city-clinic", "consilium-dev/st-mary");
    while federation.goes_on() {
        let made = federation.again(&["gateway", "authorize", "st-mary", "--home", clinic]);
        if let Ok(made) = made {
            let id = made["authorization"].as_str().unwrap().to_owned();
            federation.with(|answered| answered.authorizations.insert(id.clone(), false));
            let withdrawn = federation.again(&["gateway", "withdraw", &id, "--home", clinic]);
            if let Ok(receipt) = withdrawn {
                federation.with(|answered| {
                    answered.receipt(&receipt);
                    answered.authorizations.insert(id, true);
                });
            }
        }
        if let Ok(made) =
            federation
                .dev
                .try_json(&["kgc", "epoch", "publish", "--home", "consilium-dev/kgc"])
        {
            federation.with(|answered| answered.epoch = made["epoch"].as_u64().unwrap());
        }
        for home in [clinic, mary] {
            // Only looks: what is answered while services die must be an answer.
            let _ = federation
                .dev
                .try_json(&["gateway", "status", "--home", home]);
        }
        sleep(PAUSE * 10);
    }
}

/// One doctor after the other joins.
fn admissions(federation: &Federation) {
    for number in (0_u32..).take_while(|_| federation.goes_on()) {
        if let Ok(issued) = join(federation, &format!("doctor-{number}")) {
            let doctor = issued["doctor"].as_str().unwrap().to_owned();
            let leaf = issued["leaf"].as_u64().unwrap();
            federation.with(|answered| {
                answered.receipt(&issued["registration"]);
                answered.leaves.insert(doctor, leaf);
            });
        }
        sleep(PAUSE * 5);
    }
}

fn join(federation: &Federation, home: &str) -> Result<Value, Value> {
    let clinic = "consilium-dev/city-clinic";
    let invited = federation.again(&["gateway", "invite", "doctor", "--home", clinic])?;
    let code = format!("{home}.code");
    let text = invited["code"].as_str().unwrap();
    fs::write(federation.dev.folder().join(&code), text).unwrap();
    federation.dev.keygen("doctor", home);
    let enroll = ["doctor", "enroll", "--home", home];
    // Where the gateway died between registration and enrolment, the device asks again without the code.
    let asked = federation
        .again(&[&enroll[..], &["--code-file", &code]].concat())
        .or_else(|_| federation.again(&enroll))?;
    let doctor = asked["doctor"].as_str().unwrap();
    let attributes = [
        "--attributes",
        "hospital:city-clinic, role:surgeon, clearance=2",
    ];
    let approve = ["gateway", "approve", doctor, "--home", clinic];
    federation.again(&[&approve[..], &attributes].concat())?;
    let issue = [
        "kgc",
        "doctor",
        "issue",
        doctor,
        "--home",
        "consilium-dev/kgc",
    ];
    federation.again(&[&issue[..], &attributes].concat())
}

/// The doctor opens what is assigned to her, compares it, and reports.
fn doctor(federation: &Federation, work: impl Fn() -> bool) {
    let dev = &federation.dev;
    while work() {
        sleep(PAUSE);
        let Ok(inbox) = dev.try_json(&["doctor", "inbox", "--home", "doctor"]) else {
            continue;
        };
        for case in inbox["cases"].as_array().unwrap() {
            let record = case["record"].as_str().unwrap();
            if case["reported"] == false {
                read(federation, record);
            }
        }
    }
}

fn read(federation: &Federation, record: &str) {
    let dev = &federation.dev;
    let out = format!("read-{record}");
    if !federation.with(|answered| answered.opened.contains(record)) {
        let opened = dev.try_json(&["doctor", "open", record, "--home", "doctor", "--out", &out]);
        let path = dev.folder().join(&out);
        assert_eq!(
            opened.is_ok(),
            path.exists(),
            "a file is there when the command says so"
        );
        let Ok(opened) = opened else { return };
        let read = fs::read_to_string(&path).unwrap();
        let number = number_in(&read);
        assert_eq!(read, bundle(number), "what is served is whole");
        federation.with(|answered| {
            answered.receipt(&opened["access"]);
            answered.opened.insert(record.to_owned());
        });
    }
    fs::write(dev.folder().join("report.txt"), format!("about {record}")).unwrap();
    let report = [
        "doctor",
        "report",
        record,
        "--home",
        "doctor",
        "--text",
        "report.txt",
    ];
    if let Ok(receipt) = dev.try_json(&report) {
        federation.with(|answered| {
            answered.receipt(&receipt);
            answered.reported.insert(record.to_owned());
        });
    }
}

fn number_in(bundle: &str) -> u32 {
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    let id = bundle["entry"][0]["resource"]["id"].as_str().unwrap();
    id.trim_start_matches('p').parse().unwrap()
}

/// Notes the tip of both hospitals, as their devices see it.
fn note_tips(federation: &Federation) {
    for device in ["patient-a", "doctor"] {
        let status = federation.dev.json(&["ledger", "status", "--home", device]);
        let height = status["height"].as_u64().unwrap();
        let text = height.to_string();
        let block = federation
            .dev
            .json(&["ledger", "block", &text, "--home", device]);
        let hash = block["hash"].as_str().unwrap().to_owned();
        federation.with(|answered| {
            let before = answered.blocks.insert(height, hash.clone());
            assert!(
                before.is_none_or(|before| before == hash),
                "two blocks at {height}"
            );
        });
    }
}

/// Kills and restarts; sometimes a second time while the services begin.
fn kill_at_random(federation: &Federation, random: &mut StdRng) {
    let mut kills = 0_u32;
    while kills < KILLS {
        sleep(Duration::from_millis(random.random_range(50..2500)));
        kills += kill_some(federation, random);
        let mut again = federation
            .dev
            .command(&["dev", "up"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if random.random_bool(0.3) {
            sleep(Duration::from_millis(random.random_range(20..1500)));
            kills += kill_some(federation, random);
        }
        // It fails where a service was killed under its hands.
        again.wait().unwrap();
        federation.dev.json(&["dev", "up"]);
        note_tips(federation);
    }
}

fn kill_some(federation: &Federation, random: &mut StdRng) -> u32 {
    let chosen: Vec<_> = SERVICES
        .iter()
        .filter(|_| random.random_bool(0.6))
        .collect();
    let killed = chosen.into_iter().filter(|one| federation.dev.kill(one));
    u32::from(killed.count() > 0)
}

fn is_settled(federation: &Federation) -> bool {
    let settled = ["patient-a", "patient-b"].map(|home| {
        let list = federation.dev.json(&["patient", "status", "--home", home]);
        let records = list["records"].as_array().unwrap().clone();
        let done = |one: &Value| {
            matches!(
                one["state"].as_str().unwrap(),
                "reported" | "unmatched" | "refused"
            )
        };
        records.iter().all(done)
    });
    settled.into_iter().all(|one| one)
}

fn check(federation: &Federation) {
    let dev = &federation.dev;
    let answered = federation.answered.lock().unwrap();
    for device in ["patient-a", "doctor"] {
        for (hash, height) in &answered.committed {
            let found = dev.json(&["ledger", "tx", hash, "--home", device]);
            assert_eq!(found["receipt"]["height"], *height, "{device}: {hash}");
        }
        for (height, hash) in &answered.blocks {
            let block = dev.json(&["ledger", "block", &height.to_string(), "--home", device]);
            assert_eq!(block["hash"], *hash.as_str(), "{device}: block {height}");
        }
    }
    let mut there = BTreeMap::new();
    for home in ["patient-a", "patient-b"] {
        let list = dev.json(&["patient", "status", "--home", home]);
        for one in list["records"].as_array().unwrap() {
            there.insert(
                one["record"].as_str().unwrap().to_owned(),
                one["state"].clone(),
            );
        }
    }
    for record in answered.records.keys() {
        assert!(there.contains_key(record), "record {record} is forgotten");
    }
    // A report whose answer a kill cut off stands there all the same.
    for record in answered.reported.union(&answered.opened) {
        assert_eq!(there[record], "reported");
    }
    let authorizations = dev.json(&[
        "gateway",
        "authorizations",
        "--home",
        "consilium-dev/city-clinic",
    ]);
    for (id, withdrawn) in &answered.authorizations {
        let all = authorizations["authorizations"].as_array().unwrap();
        let found = all.iter().find(|one| one["authorization"] == *id.as_str());
        let found = found.unwrap_or_else(|| panic!("authorization {id} is forgotten"));
        assert!(!withdrawn || found["withdrawn"] == true, "{found}");
    }
    let epochs = dev.json(&["kgc", "epoch", "show", "--home", "consilium-dev/kgc"]);
    assert!(epochs["current"].as_u64().unwrap() >= answered.epoch);
    let doctors = dev.json(&["kgc", "doctor", "list", "--home", "consilium-dev/kgc"]);
    let doctors = doctors["enrolments"].as_array().unwrap();
    let issued: BTreeSet<_> = doctors
        .iter()
        .filter(|one| one["state"] == "issued")
        .map(|one| one["doctor"].as_str().unwrap())
        .collect();
    assert!(issued.contains(federation.doctor.as_str()));
    for doctor in answered.leaves.keys() {
        assert!(
            issued.contains(doctor.as_str()),
            "doctor {doctor} is forgotten"
        );
    }
    let leaves: BTreeSet<_> = answered.leaves.values().collect();
    assert_eq!(
        leaves.len(),
        answered.leaves.len(),
        "a leaf was given twice"
    );
    eprintln!(
        "{} transactions, {} blocks, {} records, {} opened, {} reported, {} authorizations, {} doctors, epoch {}",
        answered.committed.len(),
        answered.blocks.len(),
        answered.records.len(),
        answered.opened.len(),
        answered.reported.len(),
        answered.authorizations.len(),
        answered.leaves.len(),
        answered.epoch,
    );
    assert!(answered.records.len() >= 3 && !answered.opened.is_empty() && answered.epoch > 1);
}

/// Every line of an audit log is whole, but for those that a kill cut off, which stand alone.
fn check_audit(dev: &Dev) {
    for service in SERVICES {
        let path = dev.home(service).join("audit.jsonl");
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!text.is_empty());
        for line in text.lines().filter(|line| !line.is_empty()) {
            let whole = serde_json::from_str::<Value>(line).is_ok();
            assert!(
                whole || line.matches("\"time_ms\"").count() <= 1,
                "{service}: {line}"
            );
        }
    }
}

#[test]
fn killed_at_twenty_random_moments_the_services_lose_nothing_and_serve_nothing_half() {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let begun = Instant::now();
    let federation = begin();
    eprintln!("begun: {:?}", begun.elapsed());
    scope(|threads| {
        threads.spawn(|| patient(&federation, "patient-a", 1));
        threads.spawn(|| patient(&federation, "patient-b", 2));
        threads.spawn(|| offices(&federation));
        threads.spawn(|| admissions(&federation));
        threads.spawn(|| doctor(&federation, || federation.goes_on()));
        let killing =
            threads.spawn(|| kill_at_random(&federation, &mut StdRng::seed_from_u64(seed)));
        let outcome = killing.join();
        federation.over.store(true, Ordering::Relaxed);
        outcome.unwrap();
        eprintln!("killed: {:?}", begun.elapsed());
    });
    eprintln!("stopped: {:?}", begun.elapsed());
    let started = Instant::now();
    doctor(&federation, || {
        assert!(
            started.elapsed() < PATIENCE,
            "the records do not come to their end"
        );
        !is_settled(&federation)
    });
    eprintln!("settled: {:?}", begun.elapsed());
    check(&federation);
    eprintln!("checked: {:?}", begun.elapsed());
    check_audit(&federation.dev);
}
