//! The patient's device: one key pair of each kind per record, so that two records of one patient cannot be linked.

use std::io::Read;
use std::path::Path;

use consilium_contracts::{
    Action, BlockTime, BoundError, Canonical as _, Challenge, Consent, Digest, DoctorId,
    HospitalId, MAX_CONSENT_HOSPITALS, OrderedSet, PurposeOfUse, RecordId, RecordTerms, SigningKey,
    WithdrawConsent,
};
use consilium_policies::Policy;
use consilium_schemes::abe::{self, Epoch, RecordContext};
use consilium_schemes::envelope::{self, HeaderCore, HeaderFields};
use consilium_schemes::report::{MIN_BITS, ReportContext, SecretKey};
use consilium_schemes::tokens::KeywordToken;
use rand::CryptoRng;

use super::error::DeviceError;
use super::federation::Federation;
use super::files::write_new;
use super::transaction;
use crate::GatewayClient;
use crate::api::gateway::{RecordSubmission, RecordView};
use crate::api::ledger::TransactionReceipt;
use crate::wire::SecretText;

pub use super::received::{
    OpenedReport, ReceivedReport, acknowledge, complain, dispute, fetch_report, post_dispute,
    read_report,
};

/// The keys of one record. Whoever holds them is the patient of that record.
pub struct RecordKeys {
    signing: SigningKey,
    report: SecretKey,
}

impl RecordKeys {
    /// Makes the keys; finding the primes takes seconds.
    ///
    /// # Errors
    /// [`DeviceError::ReportKey`].
    pub fn generate(rng: &mut impl CryptoRng) -> Result<Self, DeviceError> {
        Ok(Self {
            signing: SigningKey::generate(rng),
            report: SecretKey::generate(MIN_BITS, rng)?,
        })
    }

    /// Puts keys together that were kept apart.
    pub fn new(signing: SigningKey, report: SecretKey) -> Self {
        Self { signing, report }
    }

    /// Signs what the patient decides about the record.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Opens the report.
    pub fn report(&self) -> &SecretKey {
        &self.report
    }
}

/// What the patient decides about a record.
pub struct RecordChoices<'a> {
    /// The hospital that keeps it.
    pub owner: &'a HospitalId,
    /// Who may read it.
    pub policy: &'a Policy,
    /// Which hospitals may search it, for what and until when.
    pub consent: Consent,
    /// What it is found by; never leaves the device but as tokens.
    pub tokens: &'a [KeywordToken],
}

/// A record encrypted and ready to be handed to the gateway; the CTHD is in a file beside it.
#[derive(Debug)]
pub struct SealedRecord {
    record: RecordId,
    submission: RecordSubmission,
}

impl SealedRecord {
    /// Its id.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// What the gateway is given.
    pub fn submission(&self) -> &RecordSubmission {
        &self.submission
    }
}

