//! The federation of the demo: a KGC and gateways, each a process of this same command with a folder of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::{
    AuthorizationRequest, AuthorizationScope, DeviceRole, InvitationRequest,
};
use consilium_client::api::ledger::LedgerStatus;
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::credentials::Credentials;
use consilium_client::device::Federation;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::read_key_file;
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::Text;
use consilium_client::{GatewayClient, KgcClient, LedgerClient};
use consilium_contracts::{HospitalCard, HospitalId, Settings, SigningKey, VerifiedGenesis};
use consilium_kgc::Home;
use tokio::sync::{Mutex, RwLock};

use super::process::Process;
use crate::cli::{Failure, connect};
use crate::loopback::{self, Hospitals, Plan, Ports};

/// How long a service may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);
/// Block time goes on when nothing happens, so that windows end when they should.
const HEARTBEAT_MS: u64 = 1000;
/// One day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The largest answer of `/metrics` that is read.
const METRICS_BYTES: usize = 4 << 20;

/// A hospital of the demo.
pub struct Hospital {
    /// Its card.
    pub card: HospitalCard,
    /// Its gateway, as its operator.
    pub operator: GatewayClient,
    /// Its gateway's process.
    pub process: Mutex<Process>,
    /// Held for reading by a patient who brings a record, for writing while the gateway is away.
    pub door: RwLock<()>,
}

/// Everything that runs.
pub struct Services {
    /// The KGC, as its administrator.
    pub kgc: KgcClient,
    /// The hospitals.
    pub hospitals: Vec<Hospital>,
    /// The federation.
    pub federation: Federation,
    /// What it begins with.
    pub genesis: VerifiedGenesis,
    /// The KGC's copy of the ledger, for who checks it.
    pub auditor: LedgerClient,
    of_kgc: Mutex<Process>,
}

/// That all nodes have the same ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// How many nodes.
    pub nodes: usize,
    /// The height at which they were compared.
    pub height: u64,
    /// The root of the state that each has there, in hexadecimal.
    pub state_root: String,
}

impl Services {
    /// Makes the keys, signs genesis, starts the processes, and waits until they are ready.
    pub async fn start(
        folder: &Path,
        count: Hospitals,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let made = loopback::make(
            folder,
            Plan {
                name: "Consilium demo",
                settings: Settings {
                    heartbeat_ms: HEARTBEAT_MS,
                    ..settings
                },
                hospitals: count,
                ports: Ports::free(count.count().saturating_add(1))?,
            },
        )?;
        let (secret, file) = (&made.passphrase, folder.join(loopback::PASSPHRASE));
        let of_kgc = Process::start("kgc", made.kgc.path(), &file)?;
        let mut hospitals = Vec::new();
        for card in made.cards {
            let home = folder.join(card.id.as_str());
            let process = Process::start("gateway", &home, &file)?;
            let key: SigningKey = read_key_file(&home.join("operator.key"), Some(secret))?;
            hospitals.push(Hospital {
                operator: gateway_client(&card, Some(key))?,
                card,
                process: Mutex::new(process),
                door: RwLock::default(),
            });
        }
        let services = Self {
            kgc: kgc_client(&made.kgc, secret)?,
            hospitals,
            federation: Federation::from_genesis(&made.genesis)?,
            genesis: made.genesis,
            auditor: auditor(&made.kgc, secret)?,
            of_kgc: Mutex::new(of_kgc),
        };
        services.wait().await?;
        Ok(services)
    }

