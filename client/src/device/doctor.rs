//! The doctor's device: it holds beta and the signing key, and finishes what its hospital pre-decrypted.
//!
//! What it checks, and against what: what the record was registered with stands on the ledger ([`RegisteredRecord`], from the genesis), and
//! the gateway names nothing else; the doctor's hospital signed the pre-decryption for this record, doctor, key, epoch and capsule; the
//! pre-decryption opens it (C0 = g2^s), or else who is at fault ([`WrongTransform`]); the record's header is authentic under the
//! capsule's key, names the capsule's record and epoch, and the keys that were registered; and the encrypted record has the
//! registered digest. The report goes to the registered key ([`ReportRecipient`]), whatever the gateway names later. So nobody but who
//! registered the record chose the key that a bad report is judged by, and nobody makes the doctor blame the encryptor with a name.
//!
//! **What it does not check**: that the record is assigned to the doctor, the card of the doctor's hospital where that is none of the
//! genesis, and the receipts. These are what *the gateway says* the ledger has. A hospital that lies can register a record of its own
//! making, as anybody can, and it can present records that nobody assigned, so that the device's accepting or refusing is an oracle in
//! its hands (`abe::dec`), for registered capsules alone. It cannot read a patient's record by any of this.

use std::io::Read;
use std::path::Path;

use consilium_contracts::{
    Action, BlockTime, Decline, DeclineReason, Digest, DoctorId, Height, HospitalCard,
    PostTrapdoor, RecordId, Signature, SigningKey, TrapdoorBytes, VerifyingKey, trapdoor_context,
    trapdoor_filter_context,
};
use consilium_schemes::abe::{
    self, ComplaintRefused, RecordContext, Registration as ProofRegistration, SharedSecret,
    SignedTransform, UserId, UserSecretKey,
};
use consilium_schemes::envelope::{SymKey, UnopenedEnvelope};
use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalKeys, KeyContext, posting};
use consilium_schemes::report;
use consilium_schemes::tokens::KeywordToken;
use rand::CryptoRng;
use tokio::io::AsyncWriteExt as _;

pub use super::complaint::{WrongTransform, complain};
use super::error::DeviceError;
use super::federation::Federation;
use super::files::write_whole;
use super::filter;
pub use super::recipient::{ReportRecipient, submit_report};
pub use super::registered::RegisteredRecord;
use super::transaction;
use crate::GatewayClient;
use crate::api::gateway::{DoctorEnrolmentRequest, OpenRequest, OpenedRecord};
use crate::api::kgc::{Enrolment, ProofNonceRequest};
use crate::api::ledger::TransactionReceipt;
use crate::api::terms::PurposeOfUse;
use crate::wire::Text;

/// The keys of a doctor. Neither the device (beta) nor the hospital (attribute keys) decrypts without the other.
pub struct DoctorKeys {
    signing: SigningKey,
    abe: UserSecretKey,
}

impl DoctorKeys {
    /// UserKG: makes both keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self {
            signing: SigningKey::generate(rng),
            abe: abe::user_keygen(rng).0,
        }
    }

    /// Puts keys together that were kept apart.
    pub fn new(signing: SigningKey, abe: UserSecretKey) -> Self {
        Self { signing, abe }
    }

    /// Signs the doctor's transactions, reports and requests.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// beta.
    pub fn abe(&self) -> &UserSecretKey {
        &self.abe
    }

    /// The doctor's pseudonym in a federation.
    pub fn id(&self, federation: &Federation) -> DoctorId {
        DoctorId::derive(&federation.id(), &self.signing.verifying_key())
    }
}

/// Asks to be enrolled: proves beta under a nonce of the KGC. The hospital then vouches for the attributes. Asked again, the enrolment
/// stays as it stands.
///
/// # Errors
/// [`DeviceError::Gateway`], [`DeviceError::Answer`].
pub async fn enrol(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    rng: &mut (impl CryptoRng + Send),
) -> Result<Enrolment, DeviceError> {
    ask(gateway, federation, keys, false, rng).await
}

/// Asks to be enrolled anew: for other attributes, or after a refusal. Until the KGC issues, the former enrolment holds.
///
/// # Errors
/// As [`enrol`].
pub async fn renew(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    rng: &mut (impl CryptoRng + Send),
) -> Result<Enrolment, DeviceError> {
    ask(gateway, federation, keys, true, rng).await
}

