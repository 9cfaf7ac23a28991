//! A federation in one process: a hospital's validator, another hospital, and a real KGC over TLS on loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, dead_code)]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use consilium_client::api::auth::ScopeSet;
use consilium_client::api::kgc::*;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::keyfile::{WorkFactor, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_client::tls::TlsPin;
use consilium_client::wire::{SecretText, Text};
use consilium_client::{ClientError, KgcClient};
use consilium_contracts::*;
use consilium_kgc::{GenesisRequest, Home, InitRequest, Kgc, KgcConfig, genesis, init};
use consilium_node::{NeverVoted, NodeConfig, NodeHandle, Tuning};
use consilium_schemes::{abe, matching, wrap};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const PASSPHRASE: &str = "correct horse battery staple";

pub fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE).unwrap()
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

pub struct Hospital {
    pub card: HospitalCard,
    pub signing: SigningKey,
    pub validator: SigningKey,
    pub peer: SigningKey,
    pub hpke: wrap::SecretKey,
}

impl Hospital {
    pub fn new(name: &str) -> Self {
        let rng = &mut rand::rng();
        let [signing, validator, peer] = [(); 3].map(|()| SigningKey::generate(rng));
        let hpke = wrap::SecretKey::generate(rng);
        let hpke_key = hpke.public_key().to_bytes();
        let context = matching::KeyContext {
            hospital: name.as_bytes(),
            hpke_key: &hpke_key,
        };
        let keys = matching::HospitalSecretKeys::generate(rng).prove(&context, rng);
        let card = HospitalCard {
            id: name.parse().unwrap(),
            name: format!("{name} hospital").parse().unwrap(),
            url: format!("https://{name}.example").parse().unwrap(),
            tls_pin: Digest::of(name.as_bytes()),
            signing_key: signing.verifying_key(),
            validator_key: validator.verifying_key(),
            peer_key: peer.verifying_key(),
            listen: format!("/ip4/127.0.0.1/tcp/{}", free_port())
                .parse()
                .unwrap(),
            hpke_key: hpke_key.to_vec().try_into().unwrap(),
            matching_keys: keys.to_bytes().to_vec().try_into().unwrap(),
        };
        Self {
            card,
            signing,
            validator,
            peer,
            hpke,
        }
    }

    pub fn copy_of(key: &SigningKey) -> SigningKey {
        SigningKey::from_bytes(&key.expose_secret())
    }
}

pub struct Doctor {
    pub signing: SigningKey,
    pub beta: abe::UserSecretKey,
    pub pk: abe::UserPublicKey,
    pub id: DoctorId,
}

impl Doctor {
    pub fn new(federation: &FederationId) -> Self {
        let rng = &mut rand::rng();
        let signing = SigningKey::generate(rng);
        let (beta, pk) = abe::user_keygen(rng);
        let id = DoctorId::derive(federation, &signing.verifying_key());
        Self {
            signing,
            beta,
            pk,
            id,
        }
    }

    /// What the hospital sends when it vouches for the doctor.
    pub fn request(
        &self,
        federation: &FederationId,
        hospital: &Hospital,
        nonce: &[u8],
        attributes: &str,
    ) -> EnrolmentRequest {
        let user = abe::UserId::from_bytes(*self.id.as_bytes());
        let registration =
            abe::Registration::new(*federation.as_bytes(), user, nonce.try_into().unwrap());
        let proof = self.beta.prove_possession(&registration, &mut rand::rng());
        let request = EnrolmentRequest {
            hospital: Text(hospital.card.id.clone()),
            doctor: Text(self.id),
            signing_key: self.signing.verifying_key().into(),
            abe_public_key: self.pk.to_bytes().into(),
            nonce: nonce.into(),
            proof: proof.to_bytes().into(),
            attributes: attributes.to_owned(),
            signature: Vec::new().into(),
        };
        signed(request, federation, hospital)
    }
}

pub fn signed(
    mut request: EnrolmentRequest,
    federation: &FederationId,
    hospital: &Hospital,
) -> EnrolmentRequest {
    let bytes = request.signed_bytes();
    let signature = hospital
        .signing
        .sign(ENROLMENT_PURPOSE, federation.as_bytes(), &bytes);
    request.signature = signature.to_bytes().as_slice().into();
    request
}

/// A KGC that answers; stops when told.
pub struct RunningKgc {
    pub url: String,
    pub node: NodeHandle,
    pin: TlsPin,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), consilium_kgc::StartError>>,
}

impl RunningKgc {
    pub async fn start(home: &Home, passphrase: Option<&Passphrase>) -> Self {
        Self::start_with(home, passphrase, |_| {}).await
    }

