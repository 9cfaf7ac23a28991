//! A report on the patient's device: fetched, opened, and what is said about it on the ledger.
//!
//! Which report stands on the ledger, whose it is and for which RSA key the record was registered the device has proven from the
//! genesis; the gateway's word counts for none of it. What the gateway hands out is only the bytes of that digest.
//!
//! | the patient | shows with | is shown at fault where |
//! |---|---|---|
//! | [`acknowledge`]s | the proof of having decrypted | the proof is refused |
//! | [`complain`]s about the content | the same | the same |
//! | [`dispute`]s that it opens | z and the report itself | it opens |
//!
//! [`dispute`] tries first, and posts nothing that would be lost. A dispute that shows z makes what the doctor encrypted readable to whoever keeps the
//! ledger, whatever is wrong with it: the keystream follows from z, and neither tag nor commitment hides anything. It is revealed even if the ledger
//! refuses the dispute, since the evidence travels whole to every pool. [`ReceivedReport::defect`] tells beforehand, by
//! [`ReportDefect::is_shown_with_z`].

use consilium_contracts::{
    Action, Blob, Complain, ComplaintReason, Decrypted, Digest, Dispute, DoctorId, Height,
    RecordId, RecordStatus, ReportDefect, ReportEntry, VerifyingKey,
};
use consilium_schemes::report::{
    DecryptionStatement, Evidence, PostedReport, Report, ReportError, ReportParts, SealedReport,
    open_with, prove_decryption,
};
use rand::CryptoRng;

use super::error::DeviceError;
use super::federation::Federation;
use super::patient::{RecordKeys, report_context};
use super::registered::RegisteredRecord;
use super::transaction;
use crate::GatewayClient;
use crate::api::ledger::TransactionReceipt;
use crate::ledger_proof::{Standing, Subject};

/// The report of a record as it stands on the ledger, not opened yet.
#[derive(Debug)]
pub struct ReceivedReport {
    record: RecordId,
    parts: ReportParts,
    /// None where the header is none: such a report can only be disputed.
    sealed: Option<SealedReport>,
    posted: PostedReport,
}

/// A report that opened.
#[derive(Debug)]
pub struct OpenedReport {
    /// The text.
    pub report: Report,
    /// Its digest on the ledger.
    pub digest: Digest,
    /// The doctor's signing key.
    pub doctor: VerifyingKey,
    decrypted: Decrypted,
}

/// Fetches the report of a record, and has the gateway prove that it is the one on the ledger, by a registered doctor, for these keys.
///
/// Waits for the block after the report's, which certifies it: in a quiet federation as long as its heartbeat.
///
/// # Errors
/// [`DeviceError::Gateway`], [`DeviceError::Answer`], [`DeviceError::Untrusted`], [`DeviceError::LedgerProof`].
pub async fn fetch_report(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
) -> Result<ReceivedReport, DeviceError> {
    let view = gateway.report(&record).await?;
    let doctor = *view.doctor_key.verifying_key();
    let entry = proven(
        gateway,
        federation,
        keys,
        record,
        &doctor,
        Height::new(view.height),
    )
    .await?;
    let parts = ReportParts::from_bytes(view.report.as_bytes());
    let parts = parts.map_err(DeviceError::answer("report"))?;
    let (digest, key) = (parts.digest(), keys.report().public_key().digest());
    if digest.as_bytes() != entry.digest.as_bytes() {
        let text = "the report is not the one whose digest stands on the ledger";
        return Err(DeviceError::Untrusted(text));
    }
    Ok(ReceivedReport {
        record,
        parts,
        sealed: SealedReport::from_bytes(view.report.as_bytes()).ok(),
        posted: PostedReport {
            context: report_context(federation, record),
            doctor,
            key,
            digest,
        },
    })
}

/// What stands on the ledger: this doctor's report, and the record with the keys of this device.
async fn proven(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
    doctor: &VerifyingKey,
    posted: Height,
) -> Result<ReportEntry, DeviceError> {
    let by = Some(DoctorId::derive(&federation.id(), doctor));
    let report = Subject::Report { record, doctor: by };
    let report = async { Ok(gateway.proof_as_of(&report, posted).await?) };
    let registered = RegisteredRecord::prove(gateway, federation, record, posted);
    let (report, registered) = tokio::try_join!(report, registered)?;
    let terms = registered.terms();
    let key = keys.report().public_key().digest();
    if terms.rsa_key.as_bytes() != key.as_bytes()
        || terms.record_key != keys.signing().verifying_key()
    {
        let text = "the record was registered with other keys than this device's";
        return Err(DeviceError::Untrusted(text));
    }
    if let RecordStatus::Reported { doctor } = registered.status()
        && Some(*doctor) != by
    {
        let text = "another doctor's report is the one that waits";
        return Err(DeviceError::Untrusted(text));
    }
    match report.verify(federation.genesis())?.standing {
        Standing::Report(entry) => Ok(*entry),
        _ => Err(DeviceError::Untrusted(
            "no report by this doctor stands on the ledger",
        )),
    }
}

impl ReceivedReport {
    /// Its digest on the ledger.
    pub fn digest(&self) -> Digest {
        self.posted.digest.into()
    }

