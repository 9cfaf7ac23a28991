//! A federation on this machine: the folders of a KGC and two hospitals that answer on loopback. The demo throws one away, `dev` keeps one.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::http::HttpClient;
use consilium_client::keyfile::WorkFactor;
use consilium_client::passphrase::Passphrase;
use consilium_client::{api::health::Readiness, api::ledger::EpochList};
use consilium_contracts::{HospitalCard, Settings, VerifiedGenesis};
use consilium_gateway::Gateway;
use consilium_kgc::{GenesisRequest, Home};
use serde_json::json;

use crate::cli::Failure;

/// Id and name of each hospital; the first one's node votes.
pub const HOSPITALS: [(&str, &str); 2] = [
    ("st-mary", "St. Mary's Hospital"),
    ("city-clinic", "City Clinic"),
];
/// The file with the passphrase of all keys.
pub const PASSPHRASE: &str = "passphrase";
/// A service's output.
pub const LOG: &str = "service.log";
const FORMER_LOG: &str = "service.log.1";

/// The passphrase is random and long: no work factor makes it stronger.
const WORK: u8 = 10;
/// Levels of the revocation tree: 1,024 doctors.
const DEPTH: u8 = 10;

/// Where a service answers.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Devices and other services.
    pub http: u16,
    /// Other nodes of the ledger.
    pub ledger: u16,
}

impl Ports {
    /// Two that nobody uses now.
    pub fn free() -> Result<Self, Failure> {
        let port = || Ok::<_, Failure>(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        Ok(Self {
            http: port()?,
            ledger: port()?,
        })
    }

    fn url(self) -> String {
        format!("http://{}", self.http_listen())
    }

    fn http_listen(self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    fn ledger_listen(self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.ledger)
    }
}

/// What a federation begins with.
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// Its settings.
    pub settings: Settings,
    /// The KGC's ports, then each hospital's.
    pub ports: [Ports; 3],
}

/// What was made.
pub struct Federation {
    /// The KGC's folder.
    pub kgc: Home,
    /// The hospitals' cards.
    pub cards: Vec<HospitalCard>,
    /// What the KGC signed.
    pub genesis: VerifiedGenesis,
    /// The passphrase of all keys.
    pub passphrase: Passphrase,
}

/// Makes all keys and signs genesis: `kgc/`, one folder for each hospital, and the passphrase's file.
pub fn make(folder: &Path, plan: Plan) -> Result<Federation, Failure> {
    let passphrase = Passphrase::new(&hex::encode(rand::random::<[u8; 32]>()))?;
    let line = zeroize::Zeroizing::new(format!("{}\n", passphrase.expose_secret()));
    write_atomically(
        &folder.join(PASSPHRASE),
        line.as_bytes(),
        Readers::Owner,
        Existing::Keep,
    )?;
    let work = WorkFactor::new(WORK).ok_or_else(|| Failure::said("the work factor"))?;
    let [of_kgc, of_hospitals @ ..] = plan.ports;
    let kgc = make_kgc(folder, of_kgc, &passphrase, work)?;
    let mut cards = Vec::new();
    for ((id, name), ports) in HOSPITALS.into_iter().zip(of_hospitals) {
        let made = Gateway::init(
            &consilium_gateway::InitRequest {
                folder: &folder.join(id),
                id: id.parse()?,
                name: name.to_owned(),
                url: ports.url(),
                http_listen: ports.http_listen(),
                ledger_listen: ports.ledger_listen(),
                passphrase: &passphrase,
                operator_passphrase: None,
                work: Some(work),
            },
            &mut rand::rng(),
        )?;
        cards.push(made.card);
    }
    let validators = cards.first().map(|card| card.id.clone());
    let request = GenesisRequest {
        name: plan.name.to_owned(),
        settings: plan.settings,
        hospitals: cards.clone(),
        validators: validators.into_iter().collect(),
    };
    let genesis = consilium_kgc::genesis(&kgc, &passphrase, request)?;
    for (id, _) in HOSPITALS {
        fs::copy(kgc.genesis(), folder.join(id).join("genesis.bin"))?;
    }
    Ok(Federation {
        kgc,
        cards,
        genesis,
        passphrase,
    })
}

fn make_kgc(
    folder: &Path,
    ports: Ports,
    passphrase: &Passphrase,
    work: WorkFactor,
) -> Result<Home, Failure> {
    let home = Home::at(folder.join("kgc"));
    consilium_kgc::init(&consilium_kgc::InitRequest {
        home: home.clone(),
        url: ports.url(),
        listen: ports.ledger_listen(),
        names: vec!["localhost".to_owned()],
        depth: DEPTH,
        passphrase,
        admin_passphrase: passphrase,
        work,
        settings: vec![
            (
                "http.listen".to_owned(),
                json!(ports.http_listen()).to_string(),
            ),
            ("http.public_url".to_owned(), json!(ports.url()).to_string()),
        ],
    })?;
    Ok(home)
}

/// The call that runs the service of a noun (`kgc`, `gateway`) in its folder, its output in a new log; the log of the run before is kept.
pub fn serve(noun: &str, home: &Path, passphrase: &Path) -> Result<Command, Failure> {
    let path = home.join(LOG);
    if path.exists() {
        fs::rename(&path, home.join(FORMER_LOG))?;
    }
    let log = fs::File::create(&path)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([noun, "serve", "--home"])
        .arg(home)
        .arg("--passphrase-file")
        .arg(passphrase)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}

/// Why a service ended, or the last lines of its log where it does not say.
pub fn last_lines(home: &Path) -> String {
    let text = fs::read_to_string(home.join(LOG)).unwrap_or_default();
    let reasons = text.lines().filter(|line| line.starts_with("error: "));
    let mut last: Vec<_> = reasons.collect();
    if last.is_empty() {
        last = text.lines().rev().take(5).collect();
        last.reverse();
    }
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let lines = last.into_iter().map(|line| format!("  {name}: {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a service takes work: it says so, and knows the first epoch.
pub async fn is_ready(http: &HttpClient) -> bool {
    let ready = matches!(http.get::<Readiness>("/readyz").await, Ok(readiness) if readiness.ready);
    ready && matches!(http.get::<EpochList>("/v1/epochs").await, Ok(list) if list.current.is_some())
}
