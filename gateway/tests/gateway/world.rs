//! A federation in one process: a KGC, hospital `north` (the validator), hospital `south` (a full node), and devices.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::*;
use consilium_client::api::kgc::{EnrolmentState, IssueRequest};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::credentials::Credentials;
use consilium_client::device::doctor::{self, DoctorKeys, OpenedCase, ReportRecipient};
use consilium_client::device::patient::{self, RecordChoices, RecordKeys};
use consilium_client::device::{DeviceError, Federation, keyword_tokens, register};
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::{WorkFactor, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_client::tls::TlsPin;
use consilium_client::wire::{SecretText, Text};
use consilium_client::{ClientError, GatewayClient, KgcClient};
use consilium_contracts::{
    BlockTime, Consent, DoctorId, HospitalCard, HospitalId, RecordId, Settings, SigningKey,
    VerifyingKey, View,
};
use consilium_gateway::{Gateway, GatewayConfig, InitRequest};
use consilium_kgc::{GenesisRequest, Home, Kgc, KgcConfig};
use consilium_node::History;
use consilium_schemes::report::{Report, SecretKey};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple").unwrap()
}

pub fn cheap() -> WorkFactor {
    WorkFactor::new(1).unwrap()
}

/// A port that nobody listens on, below those that the system gives to outgoing connections: none of these takes it meanwhile.
pub fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| rand::random_range(10_000..32_000));
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().unwrap()
}

/// Randomness that may wait in another thread.
pub fn rng() -> rand::rngs::StdRng {
    rand::make_rng()
}

pub fn copy_of(key: &SigningKey) -> SigningKey {
    SigningKey::from_bytes(&key.expose_secret())
}

fn impatient() -> ClientSettings {
    ClientSettings {
        retries: 0,
        ..ClientSettings::default()
    }
}

/// A patience that only a fault exhausts.
const LONG: Duration = Duration::from_secs(60);

