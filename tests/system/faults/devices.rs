//! A patient's and a doctor's device at the hospital.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use consilium_client::api::gateway::{
    ApprovalRequest, DeviceRole, InvitationRequest, RecordState, RecordView,
};
use consilium_client::api::kgc::{EnrolmentState, IssueRequest};
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::doctor::{self, DoctorKeys, OpenedCase};
use consilium_client::device::patient::{self, RecordChoices, RecordKeys, SealedRecord};
use consilium_client::device::{DeviceError, keyword_tokens, register};
use consilium_client::http::ClientSettings;
use consilium_client::invitation::Invitation;
use consilium_client::{ClientError, GatewayClient};
use consilium_contracts::{BlockTime, Consent, RecordId, SigningKey};
use consilium_schemes::report::SecretKey;
use consilium_schemes::tokens::KeywordToken;

use super::process::wait;
use super::world::{World, now_s};

const KEYWORD: &str = "icd-10|e11";

pub fn rng() -> rand::rngs::StdRng {
    rand::make_rng()
}

pub async fn invited(world: &World, role: DeviceRole, key: &SigningKey) -> GatewayClient {
    let request = InvitationRequest {
        role,
        note: "a test".to_owned(),
        lifetime_s: 600,
    };
    let made = world.operator().invite(&request).await.unwrap();
    let invitation: Invitation = made.code.expose_secret().parse().unwrap();
    let settings = ClientSettings::default();
    register(&invitation, role, key, settings).await.unwrap();
    world.gateway_as(Some(key))
}

pub async fn tokens(
    world: &World,
    device: &GatewayClient,
) -> Result<Vec<KeywordToken>, DeviceError> {
    let keywords = [KEYWORD.parse().unwrap()];
    keyword_tokens(device, &world.federation, &keywords, &mut rng()).await
}

pub fn later() -> BlockTime {
    BlockTime::new((now_s() + 30 * 24 * 3600) * 1000)
}

pub struct Patient {
    pub client: GatewayClient,
}

impl Patient {
    pub async fn new(world: &World) -> Self {
        let key = SigningKey::generate(&mut rng());
        let client = invited(world, DeviceRole::Patient, &key).await;
        Self { client }
    }

    /// A bearer token of the device, for what the client library would not send.
    pub fn token(&self, world: &World) -> String {
        let credentials = self.client.http().credentials().unwrap();
        let assertion = credentials.assertion(world.card.url.as_str(), now_s());
        let (status, token) = world.exchange(&assertion);
        assert_eq!(status, 200, "{token}");
        token
    }

    /// Encrypts a record of so many bytes.
    pub async fn seal(&self, world: &World, bytes: usize) -> Sealed {
        let consent = patient::consent([], [], later()).unwrap();
        self.seal_for(world, bytes, consent).await
    }

    /// Encrypts a record of so many bytes that these hospitals may search.
    pub async fn seal_for(&self, world: &World, bytes: usize, consent: Consent) -> Sealed {
        let tokens = tokens(world, &self.client).await.unwrap();
        let epoch = patient::current_epoch(&self.client).await.unwrap();
        let text: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
        let name = format!("{:016x}.cthd", rand::random::<u64>());
        let cthd = world.dir.path().join(name);
        let policy = "role:cardiologist".parse().unwrap();
        let choices = RecordChoices {
            owner: &world.card.id,
            policy: &policy,
            consent,
            tokens: &tokens,
        };
        let (keys, random) = (record_keys(), &mut rng());
        let federation = &world.federation;
        let sealed =
            patient::seal_record(federation, &keys, epoch, choices, &*text, &cthd, random).unwrap();
        Sealed { sealed, cthd, text }
    }

    pub async fn submit(&self, one: &Sealed) -> Result<RecordView, DeviceError> {
        patient::submit_record(&self.client, &one.sealed, &one.cthd).await
    }

    /// Encrypts and submits; it is on the ledger then.
    pub async fn submitted(&self, world: &World, bytes: usize) -> Sealed {
        let one = self.seal(world, bytes).await;
        let view = self.submit(&one).await.unwrap();
        assert!(view.registration.is_some(), "{view:?}");
        one
    }

    pub async fn state(&self, record: &RecordId) -> RecordState {
        self.client.record(record).await.unwrap().state
    }
}

/// A record as the patient's device has it.
pub struct Sealed {
    pub sealed: SealedRecord,
    pub cthd: PathBuf,
    pub text: Vec<u8>,
}

