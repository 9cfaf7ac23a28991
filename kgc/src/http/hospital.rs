//! What a hospital's gateway asks for.

use std::sync::Arc;

use actix_web::web;
use consilium_client::api::auth::Scope;
use consilium_client::api::errors::OperationOutcome;
use consilium_client::api::kgc::{
    Enrolment, EnrolmentList, EnrolmentRequest, ProofNonce, ProofNonceRequest, TokenEvaluation,
    TokenEvaluationRequest, WrappedAttributeKey,
};
use consilium_client::wire::Text;
use consilium_contracts::{DoctorId, HospitalId};
use consilium_service::{AcceptedScopes, ApiError, Call, Caller, scope};

use super::{decided, to_the_end};
use crate::core::Core;
use crate::domain::{enrol, evaluate, issue};
use crate::error::KgcError;

type Hospital<T> = Call<scope::Hospital, T>;

/// The administrator, or a hospital.
#[derive(Debug)]
pub(crate) struct AdminOrHospital;

impl AcceptedScopes for AdminOrHospital {
    const ANY_OF: &'static [Scope] = &[Scope::KgcAdmin, Scope::Hospital];
}

/// The calling hospital, by the ledger as it is now and not as it was when the token was given.
fn hospital<S>(core: &Core, caller: &Caller<S>) -> Result<HospitalId, ApiError> {
    core.hospital_of(caller.principal())
        .ok_or_else(|| ApiError::forbidden("this is for hospitals of the federation"))
}

/// A nonce for a doctor's proof of possession: used once, within its time.
#[utoipa::path(post, path = "/v1/proof-nonces", tag = "kgc", request_body = ProofNonceRequest,
    responses((status = 200, body = ProofNonce)))]
pub(crate) async fn nonce(
    core: web::Data<Core>,
    call: Hospital<ProofNonceRequest>,
) -> Result<web::Json<ProofNonce>, ApiError> {
    let core = core.into_inner();
    let (hospital, doctor) = (hospital(&core, &call.caller)?, call.body.doctor.0);
    let line = call.caller.audit("proof-nonce", doctor);
    let given = core.exclusively(move |core| {
        let (now, rng) = (core.frame.clock().now_ms(), &mut rand::rng());
        let lifetime = u64::try_from(core.nonce_lifetime().as_millis()).unwrap_or(u64::MAX);
        enrol::give_nonce(&core.store, &hospital, doctor, now, lifetime, rng)
    });
    let given = given.await;
    Ok(web::Json(decided(&core, line, given).await?))
}

/// A hospital vouches for a doctor.
#[utoipa::path(post, path = "/v1/enrolments", tag = "kgc", request_body = EnrolmentRequest,
    responses((status = 200, body = Enrolment),
        (status = 403, body = OperationOutcome, description = "Not its doctor, or not its signature."),
        (status = 409, body = OperationOutcome, description = "stale-nonce, revoked, or being issued"),
        (status = 422, body = OperationOutcome, description = "too-many-attributes")))]
pub(crate) async fn enrol(
    core: web::Data<Core>,
    call: Hospital<EnrolmentRequest>,
) -> Result<web::Json<Enrolment>, ApiError> {
    let core = core.into_inner();
    let (hospital, request) = (hospital(&core, &call.caller)?, call.body);
    let line = call.caller.audit("enrol", request.doctor.0);
    let own = Arc::clone(&core);
    let work = async move {
        own.exclusively(move |core| {
            let (ledger, now) = (core.ledger(), core.frame.clock().now_ms());
            let limit = core.settings.max_key_attributes;
            let entry = enrol::enrol(&core.store, &ledger, &hospital, &request, limit, now)?;
            enrol::shown(&core.store, &ledger.view, &entry)
        })
        .await
    };
    Ok(web::Json(to_the_end(&core, line, work).await?))
}

/// The enrolments: all for the administrator, its own for a hospital.
#[utoipa::path(get, path = "/v1/enrolments", tag = "kgc",
    responses((status = 200, body = EnrolmentList)))]
pub(crate) async fn enrolments(
    core: web::Data<Core>,
    caller: Caller<AdminOrHospital>,
) -> Result<web::Json<EnrolmentList>, ApiError> {
    let core = core.into_inner();
    let only = match caller.has(Scope::KgcAdmin) {
        true => None,
        false => Some(hospital(&core, &caller)?),
    };
    let listed = core.step(move |core| {
        let ledger = core.ledger();
        let entries = core.store.enrolments()?.into_iter();
        let entries = entries.filter(|entry| only.as_ref().is_none_or(|id| *id == entry.hospital));
        entries
            .map(|entry| enrol::shown(&core.store, &ledger.view, &entry))
            .collect()
    });
    let enrolments: Result<Vec<Enrolment>, KgcError> = Ok(listed.await?);
    Ok(web::Json(EnrolmentList {
        enrolments: enrolments?,
    }))
}

/// The key of a doctor's current leaf, for the doctor's hospital. Sealed or not: it was made and encrypted before.
#[utoipa::path(get, path = "/v1/attribute-keys/{doctor}", tag = "kgc",
    params(("doctor" = String, Path, description = "The doctor's pseudonym.")),
    responses((status = 200, body = WrappedAttributeKey),
        (status = 404, body = OperationOutcome, description = "None for this hospital."),
        (status = 409, body = OperationOutcome, description = "revoked, or still being made")))]
pub(crate) async fn attribute_key(
    core: web::Data<Core>,
    doctor: web::Path<Text<DoctorId>>,
    caller: Caller<scope::Hospital>,
) -> Result<web::Json<WrappedAttributeKey>, ApiError> {
    let (core, doctor) = (core.into_inner(), doctor.into_inner().0);
    let hospital = hospital(&core, &caller)?;
    let line = caller.audit("deliver-attribute-key", doctor);
    let given = core
        .step(move |core| issue::deliver(&core.store, &core.ledger(), &hospital, doctor))
        .await;
    Ok(web::Json(decided(&core, line, given).await?))
}

/// Evaluates blinded keywords. Limited and counted per hospital; the count is all that is kept.
#[utoipa::path(post, path = "/v1/keyword-tokens/evaluate", tag = "kgc",
    request_body = TokenEvaluationRequest,
    responses((status = 200, body = TokenEvaluation),
        (status = 429, body = OperationOutcome, description = "rate-limited"),
        (status = 503, body = OperationOutcome, description = "sealed")))]
pub(crate) async fn evaluate(
    core: web::Data<Core>,
    call: Hospital<TokenEvaluationRequest>,
) -> Result<web::Json<TokenEvaluation>, ApiError> {
    let core = core.into_inner();
    let hospital = hospital(&core, &call.caller)?;
    let parsed = evaluate::parse(&call.body);
    let count = parsed
        .as_ref()
        .map_or(0, consilium_schemes::tokens::BlindedBatch::count);
    let line = call
        .caller
        .audit("evaluate-tokens", format!("{count} tokens for {hospital}"));
    let own = Arc::clone(&core);
    let work = async move {
        let opened = own.opened()?;
        let batch = parsed?;
        let calls = u32::try_from(count).unwrap_or(u32::MAX);
        own.tokens.take_many(hospital.clone(), calls)?;
        let done = own.step(move |core| {
            let evaluated = evaluate::evaluate(&opened.tokens, &batch, &mut rand::rng());
            core.store.count_evaluations(&hospital, u64::from(calls))?;
            core.metrics.evaluations.inc_by(u64::from(calls));
            Ok(evaluated)
        });
        done.await
    };
    Ok(web::Json(to_the_end(&core, line, work).await?))
}