/// Waits until `ready` gives something.
pub async fn wait<T>(what: &str, mut ready: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(begun.elapsed() < LONG, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A hospital: its folder and, while it runs, its gateway.
pub struct House {
    pub id: HospitalId,
    pub card: HospitalCard,
    pub folder: PathBuf,
    pub operator: SigningKey,
    /// What its node keeps of the past.
    pub history: History,
    /// Bytes for its match engine, where it is not as usual.
    pub memory: Option<u64>,
    /// How long its own transactions wait for a block, where it is not as usual.
    pub patience: Option<Duration>,
    pub gateway: Option<Gateway>,
}

impl House {
    pub fn init(folder: PathBuf, id: &str) -> Self {
        let passphrase = passphrase();
        let (http, ledger) = (free_port(), free_port());
        let request = InitRequest {
            folder: &folder,
            id: id.parse().unwrap(),
            name: format!("{id} hospital"),
            url: format!("https://127.0.0.1:{http}"),
            http_listen: format!("127.0.0.1:{http}"),
            ledger_listen: format!("/ip4/127.0.0.1/tcp/{ledger}"),
            passphrase: &passphrase,
            operator_passphrase: None,
            work: Some(cheap()),
        };
        let made = Gateway::init(&request, &mut rng()).unwrap();
        let operator = read_key_file(&made.operator_key, Some(&passphrase)).unwrap();
        let card =
            consilium_service::hospital_file::read_hospital_file(&made.hospital_file).unwrap();
        assert_eq!(card, made.card);
        Self {
            id: request.id,
            card,
            folder,
            operator,
            history: History::default(),
            memory: None,
            patience: None,
            gateway: None,
        }
    }

    pub fn config(&self) -> GatewayConfig {
        let flags = [("audit-sync".to_owned(), "system".to_owned())];
        let mut config = GatewayConfig::load(&self.folder.join("gateway.toml"), [], flags).unwrap();
        config.gateway.retry_s = 1;
        config.frame.http.shutdown_timeout_s = 1;
        config.tuning.history = self.history;
        let usual = config.gateway.matching_memory_bytes;
        config.gateway.matching_memory_bytes = self.memory.unwrap_or(usual);
        let usual = config.tuning.submit_timeout;
        config.tuning.submit_timeout = self.patience.unwrap_or(usual);
        config
    }

    pub async fn start(&mut self) {
        assert!(self.gateway.is_none());
        self.gateway = Some(
            Gateway::start(self.config(), Some(&passphrase()))
                .await
                .unwrap(),
        );
    }

    pub async fn stop(&mut self) {
        self.gateway.take().unwrap().stop().await.unwrap();
    }

    pub fn running(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    pub fn endpoint(&self) -> Endpoint {
        let pin = TlsPin::from_bytes(*self.card.tls_pin.as_bytes());
        Endpoint::new(self.card.url.as_str().parse().unwrap(), Some(pin)).unwrap()
    }

    pub fn client(&self, key: Option<&SigningKey>) -> GatewayClient {
        let key = key.map(|key| Credentials::new(copy_of(key), ScopeSet::none()));
        GatewayClient::new(self.endpoint(), key, impatient()).unwrap()
    }

    pub fn operator(&self) -> GatewayClient {
        self.client(Some(&self.operator))
    }

    pub async fn invite(&self, role: DeviceRole) -> Invitation {
        let request = InvitationRequest {
            role,
            note: "a test".to_owned(),
            lifetime_s: 600,
        };
        let invited = self.operator().invite(&request).await.unwrap();
        invited.code.expose_secret().parse().unwrap()
    }

    pub fn cthd(&self, record: &RecordId) -> PathBuf {
        self.folder.join("data/cthd").join(format!("{record}.cthd"))
    }

    pub fn fetched(&self, record: &RecordId) -> PathBuf {
        self.folder
            .join("data/fetched")
            .join(format!("{record}.cthd"))
    }

    /// The audit lines with this action, as (outcome, why).
    pub fn audit(&self, action: &str) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.folder.join("audit.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let lines = lines.filter(|line| line["action"] == action);
        lines
            .map(|line| {
                (
                    line["outcome"].as_str().unwrap().into(),
                    line["why"].as_str().unwrap().into(),
                )
            })
            .collect()
    }
}

pub struct RunningKgc {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), consilium_kgc::StartError>>,
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub home: Home,
    pub admin: SigningKey,
    /// What the nodes keep of the past.
    pub history: History,
    pub kgc: Option<RunningKgc>,
    pub kgc_endpoint: Endpoint,
    pub federation: Federation,
    pub north: House,
    pub south: House,
    /// Further ones, where all vote.
    pub others: Vec<House>,
}

pub fn settings() -> Settings {
    Settings {
        n: 8,
        matching_window_ms: 2500,
        heartbeat_ms: 500,
        ..Settings::default()
    }
}

impl World {
    pub async fn new(settings: Settings) -> Self {
        Self::keeping(settings, History::default()).await
    }

    /// A federation whose nodes keep so much of the past.
    pub async fn keeping(settings: Settings, history: History) -> Self {
        Self::made(settings, history, &[]).await
    }

    /// A federation of `north`, `south` and these, all of which vote.
    pub async fn voting(settings: Settings, others: &[&str]) -> Self {
        Self::made(settings, History::default(), others).await
    }

    async fn made(settings: Settings, history: History, others: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let passphrase = passphrase();
        let home = Home::at(dir.path().join("kgc"));
        let (http, ledger) = (free_port(), free_port());
        let url = format!("https://127.0.0.1:{http}");
        let request = consilium_kgc::InitRequest {
            home: home.clone(),
            url: url.clone(),
            listen: format!("/ip4/127.0.0.1/tcp/{ledger}"),
            names: vec!["localhost".to_owned()],
            depth: 4,
            passphrase: &passphrase,
            admin_passphrase: &passphrase,
            work: cheap(),
            settings: vec![
                ("audit.sync".to_owned(), "\"system\"".to_owned()),
                ("http.listen".to_owned(), format!("\"127.0.0.1:{http}\"")),
                ("http.public_url".to_owned(), format!("\"{url}\"")),
            ],
        };
        let made = consilium_kgc::init(&request).unwrap();
        let admin = read_key_file(&made.admin_key, Some(&passphrase)).unwrap();
        let mut north = House::init(dir.path().join("north"), "north");
        let mut south = House::init(dir.path().join("south"), "south");
        let others = others.iter().map(|id| House::init(dir.path().join(id), id));
        let mut others: Vec<_> = others.collect();
        let all = || [&north, &south].into_iter().chain(&others);
        let request = GenesisRequest {
            name: "test federation".to_owned(),
            settings,
            hospitals: all().map(|house| house.card.clone()).collect(),
            validators: match others.is_empty() {
                true => vec![north.id.clone()],
                false => all().map(|house| house.id.clone()).collect(),
            },
        };
        let genesis = consilium_kgc::genesis(&home, &passphrase, request).unwrap();
        for house in all() {
            fs::copy(home.genesis(), house.folder.join("genesis.bin")).unwrap();
        }
        let pin = TlsPin::from_bytes(*genesis.genesis().kgc.tls_pin.as_bytes());
        let kgc_endpoint = Endpoint::new(url.parse().unwrap(), Some(pin)).unwrap();
        (north.history, south.history) = (history, history);
        for house in [&mut north, &mut south].into_iter().chain(&mut others) {
            house.start().await;
        }
        let federation = Federation::from_genesis(&genesis).unwrap();
        let mut world = Self {
            dir,
            home,
            admin,
            history,
            kgc: None,
            kgc_endpoint,
            federation,
            north,
            south,
            others,
        };
        world.start_kgc().await;
        for house in [&world.north, &world.south] {
            wait("the first epoch", async || {
                View::new(house.running().node().state()).current_epoch()
            })
            .await;
        }
        world
    }

    pub async fn start_kgc(&mut self) {
        let mut config = KgcConfig::load(&self.home, [], []).unwrap();
        config.kgc.retry_ms = 100;
        config.tuning.history = self.history;
        config.frame.http.shutdown_timeout_s = 1;
        let kgc = Kgc::start(config).await.unwrap();
        kgc.unseal(&passphrase()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(kgc.run(async move {
            let _ = stopped.await;
        }));
        self.kgc = Some(RunningKgc { stop, task });
    }

    pub async fn stop_kgc(&mut self) {
        let RunningKgc { stop, task } = self.kgc.take().unwrap();
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
    }

    pub fn kgc_admin(&self) -> KgcClient {
        let key = Credentials::new(copy_of(&self.admin), ScopeSet::none());
        KgcClient::new(self.kgc_endpoint.clone(), Some(key), impatient()).unwrap()
    }

    pub async fn end(mut self) {
        self.stop_kgc().await;
        let others = self.others.iter_mut();
        for house in others.chain([&mut self.south, &mut self.north]) {
            if house.gateway.is_some() {
                house.stop().await;
            }
        }
    }
}

/// A patient's device.
pub struct Patient {
    pub key: SigningKey,
    pub client: GatewayClient,
}

pub async fn patient(house: &House) -> Patient {
    let key = SigningKey::generate(&mut rng());
    let invitation = house.invite(DeviceRole::Patient).await;
    register(&invitation, DeviceRole::Patient, &key, impatient())
        .await
        .unwrap();
    let client = house.client(Some(&key));
    Patient { key, client }
}

/// A doctor's device.
pub struct Doctor {
    pub keys: DoctorKeys,
    /// What the doctor's hospital signs with.
    pub hospital: VerifyingKey,
    pub client: GatewayClient,
    pub id: DoctorId,
}

/// A doctor with an attribute key.
pub async fn doctor(world: &World, house: &House, attributes: &str) -> Doctor {
    let doctor = asking(world, house).await;
    issued(world, house, &doctor, attributes).await;
    doctor
}

/// A doctor's device that is registered and has asked to be enrolled.
pub async fn asking(world: &World, house: &House) -> Doctor {
    let keys = DoctorKeys::generate(&mut rng());
    let invitation = house.invite(DeviceRole::Doctor).await;
    register(&invitation, DeviceRole::Doctor, keys.signing(), impatient())
        .await
        .unwrap();
    let client = house.client(Some(keys.signing()));
    let id = keys.id(&world.federation);
    let hospital = house.card.signing_key;
    let doctor = Doctor {
        keys,
        hospital,
        client,
        id,
    };
    ask(world, &doctor).await;
    doctor
}

/// The doctor asks to be enrolled, the first time or again.
pub async fn ask(world: &World, doctor: &Doctor) {
    doctor::enrol(&doctor.client, &world.federation, &doctor.keys, &mut rng())
        .await
        .unwrap();
}

/// The doctor asks for other attributes.
pub async fn renew(world: &World, doctor: &Doctor) {
    doctor::renew(&doctor.client, &world.federation, &doctor.keys, &mut rng())
        .await
        .unwrap();
}

/// The operator approves, the administrator issues, and the key arrives; gives its leaf.
pub async fn issued(world: &World, house: &House, doctor: &Doctor, attributes: &str) -> u64 {
    let approval = ApprovalRequest {
        attributes: attributes.to_owned(),
    };
    let approved = house.operator().approve(&doctor.id, &approval).await;
    let approved = approved.unwrap();
    assert_eq!(approved.state, EnrolmentState::AwaitsIssue);
    let issue = IssueRequest {
        attributes: approved.attributes,
    };
    let leaf = world.kgc_admin().issue(&doctor.id, &issue).await;
    let leaf = leaf.unwrap().leaf;
    let here = async || {
        let list = doctor.client.enrolments().await.unwrap().enrolments;
        let one = (list.len() == 1).then(|| &list[0])?;
        (one.state == EnrolmentState::Issued && one.leaf == Some(leaf)).then_some(leaf)
    };
    wait("the attribute key", here).await
}

/// The doctor posts these interests.
pub async fn interested(world: &World, house: &House, doctor: &Doctor, keywords: &[&str]) {
    let tokens = tokens(world, &doctor.client, keywords).await;
    let expiry = BlockTime::new(now_ms() + 3_600_000);
    let random = &mut rng();
    doctor::post_trapdoor(
        &doctor.client,
        &world.federation,
        &doctor.keys,
        &house.card,
        &tokens,
        expiry,
        random,
    )
    .await
    .unwrap();
}

pub async fn tokens(
    world: &World,
    client: &GatewayClient,
    keywords: &[&str],
) -> Vec<consilium_schemes::tokens::KeywordToken> {
    let keywords: Vec<_> = keywords
        .iter()
        .map(|code| format!("icd-10|{code}").parse().unwrap())
        .collect();
    keyword_tokens(client, &world.federation, &keywords, &mut rng())
        .await
        .unwrap()
}

pub fn now_ms() -> u64 {
    consilium_service::Clock::system().now_ms()
}

/// RSA keys take seconds to find, so the tests share one; the Ed25519 key is each record's own.
pub fn record_keys() -> RecordKeys {
    static REPORT_KEY: OnceLock<zeroize::Zeroizing<Vec<u8>>> = OnceLock::new();
    let random = &mut rng();
    let document = REPORT_KEY.get_or_init(|| {
        let bits = consilium_schemes::report::MIN_BITS;
        SecretKey::generate(bits, &mut rng())
            .unwrap()
            .expose_pkcs8_der()
    });
    let report = SecretKey::from_pkcs8_der(document, random).unwrap();
    RecordKeys::new(SigningKey::generate(random), report)
}

pub struct NewRecord<'a> {
    pub policy: &'a str,
    pub keywords: &'a [&'a str],
    pub consent: Consent,
    pub text: &'a [u8],
}

pub fn consent(to: &[&House], expires_in_ms: u64) -> Consent {
    let purposes = [consilium_contracts::PurposeOfUse::Treatment];
    let expiry = BlockTime::new(now_ms() + expires_in_ms);
    patient::consent(to.iter().map(|house| house.id.clone()), purposes, expiry).unwrap()
}

/// A sealed record beside its file.
pub struct Sealed {
    pub record: RecordId,
    pub keys: RecordKeys,
    pub sealed: patient::SealedRecord,
    pub cthd: PathBuf,
}

pub async fn seal(world: &World, house: &House, patient: &Patient, case: NewRecord<'_>) -> Sealed {
    let tokens = tokens(world, &patient.client, case.keywords).await;
    let epoch = patient::current_epoch(&patient.client).await.unwrap();
    let keys = record_keys();
    let cthd = world
        .dir
        .path()
        .join(format!("{:016x}.cthd", rand::random::<u64>()));
    let policy = case.policy.parse().unwrap();
    let choices = RecordChoices {
        owner: &house.id,
        policy: &policy,
        consent: case.consent,
        tokens: &tokens,
    };
    let random = &mut rng();
    let sealed = patient::seal_record(
        &world.federation,
        &keys,
        epoch,
        choices,
        case.text,
        &cthd,
        random,
    )
    .unwrap();
    Sealed {
        record: sealed.record(),
        keys,
        sealed,
        cthd,
    }
}

pub async fn submit(
    world: &World,
    house: &House,
    patient: &Patient,
    case: NewRecord<'_>,
) -> Sealed {
    let one = seal(world, house, patient, case).await;
    let view = patient::submit_record(&patient.client, &one.sealed, &one.cthd)
        .await
        .unwrap();
    assert_ne!(view.state, RecordState::AwaitsCthd);
    assert!(view.registration.is_some(), "{view:?}");
    one
}

pub async fn authorize(from: &House, to: &House) -> AuthorizationView {
    let request = AuthorizationRequest {
        to: Text(to.id.clone()),
        scope: AuthorizationScope::All,
        purpose: PurposeOfUse::Treatment,
        expires_ms: now_ms() + 3_600_000,
    };
    from.operator().authorize(&request).await.unwrap()
}

/// Waits until the record is in the doctor's inbox.
pub async fn assigned(doctor: &Doctor, record: &RecordId) {
    let here = async || {
        let inbox = doctor.client.inbox().await.unwrap();
        inbox
            .cases
            .iter()
            .any(|case| case.record.0 == *record)
            .then_some(())
    };
    wait("the assignment", here).await;
}

pub async fn open(
    world: &World,
    doctor: &Doctor,
    record: &RecordId,
) -> Result<OpenedCase, DeviceError> {
    let purpose = PurposeOfUse::Treatment;
    doctor::open_case(
        &doctor.client,
        &world.federation,
        &doctor.keys,
        &doctor.hospital,
        *record,
        purpose,
        &mut rng(),
    )
    .await
}

/// Fetches and decrypts an opened case: the text, and where the report goes.
pub async fn read(world: &World, doctor: &Doctor, case: &OpenedCase) -> (Vec<u8>, ReportRecipient) {
    let name = rand::random::<u64>();
    let cthd = world.dir.path().join(format!("{name:016x}.got"));
    let plain = world.dir.path().join(format!("{name:016x}.plain"));
    doctor::fetch_record(&doctor.client, case, &cthd, doctor::MAX_RECORD_BYTES)
        .await
        .unwrap();
    let read = doctor::decrypt_record(case, fs::File::open(&cthd).unwrap(), &plain).unwrap();
    (fs::read(plain).unwrap(), read.recipient().clone())
}

pub fn report(text: &str) -> Report {
    Report::new(zeroize::Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

/// The stable code of a refusal.
pub fn code_of<T>(result: Result<T, impl Into<DeviceError>>) -> String {
    match result.map(|_| ()).map_err(Into::into) {
        Err(DeviceError::Gateway(error)) => refusal(error),
        Err(error) => panic!("not a refusal: {error}"),
        Ok(()) => panic!("not refused"),
    }
}

fn refusal(error: ClientError) -> String {
    match error {
        ClientError::Refused { code, .. } => code.as_str().to_owned(),
        error => panic!("not a refusal: {error}"),
    }
}

pub fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// Changes one byte in the middle of a file.
pub fn tamper(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}
