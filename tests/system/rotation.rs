//! `consilium gateway rotate-keys --tls --url`, cut off at every step: what is half done is finished by the next call.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use consilium_client::GatewayClient;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::keyfile::WorkFactor;
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{Canonical as _, HospitalCard, Settings};
use consilium_gateway::Gateway;
use consilium_kgc::{GenesisRequest, Home};
use consilium_service::hospital_file::read_hospital_file;

use crate::common::text;
use crate::faults::machine::build_library;
use crate::faults::process::{LONG, Service};

const SECRET: &str = "correct horse battery staple";

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A hospital that votes alone, over HTTPS. Its KGC never runs.
struct Hospital {
    gateway: Service,
    folder: PathBuf,
    library: PathBuf,
    http: u16,
    /// The card by which the running gateway is reached.
    answers_as: HospitalCard,
    /// Goes last.
    _dir: tempfile::TempDir,
}

impl Hospital {
    /// None where there is no C compiler.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let library = build_library(dir.path(), "cut", include_str!("faults/cut.c"))?;
        let (secret, work) = (
            Passphrase::new(SECRET).unwrap(),
            WorkFactor::new(1).unwrap(),
        );
        let secret_file = dir.path().join("passphrase");
        fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        let kgc = Home::at(dir.path().join("kgc"));
        let request = consilium_kgc::InitRequest {
            home: kgc.clone(),
            url: format!("https://127.0.0.1:{}", free_port()),
            listen: format!("/ip4/127.0.0.1/tcp/{}", free_port()),
            names: vec!["localhost".to_owned()],
            depth: 4,
            passphrase: &secret,
            admin_passphrase: &secret,
            work,
            settings: Vec::new(),
        };
        consilium_kgc::init(&request).unwrap();
        let (folder, http) = (dir.path().join("north"), free_port());
        let address = format!("127.0.0.1:{http}");
        let request = consilium_gateway::InitRequest {
            folder: &folder,
            id: "north".parse().unwrap(),
            name: "North".to_owned(),
            url: format!("https://{address}"),
            http_listen: address.clone(),
            ledger_listen: format!("/ip4/127.0.0.1/tcp/{}", free_port()),
            passphrase: &secret,
            operator_passphrase: None,
            work: Some(work),
        };
        let card = Gateway::init(&request, &mut rand::rng()).unwrap().card;
        let genesis = GenesisRequest {
            name: "rotation".to_owned(),
            settings: Settings {
                heartbeat_ms: 500,
                ..Settings::default()
            },
            hospitals: vec![card.clone()],
            validators: vec![card.id.clone()],
        };
        consilium_kgc::genesis(&kgc, &secret, genesis).unwrap();
        fs::copy(kgc.genesis(), folder.join("genesis.bin")).unwrap();
        let log = dir.path().join("north.log");
        let mut hospital = Self {
            gateway: Service::new("gateway", &address, &folder, &secret_file, &log),
            folder,
            library,
            http,
            answers_as: card,
            _dir: dir,
        };
        hospital.restart();
        Some(hospital)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn card_in_the_file(&self) -> HospitalCard {
        read_hospital_file(&self.file("hospital.json")).unwrap()
    }

    /// Restarts the gateway with what its folder says, as its operator would, and waits until it answers; by the keys in the folder.
    fn restart(&mut self) {
        self.gateway.kill();
        let url = self.card_in_the_file().url;
        self.gateway.flags = vec!["--http-public-url".to_owned(), url.to_string()];
        self.gateway.start();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.http)).is_err() {
            assert!(begun.elapsed() < LONG, "{}", self.gateway.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// The command on this folder, with the passphrase from standard input, cut off before a step if there are so many.
    fn command(&self, arguments: &[&str], cut_at: Option<u32>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium"));
        command
            .args(["--json", "gateway"])
            .args(arguments)
            .args(["--home", self.folder.to_str().unwrap()])
            .args(["--passphrase-file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(step) = cut_at {
            command.env("LD_PRELOAD", &self.library);
            command.env("CUT_AT", step.to_string());
        }
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // A call that needs no passphrase may end before it reads one.
        let _ = writeln!(input, "{SECRET}");
        drop(input);
        child.wait_with_output().unwrap()
    }

    /// `rotate-keys` of the TLS key, the network identity and the URL.
    fn rotate(&self, url: &str, cut_at: Option<u32>) -> Output {
        let what = ["rotate-keys", "--tls", "--peer", "--url", url];
        self.command(&what, cut_at)
    }

    /// The card as the ledger has it, by the gateway that runs.
    fn card_on_the_ledger(&self) -> HospitalCard {
        let card = &self.answers_as;
        let endpoint = Endpoint::of_hospital(card).unwrap();
        let client = GatewayClient::new(endpoint, None, ClientSettings::default()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let list = runtime.block_on(client.hospitals()).unwrap();
        HospitalCard::from_canonical_bytes(list.hospitals[0].card.as_bytes()).unwrap()
    }

    /// No file waits beside another.
    fn assert_nothing_beside(&self) {
        for name in ["gateway.keys.next", "hospital.json.next"] {
            assert!(!self.file(name).exists(), "{name}");
        }
    }
}

fn succeeded(said: &Output) -> serde_json::Value {
    assert!(said.status.success(), "{}", text(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn content(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_rotation_that_is_cut_off_at_any_step_is_finished_by_the_next_call() {
    let Some(mut hospital) = Hospital::start() else {
        return;
    };
    let mut cuts = 0;
    for step in 1.. {
        let mut cut = false;
        // The operator calls again at once, or finds that the machine has restarted and the gateway with it.
        for restarts in [false, true] {
            let before = hospital.card_on_the_ledger();
            let (keys, file) = (
                hospital.file("gateway.keys"),
                hospital.file("hospital.json"),
            );
            let former = (content(&keys), content(&file));
            let name = match before.url.as_str().contains("localhost") {
                true => "127.0.0.1",
                false => "localhost",
            };
            let url = format!("https://{name}:{}", hospital.http);
            let said = hospital.rotate(&url, Some(step));
            cut = said.status.signal() == Some(9);
            let named = hospital.card_on_the_ledger();
            if cut {
                cuts += 1;
                // Nothing is replaced before the ledger has it.
                if named == before {
                    assert_eq!((content(&keys), content(&file)), former, "step {step}");
                }
                if restarts {
                    hospital.restart();
                }
                let said = succeeded(&hospital.rotate(&url, None));
                assert_eq!(said["restart"], true);
            } else {
                succeeded(&said);
            }
            hospital.assert_nothing_beside();
            let renewed = hospital.card_in_the_file();
            assert_eq!(renewed.url.as_str(), url);
            assert_ne!(renewed.tls_pin, before.tls_pin);
            assert_ne!(renewed.peer_key, before.peer_key);
            if named != before {
                assert_eq!(
                    named, renewed,
                    "step {step}: what the ledger had is what is taken over"
                );
            }

            // With what the folder has now the gateway answers as the ledger says, and knows its operator.
            hospital.restart();
            hospital.answers_as = renewed.clone();
            assert_eq!(hospital.card_on_the_ledger(), renewed);
            succeeded(&hospital.command(&["status"], None));
        }
        if !cut {
            break;
        }
    }
    // The new keys get their name, the temporary one goes, the new card, then both take the old ones' place.
    assert!(cuts >= 2 * 5, "{cuts} cuts");
    hospital.gateway.assert_sound();
}