    /// With settings other than the tests' own.
    pub async fn start_with(
        home: &Home,
        passphrase: Option<&Passphrase>,
        change: impl FnOnce(&mut KgcConfig),
    ) -> Self {
        let mut config = KgcConfig::load(
            home,
            [],
            [("http-listen".to_owned(), "127.0.0.1:0".to_owned())],
        )
        .unwrap();
        config.kgc.retry_ms = 50;
        config.kgc.unseal_per_minute = 3;
        config.kgc.tokens_burst = 40;
        config.kgc.tokens_per_minute = 1;
        config.tuning.submit_timeout = Duration::from_secs(10);
        config.frame.http.shutdown_timeout_s = 1;
        change(&mut config);
        let card = consilium_kgc::PublicFile::read(&home.public())
            .unwrap()
            .card()
            .unwrap();
        let kgc = Kgc::start(config).await.unwrap();
        if let Some(passphrase) = passphrase {
            kgc.unseal(passphrase).unwrap();
        }
        let (url, node) = (kgc.url().to_owned(), kgc.node().clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(kgc.run(async move {
            let _ = stopped.await;
        }));
        Self {
            url,
            node,
            pin: TlsPin::from_bytes(*card.tls_pin.as_bytes()),
            stop,
            task,
        }
    }

    pub fn client(&self, key: Option<&SigningKey>) -> KgcClient {
        let endpoint = Endpoint::new(self.url.parse().unwrap(), Some(self.pin)).unwrap();
        let key = key.map(|key| Credentials::new(Hospital::copy_of(key), ScopeSet::none()));
        let settings = ClientSettings {
            retries: 0,
            ..ClientSettings::default()
        };
        KgcClient::new(endpoint, key, settings).unwrap()
    }

    pub async fn stop(self) {
        let Self {
            node, stop, task, ..
        } = self;
        drop(node);
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
    }
}

pub struct Federation {
    pub folder: tempfile::TempDir,
    pub home: Home,
    pub admin: SigningKey,
    pub id: FederationId,
    pub genesis: VerifiedGenesis,
    pub north: Hospital,
    pub south: Hospital,
    pub validator: NodeHandle,
}

impl Drop for Federation {
    /// The validator is down before the process may end: its store is torn down by threads of its own.
    fn drop(&mut self) {
        let validator = self.validator.clone();
        let ending = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(validator.shutdown());
        });
        // A test that has failed already says so itself.
        let _ = ending.join();
    }
}

pub fn init_request<'a>(home: &Home, passphrase: &'a Passphrase) -> InitRequest<'a> {
    InitRequest {
        home: home.clone(),
        url: "https://127.0.0.1:1".to_owned(),
        listen: format!("/ip4/127.0.0.1/tcp/{}", free_port()),
        names: vec!["localhost".to_owned()],
        depth: 4,
        passphrase,
        admin_passphrase: passphrase,
        work: cheap(),
        settings: vec![("audit.sync".to_owned(), "\"system\"".to_owned())],
    }
}

impl Federation {
    /// A KGC's folder with a genesis of two hospitals, and the validator of the first.
    pub async fn new() -> Self {
        Self::with_depth(4).await
    }

