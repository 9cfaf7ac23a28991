//! What the administrator does.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use consilium_client::api::errors::OperationOutcome;
use consilium_client::api::kgc::{
    AdmitHospitalRequest, IssueRequest, Issued, KgcStatus, PublishEpochRequest, RevocationRequest,
    Revoked, UnsealRequest,
};
use consilium_client::api::ledger::{EpochView, TransactionReceipt};
use consilium_client::api::validators::ValidatorProposalRequest;
use consilium_client::keyfile::KeyFileError;
use consilium_client::passphrase::Passphrase;
use consilium_client::wire::Text;
use consilium_contracts::{Canonical as _, DoctorId, HospitalCard, ValidatorChange};
use consilium_policies::AttributeSet;
use consilium_service::ledger::{epoch_view, receipt};
use consilium_service::{ApiError, Call, Caller, scope};

use super::to_the_end;
use crate::core::Core;
use crate::domain::enrol;
use crate::error::WRONG_PASSPHRASE;
use crate::seal::UnsealError;

type Admin<T> = Call<scope::KgcAdmin, T>;

/// Opens the sealed keys until the service ends.
#[utoipa::path(post, path = "/v1/unseal", tag = "kgc", request_body = UnsealRequest,
    responses((status = 200, body = KgcStatus),
        (status = 403, body = OperationOutcome, description = "wrong-passphrase"),
        (status = 429, body = OperationOutcome, description = "Too many attempts, by whomever.")))]
pub(crate) async fn unseal(
    core: web::Data<Core>,
    call: Admin<UnsealRequest>,
) -> Result<web::Json<KgcStatus>, ApiError> {
    let core = core.into_inner();
    let line = call.caller.audit("unseal", "kgc.sealed");
    let (own, request) = (Arc::clone(&core), call.body);
    let work = async move {
        own.unseals.take(())?;
        let passphrase = Passphrase::new(request.passphrase.expose_secret())
            .map_err(|error| ApiError::malformed("passphrase", error))?;
        let core = Arc::clone(&own);
        let opened = own
            .frame
            .pool()
            .run(move || core.seal.unseal(&passphrase))
            .await?;
        opened.map_err(unseal_error)?;
        own.wake.notify_one();
        own.metrics.sealed.set(0);
        own.status()
    };
    Ok(web::Json(to_the_end(&core, line, work).await?))
}

fn unseal_error(error: UnsealError) -> ApiError {
    match error {
        UnsealError::KeyFile(KeyFileError::WrongPassphrase { .. }) => {
            let text = "passphrase: it does not open the sealed keys";
            ApiError::new(StatusCode::FORBIDDEN, WRONG_PASSPHRASE, text).about("passphrase")
        }
        error => ApiError::internal(error),
    }
}

/// Admits a hospital to the running federation.
#[utoipa::path(post, path = "/v1/hospitals", tag = "kgc", request_body = AdmitHospitalRequest,
    responses((status = 200, body = TransactionReceipt),
        (status = 422, body = OperationOutcome, description = "The contracts refuse it."),
        (status = 503, body = OperationOutcome, description = "sealed")))]
pub(crate) async fn admit(
    core: web::Data<Core>,
    call: Admin<AdmitHospitalRequest>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let core = core.into_inner();
    let card = HospitalCard::from_canonical_bytes(call.body.card.as_bytes())
        .map_err(|error| ApiError::malformed("card", error))?;
    let line = call.caller.audit("admit-hospital", &card.id);
    let own = Arc::clone(&core);
    let work = async move {
        card.verify()
            .map_err(|error| ApiError::malformed("card", error))?;
        own.admit(&*own.opened()?, card).await
    };
    Ok(web::Json(receipt(&to_the_end(&core, line, work).await?)))
}

/// Issues what the hospital asked for: the leaf is committed, then the key is made. Again gives the same.
#[utoipa::path(post, path = "/v1/enrolments/{doctor}/issue", tag = "kgc",
    params(("doctor" = String, Path, description = "The doctor's pseudonym.")),
    request_body = IssueRequest,
    responses((status = 200, body = Issued),
        (status = 404, body = OperationOutcome, description = "No enrolment."),
        (status = 409, body = OperationOutcome, description = "attributes-changed, revoked, refused"),
        (status = 422, body = OperationOutcome, description = "too-many-attributes"),
        (status = 503, body = OperationOutcome, description = "sealed, or busy: too many wait for their turn")))]
