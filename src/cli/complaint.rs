//! `consilium doctor complain`, and a complaint as `consilium ledger tx` shows it.

use std::path::Path;

use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::device::DeviceError;
use consilium_client::device::doctor::{DoctorKeys, WrongTransform, complain};
use consilium_contracts::{
    Action, Canonical as _, DoctorId, Event, Fault, HospitalId, RecordId, SignedTransaction,
};
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
    posted(record, wrong.fault(), &receipt)
}

/// What the ledger settled; this device's own finding beside it, where that is another.
fn posted(record: RecordId, found: Fault, receipt: &TransactionReceipt) -> Outcome {
    let (hash, height) = (receipt.hash.0, receipt.height);
    let events = receipt.events.iter();
    let mut settled = events.filter_map(|event| Settled::of(event.as_bytes()));
    let fault = settled.find(|settled| settled.record == record);
    let fault = fault.map(|settled| settled.fault).ok_or_else(|| {
        Failure::said(format!(
            "the complaint about record {record} was posted at height {height}, but the gateway does not say what the ledger settled: \
             `consilium ledger tx {hash}` shows it, through another gateway where this one does not"
        ))
    })?;
    let mut text = format!("Complaint posted at height {height}. At fault is {fault}.");
    let json = json!({
        "fault": fault.to_string(), "found": found.to_string(), "receipt": receipt,
    });
    if fault != found {
        text.push_str(&format!(
            "\nThis device had found something else: at fault is {found}. For everyone counts what the ledger settled."
        ));
    }
    text.push_str(&format!("\nTransaction {hash}"));
    Ok(Answer::new(text, json))
}

/// What a committed complaint showed; nothing for another transaction.
pub fn shown(transaction: &[u8], events: &[Vec<u8>]) -> Option<String> {
    let signed = SignedTransaction::from_bytes(transaction).ok()?;
    let Action::ComplainTransform(action) = &signed.transaction().action else {
        return None;
    };
    let Settled {
        doctor,
        hospital,
        fault,
        ..
    } = events.iter().find_map(|event| Settled::of(event))?;
    Some(format!(
        "\ncomplaint of doctor {doctor} about what {hospital} pre-decrypted of record {}\nat fault {fault}",
        action.record
    ))
}

/// What the ledger says of a complaint.
struct Settled {
    record: RecordId,
    doctor: DoctorId,
    hospital: HospitalId,
    fault: Fault,
}

impl Settled {
    /// Nothing for another event.
    fn of(event: &[u8]) -> Option<Self> {
        match Event::from_canonical_bytes(event).ok()? {
            Event::TransformComplained {
                record,
                doctor,
                hospital,
                fault,
                ..
            } => Some(Self {
                record,
                doctor,
                hospital,
                fault,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use consilium_client::wire::Text;
    use consilium_contracts::TransactionHash;

    use super::*;

    const RECORD: RecordId = RecordId::from_bytes([1; 32]);

    fn receipt(events: &[Event]) -> TransactionReceipt {
        let events = events.iter().map(|event| event.to_canonical_bytes().into());
        TransactionReceipt {
            hash: Text(TransactionHash::from_bytes([2; 32])),
            height: 7,
            index: 0,
            events: events.collect(),
        }
    }

    fn settled(record: RecordId, fault: Fault) -> Event {
        Event::TransformComplained {
            record,
            owner: "north".parse().unwrap(),
            doctor: DoctorId::from_bytes([3; 32]),
            hospital: "south".parse().unwrap(),
            fault,
        }
    }

    #[test]
    fn what_the_ledger_settled_is_said_and_what_the_device_had_found_beside_it_where_it_differs() {
        let (found, fault) = (Fault::HospitalUpdate, Fault::HospitalNodeKey);
        let other = settled(RecordId::from_bytes([4; 32]), Fault::EncryptorCheck);
        let same = posted(
            RECORD,
            fault,
            &receipt(&[other.clone(), settled(RECORD, fault)]),
        );
        let said = |outcome: Outcome| -> (String, serde_json::Value) {
            let Ok(answer) = outcome else { panic!() };
            let json = serde_json::from_str(&answer.rendered(true)).unwrap();
            (answer.rendered(false), json)
        };
        let (text, json) = said(same);
        assert!(text.contains(&format!("At fault is {fault}.")), "{text}");
        assert!(!text.contains("something else"), "{text}");
        assert_eq!(json["fault"], fault.to_string());
        assert_eq!(json["found"], fault.to_string());
        let differs = posted(RECORD, found, &receipt(&[settled(RECORD, fault)]));
        let (text, json) = said(differs);
        assert!(text.contains(&format!("At fault is {fault}.")), "{text}");
        let besides = format!("something else: at fault is {found}.");
        assert!(text.contains(&besides), "{text}");
        assert_eq!(json["fault"], fault.to_string());
        assert_eq!(json["found"], found.to_string());
        for nothing in [receipt(&[]), receipt(&[other])] {
            assert!(posted(RECORD, found, &nothing).is_err());
        }
    }
}