async fn ask(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    renew: bool,
    rng: &mut (impl CryptoRng + Send),
) -> Result<Enrolment, DeviceError> {
    let doctor = keys.id(federation);
    let answer = gateway
        .proof_nonce(&ProofNonceRequest {
            doctor: Text(doctor),
        })
        .await?;
    let nonce = <[u8; 32]>::try_from(answer.nonce.as_bytes()).map_err(|_| DeviceError::Answer {
        field: "nonce",
        cause: "it must be 32 bytes".into(),
    })?;
    let user = UserId::from_bytes(*doctor.as_bytes());
    let registration = ProofRegistration::new(*federation.id().as_bytes(), user, nonce);
    let request = DoctorEnrolmentRequest {
        doctor: Text(doctor),
        abe_public_key: keys.abe.public_key().to_bytes().into(),
        nonce: answer.nonce,
        proof: keys
            .abe
            .prove_possession(&registration, rng)
            .to_bytes()
            .into(),
        renew,
    };
    Ok(gateway.enrol(&request).await?)
}

/// The keys that a hospital's trapdoors are encrypted to, their proofs checked here again.
///
/// # Errors
/// [`DeviceError::Untrusted`] when the card's keys are malformed or not proved.
pub fn hospital_keys(card: &HospitalCard) -> Result<HospitalKeys, DeviceError> {
    let context = KeyContext {
        hospital: card.id.as_str().as_bytes(),
        hpke_key: card.hpke_key.as_bytes(),
    };
    ClaimedHospitalKeys::from_bytes(card.matching_keys.as_bytes())
        .and_then(|claimed| claimed.verify(&context))
        .map_err(|_| DeviceError::Untrusted("the hospital's matching keys are not proved"))
}

/// TrdGen, and posting: encrypted to the doctor's own hospital, with the proofs that it is the doctor's own and of the number of
/// interests, and with the interests' buckets where the federation has a prefilter. It replaces the doctor's former trapdoor.
///
/// # Errors
/// [`DeviceError::TooMany`], [`DeviceError::Untrusted`], [`DeviceError::Gateway`].
pub async fn post_trapdoor(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    hospital: &HospitalCard,
    interests: &[KeywordToken],
    expiry: BlockTime,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let (n, doctor) = (federation.index_size(), keys.id(federation));
    let too_many = |_| DeviceError::TooMany {
        what: "interests",
        found: interests.len(),
        limit: n.interests(),
    };
    // The proofs are bound to it.
    let expires = transaction::expires(gateway, federation).await?;
    let context = trapdoor_context(&federation.id(), &doctor, &hospital.id, expires);
    let posted = posting::post_trapdoor(n, interests, &hospital_keys(hospital)?, &context, rng);
    let posted = posted.map_err(too_many)?;
    let bytes = |bytes: Vec<u8>| {
        TrapdoorBytes::try_from(bytes)
            .map_err(|_| DeviceError::Genesis("the setting n makes trapdoors too long"))
    };
    let (trapdoor, alone) = (
        bytes(posted.to_bytes())?,
        bytes(posted.trapdoor().to_bytes())?,
    );
    let sealed = federation.prefilter().map(|setting| {
        let id = federation.id();
        let context = trapdoor_filter_context(&id, &doctor, &hospital.id, &alone, expiry);
        filter::buckets(setting, keys.signing(), hospital, interests, &context, rng)
    });
    let action = Action::PostTrapdoor(PostTrapdoor {
        hospital: hospital.id.clone(),
        trapdoor,
        expiry,
        filter: sealed.transpose()?,
    });
    let signed = transaction::sign_until(federation, &keys.signing, action, expires, rng);
    Ok(gateway.submit(&signed).await?)
}

/// Declines an assignment; it passes to the next best doctor.
///
/// # Errors
/// [`DeviceError::Gateway`].
pub async fn decline(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    record: RecordId,
    reason: DeclineReason,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let doctor = keys.id(federation);
    let action = Action::Decline(Decline {
        record,
        doctor,
        reason,
    });
    transaction::submit(gateway, federation, &keys.signing, action, rng).await
}

/// A case whose capsule opened: what is needed to decrypt the record.
pub struct OpenedCase {
    record: RecordId,
    secret: SharedSecret,
    cthd: Digest,
    cthd_length: u64,
    record_key: VerifyingKey,
    report_key: report::PublicKey,
    access: TransactionReceipt,
}

