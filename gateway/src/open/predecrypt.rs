//! PreKeyGen and PreDec, between the checks and the access event.

use std::sync::Arc;

use consilium_client::api::gateway::OpenedRecord;
use consilium_client::wire::Text;
use consilium_contracts::Receipt;
use consilium_contracts::{
    Access, Action, CloseReason, Decline, DeclineReason, DoctorEntry, DoctorId, PurposeOfUse,
    RecordId, RecordTerms, Rejection, View,
};
use consilium_node::SubmitError;
use consilium_schemes::abe::{
    AttributeKey, Capsule, Case, PreDecryptError, PreDecryptionKey, PreparedCapsule, RecordContext,
    SignedTransform, UpdateReadError, UserId, UserPublicKey, check_capsule, pre_dec_proven,
};
use consilium_schemes::report;
use consilium_service::ApiError;
use consilium_service::ledger::{self, submit_error};

use super::update_key::{self, StoredUpdateKey};
use super::{keys, material};
use crate::access;
use crate::codes;
use crate::failures::refused;
use crate::hospital::Hospital;

/// Everything from the checks to the committed access; the caller writes the audit line before SemiCT leaves.
pub(super) async fn open(
    hospital: &Arc<Hospital>,
    record: &RecordId,
    doctor: &DoctorId,
    purpose: PurposeOfUse,
) -> Result<OpenedRecord, ApiError> {
    hospital.check_tip()?;
    let state = hospital.state();
    let entry = access::reading(&state, &hospital.id, record, doctor)?;
    access::check_purpose(&state, &hospital.id, &entry, purpose)?;
    let registered = View::new(&state).doctor(doctor);
    let registered = registered.ok_or_else(|| ApiError::internal("checked above"))?;
    drop(state);

    let material = material::get(hospital, &entry).await?;
    let epoch = entry.terms.epoch;
    let key = match hospital.kept_keys.get(&registered, epoch) {
        Some(key) => Key::Kept(key),
        None => Key::Of(
            Box::new(keys::attribute_key(hospital, &registered).await?),
            update_key::of_epoch(hospital, epoch).await?,
        ),
    };
    let work = Work {
        at: Arc::clone(hospital),
        terms: entry.terms.clone(),
        doctor: registered,
        ctsym: material.ctsym.clone(),
        rsa_key: material.rsa_key.clone(),
        key,
    };
    let signed = match hospital
        .frame
        .pool()
        .run(move || work.pre_decrypt())
        .await?
    {
        Ok(signed) => signed,
        Err(Failure::Refused(error)) => return Err(error),
        Err(Failure::Unsatisfied) => return Err(decline(hospital, record, doctor).await),
    };
    let receipt = commit_access(hospital, record, doctor).await?;
    Ok(OpenedRecord {
        semi_ciphertext: signed.semi().to_vec().into(),
        transform_proof: signed.proof().to_vec().into(),
        transform_signature: signed.signature().to_bytes().to_vec().into(),
        epoch: entry.terms.epoch.number(),
        ctsym: material.ctsym.into(),
        ctsym_digest: Text(entry.terms.ctsym),
        cthd_digest: Text(entry.terms.cthd),
        cthd_length: material.cthd_length,
        record_key: entry.terms.record_key.into(),
        rsa_public_key: material.rsa_key.into(),
        access: ledger::receipt(&receipt),
    })
}

/// What PreDec takes, for the threads that compute.
struct Work {
    at: Arc<Hospital>,
    terms: RecordTerms,
    doctor: DoctorEntry,
    ctsym: Vec<u8>,
    rsa_key: Vec<u8>,
    key: Key,
}

enum Key {
    Kept(Arc<PreDecryptionKey>),
    Of(Box<AttributeKey>, StoredUpdateKey),
}

enum Failure {
    Unsatisfied,
    Refused(ApiError),
}

impl Work {
    /// Signed, so that the doctor can show it to others should it not open.
    fn pre_decrypt(&self) -> Result<SignedTransform, Failure> {
        let internal = |error| Failure::Refused(ApiError::internal(error));
        let pk = UserPublicKey::from_bytes(self.doctor.abe_key.as_bytes()).map_err(internal)?;
        let (record, signing) = (&self.terms.record, &self.at.keys.signing);
        let case = Case {
            context: RecordContext::new(*self.at.federation.as_bytes(), *record.as_bytes()),
            doctor: UserId::from_bytes(*self.doctor.id.as_bytes()),
            pk,
            hospital: signing.verifying_key(),
            ctsym: self.terms.ctsym.into(),
            epoch: self.terms.epoch,
            parameters: &self.at.parameters,
        };
        let capsule = self.checked_capsule(&case).map_err(Failure::Refused)?;
        let key = self.pre_keygen()?;
        let made = pre_dec_proven(&key, &capsule, case.doctor, &mut rand::rng());
        let (semi, proof) = made.map_err(failure)?;
        let (semi, proof) = (semi.to_bytes(), proof.to_bytes());
        Ok(SignedTransform::sign(&case, semi, proof, signing))
    }

