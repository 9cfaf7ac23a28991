//! What the README's walk-through leaves out of each role's commands, through the real command and services.

use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::dev::Dev;
use crate::common::text;
use serde_json::Value;

const KGC: &str = "kgc";
const MARY: &str = "st-mary";
const CLINIC: &str = "city-clinic";
const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &str = "secret";

/// A federation that is set up command by command, as its administrators do.
struct Site {
    dev: Dev,
    running: Vec<(&'static str, Child)>,
}

impl Drop for Site {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Site {
    fn new() -> Self {
        let dev = Dev::new();
        fs::write(dev.folder().join(SECRET), "correct horse battery staple\n").unwrap();
        Self {
            dev,
            running: Vec::new(),
        }
    }

    /// A call with the passphrase's file.
    fn with_secret(&self, arguments: &[&str]) -> Value {
        self.dev
            .json(&[arguments, &["--passphrase-file", SECRET]].concat())
    }

    fn refused(&self, arguments: &[&str], code: &str) {
        self.dev
            .refused(&[arguments, &["--passphrase-file", SECRET]].concat(), code);
    }

    fn init(&self, noun: &str, home: &str, number: u16, more: &[&str]) {
        let (http, ledger) = self.dev.ports(number);
        let (listen, peers) = (
            format!("127.0.0.1:{http}"),
            format!("/ip4/127.0.0.1/tcp/{ledger}"),
        );
        let url = format!("http://{listen}");
        let init = [
            noun,
            "init",
            "--home",
            home,
            "--url",
            &url,
            "--http-listen",
            &listen,
        ];
        self.with_secret(&[&init[..], &["--ledger-listen", &peers], more].concat());
    }

    fn serve(&mut self, noun: &str, home: &'static str, secret: bool) {
        let log = fs::File::create(self.dev.folder().join(format!("{home}.log"))).unwrap();
        let mut command = self.dev.command(&[noun, "serve", "--home", home]);
        command
            .env_remove("CONSILIUM_PASSPHRASE_FILE")
            .stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        if secret {
            command.args(["--passphrase-file", SECRET]);
        }
        self.running.push((home, command.spawn().unwrap()));
    }

    /// SIGTERM, and the exit code.
    fn stop(&mut self, home: &str) -> Option<i32> {
        let place = self
            .running
            .iter()
            .position(|(name, _)| *name == home)
            .unwrap();
        let (_, mut child) = self.running.remove(place);
        let asked = std::process::Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &child.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        child.wait().unwrap().code()
    }

