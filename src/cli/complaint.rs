//! `consilium doctor complain`, and a complaint as `consilium ledger tx` shows it.

use std::path::Path;

use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{DoctorKeys, WrongTransform, complain};
use consilium_contracts::{Action, Event, Fault, RecordId, SignedTransaction};
use rand::rngs::StdRng;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::device::{self, Device};

/// What is kept of an opening that failed: a complaint, where there is one to make.
pub fn keep(error: DeviceError, cases: &Path) -> Failure {
    if let DeviceError::WrongTransform(wrong) = &error
        && let Err(failed) = wrong.keep(cases)
    {
        return Failure::said(format!(
            "{error}. It could not be kept, so open again: {failed}"
        ));
    }
    error.into()
}

/// Posts what was kept.
pub async fn post(
    device: &Device,
    keys: &DoctorKeys,
    record: RecordId,
    rng: &mut StdRng,
) -> Outcome {
    let cases = device::cases(device.home());
    let wrong = WrongTransform::kept(&cases, record)?.ok_or_else(|| {
        Failure::said(format!(
            "there is nothing to complain about record {record}: `consilium doctor open` keeps what shows it when a record does not open"
        ))
    })?;
    let federation = device.federation().await?;
    let receipt = complain(device.gateway(), &federation, keys, &wrong, rng).await?;
    WrongTransform::forget(&cases, record)?;
    let text = format!(
        "Complaint posted at height {}. At fault is {}.\nTransaction {}",
        receipt.height,
        wrong.fault(),
        receipt.hash.0
    );
    Ok(Answer::new(
        text,
        json!({ "fault": wrong.fault().to_string(), "receipt": receipt }),
    ))
}

/// What a committed complaint showed; nothing for another transaction.
pub fn shown(transaction: &[u8], events: &[Vec<u8>]) -> Option<String> {
    let signed = SignedTransaction::from_bytes(transaction).ok()?;
    let Action::ComplainTransform(action) = &signed.transaction().action else {
        return None;
    };
    let (doctor, hospital, fault) = events.iter().find_map(|event| settled(event))?;
    Some(format!(
        "\ncomplaint of doctor {doctor} about what {hospital} pre-decrypted of record {}\nat fault {fault}",
        action.record
    ))
}

fn settled(event: &[u8]) -> Option<(String, String, Fault)> {
    use consilium_contracts::Canonical as _;
    match Event::from_canonical_bytes(event).ok()? {
        Event::TransformComplained {
            doctor,
            hospital,
            fault,
            ..
        } => Some((doctor.to_string(), hospital.to_string(), fault)),
        _ => None,
    }
}
