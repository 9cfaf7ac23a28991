//! Enrolment: a nonce, then a hospital's word for a doctor with the doctor's proof under that nonce.

use consilium_client::api::kgc::{
    ENROLMENT_PURPOSE, Enrolment, EnrolmentRequest, EnrolmentState, ProofNonce,
};
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::{
    DoctorId, FederationId, HospitalId, Principal, StateRead, VerifyingKey, View,
};
use consilium_policies::AttributeSet;
use consilium_schemes::abe::{
    ProofOfPossession, Registration, UserId, UserPublicKey, VerifiedPublicKey,
};
use consilium_schemes::signature::Signature;
use rand_core::CryptoRng;

use super::Ledger;
use crate::error::KgcError;
use crate::store::{EnrolmentEntry, NonceEntry, Store};

/// The name of the attribute that says where a doctor works.
const HOSPITAL: &str = "hospital";

/// Gives a nonce, for this doctor through this hospital, once.
pub(crate) fn give_nonce(
    store: &Store,
    hospital: &HospitalId,
    doctor: DoctorId,
    now_ms: u64,
    lifetime_ms: u64,
    rng: &mut impl CryptoRng,
) -> Result<ProofNonce, KgcError> {
    let mut nonce = [0; 32];
    rng.fill_bytes(&mut nonce);
    let expires_ms = now_ms.saturating_add(lifetime_ms);
    let entry = NonceEntry {
        doctor,
        hospital: hospital.clone(),
        expires_ms,
    };
    match store.add_nonce(&nonce, &entry, now_ms)? {
        true => Ok(ProofNonce {
            nonce: nonce.as_slice().into(),
            expires_ms,
        }),
        false => Err(KgcError::TooManyNonces),
    }
}

/// Takes an enrolment: every check first, then the enrolment is stored and its nonce is used up, in one step.
pub(crate) fn enrol<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
    caller: &HospitalId,
    request: &EnrolmentRequest,
    max_attributes: usize,
    now_ms: u64,
) -> Result<EnrolmentEntry, KgcError> {
    let view = &ledger.view;
    let federation = view.federation().id;
    let doctor = request.doctor.0;
    check_hospital(view, caller, request, &federation)?;
    check_doctor(view, request, &federation)?;
    let attributes = check_attributes(&request.attributes, caller)?;
    check_size(&attributes, max_attributes)?;
    let nonce = live_nonce(store, request, caller, now_ms)?;
    let entry = EnrolmentEntry {
        doctor,
        hospital: caller.clone(),
        signing_key: *request.signing_key.as_bytes(),
        abe_key: blob("abe_public_key", request.abe_public_key.as_bytes())?,
        nonce,
        proof: blob("proof", request.proof.as_bytes())?,
        attributes: attributes
            .to_string()
            .parse()
            .map_err(|error| KgcError::field("attributes", error))?,
        signed_attributes: blob("attributes", request.attributes.as_bytes())?,
        signature: signature(request)?.to_bytes(),
        intent: None,
        refused: false,
    };
    verified_key(&entry, &federation)?;
    let former = store.enrolment(&doctor)?;
    if former.is_some_and(|former| under_way(store, ledger, &former).unwrap_or(true)) {
        return Err(KgcError::UnderWay(doctor));
    }
    store.enrol(&entry)?;
    Ok(entry)
}

fn blob<const MAX: usize>(
    field: &'static str,
    bytes: &[u8],
) -> Result<consilium_contracts::Blob<MAX>, KgcError> {
    bytes
        .to_vec()
        .try_into()
        .map_err(|error| KgcError::field(field, error))
}

fn signature(request: &EnrolmentRequest) -> Result<Signature, KgcError> {
    Signature::try_from(request.signature.as_bytes())
        .map_err(|error| KgcError::field("signature", error))
}

/// The hospital speaks for itself and signed this.
fn check_hospital<S: StateRead>(
    view: &View<S>,
    caller: &HospitalId,
    request: &EnrolmentRequest,
    federation: &FederationId,
) -> Result<(), KgcError> {
    let named = &request.hospital.0;
    if named != caller {
        let (caller, named) = (caller.clone(), named.clone());
        return Err(KgcError::OtherHospital { caller, named });
    }
    let card = view.hospital(caller).ok_or(KgcError::Attestation)?.card;
    let signature = signature(request)?;
    card.signing_key
        .verify(
            ENROLMENT_PURPOSE,
            federation.as_bytes(),
            &request.signed_bytes(),
            &signature,
        )
        .map_err(|_| KgcError::Attestation)
}

/// The pseudonym is the signing key's; nobody else has the key; the doctor is not revoked, nor another hospital's.
fn check_doctor<S: StateRead>(
    view: &View<S>,
    request: &EnrolmentRequest,
    federation: &FederationId,
) -> Result<(), KgcError> {
    let (doctor, key) = (request.doctor.0, request.signing_key.verifying_key());
    if DoctorId::derive(federation, key) != doctor {
        return Err(KgcError::field("doctor", "is not derived from signing_key"));
    }
    match view.principal(key) {
        None => {}
        Some(Principal::Doctor(_)) => {}
        Some(_) => return Err(KgcError::field("signing_key", "is somebody else's")),
    }
    match view.doctor(&doctor) {
        Some(entry) if entry.revocation.is_some() => Err(KgcError::Revoked(doctor)),
        Some(entry) if entry.hospital != request.hospital.0 => Err(KgcError::OtherHospital {
            caller: request.hospital.0.clone(),
            named: entry.hospital,
        }),
        _ => Ok(()),
    }
}

