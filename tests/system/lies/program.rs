//! A modified client: a party's true key, and whatever it signs with it.

use std::fs;
use std::path::{Path, PathBuf};

use consilium_client::GatewayClient;
use consilium_client::api::auth::ScopeSet;
use consilium_client::api::gateway::{ApprovalRequest, DeviceRole, InvitationRequest};
use consilium_client::api::kgc::{EnrolmentState, IssueRequest};
use consilium_client::credentials::Credentials;
use consilium_client::device::doctor::{self, DoctorKeys};
use consilium_client::device::{keyword_tokens, register};
use consilium_client::endpoint::Endpoint;
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::keyfile::{KeyPayload, read_key_file};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    Action, DoctorId, FederationId, Height, HospitalCard, Nonce, Rejection, Settings,
    SignedTransaction, SigningKey, Transaction,
};
use consilium_gateway::GatewayKeys;
use consilium_kgc::SealedSecrets;
use consilium_schemes::matching::HospitalSecretKeys;
use consilium_service::hospital_file::read_hospital_file;
use serde_json::Value;

use crate::faults::devices::{later, refusal, rng};
use crate::faults::process::wait;
use crate::faults::world::{Place, SECRET, World, copy_of};

/// Blocks that what a program signs lives.
const LIFETIME: u64 = 500;

/// A federation in which nothing happens by itself: no heartbeat, no window that ends, so that what a lie changes would show. Only the
/// first of the hospitals votes.
pub async fn quiet_federation(others: &[&str]) -> World {
    let settings = Settings {
        n: 8,
        max_tip_age_ms: 3_600_000,
        heartbeat_ms: 1_800_000,
        ..Settings::default()
    };
    let place = |dir: &Path| Some(Place::beside(dir, "north"));
    let mut world = World::prepare_voting(settings, place, others, 1).unwrap();
    world.start().await;
    world
}

/// A hospital's folder, its card and its operator.
pub struct Site {
    pub card: HospitalCard,
    pub folder: PathBuf,
    operator: SigningKey,
}

impl Site {
    pub fn of(world: &World, id: &str) -> Self {
        let folder = world.dir.path().join(id);
        let secret = Passphrase::new(SECRET).unwrap();
        Self {
            card: read_hospital_file(&folder.join("hospital.json")).unwrap(),
            operator: read_key_file(&folder.join("operator.key"), Some(&secret)).unwrap(),
            folder,
        }
    }

    pub fn client(&self, key: Option<&SigningKey>) -> GatewayClient {
        let key = key.map(|key| Credentials::new(copy_of(key), ScopeSet::none()));
        let endpoint = Endpoint::new(self.card.url.as_str().parse().unwrap(), None).unwrap();
        GatewayClient::new(endpoint, key, ClientSettings::default()).unwrap()
    }

    pub fn operator(&self) -> GatewayClient {
        self.client(Some(&self.operator))
    }

    /// The gateway's audit lines of this action: who, why.
    pub fn audit(&self, action: &str) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.folder.join("audit.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
        lines
            .filter(|line| line["action"] == action && line["outcome"] == "refused")
            .map(|line| (of(&line, "who"), of(&line, "why")))
            .collect()
    }

    /// A doctor of this hospital with an attribute key.
    pub async fn doctor(&self, world: &World) -> DoctorKeys {
        let keys = DoctorKeys::generate(&mut rng());
        let request = InvitationRequest {
            role: DeviceRole::Doctor,
            note: "a test".to_owned(),
            lifetime_s: 600,
        };
        let made = self.operator().invite(&request).await.unwrap();
        let invitation: Invitation = made.code.expose_secret().parse().unwrap();
        let (role, settings) = (DeviceRole::Doctor, ClientSettings::default());
        register(&invitation, role, keys.signing(), settings)
            .await
            .unwrap();
        let device = self.client(Some(keys.signing()));
        doctor::enrol(&device, &world.federation, &keys, &mut rng())
            .await
            .unwrap();
        let (id, approval) = (keys.id(&world.federation), attributes());
        let approved = self.operator().approve(&id, &approval).await.unwrap();
        let issue = IssueRequest {
            attributes: approved.attributes,
        };
        world.kgc_admin().issue(&id, &issue).await.unwrap();
        wait("the attribute key", async || {
            let list = device.enrolments().await.unwrap().enrolments;
            (list[0].state == EnrolmentState::Issued).then_some(())
        })
        .await;
        keys
    }

