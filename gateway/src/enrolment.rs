//! Doctors: they ask, the operator vouches for their attributes, the KGC issues.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use consilium_client::api::auth::Scope;
use consilium_client::api::gateway::{ApprovalRequest, DoctorEnrolmentRequest};
use consilium_client::api::kgc::{
    ENROLMENT_PURPOSE, Enrolment, EnrolmentList, EnrolmentRequest, EnrolmentState, ProofNonce,
    ProofNonceRequest,
};
use consilium_client::wire::{HexBytes, PublicKey, Text};
use consilium_contracts::{DoctorId, View};
use consilium_policies::AttributeSet;
use consilium_schemes::abe::{ProofOfPossession, UserPublicKey};
use consilium_service::{AcceptedScopes, ApiError, Call, Caller, scope};

use crate::codes;
use crate::failures::{from_kgc, refused};
use crate::hospital::Hospital;
use crate::store::{ATTRIBUTE_KEYS, ENROLMENTS, EnrolmentRow, EnrolmentStage};

/// The longest text of attributes that is looked at.
const MAX_ATTRIBUTES_BYTES: usize = 16 << 10;

/// The operator sees all, a doctor his own.
pub(crate) struct OperatorOrDoctor;

impl AcceptedScopes for OperatorOrDoctor {
    const ANY_OF: &'static [Scope] = &[Scope::GatewayOperator, Scope::Doctor];
}

/// A nonce of the KGC, to prove the ABE key under.
#[utoipa::path(post, path = "/v1/proof-nonces", tag = "enrolment", request_body = ProofNonceRequest,
    responses((status = 200, body = ProofNonce)))]
pub(crate) async fn proof_nonce(
    hospital: web::Data<Hospital>,
    call: Call<scope::Doctor, ProofNonceRequest>,
) -> Result<web::Json<ProofNonce>, ApiError> {
    let hospital = hospital.into_inner();
    let doctor = hospital.doctor_of(call.caller.principal());
    let line = call.caller.audit("proof-nonce", doctor);
    let (asked, relay) = (call.body, Arc::clone(&hospital));
    let work = async move {
        if asked.doctor.0 != doctor {
            return Err(ApiError::malformed(
                "doctor",
                "must be the pseudonym of the calling key",
            ));
        }
        relay.kgc.proof_nonce(&asked).await.map_err(from_kgc)
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// A doctor asks to be enrolled; asked again with the same key, the enrolment stays as it is.
#[utoipa::path(post, path = "/v1/enrolments", tag = "enrolment", request_body = DoctorEnrolmentRequest,
    responses((status = 200, body = Enrolment)))]
pub(crate) async fn enrol(
    hospital: web::Data<Hospital>,
    call: Call<scope::Doctor, DoctorEnrolmentRequest>,
) -> Result<web::Json<Enrolment>, ApiError> {
    let hospital = hospital.into_inner();
    let key = *call.caller.principal();
    let line = call.caller.audit("enrol", hospital.doctor_of(&key));
    let made = hospital
        .decide_now(line, || ask(&hospital, &key, call.body))
        .await?;
    Ok(web::Json(made))
}

fn ask(
    hospital: &Hospital,
    key: &PublicKey,
    request: DoctorEnrolmentRequest,
) -> Result<Enrolment, ApiError> {
    let doctor = hospital.doctor_of(key);
    if request.doctor.0 != doctor {
        return Err(ApiError::malformed(
            "doctor",
            "must be the pseudonym of the calling key",
        ));
    }
    UserPublicKey::from_bytes(request.abe_public_key.as_bytes())
        .map_err(|error| ApiError::malformed("abe_public_key", error))?;
    ProofOfPossession::from_bytes(request.proof.as_bytes())
        .map_err(|error| ApiError::malformed("proof", error))?;
    if request.nonce.as_bytes().len() != 32 {
        return Err(ApiError::malformed("nonce", "must have 32 bytes"));
    }
    check_not_revoked(hospital, &doctor)?;
    if let Some(row) = hospital.store.get(&ENROLMENTS, &doctor)?
        && stands(&row, &request)
    {
        return view(hospital, &doctor, row);
    }
    let row = EnrolmentRow {
        signing_key: *key.as_bytes(),
        abe_public_key: request.abe_public_key.into_bytes(),
        nonce: request.nonce.into_bytes(),
        proof: request.proof.into_bytes(),
        attributes: String::new(),
        stage: EnrolmentStage::AwaitsHospital,
        former_leaf: View::new(hospital.state())
            .doctor(&doctor)
            .map(|entry| entry.leaf.value()),
    };
    hospital.store.put(&ENROLMENTS, &doctor, &row)?;
    view(hospital, &doctor, row)
}

