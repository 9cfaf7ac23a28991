//! The doctors' devices: steps 2, 7, 8, 10 and 11.

use std::fs::File;
use std::path::Path;

use consilium_client::GatewayClient;
use consilium_client::api::gateway::{ApprovalRequest, Case, DeviceRole};
use consilium_client::api::kgc::IssueRequest;
use consilium_client::api::terms::PurposeOfUse;
use consilium_client::device::doctor::{
    DoctorKeys, MAX_RECORD_BYTES, OpenedCase, ReportRecipient, decrypt_record, enrol, fetch_record,
    open_case, post_trapdoor, submit_report,
};
use consilium_client::device::{DeviceError, register};
use consilium_client::http::ClientSettings;
use consilium_contracts::{BlockTime, DoctorId, RecordId, VerifyingKey};
use consilium_records::Keyword;
use consilium_schemes::report::Report;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use super::patients::digest_of_file;
use super::people::Role;
use super::services::Services;
use super::tokens::tokens;
use crate::cli::Failure;

/// How long interests hold: 30 days.
const INTERESTS_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// A doctor who is enrolled.
pub struct Doctor {
    /// His keys.
    pub keys: DoctorKeys,
    /// His pseudonym.
    pub id: DoctorId,
    /// His hospital, by number.
    pub hospital: usize,
    /// What his hospital signs with.
    pub hospital_key: VerifyingKey,
    /// His connection.
    pub gateway: GatewayClient,
}

/// Makes the keys, registers, proves, is vouched for, and is issued an attribute key.
pub async fn enrol_doctor(services: &Services, role: &Role) -> Result<Doctor, Failure> {
    let hospital = services.hospital(role.hospital)?;
    let mut rng: StdRng = rand::make_rng();
    let keys = DoctorKeys::generate(&mut rng);
    let invitation = hospital.invite(DeviceRole::Doctor).await?;
    register(
        &invitation,
        DeviceRole::Doctor,
        keys.signing(),
        ClientSettings::default(),
    )
    .await?;
    let gateway = hospital.gateway_as(keys.signing())?;
    enrol(&gateway, &services.federation, &keys, &mut rng).await?;
    let id = keys.id(&services.federation);
    let attributes = role.attributes.to_owned();
    let approved = hospital
        .operator
        .approve(&id, &ApprovalRequest { attributes })
        .await?;
    let attributes = approved.attributes;
    services
        .kgc
        .issue(&id, &IssueRequest { attributes })
        .await?;
    Ok(Doctor {
        keys,
        id,
        hospital: role.hospital,
        hospital_key: hospital.card.signing_key,
        gateway,
    })
}

/// Posts interests.
pub async fn post_interests(
    services: &Services,
    doctor: &Doctor,
    interests: &[Keyword],
) -> Result<(), Failure> {
    let federation = &services.federation;
    let card = &services.hospital(doctor.hospital)?.card;
    let mut rng: StdRng = rand::make_rng();
    let tokens = tokens(services, &doctor.gateway, interests, &mut rng).await?;
    let now = doctor.gateway.ledger_status().await?.tip_time_ms;
    let expiry = BlockTime::new(now.saturating_add(INTERESTS_MS));
    post_trapdoor(
        &doctor.gateway,
        federation,
        &doctor.keys,
        card,
        &tokens,
        expiry,
        &mut rng,
    )
    .await?;
    Ok(())
}

/// The cases that wait for a doctor.
pub async fn waiting(doctor: &Doctor) -> Result<Vec<Case>, Failure> {
    let inbox = doctor.gateway.inbox().await?;
    Ok(inbox
        .cases
        .into_iter()
        .filter(|case| !case.opened)
        .collect())
}

/// Opens a case: the gateway pre-decrypts, the device finishes.
pub async fn open(
    services: &Services,
    doctor: &Doctor,
    record: RecordId,
) -> Result<OpenedCase, DeviceError> {
    let mut rng: StdRng = rand::make_rng();
    open_case(
        &doctor.gateway,
        &services.federation,
        &doctor.keys,
        &doctor.hospital_key,
        record,
        PurposeOfUse::Treatment,
        &mut rng,
    )
    .await
}

/// Fetches and decrypts an opened case; the SHA-256 of what came out, and where the report goes.
pub async fn read(
    doctor: &Doctor,
    case: &OpenedCase,
    folder: &Path,
) -> Result<([u8; 32], ReportRecipient), Failure> {
    let place = tempfile::tempdir_in(folder)?;
    let (cthd, plain) = (place.path().join("cthd"), place.path().join("record"));
    fetch_record(&doctor.gateway, case, &cthd, MAX_RECORD_BYTES).await?;
    tokio::task::block_in_place(|| {
        let read = decrypt_record(case, File::open(&cthd)?, &plain)?;
        Ok((digest_of_file(&plain)?, read.recipient().clone()))
    })
}

/// Fetches an opened case and decrypts what an attacker changed by one bit.
pub async fn read_tampered(
    doctor: &Doctor,
    case: &OpenedCase,
    folder: &Path,
) -> Result<(), DeviceError> {
    let place = tempfile::tempdir_in(folder)?;
    let (cthd, plain) = (place.path().join("cthd"), place.path().join("record"));
    fetch_record(&doctor.gateway, case, &cthd, MAX_RECORD_BYTES).await?;
    let mut bytes = std::fs::read(&cthd)?;
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    let outcome = decrypt_record(case, bytes.as_slice(), &plain).map(drop);
    match (outcome, plain.exists()) {
        // Refused, and yet something was written: as bad as not refused.
        (Err(_), true) => Ok(()),
        (outcome, _) => outcome,
    }
}

/// What a doctor answers.
pub fn report_text(doctor: &DoctorId, record: RecordId) -> String {
    format!("Record {record}, seen by doctor {doctor}. Please come for a visit.")
}

/// Returns a report.
pub async fn report(
    services: &Services,
    doctor: &Doctor,
    recipient: &ReportRecipient,
) -> Result<(), Failure> {
    let text = report_text(&doctor.id, recipient.record());
    let text = Report::new(Zeroizing::new(text.into_bytes()))?;
    let mut rng: StdRng = rand::make_rng();
    let federation = &services.federation;
    submit_report(
        &doctor.gateway,
        federation,
        &doctor.keys,
        recipient,
        text,
        &mut rng,
    )
    .await?;
    Ok(())
}
