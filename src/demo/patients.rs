//! The patients' devices: steps 3, 4 and 11.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use consilium_client::GatewayClient;
use consilium_client::api::gateway::DeviceRole;
use consilium_client::device::patient::{
    self, RecordChoices, RecordKeys, acknowledge, current_epoch, read_report, seal_record,
    submit_record,
};
use consilium_client::device::register;
use consilium_client::http::ClientSettings;
use consilium_contracts::{BlockTime, HospitalId, PurposeOfUse, RecordId, SigningKey};
use consilium_policies::Policy;
use consilium_records::{Keyword, SourceRecord};
use sha2::{Digest as _, Sha256};

use super::doctors::{Doctor, report_text};
use super::services::{Hospital, Services};
use super::tokens::tokens;
use crate::cli::Failure;

/// How long consents hold: 90 days.
const CONSENT_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// What a patient brings and decides.
pub struct Plan {
    /// The record.
    pub source: Arc<SourceRecord>,
    /// What it is found by.
    pub keywords: Vec<Keyword>,
    /// Who may read it.
    pub policy: String,
    /// Which hospitals besides the owner may search it.
    pub consent: Vec<HospitalId>,
    /// The hospital that keeps it, by number.
    pub owner: usize,
}

/// A record that is registered, as its patient's device knows it.
pub struct Registered {
    /// The record.
    pub record: RecordId,
    /// Its keys.
    pub keys: RecordKeys,
    /// SHA-256 of what was encrypted.
    pub digest: [u8; 32],
    /// The patient's connection to the owner.
    pub gateway: GatewayClient,
    /// The patient's label in the input.
    pub label: String,
    /// The owner, by number.
    pub owner: usize,
}

/// Registers a device, encrypts, and hands the record to the hospital.
pub async fn register_record(
    services: &Services,
    plan: Plan,
    keys: RecordKeys,
    folder: PathBuf,
) -> Result<Registered, Failure> {
    let hospital = services.hospital(plan.owner)?;
    let gateway = device(hospital).await?;
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let tokens = tokens(services, &gateway, &plan.keywords, &mut rng).await?;
    let epoch = current_epoch(&gateway).await?;
    let now = gateway.ledger_status().await?.tip_time_ms;
    let policy: Policy = plan.policy.parse()?;
    let expiry = BlockTime::new(now.saturating_add(CONSENT_MS));
    let consent = patient::consent(plan.consent, [PurposeOfUse::Treatment], expiry)?;
    let (owner, federation) = (hospital.card.id.clone(), services.federation.clone());
    let (label, source) = (
        plan.source.patient().id().to_owned(),
        Arc::clone(&plan.source),
    );
    let cthd = folder.join(format!("{:032x}.cthd", rand::random::<u128>()));
    let path = cthd.clone();
    let sealed = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let choices = RecordChoices {
            owner: &owner,
            policy: &policy,
            consent,
            tokens: &tokens,
        };
        let digest = digest_of(&mut *source.content().open()?)?;
        let content = source.content().open()?;
        let mut rng = rand::rng();
        let sealed = seal_record(&federation, &keys, epoch, choices, content, &path, &mut rng)?;
        Ok((sealed, keys, digest))
    });
    let (sealed, keys, digest) = sealed.await??;
    submit_record(&gateway, &sealed, &cthd).await?;
    tokio::fs::remove_file(&cthd).await?;
    Ok(Registered {
        record: sealed.record(),
        keys,
        digest,
        gateway,
        label,
        owner: plan.owner,
    })
}

async fn device(hospital: &Hospital) -> Result<GatewayClient, Failure> {
    let key = SigningKey::generate(&mut rand::rng());
    let invitation = hospital.invite(DeviceRole::Patient).await?;
    register(
        &invitation,
        DeviceRole::Patient,
        &key,
        ClientSettings::default(),
    )
    .await?;
    hospital.gateway_as(&key)
}

/// SHA-256 of everything that is read.
pub fn digest_of(mut content: impl std::io::Read) -> Result<[u8; 32], Failure> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            length => hash.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

/// SHA-256 of a file.
pub fn digest_of_file(path: &Path) -> Result<[u8; 32], Failure> {
    digest_of(std::fs::File::open(path)?)
}

/// Opens the report, compares it with what the doctor wrote, and acknowledges it on the ledger.
pub async fn read_and_acknowledge(
    services: &Services,
    record: &Registered,
    doctor: &Doctor,
) -> Result<(), Failure> {
    let (gateway, federation) = (&record.gateway, &services.federation);
    let mut rng: rand::rngs::StdRng = rand::make_rng();
    let opened = read_report(gateway, federation, &record.keys, record.record, &mut rng).await?;
    let text = report_text(&doctor.id, record.record);
    if opened.report.expose_secret() != text.as_bytes() {
        return Err(Failure::said("it is not what the doctor wrote"));
    }
    if opened.doctor != doctor.keys.signing().verifying_key() {
        return Err(Failure::said("it is signed by another doctor"));
    }
    acknowledge(gateway, federation, &record.keys, &opened, &mut rng).await?;
    Ok(())
}