    /// The doctor's honest device posts an interest.
    pub async fn interested(&self, world: &World, keys: &DoctorKeys, keyword: &str) -> DoctorId {
        let (device, keywords) = (
            self.client(Some(keys.signing())),
            [keyword.parse().unwrap()],
        );
        let federation = &world.federation;
        let tokens = keyword_tokens(&device, federation, &keywords, &mut rng()).await;
        let (tokens, random) = (tokens.unwrap(), &mut rng());
        let (card, until) = (&self.card, later());
        doctor::post_trapdoor(&device, federation, keys, card, &tokens, until, random)
            .await
            .unwrap();
        keys.id(federation)
    }

    /// What the hospital signs with, and x and y, from its sealed file.
    pub fn secrets(&self) -> (SigningKey, HospitalSecretKeys) {
        let bundle = sealed::<GatewayKeys>(&self.folder.join("gateway.keys"));
        let matching = hex::decode(bundle["matching"].as_str().unwrap()).unwrap();
        (
            signing(&bundle),
            HospitalSecretKeys::from_bytes(&matching).unwrap(),
        )
    }
}

fn attributes() -> ApprovalRequest {
    ApprovalRequest {
        attributes: "role:cardiologist".to_owned(),
    }
}

fn sealed<T: KeyPayload>(path: &Path) -> Value {
    let secret = Passphrase::new(SECRET).unwrap();
    let keys: T = read_key_file(path, Some(&secret)).unwrap();
    serde_json::from_slice(&keys.to_payload()).unwrap()
}

fn signing(bundle: &Value) -> SigningKey {
    let bytes = hex::decode(bundle["signing"].as_str().unwrap()).unwrap();
    SigningKey::from_bytes(&bytes.try_into().unwrap())
}

/// What the KGC signs with, from its sealed file.
pub fn kgc_key(world: &World) -> SigningKey {
    signing(&sealed::<SealedSecrets>(
        &world.dir.path().join("kgc/kgc.sealed"),
    ))
}

/// A party's key, and the gateway that it talks to.
pub struct Program {
    key: SigningKey,
    pub federation: FederationId,
    pub gateway: GatewayClient,
    /// What it signs expires here; its proofs are bound to it.
    pub expires: Height,
}

impl Program {
    /// A program that signs with `key` and posts through `gateway`, with that client's token.
    pub async fn new(world: &World, gateway: GatewayClient, key: &SigningKey) -> Self {
        let tip = gateway.ledger_status().await.unwrap().height;
        Self {
            key: copy_of(key),
            federation: world.federation.id(),
            gateway,
            expires: Height::new(tip + LIFETIME),
        }
    }

    /// The same program, to another gateway, with a token for its own key.
    pub fn through(&self, site: &Site) -> Self {
        Self {
            key: copy_of(&self.key),
            gateway: site.client(Some(&self.key)),
            ..*self
        }
    }

    pub fn transaction(&self, action: Action) -> Transaction {
        Transaction {
            federation: self.federation,
            sender: self.key.verifying_key(),
            nonce: Nonce::new(rand::random()),
            expires: self.expires,
            action,
        }
    }

    pub fn sign(&self, transaction: Transaction) -> SignedTransaction {
        transaction.sign(&self.key)
    }

    /// Where the ledger of the gateway stands: height and root of the state.
    async fn standing(&self) -> (u64, Vec<u8>) {
        let status = self.gateway.ledger_status().await.unwrap();
        (status.height, status.state_root.as_bytes().to_vec())
    }

    /// Waits until its gateway has the ledger that the other one's has: only then nothing of the past comes in between.
    pub async fn level_with(&self, other: &Self) {
        wait("both gateways at one height", async || {
            (self.standing().await == other.standing().await).then_some(())
        })
        .await;
    }

    /// A lie: refused for this reason, and nothing is otherwise afterwards.
    pub async fn refused(&self, lie: &str, action: Action, why: &Rejection) {
        let signed = self.sign(self.transaction(action));
        self.refused_as_signed(lie, &signed, why).await;
    }

    pub async fn refused_as_signed(&self, lie: &str, signed: &SignedTransaction, why: &Rejection) {
        let before = self.standing().await;
        let answer = self.gateway.submit(signed).await;
        assert!(answer.is_err(), "{lie} was taken");
        let (status, code, words) = refusal(answer);
        let expected = match why {
            Rejection::StaleEpoch { .. } => (409, "stale-epoch"),
            _ => (422, "transaction-rejected"),
        };
        assert_eq!(words, why.to_string(), "{lie}");
        assert_eq!((status, code.as_str()), expected, "{lie}");
        assert_eq!(self.standing().await, before, "{lie}");
    }

    /// The truth, by the same program.
    pub async fn taken(&self, truth: &str, action: Action) {
        let before = self.standing().await;
        let signed = self.sign(self.transaction(action));
        if let Err(error) = self.gateway.submit(&signed).await {
            panic!("{truth}: {error}");
        }
        assert_ne!(self.standing().await, before, "{truth}");
    }
}
