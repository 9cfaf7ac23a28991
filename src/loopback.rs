//! A federation on this machine: the folders of a KGC and hospitals that answer on loopback. The demo throws one away, `dev` keeps one.

mod hospitals;

use std::fs;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};

use consilium_client::api::ledger::EpochList;
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::http::HttpClient;
use consilium_client::keyfile::WorkFactor;
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{HospitalCard, Settings, VerifiedGenesis};
use consilium_gateway::Gateway;
use consilium_kgc::{GenesisRequest, Home};
use serde_json::json;

use crate::cli::Failure;

pub use hospitals::{Hospitals, Named};

/// The file with the passphrase of all keys.
pub const PASSPHRASE: &str = "passphrase";
/// A service's output.
pub const LOG: &str = "service.log";
const FORMER_LOG: &str = "service.log.1";

/// The passphrase is random and long: no work factor makes it stronger.
const WORK: u8 = 10;
/// Levels of the revocation tree: 1,024 doctors.
const DEPTH: u8 = 10;
/// Where free ports are looked for, and how often.
const FREE_PORTS: RangeInclusive<u16> = 10_000..=32_000;
const TRIES: usize = 1000;

/// Where a service answers.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Devices and other services.
    pub http: u16,
    /// Other nodes of the ledger.
    pub ledger: u16,
}

impl Ports {
    /// So many that nobody uses now.
    pub fn free(count: usize) -> Result<Vec<Self>, Failure> {
        // Held until all are chosen, so that none is chosen twice.
        let mut held = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..count {
            ports.push(Self {
                http: hold_one(&mut held)?,
                ledger: hold_one(&mut held)?,
            });
        }
        Ok(ports)
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

/// A port that is free, below those that the system gives to connections: a service that is killed finds it free again.
fn hold_one(held: &mut Vec<TcpListener>) -> Result<u16, Failure> {
    for _ in 0..TRIES {
        let port = rand::random_range(FREE_PORTS);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push(listener);
            return Ok(port);
        }
    }
    Err(Failure::said(format!(
        "no free port of 127.0.0.1 among {} to {} was found",
        FREE_PORTS.start(),
        FREE_PORTS.end()
    )))
}

/// What a federation begins with.
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// Its settings.
    pub settings: Settings,
    /// Its hospitals.
    pub hospitals: Hospitals,
    /// The KGC's ports, then each hospital's.
    pub ports: Vec<Ports>,
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
    let mut ports = plan.ports.into_iter();
    let mut next = || {
        let ports = ports.next();
        ports.ok_or_else(|| Failure::said("every service needs its ports"))
    };
    let kgc = make_kgc(folder, next()?, &passphrase, work)?;
    let mut cards = Vec::new();
    for named in plan.hospitals.named() {
        let ports = next()?;
        cards.push(make_hospital(folder, named, ports, &passphrase, work)?);
    }
    let validators = cards.iter().take(plan.hospitals.voters());
    let request = GenesisRequest {
        name: plan.name.to_owned(),
        settings: plan.settings,
        validators: validators.map(|card| card.id.clone()).collect(),
        hospitals: cards.clone(),
    };
    let genesis = consilium_kgc::genesis(&kgc, &passphrase, request)?;
    for card in &cards {
        fs::copy(
            kgc.genesis(),
            folder.join(card.id.as_str()).join("genesis.bin"),
        )?;
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

fn make_hospital(
    folder: &Path,
    named: Named,
    ports: Ports,
    passphrase: &Passphrase,
    work: WorkFactor,
) -> Result<HospitalCard, Failure> {
    let made = Gateway::init(
        &consilium_gateway::InitRequest {
            folder: &folder.join(&named.id),
            id: named.id.parse()?,
            name: named.name,
            url: ports.url(),
            http_listen: ports.http_listen(),
            ledger_listen: ports.ledger_listen(),
            passphrase,
            operator_passphrase: None,
            work: Some(work),
        },
        &mut rand::rng(),
    )?;
    Ok(made.card)
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

/// What a service lacks to take work; nothing where it says that it is ready, and knows the first epoch.
pub async fn lacks(http: &HttpClient) -> Option<String> {
    match http.readiness().await {
        Ok(readiness) if readiness.ready => {}
        Ok(readiness) => {
            let missing = readiness.checks.iter().filter(|(_, check)| !check.ok);
            let missing: Vec<_> = missing
                .map(|(name, check)| format!("{name}: {}", check.detail))
                .collect();
            return Some(missing.join("; "));
        }
        Err(error) => return Some(error.to_string()),
    }
    match http.get::<EpochList>("/v1/epochs").await {
        Ok(list) if list.current.is_some() => None,
        Ok(_) => Some("it does not know the first epoch yet".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
