//! A federation of the KGC and a hospital, and where a test wants them further ones: each the real command's process.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use consilium_client::api::auth::ScopeSet;
use consilium_client::credentials::Credentials;
use consilium_client::device::Federation;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::keyfile::{WorkFactor, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_client::{GatewayClient, KgcClient};
use consilium_contracts::{HospitalCard, Settings, SigningKey};
use consilium_gateway::Gateway;
use consilium_kgc::{GenesisRequest, Home};

use super::process::{Service, wait};

pub const SECRET: &str = "correct horse battery staple";

/// Where the hospital's folder is.
pub struct Place {
    /// As its process sees it.
    pub inside: PathBuf,
    /// As this one does.
    pub here: PathBuf,
}

impl Place {
    /// In the folder of everything.
    pub fn beside(dir: &Path, id: &str) -> Self {
        let folder = dir.join(id);
        Self {
            inside: folder.clone(),
            here: folder,
        }
    }
}

/// A hospital that does not run yet.
struct House {
    card: HospitalCard,
    operator: SigningKey,
    place: Place,
}

impl House {
    fn prepare(id: &str, place: Place, work: WorkFactor) -> Self {
        let secret = Passphrase::new(SECRET).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let request = consilium_gateway::InitRequest {
            folder: &place.here,
            id: id.parse().unwrap(),
            name: format!("{id} hospital"),
            url: format!("http://{address}"),
            http_listen: address,
            ledger_listen: format!("/ip4/127.0.0.1/tcp/{}", free_port()),
            passphrase: &secret,
            operator_passphrase: None,
            work: Some(work),
        };
        let made = Gateway::init(&request, &mut rand::rng()).unwrap();
        Self {
            operator: read_key_file(&made.operator_key, Some(&secret)).unwrap(),
            card: made.card,
            place,
        }
    }

    fn service(&self, secret_file: &Path, log: &Path) -> Service {
        let address = self.card.url.as_str().trim_start_matches("http://");
        let mut service = Service::new("gateway", address, &self.place.inside, secret_file, log);
        let flags = ["--gateway-retry-s", "1"];
        service.flags.extend(flags.map(String::from));
        service
    }
}

pub struct World {
    pub kgc: Service,
    pub gateway: Service,
    /// The gateways of further hospitals.
    pub others: Vec<Service>,
    pub card: HospitalCard,
    /// The hospital's folder.
    pub folder: PathBuf,
    pub federation: Federation,
    pub admin: SigningKey,
    pub operator: SigningKey,
    kgc_url: String,
    /// Goes last: a failing test shows the logs in it.
    pub dir: tempfile::TempDir,
}

pub fn copy_of(key: &SigningKey) -> SigningKey {
    SigningKey::from_bytes(&key.expose_secret())
}

pub fn now_s() -> u64 {
    consilium_service::Clock::system().now_s()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn impatient() -> ClientSettings {
    ClientSettings {
        retries: 0,
        ..ClientSettings::default()
    }
}

impl World {
    /// Makes everything that stands on disk; nothing runs yet. `place` says where the hospital's folder shall be.
    /// Every hospital is a validator.
    pub fn prepare(
        settings: Settings,
        place: impl FnOnce(&Path) -> Option<Place>,
        others: &[&str],
    ) -> Option<Self> {
        Self::prepare_voting(settings, place, others, others.len() + 1)
    }

    /// As [`World::prepare`]; only the first so many hospitals are validators.
    pub fn prepare_voting(
        settings: Settings,
        place: impl FnOnce(&Path) -> Option<Place>,
        others: &[&str],
        voting: usize,
    ) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path())?;
        let (secret, work) = (
            Passphrase::new(SECRET).unwrap(),
            WorkFactor::new(1).unwrap(),
        );
        let secret_file = dir.path().join("passphrase");
        fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        let home = Home::at(dir.path().join("kgc"));
        let address = format!("127.0.0.1:{}", free_port());
        let kgc_url = format!("http://{address}");
        let made = consilium_kgc::init(&consilium_kgc::InitRequest {
            home: home.clone(),
            url: kgc_url.clone(),
            listen: format!("/ip4/127.0.0.1/tcp/{}", free_port()),
            names: vec!["localhost".to_owned()],
            depth: 4,
            passphrase: &secret,
            admin_passphrase: &secret,
            work,
            settings: vec![("http.listen".to_owned(), format!("\"{address}\""))],
        });
        let admin = read_key_file(&made.unwrap().admin_key, Some(&secret)).unwrap();
        let kgc_log = dir.path().join("kgc.log");
        let kgc = Service::new("kgc", &address, home.path(), &secret_file, &kgc_log);

        let house = House::prepare("north", place, work);
        let others: Vec<_> = others
            .iter()
            .map(|id| House::prepare(id, Place::beside(dir.path(), id), work))
            .collect();
        let all: Vec<_> = std::iter::once(&house).chain(&others).collect();
        let genesis = GenesisRequest {
            name: "faults".to_owned(),
            settings,
            hospitals: all.iter().map(|one| one.card.clone()).collect(),
            validators: all
                .iter()
                .take(voting)
                .map(|one| one.card.id.clone())
                .collect(),
        };
        let genesis = consilium_kgc::genesis(&home, &secret, genesis).unwrap();
        for one in &all {
            fs::copy(home.genesis(), one.place.here.join("genesis.bin")).unwrap();
        }
        let log = |id: &str| dir.path().join(format!("{id}.log"));
        let gateway = house.service(&secret_file, &log("north"));
        let others = others
            .iter()
            .map(|one| one.service(&secret_file, &log(one.card.id.as_str())))
            .collect();
        Some(Self {
            federation: Federation::from_genesis(&genesis).unwrap(),
            folder: house.place.here,
            card: house.card,
            operator: house.operator,
            others,
            dir,
            kgc,
            gateway,
            admin,
            kgc_url,
        })
    }

    pub async fn start(&mut self) {
        self.kgc.start();
        self.gateway.start();
        self.others.iter_mut().for_each(Service::start);
        self.ready().await;
    }

    /// Waits until both are ready and there is an epoch to encrypt to.
    pub async fn ready(&mut self) {
        let Self {
            kgc,
            gateway,
            others,
            ..
        } = self;
        wait("the services to be ready", async || {
            for service in [&mut *kgc, &mut *gateway].into_iter().chain(&mut *others) {
                service.assert_sound();
                if !service.readiness()?.0 {
                    return None;
                }
            }
            Some(())
        })
        .await;
        let operator = self.operator();
        wait("an epoch", async || operator.epochs().await.ok()?.current).await;
    }

    fn client(url: &str, key: Option<&SigningKey>) -> (Endpoint, Option<Credentials>) {
        let key = key.map(|key| Credentials::new(copy_of(key), ScopeSet::none()));
        (Endpoint::new(url.parse().unwrap(), None).unwrap(), key)
    }

    pub fn gateway_as(&self, key: Option<&SigningKey>) -> GatewayClient {
        let (endpoint, key) = Self::client(self.card.url.as_str(), key);
        GatewayClient::new(endpoint, key, impatient()).unwrap()
    }

    pub fn operator(&self) -> GatewayClient {
        self.gateway_as(Some(&self.operator))
    }

    pub fn kgc_admin(&self) -> KgcClient {
        let (endpoint, key) = Self::client(&self.kgc_url, Some(&self.admin));
        KgcClient::new(endpoint, key, impatient()).unwrap()
    }

    /// The gateway's height and block time.
    pub async fn tip(&self) -> (u64, u64) {
        let status = self.gateway_as(None).ledger_status().await.unwrap();
        (status.height, status.tip_time_ms)
    }

    /// Waits until the gateway's ledger has gone on by so many blocks; where it stands then.
    pub async fn blocks(&self, more: u64) -> (u64, u64) {
        let (from, _) = self.tip().await;
        wait("the ledger to go on", async || {
            let tip = self.tip().await;
            (tip.0 >= from + more).then_some(tip)
        })
        .await
    }

    /// Both nodes have the same ledger: the KGC's replayed and checked every block of the hospital's.
    pub async fn assert_same_ledger(&self) {
        let (gateway, kgc) = (self.gateway_as(None), self.kgc_admin());
        wait("both nodes at one height", async || {
            let (one, other) = (
                gateway.ledger_status().await.ok()?,
                kgc.ledger_status().await.ok()?,
            );
            if one.height != other.height {
                return None;
            }
            assert_eq!(one.state_root, other.state_root);
            Some(())
        })
        .await;
    }
}