    /// The key of the doctor who posted it.
    pub const fn doctor(&self) -> &VerifyingKey {
        &self.posted.doctor
    }

    /// As it travels; whoever puts evidence together by hand needs it.
    pub const fn parts(&self) -> &ReportParts {
        &self.parts
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`DeviceError::Unopenable`] where a dispute would be won; [`DeviceError::Report`] where the doctor's outer signature was
    /// damaged on the way.
    pub fn open(
        &self,
        keys: &RecordKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedReport, DeviceError> {
        let opened = self.try_open(keys, rng);
        match opened {
            Err(DeviceError::Report(error)) => Err(match self.defect(keys, rng) {
                Ok(defect) => DeviceError::Unopenable {
                    record: self.record,
                    defect,
                },
                Err(_) => DeviceError::Report(error),
            }),
            other => other,
        }
    }

    fn try_open(
        &self,
        keys: &RecordKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedReport, DeviceError> {
        let sealed = self.sealed.as_ref().ok_or(ReportError::DoesNotOpen)?;
        let (context, doctor) = (&self.posted.context, &self.posted.doctor);
        let (secret, key) = (keys.report(), keys.report().public_key());
        let opening = secret.decapsulate(sealed, context, doctor, rng)?;
        let report = open_with(&opening, sealed, context, key, doctor)?;
        let statement = DecryptionStatement {
            context,
            report: &self.posted.digest,
            key,
            c: self.parts.encapsulation(),
        };
        let proof = prove_decryption(&statement, &opening, rng)?;
        let digests = self.parts.digests();
        let decrypted = Decrypted {
            record: self.record,
            key: bounded(key.to_bytes()),
            c: bounded(self.parts.encapsulation().to_vec()),
            header: digests.header.into(),
            ciphertext: digests.ciphertext.into(),
            proof: bounded(proof.to_bytes()),
        };
        Ok(OpenedReport {
            report,
            digest: self.digest(),
            doctor: *doctor,
            decrypted,
        })
    }

    /// What is wrong with it, as a dispute would show.
    ///
    /// # Errors
    /// [`DeviceError::DisputeRefused`]: nothing, a dispute would be lost.
    pub fn defect(
        &self,
        keys: &RecordKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<ReportDefect, DeviceError> {
        Ok(self.evidence(keys, rng)?.1)
    }

    fn evidence(
        &self,
        keys: &RecordKeys,
        rng: &mut impl CryptoRng,
    ) -> Result<(Evidence, ReportDefect), DeviceError> {
        let tried = keys.report().dispute(&self.parts, &self.posted, rng)?;
        Ok((tried.0, tried.1.into()))
    }
}

impl OpenedReport {
    /// That this device decrypted it.
    pub const fn decrypted(&self) -> &Decrypted {
        &self.decrypted
    }
}

/// Fetches the report of a record and opens it.
///
/// # Errors
/// Those of [`fetch_report`] and [`ReceivedReport::open`].
pub async fn read_report(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
    rng: &mut (impl CryptoRng + Send),
) -> Result<OpenedReport, DeviceError> {
    let received = fetch_report(gateway, federation, keys, record).await?;
    received.open(keys, rng)
}

/// Says on the ledger, and shows, that the report was decrypted.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn acknowledge(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    opened: &OpenedReport,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let action = Action::Acknowledge(Box::new(opened.decrypted.clone()));
    transaction::submit(gateway, federation, keys.signing(), action, rng).await
}

/// Complains on the ledger about what a report says, and shows that it was decrypted. The record is closed.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn complain(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    opened: &OpenedReport,
    reason: ComplaintReason,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let complain = Complain {
        decrypted: opened.decrypted.clone(),
        reason,
    };
    let action = Action::Complain(Box::new(complain));
    transaction::submit(gateway, federation, keys.signing(), action, rng).await
}

/// Shows on the ledger that a report does not open, after trying it here: what is wrong with it.
///
/// # Errors
/// [`DeviceError::DisputeRefused`], and nothing was posted; [`DeviceError::Gateway`].
pub async fn dispute(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    received: &ReceivedReport,
    rng: &mut (impl CryptoRng + Send),
) -> Result<(TransactionReceipt, ReportDefect), DeviceError> {
    let (evidence, defect) = received.evidence(keys, rng)?;
    let record = received.record;
    let receipt = post_dispute(gateway, federation, keys, record, &evidence, rng).await?;
    Ok((receipt, defect))
}

/// Posts evidence without asking what it shows; [`dispute`] asks. A dispute that is lost shows the patient at fault, and the text to
/// whoever keeps the ledger.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn post_dispute(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
    evidence: &Evidence,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let dispute = Dispute {
        record,
        key: bounded(keys.report().public_key().to_bytes()),
        evidence: bounded(evidence.expose_secret().to_vec()),
    };
    let action = Action::Dispute(Box::new(dispute));
    transaction::submit(gateway, federation, keys.signing(), action, rng).await
}

fn bounded<const MAX: usize>(bytes: Vec<u8>) -> Blob<MAX> {
    let bounded = bytes.try_into();
    bounded.expect("the contracts take the longest that the schemes make")
}