impl Sealed {
    pub fn record(&self) -> RecordId {
        self.sealed.record()
    }
}

/// RSA keys take seconds to find, so the tests share one; the Ed25519 key is each record's own.
pub fn record_keys() -> RecordKeys {
    static REPORT_KEY: OnceLock<zeroize::Zeroizing<Vec<u8>>> = OnceLock::new();
    let document = REPORT_KEY.get_or_init(|| {
        let bits = consilium_schemes::report::MIN_BITS;
        let key = SecretKey::generate(bits, &mut rng()).unwrap();
        key.expose_pkcs8_der()
    });
    let random = &mut rng();
    let report = SecretKey::from_pkcs8_der(document, random).unwrap();
    RecordKeys::new(SigningKey::generate(random), report)
}

pub struct Doctor {
    pub client: GatewayClient,
    pub keys: DoctorKeys,
}

impl Doctor {
    /// A cardiologist with an attribute key, interested in what [`Patient::seal`] encrypts.
    pub async fn new(world: &World) -> Self {
        let keys = DoctorKeys::generate(&mut rng());
        let client = invited(world, DeviceRole::Doctor, keys.signing()).await;
        let id = keys.id(&world.federation);
        doctor::enrol(&client, &world.federation, &keys, &mut rng())
            .await
            .unwrap();
        let approval = ApprovalRequest {
            attributes: "role:cardiologist".to_owned(),
        };
        let approved = world.operator().approve(&id, &approval).await.unwrap();
        let issue = IssueRequest {
            attributes: approved.attributes,
        };
        world.kgc_admin().issue(&id, &issue).await.unwrap();
        wait("the attribute key", async || {
            let list = client.enrolments().await.unwrap().enrolments;
            (list.len() == 1 && list[0].state == EnrolmentState::Issued).then_some(())
        })
        .await;
        let doctor = Self { client, keys };
        doctor.post_interests(world).await.unwrap();
        doctor
    }

    pub async fn post_interests(&self, world: &World) -> Result<(), DeviceError> {
        let (tokens, random) = (tokens(world, &self.client).await?, &mut rng());
        let (federation, card) = (&world.federation, &world.card);
        let (client, keys) = (&self.client, &self.keys);
        doctor::post_trapdoor(client, federation, keys, card, &tokens, later(), random).await?;
        Ok(())
    }

    /// Waits until the record is assigned to this doctor.
    pub async fn assigned(&self, record: &RecordId) {
        wait("the assignment", async || {
            let inbox = self.client.inbox().await.unwrap();
            let mut cases = inbox.cases.iter();
            cases.find(|case| case.record.0 == *record).map(drop)
        })
        .await;
    }

    pub async fn open(&self, world: &World, record: &RecordId) -> Result<OpenedCase, DeviceError> {
        let (federation, purpose) = (&world.federation, PurposeOfUse::Treatment);
        let (hospital, random) = (&world.card.signing_key, &mut rng());
        let (client, keys) = (&self.client, &self.keys);
        doctor::open_case(client, federation, keys, hospital, *record, purpose, random).await
    }

    /// Opens, fetches and decrypts; the ciphertext and the text are the patient's.
    pub async fn assert_reads(&self, world: &World, one: &Sealed) {
        let case = wait("the case to open", async || {
            self.open(world, &one.record()).await.ok()
        })
        .await;
        let name = rand::random::<u64>();
        let cthd = world.dir.path().join(format!("{name:016x}.got"));
        let plain = world.dir.path().join(format!("{name:016x}.plain"));
        doctor::fetch_record(&self.client, &case, &cthd, doctor::MAX_RECORD_BYTES)
            .await
            .unwrap();
        assert!(fs::read(&cthd).unwrap() == fs::read(&one.cthd).unwrap());
        doctor::decrypt_record(&case, fs::File::open(&cthd).unwrap(), &plain).unwrap();
        assert!(fs::read(plain).unwrap() == one.text);
    }
}

/// Status, stable code and text of a refusal.
pub fn refusal<T>(result: Result<T, impl Into<DeviceError>>) -> (u16, String, String) {
    match result.map(drop).map_err(Into::into) {
        Err(DeviceError::Gateway(ClientError::Refused {
            status,
            code,
            message,
            ..
        })) => (status, code.as_str().to_owned(), message),
        Err(error) => panic!("not a refusal: {error}"),
        Ok(()) => panic!("not refused"),
    }
}
