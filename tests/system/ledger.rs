//! What is seen of the ledger, and what those check who have files alone, through the real command and services.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::dev::Dev;
use crate::common::{consilium, text};

const MARY: &str = "consilium-dev/st-mary";
const CLINIC: &str = "consilium-dev/city-clinic";
const KGC: &str = "consilium-dev/kgc";

fn up() -> Dev {
    let dev = Dev::new();
    dev.up("2");
    dev
}

/// Files that were carried elsewhere: nothing else of the federation is there.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn with(dev: &Dev, files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let name = file.rsplit('/').next().unwrap();
            fs::copy(dev.folder().join(file), folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `ledger verify` of a file, from its genesis.
    fn verify(&self, what: &str, file: &str) -> Output {
        let (file, genesis) = (self.path(file), self.path("genesis.bin"));
        let [file, genesis] = [&file, &genesis].map(|path| path.to_str().unwrap());
        consilium(&[
            "ledger",
            "verify",
            what,
            file,
            "--genesis",
            genesis,
            "--json",
        ])
    }

    fn verified(&self, what: &str, file: &str) -> Value {
        let said = self.verify(what, file);
        assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// What it says of a file that does not hold.
    fn refused(&self, what: &str, file: &str) -> String {
        let said = self.verify(what, file);
        assert_eq!(said.status.code(), Some(1), "{}", text(&said.stdout));
        let said: Value = serde_json::from_slice(&said.stderr).unwrap();
        said["error"].as_str().unwrap().to_owned()
    }

    /// Changes a byte in the middle of a file.
    fn damage(&self, file: &str, into: &str) {
        let mut bytes = fs::read(self.path(file)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(self.path(into), bytes).unwrap();
    }
}

/// Waits until a service has what another has.
fn catch_up(dev: &Dev, home: &str, with: &str) {
    let height = |home| dev.json(&["ledger", "status", "--home", home])["height"].as_u64();
    let (there, begun) = (height(with), Instant::now());
    while height(home) < there {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{home} stays behind"
        );
        sleep(Duration::from_millis(50));
    }
}

fn error_of(dev: &Dev, arguments: &[&str]) -> (Option<i32>, String) {
    let said = dev.call(arguments);
    let error: Value = serde_json::from_slice(&said.stderr).unwrap();
    (
        said.status.code(),
        error["error"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn every_operator_sees_the_same_ledger_and_exports_it_for_others_to_check() {
    let dev = up();
    for home in [MARY, CLINIC, KGC] {
        let status = dev.json(&["ledger", "status", "--home", home]);
        assert!(status["height"].as_u64().unwrap() > 0);
        let validators = status["validators"].as_array().unwrap();
        assert_eq!(validators.len(), 1);
        assert_eq!(validators[0]["hospital"], "st-mary");
        assert!(validators[0]["last_vote"].as_u64().unwrap() > 0);
        assert_eq!(
            (&status["oldest_block"], &status["evidence"]),
            (&1.into(), &0.into())
        );
        assert_eq!(status["pool"]["max_transactions"], 10_000);
        let evidence = dev.json(&["ledger", "evidence", "--home", home]);
        assert_eq!(evidence["pieces"], Value::Array(Vec::new()));
        let block = dev.json(&["ledger", "block", "1", "--home", home]);
        assert_eq!(block["height"], 1);
    }
    let (code, words) = error_of(&dev, &["ledger", "status", "--home", "consilium-dev"]);
    assert_eq!(code, Some(1));
    assert!(
        words.contains("hospital.json") && words.contains("kgc.json"),
        "{words}"
    );

    // From another node than the one that made the blocks.
    let export = [
        "ledger",
        "export",
        "--home",
        CLINIC,
        "--out",
        "ledger.export",
    ];
    let made = dev.json(&export);
    let (from, to) = (made["from"].as_u64().unwrap(), made["to"].as_u64().unwrap());
    assert!(from == 1 && to >= 2, "{made}");
    let (code, words) = error_of(&dev, &export);
    assert_eq!(code, Some(1), "nothing is overwritten");
    assert!(words.contains("ledger.export"), "{words}");
    let part = [
        "ledger",
        "export",
        "--home",
        KGC,
        "--out",
        "part.export",
        "--from",
        "2",
        "--to",
        "2",
    ];
    assert_eq!(dev.json(&part)["to"], 2);
    let beyond = [
        "ledger", "export", "--home", KGC, "--out", "no", "--to", "1000000",
    ];
    assert!(error_of(&dev, &beyond).1.contains("the service has 1 to "));
    let left: Vec<_> = fs::read_dir(dev.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp") || name == "no")
        .collect();
    assert_eq!(left, Vec::<String>::new());

    let genesis = format!("{KGC}/genesis.bin");
    let auditor = Elsewhere::with(&dev, &["ledger.export", "part.export", &genesis]);
    let checked = auditor.verified("--export", "ledger.export");
    assert_eq!(
        (&checked["from"], &checked["to"]),
        (&made["from"], &made["to"])
    );
    assert_eq!(auditor.verified("--export", "part.export")["from"], 2);
    auditor.damage("ledger.export", "damaged.export");
    auditor.refused("--export", "damaged.export");
    let whole = fs::read(auditor.path("ledger.export")).unwrap();
    fs::write(auditor.path("cut.export"), &whole[..whole.len() - 1]).unwrap();
    assert!(
        auditor
            .refused("--export", "cut.export")
            .contains("cut off")
    );
    assert!(
        auditor
            .refused("--proof", "ledger.export")
            .contains("not a proof")
    );
}

#[test]
fn an_authorization_is_proven_to_who_has_two_files_and_so_are_its_end_and_its_absence() {
    let dev = up();
    let made = dev.json(&["gateway", "authorize", "city-clinic", "--home", MARY]);
    let id = made["authorization"].as_str().unwrap();
    let prove = |home: &str, out: &str| {
        dev.json(&[
            "ledger",
            "proof",
            "authorization",
            id,
            "--home",
            home,
            "--out",
            out,
        ])
    };
    catch_up(&dev, CLINIC, MARY);
    let given = prove(CLINIC, "given.proof");
    assert_eq!(given["proven"]["entry"]["in_force"], true);
    dev.json(&["gateway", "withdraw", id, "--home", MARY]);
    // Another node hears of the end a moment later.
    catch_up(&dev, KGC, MARY);
    prove(KGC, "ended.proof");
    let nobody = "ab".repeat(32);
    dev.json(&[
        "ledger",
        "proof",
        "record",
        &nobody,
        "--home",
        MARY,
        "--out",
        "absent.proof",
    ]);
    dev.json(&[
        "ledger",
        "proof",
        "report",
        &nobody,
        "--home",
        MARY,
        "--out",
        "none.proof",
    ]);

    let genesis = format!("{MARY}/genesis.bin");
    let files = [
        "given.proof",
        "ended.proof",
        "absent.proof",
        "none.proof",
        &genesis,
    ];
    let auditor = Elsewhere::with(&dev, &files);
    let before = auditor.verified("--proof", "given.proof");
    assert_eq!(
        before["entry"]["in_force"], true,
        "it was so as of its block"
    );
    let ended = auditor.verified("--proof", "ended.proof");
    assert_eq!(ended["subject"]["authorization"], id);
    assert_eq!(
        (&ended["entry"]["from"], &ended["entry"]["to"]),
        (&"st-mary".into(), &"city-clinic".into())
    );
    assert_eq!(
        (&ended["stands"], &ended["entry"]["in_force"]),
        (&true.into(), &false.into())
    );
    assert!(ended["height"].as_u64() >= ended["entry"]["ended"].as_u64());
    assert!(ended["height"].as_u64() > before["height"].as_u64());
    assert_eq!(
        (&ended["signed"], &ended["validators"]),
        (&1.into(), &1.into())
    );
    for file in ["absent.proof", "none.proof"] {
        let absent = auditor.verified("--proof", file);
        assert_eq!(
            (&absent["stands"], &absent["entry"]),
            (&false.into(), &Value::Null)
        );
    }
    auditor.damage("ended.proof", "damaged.proof");
    auditor.refused("--proof", "damaged.proof");

    // Another federation's genesis.
    let other = up();
    let stranger = Elsewhere::with(&other, &[&genesis]);
    fs::copy(auditor.path("ended.proof"), stranger.path("ended.proof")).unwrap();
    let refused = stranger.refused("--proof", "ended.proof");
    assert!(
        refused.contains("does not hold for federation"),
        "{refused}"
    );
}

#[test]
fn what_no_block_certifies_yet_is_said_so_with_an_exit_code_of_its_own() {
    let dev = up();
    let made = dev.json(&["gateway", "authorize", "city-clinic", "--home", MARY]);
    catch_up(&dev, CLINIC, MARY);
    // Without the only validator no block follows the one that has it.
    assert!(dev.kill("st-mary"));
    let id = made["authorization"].as_str().unwrap();
    let prove = [
        "ledger",
        "proof",
        "authorization",
        id,
        "--home",
        CLINIC,
        "--out",
        "early.proof",
    ];
    let said = dev.call(&prove);
    assert_eq!(said.status.code(), Some(3), "{}", text(&said.stderr));
    let error: Value = serde_json::from_slice(&said.stderr).unwrap();
    assert_eq!(error["code"], "not-certified-yet");
    assert!(!dev.folder().join("early.proof").exists());
    // What the last block did not change is certified by it.
    let settled = [
        "ledger",
        "proof",
        "record",
        &"ab".repeat(32),
        "--home",
        CLINIC,
        "--out",
        "absent.proof",
    ];
    assert_eq!(dev.json(&settled)["proven"]["stands"], false);
    dev.up("2");
    dev.json(&prove);
}
