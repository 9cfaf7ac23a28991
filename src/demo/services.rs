//! The federation of the demo: a KGC and two gateways, each a process of this same command with a folder of its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::{
    AuthorizationRequest, AuthorizationScope, DeviceRole, InvitationRequest,
};
use consilium_client::api::health::Readiness;
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::credentials::Credentials;
use consilium_client::device::Federation;
use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::{WorkFactor, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::Text;
use consilium_client::{GatewayClient, KgcClient};
use consilium_contracts::{HospitalCard, HospitalId, Settings, SigningKey, VerifiedGenesis};
use consilium_gateway::Gateway;
use consilium_kgc::{GenesisRequest, Home, PublicFile};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::cli::{Failure, connect};

/// How long a service may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);
/// The passphrases are random and long: no work factor makes them stronger.
const WORK: u8 = 10;
/// Levels of the tree: 1,024 doctors.
const DEPTH: u8 = 10;
/// Block time goes on when nothing happens, so that windows end when they should.
const HEARTBEAT_MS: u64 = 1000;
/// One day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A hospital of the demo.
pub struct Hospital {
    /// Its card.
    pub card: HospitalCard,
    /// Its gateway, as its operator.
    pub operator: GatewayClient,
}

/// Everything that runs.
pub struct Services {
    /// The KGC, as its administrator.
    pub kgc: KgcClient,
    /// The hospitals.
    pub hospitals: Vec<Hospital>,
    /// The federation.
    pub federation: Federation,
    running: Vec<Child>,
}

struct Names {
    id: &'static str,
    name: &'static str,
}

const HOSPITALS: [Names; 2] = [
    Names {
        id: "st-mary",
        name: "St. Mary's Hospital",
    },
    Names {
        id: "city-clinic",
        name: "City Clinic",
    },
];

impl Services {
    /// Makes the keys, signs genesis, starts the three processes, and waits until they are ready.
    pub async fn start(folder: &Path, matching_window_ms: u64) -> Result<Self, Failure> {
        let secret = Passphrase::new(&hex::encode(rand::random::<[u8; 32]>()))?;
        let secret_file = folder.join("passphrase");
        let line = format!("{}\n", secret.expose_secret());
        write_atomically(
            &secret_file,
            line.as_bytes(),
            Readers::Owner,
            Existing::Keep,
        )?;
        let work = WorkFactor::new(WORK).ok_or_else(|| Failure::said("the work factor"))?;
        let home = init_kgc(folder, &secret, work)?;
        let mut cards = Vec::new();
        for names in &HOSPITALS {
            cards.push(init_hospital(folder, names, &secret, work)?);
        }
        let genesis = sign_genesis(&home, &secret, &cards, matching_window_ms)?;
        let mut running = vec![spawn("kgc", home.path(), &secret_file)?];
        for names in &HOSPITALS {
            let own = folder.join(names.id);
            fs::copy(home.genesis(), own.join("genesis.bin"))?;
            running.push(spawn("gateway", &own, &secret_file)?);
        }
        let mut services = Self {
            kgc: kgc_client(&home, &secret)?,
            hospitals: Vec::new(),
            federation: Federation::from_genesis(&genesis)?,
            running,
        };
        for card in cards {
            let key: SigningKey = read_key_file(
                &folder.join(card.id.as_str()).join("operator.key"),
                Some(&secret),
            )?;
            let operator = gateway_client(&card, Some(key))?;
            services.hospitals.push(Hospital { card, operator });
        }
        services.wait(folder).await?;
        Ok(services)
    }

    async fn wait(&mut self, folder: &Path) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let ready = self.ready().await;
            for child in &mut self.running {
                if let Some(status) = child.try_wait()? {
                    return Err(Failure::said(format!(
                        "a service ended ({status}):\n{}",
                        logs(folder)
                    )));
                }
            }
            if ready {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(Failure::said(format!(
                    "the services do not become ready:\n{}",
                    logs(folder)
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn ready(&self) -> bool {
        let mut all = vec![self.kgc.http()];
        all.extend(
            self.hospitals
                .iter()
                .map(|hospital| hospital.operator.http()),
        );
        for http in all {
            if !is_ready(http).await {
                return false;
            }
        }
        for hospital in &self.hospitals {
            if !matches!(hospital.operator.epochs().await, Ok(list) if list.current.is_some()) {
                return false;
            }
        }
        true
    }

    /// Lets each hospital search the other's records, within consent.
    pub async fn authorize(&self) -> Result<usize, Failure> {
        let mut made = 0_usize;
        for from in &self.hospitals {
            for to in self
                .hospitals
                .iter()
                .filter(|to| to.card.id != from.card.id)
            {
                let now = from.operator.ledger_status().await?.tip_time_ms;
                let request = AuthorizationRequest {
                    to: Text(to.card.id.clone()),
                    scope: AuthorizationScope::All,
                    purpose: PurposeOfUse::Treatment,
                    expires_ms: now.saturating_add(30 * DAY_MS),
                };
                from.operator.authorize(&request).await?;
                made = made.saturating_add(1);
            }
        }
        Ok(made)
    }

    /// The hospital with this number, counted round.
    pub fn hospital(&self, index: usize) -> Result<&Hospital, Failure> {
        let count = self.hospitals.len().max(1);
        let found = self.hospitals.get(index.checked_rem(count).unwrap_or(0));
        found.ok_or_else(|| Failure::said("there is no hospital"))
    }

    /// The hospitals' ids.
    pub fn ids(&self) -> Vec<HospitalId> {
        self.hospitals
            .iter()
            .map(|one| one.card.id.clone())
            .collect()
    }

    /// Ends the processes.
    pub async fn stop(mut self) {
        for child in &mut self.running {
            // It may have ended by itself; the folder is thrown away in any case.
            let _ = child.kill().await;
        }
    }
}

impl Hospital {
    /// An invitation for one device.
    pub async fn invite(&self, role: DeviceRole) -> Result<Invitation, Failure> {
        let request = InvitationRequest {
            role,
            note: "demo".to_owned(),
            lifetime_s: 3600,
        };
        let invited = self.operator.invite(&request).await?;
        Ok(invited.code.expose_secret().parse()?)
    }

    /// This hospital's gateway, as the holder of a key.
    pub fn gateway_as(&self, key: &SigningKey) -> Result<GatewayClient, Failure> {
        gateway_client(
            &self.card,
            Some(SigningKey::from_bytes(&key.expose_secret())),
        )
    }
}

async fn is_ready(http: &HttpClient) -> bool {
    matches!(http.get::<Readiness>("/readyz").await, Ok(readiness) if readiness.ready)
}

fn patient_settings() -> ClientSettings {
    ClientSettings {
        call_timeout: Duration::from_secs(120),
        ..ClientSettings::default()
    }
}

fn gateway_client(card: &HospitalCard, key: Option<SigningKey>) -> Result<GatewayClient, Failure> {
    let endpoint = connect::endpoint(card.url.as_str(), &card.tls_pin)?;
    let credentials = key.map(|key| Credentials::new(key, ScopeSet::none()));
    Ok(GatewayClient::new(
        endpoint,
        credentials,
        patient_settings(),
    )?)
}

fn kgc_client(home: &Home, secret: &Passphrase) -> Result<KgcClient, Failure> {
    let card = PublicFile::read(&home.public())?
        .card()
        .map_err(Failure::said)?;
    let key: SigningKey = read_key_file(&home.admin_key(), Some(secret))?;
    let endpoint = connect::endpoint(card.url.as_str(), &card.tls_pin)?;
    let credentials = Credentials::new(key, ScopeSet::none());
    Ok(KgcClient::new(
        endpoint,
        Some(credentials),
        patient_settings(),
    )?)
}

/// A port that nobody uses now.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn init_kgc(folder: &Path, secret: &Passphrase, work: WorkFactor) -> Result<Home, Failure> {
    let home = Home::at(folder.join("kgc"));
    let (http, ledger) = (free_port()?, free_port()?);
    consilium_kgc::init(&consilium_kgc::InitRequest {
        home: home.clone(),
        url: format!("http://127.0.0.1:{http}"),
        listen: format!("/ip4/127.0.0.1/tcp/{ledger}"),
        names: vec!["localhost".to_owned()],
        depth: DEPTH,
        passphrase: secret,
        admin_passphrase: secret,
        work,
        settings: vec![
            (
                "http.listen".to_owned(),
                json!(format!("127.0.0.1:{http}")).to_string(),
            ),
            ("log.filter".to_owned(), json!("warn").to_string()),
        ],
    })?;
    Ok(home)
}

fn init_hospital(
    folder: &Path,
    names: &Names,
    secret: &Passphrase,
    work: WorkFactor,
) -> Result<HospitalCard, Failure> {
    let (http, ledger) = (free_port()?, free_port()?);
    let made = Gateway::init(
        &consilium_gateway::InitRequest {
            folder: &folder.join(names.id),
            id: names.id.parse()?,
            name: names.name.to_owned(),
            url: format!("http://127.0.0.1:{http}"),
            http_listen: format!("127.0.0.1:{http}"),
            ledger_listen: format!("/ip4/127.0.0.1/tcp/{ledger}"),
            passphrase: secret,
            operator_passphrase: None,
            work: Some(work),
        },
        &mut rand::rng(),
    )?;
    Ok(made.card)
}

fn sign_genesis(
    home: &Home,
    secret: &Passphrase,
    cards: &[HospitalCard],
    matching_window_ms: u64,
) -> Result<VerifiedGenesis, Failure> {
    let request = GenesisRequest {
        name: "Consilium demo".to_owned(),
        settings: Settings {
            matching_window_ms,
            heartbeat_ms: HEARTBEAT_MS,
            ..Settings::default()
        },
        hospitals: cards.to_vec(),
        validators: cards
            .first()
            .map(|card| card.id.clone())
            .into_iter()
            .collect(),
    };
    Ok(consilium_kgc::genesis(home, secret, request)?)
}

fn spawn(service: &str, home: &Path, secret: &Path) -> Result<Child, Failure> {
    let log = File::create(log_of(home))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([service, "serve", "--home"])
        .arg(home)
        .arg("--passphrase-file")
        .arg(secret);
    if service == "gateway" {
        command.args(["--log-filter", "warn"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

fn log_of(home: &Path) -> PathBuf {
    home.join("service.log")
}

/// The last lines of every service's log.
fn logs(folder: &Path) -> String {
    let homes = std::iter::once("kgc").chain(HOSPITALS.iter().map(|names| names.id));
    let lines = homes.map(|name| {
        let text = fs::read_to_string(log_of(&folder.join(name))).unwrap_or_default();
        let last: Vec<_> = text.lines().rev().take(5).collect();
        let last: Vec<_> = last
            .into_iter()
            .rev()
            .map(|line| format!("  {name}: {line}"))
            .collect();
        last.join("\n")
    });
    lines.collect::<Vec<_>>().join("\n")
}