/// Encrypts a record in constant memory: CTSym under the policy and the epoch, CTHD into the new file `cthd`.
///
/// On failure the file is removed.
///
/// # Errors
/// [`DeviceError::TooMany`], [`DeviceError::File`], [`DeviceError::Envelope`].
pub fn seal_record(
    federation: &Federation,
    keys: &RecordKeys,
    epoch: Epoch,
    choices: RecordChoices<'_>,
    plaintext: impl Read,
    cthd: &Path,
    rng: &mut impl CryptoRng,
) -> Result<SealedRecord, DeviceError> {
    let (found, limit) = (choices.tokens.len(), federation.index_size().keywords());
    if found > limit {
        return Err(DeviceError::TooMany {
            what: "keywords",
            found,
            limit,
        });
    }
    let record = RecordId::from_bytes(random(rng));
    let context = RecordContext::new(*federation.id().as_bytes(), *record.as_bytes());
    let (capsule, secret) =
        abe::encrypt(federation.parameters(), choices.policy, epoch, context, rng);
    let report_key = keys.report.public_key();
    let fields = HeaderFields {
        record: *record.as_bytes(),
        epoch: epoch.number(),
        record_key: keys.signing.verifying_key(),
        report_key: report_key.to_bytes(),
    };
    let header = HeaderCore::new(fields, rng)?;
    let key = secret.derive_sym_key(&header)?;
    let written = write_new(cthd, |out| {
        Ok(envelope::encrypt(&key, &header, plaintext, out)?)
    })?;
    let ctsym = capsule.to_bytes();
    let terms = RecordTerms {
        record,
        owner: choices.owner.clone(),
        cthd: written.digest.into(),
        ctsym: Digest::of(&ctsym),
        epoch,
        record_key: keys.signing.verifying_key(),
        rsa_key: report_key.digest().into(),
        consent: choices.consent,
    };
    let registration = terms.co_sign(&federation.id(), &keys.signing);
    let submission = RecordSubmission {
        registration: registration.to_canonical_bytes().into(),
        rsa_public_key: report_key.to_bytes().into(),
        ctsym: ctsym.into(),
        cthd_length: written.ciphertext_bytes,
        keyword_tokens: choices.tokens.iter().map(token_text).collect(),
    };
    Ok(SealedRecord { record, submission })
}

/// Hands a record to the gateway; returns when it is registered on the ledger, or queued there.
///
/// # Errors
/// [`DeviceError::Gateway`]; with the code `stale-epoch` the record must be sealed again for the current epoch.
pub async fn submit_record(
    gateway: &GatewayClient,
    sealed: &SealedRecord,
    cthd: &Path,
) -> Result<RecordView, DeviceError> {
    gateway.submit_record(&sealed.submission).await?;
    Ok(gateway.upload_cthd(&sealed.record, cthd).await?)
}

/// The epoch to encrypt to.
///
/// # Errors
/// [`DeviceError::NoEpoch`], [`DeviceError::Gateway`].
pub async fn current_epoch(gateway: &GatewayClient) -> Result<Epoch, DeviceError> {
    let epochs = gateway.epochs().await?;
    epochs.current.map(Epoch::new).ok_or(DeviceError::NoEpoch)
}

/// Withdraws consent: the owner stops serving and deletes the ciphertext. What was read stays read.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn withdraw_consent(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let action = Action::WithdrawConsent(WithdrawConsent { record });
    transaction::submit(gateway, federation, &keys.signing, action, rng).await
}

/// Challenges a doctor's hospital to prove whether the doctor matches the record.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn challenge(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &RecordKeys,
    record: RecordId,
    doctor: DoctorId,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let action = Action::Challenge(Challenge { record, doctor });
    transaction::submit(gateway, federation, &keys.signing, action, rng).await
}

/// A consent for these hospitals and purposes; the owner hospital need not be named.
///
/// # Errors
/// [`DeviceError::TooMany`].
pub fn consent(
    hospitals: impl IntoIterator<Item = HospitalId>,
    purposes: impl IntoIterator<Item = PurposeOfUse>,
    expiry: BlockTime,
) -> Result<Consent, DeviceError> {
    Ok(Consent {
        hospitals: OrderedSet::collect(hospitals).map_err(too_many_hospitals)?,
        purposes: OrderedSet::collect(purposes).map_err(too_many_hospitals)?,
        expiry,
    })
}

fn too_many_hospitals(error: BoundError) -> DeviceError {
    let found = match error {
        BoundError::TooLong { found, .. } => found,
        _ => 0,
    };
    DeviceError::TooMany {
        what: "hospitals",
        found,
        limit: MAX_CONSENT_HOSPITALS,
    }
}

pub(super) fn report_context(federation: &Federation, record: RecordId) -> ReportContext {
    ReportContext {
        federation: *federation.id().as_bytes(),
        record: *record.as_bytes(),
    }
}

fn token_text(token: &KeywordToken) -> SecretText {
    SecretText::new(hex::encode(token.expose_secret().as_ref()))
}

fn random(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}