/// `hospital:` can name only the hospital that vouches.
pub(crate) fn check_attributes(
    text: &str,
    hospital: &HospitalId,
) -> Result<AttributeSet, KgcError> {
    let set: AttributeSet = text
        .parse()
        .map_err(|error| KgcError::field("attributes", error))?;
    if set
        .values_of(HOSPITAL)
        .any(|value| value != hospital.as_str())
    {
        return Err(KgcError::field(
            "attributes",
            format!("`hospital:` can name only {hospital}"),
        ));
    }
    Ok(set)
}

/// The work of a key is bounded before a leaf is spent on it.
pub(crate) fn check_size(attributes: &AttributeSet, limit: usize) -> Result<(), KgcError> {
    match attributes.attributes().count() {
        count if count > limit => Err(KgcError::TooManyAttributes { count, limit }),
        _ => Ok(()),
    }
}

fn live_nonce(
    store: &Store,
    request: &EnrolmentRequest,
    hospital: &HospitalId,
    now_ms: u64,
) -> Result<[u8; 32], KgcError> {
    let nonce = <[u8; 32]>::try_from(request.nonce.as_bytes())
        .map_err(|_| KgcError::field("nonce", "must be 32 bytes"))?;
    let entry = store.nonce(&nonce)?.ok_or(KgcError::StaleNonce)?;
    let live = entry.expires_ms > now_ms
        && entry.doctor == request.doctor.0
        && entry.hospital == *hospital;
    if live {
        Ok(nonce)
    } else {
        Err(KgcError::StaleNonce)
    }
}

/// pk with its proof checked: what AttKeyGen takes, and nothing else does.
pub(crate) fn verified_key(
    entry: &EnrolmentEntry,
    federation: &FederationId,
) -> Result<VerifiedPublicKey, KgcError> {
    let pk = UserPublicKey::from_bytes(entry.abe_key.as_bytes())
        .map_err(|error| KgcError::field("abe_public_key", error))?;
    let proof = ProofOfPossession::from_bytes(entry.proof.as_bytes())
        .map_err(|error| KgcError::field("proof", error))?;
    let user = UserId::from_bytes(*entry.doctor.as_bytes());
    let registration = Registration::new(*federation.as_bytes(), user, entry.nonce);
    pk.verify(&proof, &registration)
        .map_err(|error| KgcError::field("proof", error))
}

/// Where an enrolment stands: the ledger says most of it.
pub(crate) fn state_of<S: StateRead>(
    store: &Store,
    view: &View<S>,
    entry: &EnrolmentEntry,
) -> Result<EnrolmentState, KgcError> {
    let registered = view.doctor(&entry.doctor);
    if registered
        .as_ref()
        .is_some_and(|doctor| doctor.revocation.is_some())
    {
        return Ok(EnrolmentState::Revoked);
    }
    let leaf = registered.map(|doctor| doctor.leaf);
    match (&entry.intent, leaf) {
        (Some(intent), Some(leaf)) if intent.leaf == leaf => Ok(match store.key(leaf)? {
            Some(_) => EnrolmentState::Issued,
            None => EnrolmentState::Registered,
        }),
        _ if entry.refused => Ok(EnrolmentState::Refused),
        _ => Ok(EnrolmentState::AwaitsIssue),
    }
}

/// Whether a registration was submitted that may still be committed, or was and has no key yet.
pub(crate) fn under_way<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
    entry: &EnrolmentEntry,
) -> Result<bool, KgcError> {
    let alive = entry
        .intent
        .as_ref()
        .is_some_and(|intent| ledger.may_commit(intent));
    Ok(match state_of(store, &ledger.view, entry)? {
        EnrolmentState::Registered => true,
        EnrolmentState::AwaitsIssue => alive,
        _ => false,
    })
}

/// The administrator refuses what waits.
pub(crate) fn refuse<S: StateRead>(
    store: &Store,
    ledger: &Ledger<S>,
    doctor: DoctorId,
) -> Result<(), KgcError> {
    let mut entry = store
        .enrolment(&doctor)?
        .ok_or(KgcError::NoEnrolment(doctor))?;
    match state_of(store, &ledger.view, &entry)? {
        EnrolmentState::AwaitsIssue if !under_way(store, ledger, &entry)? => {
            entry.refused = true;
            Ok(store.put_enrolment(&entry)?)
        }
        EnrolmentState::Refused => Ok(()),
        state => Err(KgcError::Settled {
            doctor,
            state: word(state),
        }),
    }
}

/// An enrolment as callers see it.
pub(crate) fn shown<S: StateRead>(
    store: &Store,
    view: &View<S>,
    entry: &EnrolmentEntry,
) -> Result<Enrolment, KgcError> {
    let key = VerifyingKey::from_bytes(&entry.signing_key)
        .map_err(|error| KgcError::Fault(format!("a stored signing key: {error}")))?;
    Ok(Enrolment {
        doctor: Text(entry.doctor),
        hospital: Text(entry.hospital.clone()),
        signing_key: PublicKey::from(key),
        attributes: entry.attributes.to_string(),
        state: state_of(store, view, entry)?,
        leaf: view.doctor(&entry.doctor).map(|doctor| doctor.leaf.value()),
    })
}

pub(crate) const fn word(state: EnrolmentState) -> &'static str {
    match state {
        EnrolmentState::AwaitsHospital => "with the hospital",
        EnrolmentState::AwaitsIssue => "being issued",
        EnrolmentState::Registered => "registered, its key being made",
        EnrolmentState::Issued => "issued",
        EnrolmentState::Refused => "refused",
        EnrolmentState::Revoked => "revoked",
    }
}