impl OpenedCase {
    /// The record.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// The access event that stands on the ledger for this opening.
    pub fn access(&self) -> &TransactionReceipt {
        &self.access
    }

    /// The report key that the record was registered with; nothing has shown yet that its header has the same.
    pub(super) fn report_key(&self) -> &report::PublicKey {
        &self.report_key
    }
}

/// Opens an assigned case: the gateway pre-decrypts and proves what the record was registered with, the device checks everything and
/// finishes with one exponentiation. `hospital` is what the doctor's own hospital signs with.
///
/// # Errors
/// [`DeviceError::Gateway`] with the gateway's reason; as [`RegisteredRecord::prove`] and [`finish_case`].
pub async fn open_case(
    gateway: &GatewayClient,
    federation: &Federation,
    keys: &DoctorKeys,
    hospital: &VerifyingKey,
    record: RecordId,
    purpose: PurposeOfUse,
    rng: &mut (impl CryptoRng + Send),
) -> Result<OpenedCase, DeviceError> {
    let opened = gateway.open(&record, &OpenRequest { purpose }).await?;
    // Before the block of the access the record stood there: that block certifies it, and no later one need be waited for.
    let before = Height::new(opened.access.height.saturating_sub(1));
    let registered = RegisteredRecord::prove(gateway, federation, record, before).await?;
    finish_case(federation, keys, hospital, &registered, opened, rng)
}

/// Dec, with every check before it. Where nothing opens, who is at fault and what shows it: judged by what was registered, as
/// everybody judges it, and not by what the gateway names.
///
/// # Errors
/// [`DeviceError::WrongTransform`]; else [`DeviceError::Untrusted`] where the gateway names something else than was registered;
/// [`DeviceError::ReportKey`], [`DeviceError::Answer`], [`DeviceError::Unsigned`].
pub fn finish_case(
    federation: &Federation,
    keys: &DoctorKeys,
    hospital: &VerifyingKey,
    registered: &RegisteredRecord,
    opened: OpenedRecord,
    rng: &mut impl CryptoRng,
) -> Result<OpenedCase, DeviceError> {
    let (terms, doctor) = (registered.terms(), keys.id(federation));
    let record = terms.record;
    registered.check_assigned(&doctor)?;
    let case = abe::Case {
        context: RecordContext::new(*federation.id().as_bytes(), *record.as_bytes()),
        doctor: UserId::from_bytes(*doctor.as_bytes()),
        pk: keys.abe.public_key(),
        hospital: *hospital,
        ctsym: terms.ctsym.into(),
        epoch: terms.epoch,
        parameters: federation.parameters(),
    };
    let (secret, report_key) = match finish_transform(&case, keys, record, &opened, rng) {
        // Judged by what was registered, whatever the gateway names: it shows the fault to everybody.
        Err(wrong @ DeviceError::WrongTransform(_)) => return Err(wrong),
        secret => {
            let report_key = registered.compare(&opened)?;
            (secret?, report_key)
        }
    };
    Ok(OpenedCase {
        record,
        secret,
        cthd: terms.cthd,
        cthd_length: opened.cthd_length,
        record_key: terms.record_key,
        report_key,
        access: opened.access,
    })
}

fn finish_transform(
    case: &abe::Case<'_>,
    keys: &DoctorKeys,
    record: RecordId,
    opened: &OpenedRecord,
    rng: &mut impl CryptoRng,
) -> Result<SharedSecret, DeviceError> {
    let signature = <[u8; Signature::LENGTH]>::try_from(opened.transform_signature.as_bytes())
        .map_err(|_| DeviceError::Unsigned(record))?;
    let semi = opened.semi_ciphertext.as_bytes().to_vec();
    let proof = opened.transform_proof.as_bytes().to_vec();
    let signed = SignedTransform::received(semi, proof, Signature::from_bytes(signature))
        .map_err(DeviceError::answer("transform"))?;
    let ctsym = opened.ctsym.as_bytes();
    signed
        .verify_signature(case, ctsym)
        .map_err(|_| DeviceError::Unsigned(record))?;
    match signed.open(case, ctsym, &keys.abe) {
        Some(secret) => Ok(secret),
        None => {
            let made = keys.abe.complain(case, ctsym.to_vec(), signed, rng);
            let (complaint, verdict) = made.map_err(|error| match error {
                ComplaintRefused::Inadmissible(_) => DeviceError::Unsigned(record),
                ComplaintRefused::Opens => {
                    DeviceError::Untrusted("the transform opens and does not")
                }
            })?;
            let wrong = WrongTransform::new(record, verdict.into(), complaint);
            Err(DeviceError::WrongTransform(Box::new(wrong)))
        }
    }
}

