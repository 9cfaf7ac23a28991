//! The doctors' attribute keys, and that no key is missing that PreDec will need.

use std::sync::Arc;

use consilium_client::api::kgc::{ATTRIBUTE_KEY_PURPOSE, WrappedAttributeKey};
use consilium_contracts::{DoctorEntry, DoctorId, EpochEntry, View};
use consilium_schemes::abe::AttributeKey;
use consilium_schemes::signature::Signature;
use consilium_schemes::wrap::{self, Wrapped};
use consilium_service::{ATTRIBUTE_KEY_INFO, ApiError};

use super::update_key;
use crate::codes;
use crate::failures::{from_kgc, refused, unavailable};
use crate::hospital::Hospital;
use crate::store::{ATTRIBUTE_KEYS, KeyRow};

/// The doctor's attribute key for the leaf that the ledger says he has; fetched from the KGC where it is not here yet.
pub(super) async fn attribute_key(
    hospital: &Arc<Hospital>,
    doctor: &DoctorEntry,
) -> Result<AttributeKey, ApiError> {
    let row = match stored(hospital, doctor)? {
        Some(row) => row,
        None => fetch_attribute_key(hospital, doctor)
            .await
            .map_err(|error| {
                let text = "the doctor's attribute key is not here yet; try again later";
                unavailable(codes::ATTRIBUTE_KEY_UNAVAILABLE, text).because(error)
            })?,
    };
    let id = doctor.id;
    let bytes = hospital
        .keys
        .storage
        .open(ATTRIBUTE_KEYS.name(), id.as_bytes(), &row.sealed)?;
    // Every point of it is checked: a large key takes a good part of a second.
    let parsed = hospital
        .frame
        .pool()
        .run(move || AttributeKey::from_bytes(&bytes))
        .await?;
    parsed.map_err(ApiError::internal)
}

fn stored(hospital: &Hospital, doctor: &DoctorEntry) -> Result<Option<KeyRow>, ApiError> {
    let row = hospital.store.get(&ATTRIBUTE_KEYS, &doctor.id)?;
    Ok(row.filter(|row| row.leaf == doctor.leaf.value()))
}

async fn fetch_attribute_key(
    hospital: &Arc<Hospital>,
    doctor: &DoctorEntry,
) -> Result<KeyRow, ApiError> {
    let wrapped = hospital
        .kgc
        .attribute_key(&doctor.id)
        .await
        .map_err(from_kgc)?;
    let (at, expected) = (Arc::clone(hospital), doctor.clone());
    let row = hospital
        .frame
        .pool()
        .run(move || unwrap(&at, &expected, &wrapped))
        .await??;
    hospital.store.put(&ATTRIBUTE_KEYS, &doctor.id, &row)?;
    if drop_if_revoked(hospital, &doctor.id)? {
        return Err(refused(codes::DOCTOR_REVOKED, "the doctor is revoked"));
    }
    hospital
        .note(
            "keep-attribute-key",
            doctor.id,
            &format!("leaf {}", row.leaf),
        )
        .await?;
    Ok(row)
}

/// The KGC signed it, for this hospital, this doctor and his leaf.
fn unwrap(
    hospital: &Hospital,
    doctor: &DoctorEntry,
    wrapped: &WrappedAttributeKey,
) -> Result<KeyRow, ApiError> {
    let wrong = |what: &str| ApiError::internal(format!("the KGC's attribute key: {what}"));
    let leaf = doctor.leaf.value();
    if wrapped.doctor.0 != doctor.id || wrapped.hospital.0 != hospital.id || wrapped.leaf != leaf {
        return Err(wrong("is another doctor's, hospital's or leaf's"));
    }
    let kgc = View::new(hospital.state()).federation().kgc.signing_key;
    let signature: [u8; Signature::LENGTH] = wrapped
        .signature
        .as_bytes()
        .try_into()
        .map_err(|_| wrong("has no signature"))?;
    let (federation, signed) = (hospital.federation, wrapped.signed_bytes());
    kgc.verify(
        ATTRIBUTE_KEY_PURPOSE,
        federation.as_bytes(),
        &signed,
        &Signature::from_bytes(signature),
    )
    .map_err(ApiError::internal)?;
    let secret = Wrapped::from_bytes(wrapped.ciphertext.as_bytes()).map_err(ApiError::internal)?;
    let aad = wrapped.associated_data();
    let bytes = wrap::unwrap(&hospital.keys.hpke, &kgc, ATTRIBUTE_KEY_INFO, &aad, &secret)
        .map_err(ApiError::internal)?;
    let key = AttributeKey::from_bytes(&bytes).map_err(ApiError::internal)?;
    if u64::from(key.leaf().index()) != leaf || key.tree() != hospital.parameters.tree() {
        return Err(wrong("is for another leaf or tree"));
    }
    let storage = &hospital.keys.storage;
    let row = doctor.id.as_bytes();
    let sealed = storage.seal(ATTRIBUTE_KEYS.name(), row, &bytes, &mut rand::rng());
    Ok(KeyRow { leaf, sealed })
}

/// Fetches whatever keys are missing here: attribute keys of this hospital's doctors, the current update key.
pub(crate) async fn fetch_missing(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let (doctors, epoch) = wanted(hospital);
    let mut failed = None;
    for doctor in doctors {
        if stored(hospital, &doctor)?.is_none()
            && let Err(error) = fetch_attribute_key(hospital, &doctor).await
        {
            failed = Some(error);
        }
    }
    if let Some(entry) = epoch
        && let Err(error) = update_key::stored(hospital, &entry).await
    {
        failed = Some(error);
    }
    failed.map_or(Ok(()), Err)
}

/// Whose keys, and which epoch's, are to be here.
fn wanted(hospital: &Hospital) -> (Vec<DoctorEntry>, Option<EpochEntry>) {
    let state = hospital.state();
    let view = View::new(&state);
    let doctors = view
        .doctors_of(&hospital.id)
        .filter(|doctor| doctor.revocation.is_none());
    (doctors.collect(), view.current_epoch())
}

/// A revoked doctor's key is not kept.
pub(crate) fn drop_key(hospital: &Hospital, doctor: &DoctorId) -> Result<(), ApiError> {
    hospital.kept_keys.forget(doctor);
    Ok(hospital.store.delete(&ATTRIBUTE_KEYS, doctor)?)
}

/// To be called after a key was kept: the doctor may have been revoked, and his keys dropped, since it was asked whether he is. The follower
/// drops them when the state says so already; so whichever of the two comes last, nothing is left.
pub(super) fn drop_if_revoked(hospital: &Hospital, doctor: &DoctorId) -> Result<bool, ApiError> {
    let entry = View::new(hospital.state()).doctor(doctor);
    let revoked = entry.is_none_or(|entry| entry.revocation.is_some());
    if revoked {
        drop_key(hospital, doctor)?;
    }
    Ok(revoked)
}