    async fn wait(&self) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let ready = self.ready().await;
            self.refuse_ended().await?;
            if ready {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                let mut logs = String::new();
                for process in self.processes() {
                    logs.push('\n');
                    logs.push_str(&process.lock().await.last_lines());
                }
                return Err(Failure::said(format!(
                    "the services do not become ready:{logs}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn processes(&self) -> impl Iterator<Item = &Mutex<Process>> {
        let gateways = self.hospitals.iter().map(|one| &one.process);
        std::iter::once(&self.of_kgc).chain(gateways)
    }

    /// Refuses to go on where a service ended by itself.
    pub async fn refuse_ended(&self) -> Result<(), Failure> {
        for process in self.processes() {
            let mut process = process.lock().await;
            if let Some(status) = process.ended()? {
                return Err(Failure::said(format!(
                    "a service ended ({status}):\n{}",
                    process.last_lines()
                )));
            }
        }
        Ok(())
    }

    async fn ready(&self) -> bool {
        if loopback::lacks(self.kgc.http()).await.is_some() {
            return false;
        }
        for hospital in &self.hospitals {
            if !hospital.is_ready().await {
                return false;
            }
        }
        true
    }

    /// Waits until all nodes stand at one height, and compares their roots there.
    pub async fn agreement(&self) -> Result<Agreement, Failure> {
        let started = Instant::now();
        loop {
            let mut seen = vec![self.kgc.ledger_status().await?];
            for hospital in &self.hospitals {
                seen.push(hospital.operator.ledger_status().await?);
            }
            if let Some(agreement) = compare(&seen)? {
                return Ok(agreement);
            }
            if started.elapsed() > PATIENCE {
                return Err(Failure::said("the nodes do not come to one height"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets every other hospital search the records of the one with this number, within consent; how many it let.
    pub async fn authorize(&self, number: usize) -> Result<usize, Failure> {
        let from = self.hospital(number)?;
        let others = self.ids().into_iter().filter(|id| *id != from.card.id);
        let mut made = 0_usize;
        for to in others {
            let now = from.operator.ledger_status().await?.tip_time_ms;
            let request = AuthorizationRequest {
                to: Text(to),
                scope: AuthorizationScope::All,
                purpose: PurposeOfUse::Treatment,
                expires_ms: now.saturating_add(30 * DAY_MS),
            };
            from.operator.authorize(&request).await?;
            made = made.saturating_add(1);
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

    /// The processor time of all services until now.
    pub async fn processor_time(&self) -> Duration {
        let mut sum = Duration::ZERO;
        for process in self.processes() {
            sum = sum.saturating_add(process.lock().await.processor_time());
        }
        sum
    }

    /// Ends the processes.
    pub async fn stop(self) {
        for process in self.processes() {
            // It may have ended by itself; the folder is thrown away in any case.
            let _ = process.lock().await.kill().await;
        }
    }
}

/// What nodes agree on, if they stand at one height.
fn compare(seen: &[LedgerStatus]) -> Result<Option<Agreement>, Failure> {
    let Some((first, others)) = seen.split_first() else {
        return Ok(None);
    };
    if others.iter().any(|one| one.height != first.height) {
        return Ok(None);
    }
    let height = first.height;
    if others.iter().any(|one| one.state_root != first.state_root) {
        let text = format!("the nodes have different states at height {height}");
        return Err(Failure::said(text));
    }
    Ok(Some(Agreement {
        nodes: seen.len(),
        height,
        state_root: hex::encode(first.state_root.as_bytes()),
    }))
}

impl Hospital {
    /// Whether its gateway takes work.
    pub async fn is_ready(&self) -> bool {
        loopback::lacks(self.operator.http()).await.is_none()
    }

    /// Where its copy of the ledger stands.
    pub async fn height(&self) -> Result<u64, Failure> {
        Ok(self.operator.ledger_status().await?.height)
    }

    /// The counter of matches in its gateway's metrics: those of this run of the process.
    pub async fn matches(&self) -> Result<u64, Failure> {
        self.counter("consilium_gateway_matches_total ").await
    }

    /// The counter of pairs that were compared, likewise.
    pub async fn compared(&self) -> Result<u64, Failure> {
        self.counter("consilium_gateway_pairs_compared_total ")
            .await
    }

    async fn counter(&self, counter: &str) -> Result<u64, Failure> {
        let http = self.operator.http();
        let text = http.get_bytes("/metrics", METRICS_BYTES).await?;
        let text = String::from_utf8_lossy(&text);
        let mut values = text.lines().filter_map(|line| line.strip_prefix(counter));
        let value = values.next().and_then(|value| value.trim().parse().ok());
        Ok(value.unwrap_or(0))
    }

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

fn patient_settings() -> ClientSettings {
    ClientSettings {
        call_timeout: Duration::from_secs(120),
        ..ClientSettings::default()
    }
}

fn gateway_client(card: &HospitalCard, key: Option<SigningKey>) -> Result<GatewayClient, Failure> {
    let endpoint = Endpoint::of_hospital(card)?;
    let credentials = key.map(|key| Credentials::new(key, ScopeSet::none()));
    Ok(GatewayClient::new(
        endpoint,
        credentials,
        patient_settings(),
    )?)
}

fn kgc_client(home: &Home, secret: &Passphrase) -> Result<KgcClient, Failure> {
    let endpoint = connect::kgc_endpoint(home)?;
    let credentials = administrator(home, secret)?;
    Ok(KgcClient::new(
        endpoint,
        Some(credentials),
        patient_settings(),
    )?)
}

fn auditor(home: &Home, secret: &Passphrase) -> Result<LedgerClient, Failure> {
    let endpoint = connect::kgc_endpoint(home)?;
    let credentials = administrator(home, secret)?;
    Ok(LedgerClient::new(
        endpoint,
        Some(credentials),
        patient_settings(),
    )?)
}

fn administrator(home: &Home, secret: &Passphrase) -> Result<Credentials, Failure> {
    let key: SigningKey = read_key_file(&home.admin_key(), Some(secret))?;
    Ok(Credentials::new(key, ScopeSet::none()))
}