/// Whether the answer is the enrolment as it is. One that waits for the hospital takes the new nonce: the KGC's hold for a while only.
fn stands(row: &EnrolmentRow, request: &DoctorEnrolmentRequest) -> bool {
    let same_key = row.abe_public_key == request.abe_public_key.as_bytes();
    same_key && !request.renew && row.stage != EnrolmentStage::AwaitsHospital
}

/// A registered doctor may ask again (other attributes); a revoked one comes back with new keys.
fn check_not_revoked(hospital: &Hospital, doctor: &DoctorId) -> Result<(), ApiError> {
    let registered = View::new(hospital.state()).doctor(doctor);
    match registered.is_some_and(|entry| entry.revocation.is_some()) {
        true => Err(refused(
            codes::DOCTOR_REVOKED,
            "the doctor is revoked; a returning doctor enrols with new keys",
        )),
        false => Ok(()),
    }
}

/// How an enrolment stands: the hospital's part from the store, the rest from the ledger.
fn view(hospital: &Hospital, doctor: &DoctorId, row: EnrolmentRow) -> Result<Enrolment, ApiError> {
    let registered = View::new(hospital.state()).doctor(doctor);
    let state = match (&registered, row.stage) {
        (Some(entry), _) if entry.revocation.is_some() => EnrolmentState::Revoked,
        (Some(entry), EnrolmentStage::Approved) if row.former_leaf == Some(entry.leaf.value()) => {
            EnrolmentState::AwaitsIssue
        }
        (Some(entry), EnrolmentStage::Approved) => {
            match hospital.store.get(&ATTRIBUTE_KEYS, doctor)? {
                Some(key) if key.leaf == entry.leaf.value() => EnrolmentState::Issued,
                _ => EnrolmentState::Registered,
            }
        }
        (_, EnrolmentStage::AwaitsHospital) => EnrolmentState::AwaitsHospital,
        (None, EnrolmentStage::Approved) => EnrolmentState::AwaitsIssue,
        (_, EnrolmentStage::Refused) => EnrolmentState::Refused,
    };
    Ok(Enrolment {
        doctor: Text(*doctor),
        hospital: Text(hospital.id.clone()),
        signing_key: PublicKey::from_bytes(&row.signing_key).map_err(ApiError::internal)?,
        attributes: row.attributes,
        state,
        leaf: registered.map(|entry| entry.leaf.value()),
    })
}

/// The enrolment of a doctor, where she asked for one.
pub(crate) fn of_doctor(
    hospital: &Hospital,
    doctor: &DoctorId,
) -> Result<Option<Enrolment>, ApiError> {
    let row = hospital.store.get(&ENROLMENTS, doctor)?;
    row.map(|row| view(hospital, doctor, row)).transpose()
}

/// Enrolments: the operator's list, or the doctor's own.
#[utoipa::path(get, path = "/v1/enrolments", tag = "enrolment",
    responses((status = 200, body = EnrolmentList)))]
pub(crate) async fn list(
    hospital: web::Data<Hospital>,
    caller: Caller<OperatorOrDoctor>,
) -> Result<web::Json<EnrolmentList>, ApiError> {
    let own = (!caller.has(Scope::GatewayOperator)).then(|| hospital.doctor_of(caller.principal()));
    let mut enrolments = Vec::new();
    for row in hospital.store.rows(ENROLMENTS) {
        let (doctor, row) = row?;
        if own.is_none_or(|own| own == doctor) {
            enrolments.push(view(&hospital, &doctor, row)?);
        }
    }
    Ok(web::Json(EnrolmentList { enrolments }))
}

/// The operator vouches for the attributes; the KGC is asked to issue.
#[utoipa::path(post, path = "/v1/enrolments/{doctor}/approve", tag = "enrolment",
    request_body = ApprovalRequest, params(("doctor" = String, Path, description = "The doctor.")),
    responses((status = 200, body = Enrolment),
        (status = 403, description = "`foreign-hospital`: the attributes name another hospital."),
        (status = 422, description = "`too-many-attributes`: the KGC makes no key of so many.")))]