    fn pre_keygen(&self) -> Result<Arc<PreDecryptionKey>, Failure> {
        let (attribute_key, update_key) = match &self.key {
            Key::Kept(key) => return Ok(Arc::clone(key)),
            Key::Of(attribute_key, update_key) => (attribute_key, update_key),
        };
        let made = update_key.pre_keygen(attribute_key).or_else(|error| {
            let intact = update_key.check_file(&self.at);
            intact.map_err(Failure::Refused)?;
            Err(match error {
                UpdateReadError::PreDecrypt(error) => failure(error),
                error => Failure::Refused(update_key.malformed(error)),
            })
        });
        let key = Arc::new(made?);
        let (kept, epoch) = (&self.at.kept_keys, self.terms.epoch);
        kept.keep(&self.doctor, epoch, &key);
        // This opening is refused when its access is committed.
        keys::drop_if_revoked(&self.at, &self.doctor.id).map_err(Failure::Refused)?;
        Ok(key)
    }

    /// The public check, and that the capsule is this record's: whoever made it otherwise is its encryptor.
    fn checked_capsule(&self, case: &Case<'_>) -> Result<PreparedCapsule, ApiError> {
        let malformed = |why: String| {
            let status = actix_web::http::StatusCode::UNPROCESSABLE_ENTITY;
            ApiError::new(
                status,
                codes::CAPSULE_MALFORMED,
                format!("the record's CTSym: {why}"),
            )
        };
        let capsule = Capsule::from_bytes(&self.ctsym).map_err(|e| malformed(e.to_string()))?;
        let header = capsule.header();
        let same = *header.context() == case.context
            && header.epoch() == case.epoch
            && header.tree() == self.at.parameters.tree().id();
        if !same {
            return Err(malformed(
                "is bound to another record, epoch or federation".to_owned(),
            ));
        }
        let capsule = capsule.prepare();
        check_capsule(&capsule, &mut rand::rng()).map_err(|error| malformed(error.to_string()))?;
        report::PublicKey::from_bytes(&self.rsa_key)
            .map_err(|e| malformed(format!("its RSA key: {e}")))?;
        Ok(capsule)
    }
}

fn failure(error: PreDecryptError) -> Failure {
    match error {
        PreDecryptError::Unsatisfied => Failure::Unsatisfied,
        PreDecryptError::Revoked { .. } => {
            let text = "the doctor's leaf is revoked in the record's epoch";
            Failure::Refused(refused(codes::DOCTOR_REVOKED, text).because(error))
        }
        error => Failure::Refused(ApiError::internal(error)),
    }
}

/// The case goes to the next best; this doctor gets a refusal that says why.
async fn decline(hospital: &Arc<Hospital>, record: &RecordId, doctor: &DoctorId) -> ApiError {
    let reason = DeclineReason::CannotOpen;
    let action = Action::Decline(Decline {
        record: *record,
        doctor: *doctor,
        reason,
    });
    let text = "the doctor's attributes do not satisfy the record's policy; the hospital declined the case for him";
    let refusal = refused(codes::POLICY_NOT_SATISFIED, text);
    match hospital.ledger.submit(action).await {
        Ok(_) | Err(SubmitError::Rejected(_)) => refusal,
        // Not declined yet: opening again declines, and the deadline does in any case.
        Err(error) => refusal.because(error),
    }
}

/// Committed before SemiCT leaves, every time it leaves.
async fn commit_access(
    hospital: &Arc<Hospital>,
    record: &RecordId,
    doctor: &DoctorId,
) -> Result<Receipt, ApiError> {
    let action = Action::Access(Access {
        record: *record,
        doctor: *doctor,
    });
    let submitted = hospital.ledger.submit(action).await;
    submitted.map_err(|error| match error {
        SubmitError::Rejected(Rejection::NotAssigned { .. }) => refused(
            codes::NOT_ASSIGNED,
            "the record is not assigned to this doctor any more",
        ),
        SubmitError::Rejected(Rejection::DoctorRevoked { .. }) => {
            refused(codes::DOCTOR_REVOKED, "the doctor is revoked")
        }
        SubmitError::Rejected(Rejection::NotAuthorized { .. }) => refused(
            codes::AUTHORIZATION_WITHDRAWN,
            "the owner hospital's authorization is over",
        ),
        SubmitError::Rejected(Rejection::RecordClosed {
            reason: CloseReason::ConsentWithdrawn | CloseReason::ConsentExpired,
            ..
        }) => refused(codes::CONSENT_WITHDRAWN, "the patient's consent is over"),
        error => submit_error(error),
    })
}
