//! The federation of the demo: a KGC and two gateways, each a process of this same command with a folder of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::{
    AuthorizationRequest, AuthorizationScope, DeviceRole, InvitationRequest,
};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::credentials::Credentials;
use consilium_client::device::Federation;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::read_key_file;
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::Text;
use consilium_client::{GatewayClient, KgcClient};
use consilium_contracts::{HospitalCard, HospitalId, Settings, SigningKey};
use consilium_kgc::{Home, PublicFile};
use tokio::process::Child;

use crate::cli::Failure;
use crate::loopback::{self, Plan, Ports};

/// How long a service may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);
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

impl Services {
    /// Makes the keys, signs genesis, starts the three processes, and waits until they are ready.
    pub async fn start(folder: &Path, matching_window_ms: u64) -> Result<Self, Failure> {
        let made = loopback::make(
            folder,
            Plan {
                name: "Consilium demo",
                settings: Settings {
                    matching_window_ms,
                    heartbeat_ms: HEARTBEAT_MS,
                    ..Settings::default()
                },
                ports: [Ports::free()?, Ports::free()?, Ports::free()?],
            },
        )?;
        let mut running = vec![spawn("kgc", made.kgc.path(), folder)?];
        for (id, _) in loopback::HOSPITALS {
            running.push(spawn("gateway", &folder.join(id), folder)?);
        }
        let secret = &made.passphrase;
        let mut services = Self {
            kgc: kgc_client(&made.kgc, secret)?,
            hospitals: Vec::new(),
            federation: Federation::from_genesis(&made.genesis)?,
            running,
        };
        for card in made.cards {
            let key: SigningKey = read_key_file(
                &folder.join(card.id.as_str()).join("operator.key"),
                Some(secret),
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
        let gateways = self.hospitals.iter().map(|one| one.operator.http());
        for http in std::iter::once(self.kgc.http()).chain(gateways) {
            if !loopback::is_ready(http).await {
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

fn patient_settings() -> ClientSettings {
    ClientSettings {
        call_timeout: Duration::from_secs(120),
        ..ClientSettings::default()
    }
}

fn gateway_client(card: &HospitalCard, key: Option<SigningKey>) -> Result<GatewayClient, Failure> {
    let endpoint = Endpoint::of_card(card.url.as_str(), &card.tls_pin)?;
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
    let endpoint = Endpoint::of_card(card.url.as_str(), &card.tls_pin)?;
    let credentials = Credentials::new(key, ScopeSet::none());
    Ok(KgcClient::new(
        endpoint,
        Some(credentials),
        patient_settings(),
    )?)
}

fn spawn(service: &str, home: &Path, folder: &Path) -> Result<Child, Failure> {
    let mut command = loopback::serve(service, home, &folder.join(loopback::PASSPHRASE))?;
    command.args(["--log-filter", "warn"]);
    Ok(tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()?)
}

fn logs(folder: &Path) -> String {
    let homes = std::iter::once("kgc").chain(loopback::HOSPITALS.map(|(id, _)| id));
    let lines = homes.map(|name| loopback::last_lines(&folder.join(name)));
    lines.collect::<Vec<_>>().join("\n")
}
