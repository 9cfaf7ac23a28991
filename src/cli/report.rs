//! What a patient does with a report: open it, acknowledge it, complain about it, dispute it.

use std::path::Path;

use consilium_client::api::gateway::DeviceRole;
use consilium_client::api::terms::{ComplaintReason, ReportDefect};
use consilium_client::device::Federation;
use consilium_client::device::patient::{self, RecordKeys, fetch_report, read_report};
use consilium_client::file::{Existing, Readers, write_atomically};
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::device::Device;
use super::patient::{RecordArgs, rand_seeded, record_keys};

/// The device with what it needs for a report.
async fn device(args: &RecordArgs) -> Result<(Device, Federation, RecordKeys), Failure> {
    let device = args.at.of(DeviceRole::Patient)?;
    let (federation, keys) = (device.federation().await?, record_keys(args, &device)?);
    Ok((device, federation, keys))
}

/// `patient open`.
pub async fn open(args: &RecordArgs, out: &Path) -> Outcome {
    if out.exists() {
        return Err(Failure::said(format!("{} is there already", out.display())));
    }
    let (device, federation, keys) = device(args).await?;
    let (gateway, record) = (device.gateway(), args.record);
    let opened = read_report(gateway, &federation, &keys, record, &mut rand_seeded()).await?;
    let written = write_atomically(
        out,
        opened.report.expose_secret(),
        Readers::Owner,
        Existing::Keep,
    );
    written.map_err(|error| Failure::said(format!("{}: {error}", out.display())))?;
    let text = format!(
        "The report is in {}, signed by the doctor with key {}",
        out.display(),
        opened.doctor
    );
    let json = json!({
        "out": out, "digest": opened.digest.to_string(), "doctor_key": opened.doctor.to_string(),
    });
    Ok(Answer::new(text, json))
}

/// `patient acknowledge`.
pub async fn acknowledge(args: &RecordArgs) -> Outcome {
    let (device, federation, keys) = device(args).await?;
    let (gateway, mut rng) = (device.gateway(), rand_seeded());
    let opened = read_report(gateway, &federation, &keys, args.record, &mut rng).await?;
    let receipt = patient::acknowledge(gateway, &federation, &keys, &opened, &mut rng).await?;
    let text = format!("Acknowledged at height {}", receipt.height);
    Ok(Answer::new(text, json!(receipt)))
}

/// `patient complain`.
pub async fn complain(args: &RecordArgs, reason: ComplaintReason) -> Outcome {
    let (device, federation, keys) = device(args).await?;
    let (gateway, mut rng) = (device.gateway(), rand_seeded());
    let opened = read_report(gateway, &federation, &keys, args.record, &mut rng).await?;
    let why = reason.into();
    let receipt = patient::complain(gateway, &federation, &keys, &opened, why, &mut rng).await?;
    let text = format!(
        "The complaint ({reason}) stands on the ledger at height {}",
        receipt.height
    );
    Ok(Answer::new(text, json!(receipt)))
}

/// `patient dispute`: says what was found, and posts it where it would be won.
pub async fn dispute(args: &RecordArgs, reveal: bool) -> Outcome {
    let (device, federation, keys) = device(args).await?;
    let (gateway, mut rng) = (device.gateway(), rand_seeded());
    let received = fetch_report(gateway, &federation, &keys, args.record).await?;
    let defect = received.defect(&keys, &mut rng)?;
    if defect.is_shown_with_z() && !reveal {
        return Err(Failure::Usage(format!(
            "the report does not hold: {defect}. A dispute shows that, and what the report says becomes readable to whoever keeps the \
             ledger, for good; it is revealed even if the ledger refuses the dispute. Nothing was posted; with --reveal it is"
        )));
    }
    let (receipt, defect) =
        patient::dispute(gateway, &federation, &keys, &received, &mut rng).await?;
    let text = format!(
        "The report does not open: {defect}. The ledger shows the doctor at fault, at height {}; the next best doctor follows",
        receipt.height
    );
    let defect = ReportDefect::from(defect);
    let json = json!({ "fault": "doctor", "defect": defect, "receipt": receipt });
    Ok(Answer::new(text, json))
}