pub(crate) async fn issue(
    core: web::Data<Core>,
    doctor: web::Path<Text<DoctorId>>,
    call: Admin<IssueRequest>,
) -> Result<web::Json<Issued>, ApiError> {
    let (core, doctor) = (core.into_inner(), doctor.into_inner().0);
    let line = call.caller.audit("issue-attribute-key", doctor);
    let (own, request) = (Arc::clone(&core), call.body);
    let work = async move {
        let opened = own.opened()?;
        let attributes: AttributeSet = request
            .attributes
            .parse()
            .map_err(|error| ApiError::malformed("attributes", error))?;
        own.issue(&opened, doctor, attributes).await
    };
    let issued = to_the_end(&core, line, work).await?;
    Ok(web::Json(Issued {
        doctor: Text(doctor),
        leaf: issued.leaf.value(),
        registration: receipt(&issued.receipt),
    }))
}

/// Refuses an enrolment that waits.
#[utoipa::path(delete, path = "/v1/enrolments/{doctor}", tag = "kgc",
    params(("doctor" = String, Path, description = "The doctor's pseudonym.")),
    responses((status = 204, description = "It is refused."),
        (status = 404, body = OperationOutcome, description = "No enrolment."),
        (status = 409, body = OperationOutcome, description = "It does not wait any more.")))]
pub(crate) async fn refuse(
    core: web::Data<Core>,
    doctor: web::Path<Text<DoctorId>>,
    caller: Caller<scope::KgcAdmin>,
) -> Result<HttpResponse, ApiError> {
    let (core, doctor) = (core.into_inner(), doctor.into_inner().0);
    let line = caller.audit("refuse-enrolment", doctor);
    let own = Arc::clone(&core);
    let work = async move {
        own.exclusively(move |core| enrol::refuse(&core.store, &core.ledger(), doctor))
            .await
    };
    to_the_end(&core, line, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes a doctor, for good.
#[utoipa::path(post, path = "/v1/revocations", tag = "kgc", request_body = RevocationRequest,
    responses((status = 200, body = Revoked),
        (status = 422, body = OperationOutcome, description = "The contracts refuse it."),
        (status = 503, body = OperationOutcome, description = "sealed")))]
pub(crate) async fn revoke(
    core: web::Data<Core>,
    call: Admin<RevocationRequest>,
) -> Result<web::Json<Revoked>, ApiError> {
    let core = core.into_inner();
    let RevocationRequest {
        doctor,
        reason,
        now,
    } = call.body;
    let line = call.caller.audit("revoke", doctor.0);
    let own = Arc::clone(&core);
    let work = async move {
        let opened = own.opened()?;
        own.revoke(&opened, doctor.0, reason.into(), now).await
    };
    Ok(web::Json(to_the_end(&core, line, work).await?))
}

/// Publishes the next epoch's update key; gives the epoch that is current then.
#[utoipa::path(post, path = "/v1/epochs", tag = "kgc", request_body = PublishEpochRequest,
    responses((status = 200, body = EpochView),
        (status = 409, body = OperationOutcome, description = "wrong-epoch"),
        (status = 503, body = OperationOutcome, description = "sealed")))]
pub(crate) async fn publish(
    core: web::Data<Core>,
    call: Admin<PublishEpochRequest>,
) -> Result<web::Json<EpochView>, ApiError> {
    let core = core.into_inner();
    let epoch = call.body.epoch;
    let line = call.caller.audit("publish-epoch", epoch);
    let own = Arc::clone(&core);
    let work = async move {
        let opened = own.opened()?;
        own.publish(&opened, epoch).await
    };
    Ok(web::Json(epoch_view(&to_the_end(&core, line, work).await?)))
}

/// Proposes that a hospital joins or leaves the validators; more than two thirds of them must approve.
#[utoipa::path(post, path = "/v1/validators/proposal", tag = "kgc", request_body = ValidatorProposalRequest,
    responses((status = 200, body = TransactionReceipt),
        (status = 422, body = OperationOutcome, description = "The contracts refuse it."),
        (status = 503, body = OperationOutcome, description = "sealed")))]
pub(crate) async fn propose_validators(
    core: web::Data<Core>,
    call: Admin<ValidatorProposalRequest>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let core = core.into_inner();
    let change = ValidatorChange::from(call.body.change);
    let line = call.caller.audit("propose-validators", &change);
    let own = Arc::clone(&core);
    let work = async move { own.propose_validators(&*own.opened()?, change).await };
    Ok(web::Json(receipt(&to_the_end(&core, line, work).await?)))
}