    pub async fn with_depth(depth: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("kgc"));
        let passphrase = passphrase();
        let request = InitRequest {
            depth,
            ..init_request(&home, &passphrase)
        };
        let made = init(&request).unwrap();
        let admin: SigningKey = read_key_file(&made.admin_key, Some(&passphrase)).unwrap();
        let (north, south) = (Hospital::new("north"), Hospital::new("south"));
        let request = GenesisRequest {
            name: "test federation".to_owned(),
            settings: Settings {
                heartbeat_ms: 1000,
                ..Settings::default()
            },
            hospitals: vec![south.card.clone(), north.card.clone()],
            validators: vec![north.card.id.clone()],
        };
        let genesis = genesis(&home, &passphrase, request).unwrap();
        let validator = start_validator(&folder.path().join("north"), &genesis, &north).await;
        Self {
            id: genesis.federation(),
            folder,
            home,
            admin,
            genesis,
            north,
            south,
            validator,
        }
    }

    pub async fn kgc(&self) -> RunningKgc {
        RunningKgc::start(&self.home, Some(&passphrase())).await
    }

    pub async fn nonce(&self, kgc: &KgcClient, doctor: &Doctor) -> Vec<u8> {
        let request = ProofNonceRequest {
            doctor: Text(doctor.id),
        };
        kgc.proof_nonce(&request).await.unwrap().nonce.into_bytes()
    }

    /// Nonce, proof, the hospital's word.
    pub async fn enrol(
        &self,
        kgc: &RunningKgc,
        hospital: &Hospital,
        doctor: &Doctor,
        attributes: &str,
    ) -> Result<Enrolment, ClientError> {
        let client = kgc.client(Some(&hospital.signing));
        let nonce = self.nonce(&client, doctor).await;
        client
            .enrol(&doctor.request(&self.id, hospital, &nonce, attributes))
            .await
    }

    pub async fn issue(
        &self,
        kgc: &RunningKgc,
        doctor: &Doctor,
        attributes: &str,
    ) -> Result<Issued, ClientError> {
        let request = IssueRequest {
            attributes: attributes.to_owned(),
        };
        kgc.client(Some(&self.admin))
            .issue(&doctor.id, &request)
            .await
    }

    /// The doctor's key, checked and opened as the gateway does it.
    pub async fn key(
        &self,
        kgc: &RunningKgc,
        hospital: &Hospital,
        doctor: &Doctor,
    ) -> Result<abe::AttributeKey, ClientError> {
        let sent = kgc
            .client(Some(&hospital.signing))
            .attribute_key(&doctor.id)
            .await?;
        let signer = &self.genesis.genesis().kgc.signing_key;
        let signature = Signature::try_from(sent.signature.as_bytes()).unwrap();
        let context = self.id.as_bytes();
        signer
            .verify(
                ATTRIBUTE_KEY_PURPOSE,
                context,
                &sent.signed_bytes(),
                &signature,
            )
            .unwrap();
        let wrapped = wrap::Wrapped::from_bytes(sent.ciphertext.as_bytes()).unwrap();
        let info = consilium_service::ATTRIBUTE_KEY_INFO;
        let aad = sent.associated_data();
        let key = wrap::unwrap(&hospital.hpke, signer, info, &aad, &wrapped).unwrap();
        let key = abe::AttributeKey::from_bytes(&key).unwrap();
        assert_eq!(u64::from(key.leaf().index()), sent.leaf);
        assert_eq!(key.attributes().to_string(), sent.attributes);
        Ok(key)
    }

    pub async fn update_key(&self, kgc: &RunningKgc, epoch: u64) -> abe::UpdateKey {
        let client = kgc.client(None);
        let epochs = client.epochs().await.unwrap().epochs;
        let view = epochs.into_iter().find(|view| view.epoch == epoch).unwrap();
        let digest = view.update_key_digest.0;
        let pieces = client.update_key(Epoch::new(epoch), &digest, 1 << 20).await;
        let body = pieces.unwrap().whole().await.unwrap();
        abe::UpdateKey::from_bytes(&body).unwrap()
    }

    /// Whether the doctor opens a fresh capsule of this epoch under this policy.
    pub fn opens(
        &self,
        doctor: &Doctor,
        key: &abe::AttributeKey,
        update: &abe::UpdateKey,
        policy: &str,
    ) -> bool {
        let parameters = self.genesis.genesis().parameters.as_bytes();
        let parameters = abe::PublicParameters::from_bytes(parameters).unwrap();
        let context = abe::RecordContext::new(*self.id.as_bytes(), [5; 32]);
        let (policy, rng) = (policy.parse().unwrap(), &mut rand::rng());
        let (capsule, _) = abe::encrypt(&parameters, &policy, update.epoch(), context, rng);
        let Ok(key) = abe::pre_keygen(key, update) else {
            return false;
        };
        let Ok(semi) = abe::pre_dec(&key, &capsule.prepare()) else {
            return false;
        };
        abe::dec(&doctor.beta, &semi, &capsule, &capsule.digest()).is_ok()
    }

    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.home.path().join("audit.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn audited(&self, action: &str, outcome: &str) -> usize {
        let lines = self.audit();
        lines
            .iter()
            .filter(|line| line["action"] == action && line["outcome"] == outcome)
            .count()
    }
}

pub async fn start_validator(
    folder: &Path,
    genesis: &VerifiedGenesis,
    hospital: &Hospital,
) -> NodeHandle {
    let never_voted = folder.with_extension("never-voted");
    NeverVoted::write(&never_voted, &hospital.validator.verifying_key()).unwrap();
    consilium_node::start(NodeConfig {
        data_dir: folder.to_owned(),
        genesis: genesis.clone(),
        peer_key: Hospital::copy_of(&hospital.peer),
        validator_key: Some(Hospital::copy_of(&hospital.validator)),
        never_voted: Some(never_voted),
        listen: hospital.card.listen.to_string(),
        peers: Vec::new(),
        tuning: Tuning::default(),
    })
    .await
    .unwrap()
}

/// Waits until the KGC's ledger has this epoch.
pub async fn epoch_reached(kgc: &RunningKgc, epoch: u64) {
    within("an epoch", || {
        View::new(kgc.node.state())
            .current_epoch()
            .is_some_and(|one| one.epoch.number() >= epoch)
    })
    .await;
}

pub async fn within(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come within 20 seconds");
}

#[track_caller]
pub fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Refused { status, code, .. }) => (status, code.to_string()),
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>, status: u16, expected: &str) {
    assert_eq!(code(result), (status, expected.to_owned()));
}

pub fn unseal_request(passphrase: &str) -> UnsealRequest {
    UnsealRequest {
        passphrase: SecretText::new(passphrase.to_owned()),
    }
}