/// The longest encrypted record that a device takes unless it is told otherwise: as long as a gateway takes, 16 GiB.
pub const MAX_RECORD_BYTES: u64 = 16 << 30;

/// Fetches the encrypted record into the new file `cthd`, of at most `max_bytes`.
///
/// How long a record is stands neither on the ledger nor in the capsule: the gateway's word for it is taken only within the
/// limit, and no more is written than it announced.
///
/// # Errors
/// [`DeviceError::TooLong`] before anything is fetched; [`DeviceError::Gateway`], also when more comes than was announced;
/// [`DeviceError::File`]; [`DeviceError::Untrusted`] when it is cut short. Nothing is left behind.
pub async fn fetch_record(
    gateway: &GatewayClient,
    case: &OpenedCase,
    cthd: &Path,
    max_bytes: u64,
) -> Result<(), DeviceError> {
    if case.cthd_length > max_bytes {
        return Err(DeviceError::TooLong {
            announced: case.cthd_length,
            limit: max_bytes,
        });
    }
    let mut file = tokio::fs::File::create_new(cthd).await?;
    let fetched = gateway
        .download_cthd(&case.record, &mut file, case.cthd_length)
        .await;
    let complete = match fetched {
        Ok(length) if length == case.cthd_length => file.flush().await.map_err(DeviceError::from),
        Ok(_) => Err(DeviceError::Untrusted("the encrypted record is cut short")),
        Err(error) => Err(error.into()),
    };
    if complete.is_err() {
        // The first failure is the one to report.
        let _ = tokio::fs::remove_file(cthd).await;
    }
    complete
}

/// A record that was read whole.
pub struct ReadRecord {
    plaintext_bytes: u64,
    recipient: ReportRecipient,
}

impl ReadRecord {
    /// How long the record is.
    pub fn plaintext_bytes(&self) -> u64 {
        self.plaintext_bytes
    }

    /// Where the report on it goes.
    pub fn recipient(&self) -> &ReportRecipient {
        &self.recipient
    }
}

/// Decrypts a fetched record into the new file `plaintext`, which appears only when every segment and the registered
/// digest checked; returns its length and where the report goes. Constant memory.
///
/// # Errors
/// [`DeviceError::Header`], [`DeviceError::Envelope`], [`DeviceError::Untrusted`], [`DeviceError::File`], also when
/// `plaintext` exists; nothing is left behind.
pub fn decrypt_record(
    case: &OpenedCase,
    cthd: impl Read,
    plaintext: &Path,
) -> Result<ReadRecord, DeviceError> {
    let (unopened, key) = authentic(case, cthd)?;
    let summary = write_whole(plaintext, |out| {
        let summary = unopened.decrypt(&key, out)?;
        match summary.digest.as_bytes() == case.cthd.as_bytes() {
            true => Ok(summary),
            false => Err(DeviceError::Untrusted(
                "the encrypted record has another digest than the one that was registered",
            )),
        }
    })?;
    Ok(ReadRecord {
        plaintext_bytes: summary.plaintext_bytes,
        // The one in the header: `authentic` compared them.
        recipient: ReportRecipient::authentic(case.record, case.report_key.clone()),
    })
}

/// The header of a fetched record, authenticated, and saying what the case says; with the record's key.
fn authentic<R: Read>(
    case: &OpenedCase,
    cthd: R,
) -> Result<(UnopenedEnvelope<R>, SymKey), DeviceError> {
    let unopened = UnopenedEnvelope::read(cthd)?;
    let key = case.secret.derive_sym_key(unopened.header())?;
    unopened.authenticate(&key)?;
    let fields = unopened.header().fields();
    if fields.record_key != case.record_key {
        return Err(DeviceError::Untrusted(
            "the registered record key is not the one in the record's header",
        ));
    }
    if fields.report_key != case.report_key.to_bytes() {
        return Err(DeviceError::Untrusted(
            "the registered report key is not the one in the record's header",
        ));
    }
    Ok((unopened, key))
}