pub(crate) async fn approve(
    hospital: web::Data<Hospital>,
    doctor: web::Path<Text<DoctorId>>,
    call: Call<scope::GatewayOperator, ApprovalRequest>,
) -> Result<web::Json<Enrolment>, ApiError> {
    let hospital = hospital.into_inner();
    let doctor = doctor.into_inner().0;
    let line = call.caller.audit("approve-enrolment", doctor);
    let (at, text) = (Arc::clone(&hospital), call.body.attributes);
    let work = async move { vouch(&at, doctor, &text).await };
    Ok(web::Json(hospital.decide(line, work).await?))
}

async fn vouch(hospital: &Hospital, doctor: DoctorId, text: &str) -> Result<Enrolment, ApiError> {
    let missing = || ApiError::not_found(format!("enrolment of doctor {doctor}"));
    let attributes = attributes(hospital, text)?;
    let mut row = hospital
        .store
        .get(&ENROLMENTS, &doctor)?
        .ok_or_else(missing)?;
    check_not_revoked(hospital, &doctor)?;
    let request = attest(hospital, doctor, &row, &attributes)?;
    hospital.kgc.enrol(&request).await.map_err(from_kgc)?;
    row.attributes = attributes.to_string();
    row.stage = EnrolmentStage::Approved;
    hospital.store.put(&ENROLMENTS, &doctor, &row)?;
    view(hospital, &doctor, row)
}

/// The attributes with `hospital:` of this hospital among them, and of no other.
fn attributes(hospital: &Hospital, text: &str) -> Result<AttributeSet, ApiError> {
    let malformed = |error: &dyn std::fmt::Display| ApiError::malformed("attributes", error);
    if text.len() > MAX_ATTRIBUTES_BYTES {
        return Err(malformed(&format!(
            "must have at most {MAX_ATTRIBUTES_BYTES} bytes"
        )));
    }
    let own = format!("hospital:{}", hospital.id);
    let whole = match text.trim() {
        "" => own,
        text => {
            let given: AttributeSet = text.parse().map_err(|error| malformed(&error))?;
            let foreign = given
                .values_of("hospital")
                .find(|value| *value != hospital.id.as_str());
            if let Some(foreign) = foreign {
                let text = format!("attributes: hospital:{foreign} is not this hospital's to give");
                return Err(refused(codes::FOREIGN_HOSPITAL, text));
            }
            match given.values_of("hospital").next() {
                Some(_) => given.to_string(),
                None => format!("{given}, {own}"),
            }
        }
    };
    whole.parse().map_err(|error| malformed(&error))
}

fn attest(
    hospital: &Hospital,
    doctor: DoctorId,
    row: &EnrolmentRow,
    attributes: &AttributeSet,
) -> Result<EnrolmentRequest, ApiError> {
    let mut request = EnrolmentRequest {
        hospital: Text(hospital.id.clone()),
        doctor: Text(doctor),
        signing_key: PublicKey::from_bytes(&row.signing_key).map_err(ApiError::internal)?,
        abe_public_key: row.abe_public_key.clone().into(),
        nonce: row.nonce.clone().into(),
        proof: row.proof.clone().into(),
        attributes: attributes.to_string(),
        signature: HexBytes::default(),
    };
    let context = hospital.federation.as_bytes();
    let signature = hospital
        .keys
        .signing
        .sign(ENROLMENT_PURPOSE, context, &request.signed_bytes());
    request.signature = signature.to_bytes().as_slice().into();
    Ok(request)
}

/// The operator refuses an enrolment.
#[utoipa::path(delete, path = "/v1/enrolments/{doctor}", tag = "enrolment",
    params(("doctor" = String, Path, description = "The doctor.")), responses((status = 204)))]
pub(crate) async fn refuse(
    hospital: web::Data<Hospital>,
    doctor: web::Path<Text<DoctorId>>,
    caller: Caller<scope::GatewayOperator>,
) -> Result<HttpResponse, ApiError> {
    let doctor = doctor.into_inner().0;
    let work = || {
        let missing = || ApiError::not_found(format!("enrolment of doctor {doctor}"));
        let mut row = hospital
            .store
            .get(&ENROLMENTS, &doctor)?
            .ok_or_else(missing)?;
        if row.stage != EnrolmentStage::AwaitsHospital {
            return Err(ApiError::conflict(
                "doctor: the enrolment does not wait for this hospital any more",
            ));
        }
        row.stage = EnrolmentStage::Refused;
        Ok(hospital.store.put(&ENROLMENTS, &doctor, &row)?)
    };
    hospital
        .decide_now(caller.audit("refuse-enrolment", doctor), work)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