    fn signal(&self, home: &str, signal: &str) {
        let mut running = self.running.iter();
        let (_, child) = running.find(|(name, _)| *name == home).unwrap();
        let asked = std::process::Command::new("sh")
            .args(["-c", "kill -\"$0\" \"$1\"", signal, &child.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
    }

    /// Asks until it is so.
    fn until(&self, what: &str, arguments: &[&str], so: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            match self.dev.try_json(arguments) {
                Ok(value) if so(&value) => return value,
                seen => assert!(started.elapsed() < PATIENCE, "{what}: {seen:?}"),
            }
            sleep(Duration::from_millis(200));
        }
    }

    fn code(&self, hospital: &str, role: &str) -> String {
        let invited = self.with_secret(&["gateway", "invite", role, "--home", hospital]);
        let file = format!("{role}.code");
        fs::write(
            self.dev.folder().join(&file),
            invited["code"].as_str().unwrap(),
        )
        .unwrap();
        file
    }
}

fn found() -> Site {
    found_with(&[])
}

/// A federation with these settings.
fn found_with(settings: &[&str]) -> Site {
    let mut site = Site::new();
    site.init(KGC, KGC, 0, &["--depth", "6"]);
    site.init("gateway", MARY, 1, &[MARY, "--name", "St. Mary"]);
    site.init("gateway", CLINIC, 2, &[CLINIC, "--name", "City Clinic"]);
    let cards = ["st-mary/hospital.json", "city-clinic/hospital.json"];
    let genesis = [
        "kgc",
        "genesis",
        "--home",
        KGC,
        "--name",
        "Two",
        "--matching-window",
        "2",
    ];
    site.with_secret(&[&genesis[..], settings, &cards].concat());
    for hospital in [MARY, CLINIC] {
        let folder = site.dev.folder();
        fs::copy(
            folder.join("kgc/genesis.bin"),
            folder.join(hospital).join("genesis.bin"),
        )
        .unwrap();
        site.serve("gateway", hospital, true);
    }
    site
}

fn status_of_kgc(site: &Site) -> Value {
    site.until("the KGC", &["kgc", "status", "--home", KGC], |_| true)
}

#[test]
fn a_federation_is_made_with_a_prefilter_and_its_nodes_say_so() {
    let site = found_with(&["--prefilter", "512"]);
    let status = ["ledger", "status", "--home", CLINIC];
    let status = site.until("the gateway", &status, |_| true);
    assert_eq!(status["prefilter"]["bits"], 512);
    assert_eq!(status["prefilter"]["weight"], 64);
}

/// Sealed, unsealed, backed up, restored, and a hospital admitted: what only the KGC's administrator does.
#[test]
fn a_kgc_is_unsealed_backed_up_and_restored_and_admits_a_hospital() {
    let mut site = found();
    site.serve("kgc", KGC, false);
    assert_eq!(status_of_kgc(&site)["sealed"], true);
    site.refused(&["kgc", "epoch", "publish", "--home", KGC], "sealed");
    let open = site.with_secret(&["kgc", "unseal", "--home", KGC]);
    assert_eq!(open["sealed"], false);
    let epochs = ["kgc", "epoch", "show", "--home", KGC];
    site.until("the first epoch", &epochs, |list| {
        !list["current"].is_null()
    });
    site.with_secret(&["kgc", "backup", "old.backup", "--home", KGC]);
    let made = site.with_secret(&["kgc", "epoch", "publish", "--home", KGC]);
    assert_eq!(made["epoch"], 2);

    site.init("gateway", "harbour", 3, &["harbour", "--name", "Harbour"]);
    let add = [
        "kgc",
        "hospital",
        "add",
        "harbour/hospital.json",
        "--home",
        KGC,
    ];
    assert!(site.with_secret(&add)["height"].as_u64().unwrap() > 0);
    site.refused(&add, "transaction-rejected");
    let list = site.dev.json(&["kgc", "hospital", "list", "--home", KGC]);
    let names: Vec<_> = list["hospitals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.contains(&Value::from("harbour")));

    // The machine is lost; the backup is older than the second epoch.
    assert_eq!(site.stop(KGC), Some(0));
    fs::rename(site.dev.folder().join(KGC), site.dev.folder().join("lost")).unwrap();
    let wrong = site.dev.folder().join("wrong");
    fs::write(&wrong, "battery\n").unwrap();
    let restore = ["kgc", "restore", "old.backup", "--home", KGC];
    let said = site
        .dev
        .try_json(&[&restore[..], &["--passphrase-file", "wrong"]].concat());
    assert!(
        said.unwrap_err()["error"]
            .as_str()
            .unwrap()
            .contains("passphrase")
    );
    assert!(
        !site.dev.folder().join(KGC).exists(),
        "nothing half-made is left"
    );
    site.with_secret(&restore);
    site.serve("kgc", KGC, true);
    status_of_kgc(&site);
    site.until("the second epoch", &epochs, |list| list["current"] == 2);
    let next = site.until(
        "a third epoch",
        &[
            "kgc",
            "epoch",
            "publish",
            "--home",
            KGC,
            "--passphrase-file",
            SECRET,
        ],
        |made| made["epoch"] == 3,
    );
    assert_eq!(next["epoch"], 3);
}

/// The only validator stands still, as if the epoch took its time: the KGC's answer is late, the command waits for the epoch all the same.
#[test]
fn an_epoch_that_takes_longer_than_an_answer_is_waited_for() {
    let mut site = found();
    let settings = site.dev.folder().join("kgc/kgc.toml");
    let content = fs::read_to_string(&settings).unwrap();
    let (long, short) = ("request_timeout_s = 30", "request_timeout_s = 1");
    assert!(content.contains(long));
    fs::write(&settings, content.replace(long, short)).unwrap();
    site.serve("kgc", KGC, true);
    let epochs = ["kgc", "epoch", "show", "--home", KGC];
    site.until("the first epoch", &epochs, |list| list["current"] == 1);

    site.signal(MARY, "STOP");
    let publish = ["kgc", "epoch", "publish", "--home", KGC];
    let mut command = site
        .dev
        .command(&[&publish[..], &["--passphrase-file", SECRET]].concat());
    let mut waiting = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Long enough for the key's passphrase and the KGC's time for an answer.
    let log = site.dev.folder().join("kgc.log");
    site.until("the late answer", &["kgc", "status", "--home", KGC], |_| {
        fs::read_to_string(&log).unwrap().contains("timed-out")
    });
    sleep(Duration::from_secs(2));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    site.signal(MARY, "CONT");
    let said = waiting.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let made: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(made["epoch"], 2);
    assert_eq!(site.dev.json(&epochs)["current"], 2);
}

/// A doctor declines, a hospital revokes, authorizations come and go, and the ledger shows it.
#[test]
fn operators_and_doctors_do_the_rest_of_what_they_may() {
    let mut site = found();
    site.serve("kgc", KGC, true);
    let mut doctors = Vec::new();
    site.until(
        "the gateway",
        &[
            "gateway",
            "status",
            "--home",
            CLINIC,
            "--passphrase-file",
            SECRET,
        ],
        |status| status["epoch"] == 1 && status["kgc_reachable"] == true,
    );
    for home in ["first", "second"] {
        let code = site.code(CLINIC, "doctor");
        site.dev.keygen("doctor", home);
        let asked = site
            .dev
            .json(&["doctor", "enroll", "--home", home, "--code-file", &code]);
        let doctor = asked["doctor"].as_str().unwrap().to_owned();
        let again = site
            .dev
            .try_json(&["doctor", "enroll", "--home", home, "--code-file", &code]);
        assert!(
            again.unwrap_err()["error"]
                .as_str()
                .unwrap()
                .contains("registered already")
        );
        let attributes = ["--attributes", "hospital:city-clinic, role:internist"];
        let foreign = ["--attributes", "hospital:st-mary"];
        let approve = ["gateway", "approve", &doctor, "--home", CLINIC];
        site.refused(&[&approve[..], &foreign].concat(), "foreign-hospital");
        site.with_secret(&[&approve[..], &attributes].concat());
        let issue = ["kgc", "doctor", "issue", &doctor, "--home", KGC];
        let other = ["--attributes", "hospital:city-clinic, role:surgeon"];
        let unread = site
            .dev
            .try_json(&[&issue[..], &other, &["--passphrase-file", SECRET]].concat());
        assert!(
            unread.is_err(),
            "issued what the administrator did not read"
        );
        site.with_secret(&[&issue[..], &attributes].concat());
        site.dev
            .json(&["doctor", "interests", "--home", home, "icd-10|E11"]);
        doctors.push(doctor);
    }
    let authorized = site.with_secret(&["gateway", "authorize", CLINIC, "--home", MARY]);
    let id = authorized["authorization"].as_str().unwrap();

    let code = site.code(MARY, "patient");
    site.dev.keygen("patient", "patient");
    site.dev.json(&[
        "patient",
        "register",
        "--home",
        "patient",
        "--code-file",
        &code,
    ]);
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"Patient","id":"1"}},
        {"resource":{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/1"},
        "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11.9"}]}}}]}"#;
    fs::write(site.dev.folder().join("record.json"), bundle).unwrap();
    let encrypt = [
        "patient",
        "encrypt",
        "record.json",
        "--home",
        "patient",
        "--policy",
        "role:internist",
    ];
    let made = site
        .dev
        .json(&[&encrypt[..], &["--hospital", CLINIC]].concat());
    let record = made["record"].as_str().unwrap();
    let view = site
        .dev
        .json(&["patient", "submit", record, "--home", "patient"]);
    assert_eq!(view["state"], "registered");

    // Equal interests: the ledger's order decides, and who declines passes the case on.
    let status = ["patient", "status", "--home", "patient"];
    let assigned = |many: usize| {
        site.until("an assignment", &status, |list| {
            list["records"][0]["assignments"].as_array().unwrap().len() == many
        })
    };
    let first = assigned(1)["records"][0]["assignments"][0]["doctor"]
        .as_str()
        .unwrap()
        .to_owned();
    let homes = match first == doctors[0] {
        true => ["first", "second"],
        false => ["second", "first"],
    };
    site.dev.refused(
        &["doctor", "open", record, "--home", homes[1], "--out", "no"],
        "not-assigned",
    );
    let declined = site.dev.json(&[
        "doctor",
        "decline",
        record,
        "--home",
        homes[0],
        "--reason",
        "unavailable",
    ]);
    let second = assigned(2)["records"][0]["assignments"][1]["doctor"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(first, second);
    site.dev
        .json(&["doctor", "inbox", "--home", homes[1], "--wait", "60"]);
    site.dev.json(&[
        "doctor",
        "open",
        record,
        "--home",
        homes[1],
        "--out",
        "read.json",
    ]);
    assert_eq!(
        fs::read_to_string(site.dev.folder().join("read.json")).unwrap(),
        bundle
    );

    // The hospital itself revokes; what it withdraws is listed as withdrawn.
    site.with_secret(&[
        "gateway", "revoke", &second, "--home", CLINIC, "--reason", "key-lost",
    ]);
    site.dev.refused(
        &["doctor", "open", record, "--home", homes[1], "--out", "no"],
        "doctor-revoked",
    );
    site.with_secret(&["gateway", "withdraw", id, "--home", MARY]);
    let list = site.with_secret(&["gateway", "authorizations", "--home", MARY]);
    assert_eq!(list["authorizations"][0]["authorization"], id);
    assert_eq!(list["authorizations"][0]["withdrawn"], true);
    site.refused(
        &["gateway", "withdraw", id, "--home", MARY],
        "transaction-rejected",
    );

    // Both hospitals show the same ledger.
    let (hash, height) = (
        declined["hash"].as_str().unwrap(),
        declined["height"].as_u64().unwrap(),
    );
    let mut seen = Vec::new();
    for home in ["patient", "first"] {
        let transaction = site.dev.json(&["ledger", "tx", hash, "--home", home]);
        assert_eq!(transaction["receipt"]["height"], height);
        let block = site
            .dev
            .json(&["ledger", "block", &height.to_string(), "--home", home]);
        assert!(
            block["transactions"]
                .as_array()
                .unwrap()
                .contains(&Value::from(hash))
        );
        seen.push(block);
    }
    assert_eq!(seen[0]["hash"], seen[1]["hash"]);
    site.dev.refused(
        &["ledger", "block", "1000000", "--home", "patient"],
        "not-found",
    );
    for home in [MARY, CLINIC, KGC] {
        assert_eq!(site.stop(home), Some(0), "{home} ends in order");
    }
}
