//! What the hospital's operator does: look, revoke, authorize, approve who votes.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use consilium_client::api::gateway::{
    AuthorizationList, AuthorizationRequest, AuthorizationScope, AuthorizationView, GatewayStatus,
    HospitalRevocationRequest,
};
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::api::validators::ValidatorApprovalRequest;
use consilium_client::wire::Text;
use consilium_contracts::{
    Action, ApproveValidatorChange, AuthorizationEntry, AuthorizationId, Authorize, BlockTime,
    Height, RevokeDoctor, Scope, View, WithdrawAuthorization,
};
use consilium_service::ledger::{receipt, status as ledger_status, submit_error};
use consilium_service::metrics::Metrics;
use consilium_service::{ApiError, Call, Caller, scope};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::hospital::Hospital;
use crate::open::drop_key;
use crate::records;
use crate::store::{AUTHORIZATIONS, DEVICES, Role};

/// How long the KGC is waited for in a status.
const KGC_PATIENCE: Duration = Duration::from_secs(2);

/// The gateway's own counters.
pub(crate) struct Gauges {
    pub(crate) compared: Counter,
    pub(crate) matched: Counter,
    /// Of the run that is under way.
    pub(crate) pending: Gauge,
}

impl Gauges {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let (compared, matched) = (Counter::default(), Counter::default());
        let pending = Gauge::default();
        metrics.register(|registry| {
            let pairs = "Pairs of index and trapdoor compared";
            registry.register("gateway_pairs_compared", pairs, compared.clone());
            let matches = "Matches found for this hospital's doctors";
            registry.register("gateway_matches", matches, matched.clone());
            let left = "Pairs of index and trapdoor not dealt with yet: to be compared, or to be left out by the prefilter";
            registry.register("gateway_pairs_pending", left, pending.clone());
        });
        Self {
            compared,
            matched,
            pending,
        }
    }
}

/// How the gateway stands.
#[utoipa::path(get, path = "/v1/status", tag = "operator", responses((status = 200, body = GatewayStatus)))]
pub(crate) async fn status(
    hospital: web::Data<Hospital>,
    _caller: Caller<scope::GatewayOperator>,
) -> Result<web::Json<GatewayStatus>, ApiError> {
    let (mut doctors, mut patients) = (0_u64, 0_u64);
    for row in hospital.store.rows(DEVICES) {
        match row?.1.role {
            Role::Doctor => doctors = doctors.saturating_add(1),
            Role::Patient => patients = patients.saturating_add(1),
        }
    }
    let (records, queued) = records::count(&hospital)?;
    let kgc = tokio::time::timeout(KGC_PATIENCE, hospital.kgc.health()).await;
    let epoch = View::new(hospital.state()).current_epoch();
    Ok(web::Json(GatewayStatus {
        hospital: Text(hospital.id.clone()),
        ledger: ledger_status(&hospital.node),
        epoch: epoch.map(|entry| entry.epoch.number()),
        kgc_reachable: matches!(kgc, Ok(Ok(_))),
        doctors,
        patients,
        records,
        queued,
        pairs_compared: hospital.gauges.compared.get(),
        pairs_pending: u64::try_from(hospital.gauges.pending.get()).unwrap_or_default(),
    }))
}

/// Revokes a doctor of this hospital: from then on nothing is pre-decrypted for him.
#[utoipa::path(post, path = "/v1/revocations", tag = "operator", request_body = HospitalRevocationRequest,
    responses((status = 200, body = TransactionReceipt)))]
pub(crate) async fn revoke(
    hospital: web::Data<Hospital>,
    call: Call<scope::GatewayOperator, HospitalRevocationRequest>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let hospital = hospital.into_inner();
    let (doctor, reason) = (call.body.doctor.0, call.body.reason);
    let line = call.caller.audit("revoke-doctor", doctor);
    let at = Arc::clone(&hospital);
    let work = async move {
        let action = Action::RevokeDoctor(RevokeDoctor {
            doctor,
            reason: reason.into(),
        });
        let committed = at.ledger.submit(action).await.map_err(submit_error)?;
        drop_key(&at, &doctor)?;
        Ok(receipt(&committed))
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// Lets another hospital match and read, within the patients' consent.
#[utoipa::path(post, path = "/v1/authorizations", tag = "operator", request_body = AuthorizationRequest,
    responses((status = 200, body = AuthorizationView)))]
pub(crate) async fn authorize(
    hospital: web::Data<Hospital>,
    call: Call<scope::GatewayOperator, AuthorizationRequest>,
) -> Result<web::Json<AuthorizationView>, ApiError> {
    let hospital = hospital.into_inner();
    let request = call.body;
    let line = call.caller.audit("authorize", &request.to);
    let at = Arc::clone(&hospital);
    let work = async move {
        let id = AuthorizationId::from_bytes(rand::random());
        let action = Authorize {
            id,
            to: request.to.0,
            scope: match request.scope {
                AuthorizationScope::All => Scope::All,
                AuthorizationScope::Record { record } => Scope::Record(record.0),
            },
            purpose: request.purpose.into(),
            expiry: BlockTime::new(request.expires_ms),
        };
        at.ledger
            .submit(Action::Authorize(action))
            .await
            .map_err(submit_error)?;
        at.store.put(&AUTHORIZATIONS, &id, &())?;
        let entry = View::new(at.state()).authorization(&id);
        entry
            .map(|entry| view(&entry))
            .ok_or_else(|| ApiError::internal("committed above"))
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

fn view(entry: &AuthorizationEntry) -> AuthorizationView {
    AuthorizationView {
        authorization: Text(entry.id),
        to: Text(entry.to.clone()),
        scope: match entry.scope {
            Scope::All => AuthorizationScope::All,
            Scope::Record(record) => AuthorizationScope::Record {
                record: Text(record),
            },
        },
        purpose: entry.purpose.into(),
        expires_ms: entry.expiry.value(),
        withdrawn: entry.ended.is_some(),
    }
}

/// The authorizations that this hospital gave, over or not.
#[utoipa::path(get, path = "/v1/authorizations", tag = "operator", responses((status = 200, body = AuthorizationList)))]
pub(crate) async fn authorizations(
    hospital: web::Data<Hospital>,
    _caller: Caller<scope::GatewayOperator>,
) -> Result<web::Json<AuthorizationList>, ApiError> {
    let state = hospital.state();
    let mut authorizations = Vec::new();
    for row in hospital.store.rows(AUTHORIZATIONS) {
        let entry = View::new(&state).authorization(&row?.0);
        authorizations.extend(entry.map(|entry| view(&entry)));
    }
    Ok(web::Json(AuthorizationList { authorizations }))
}

/// Withdraws an authorization; open cases that rest on it pass on at once.
#[utoipa::path(delete, path = "/v1/authorizations/{authorization}", tag = "operator",
    params(("authorization" = String, Path, description = "Which.")),
    responses((status = 200, body = TransactionReceipt)))]
pub(crate) async fn withdraw(
    hospital: web::Data<Hospital>,
    id: web::Path<Text<AuthorizationId>>,
    caller: Caller<scope::GatewayOperator>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let hospital = hospital.into_inner();
    let id = id.into_inner().0;
    let line = caller.audit("withdraw-authorization", id);
    let at = Arc::clone(&hospital);
    let work = async move {
        let action = Action::WithdrawAuthorization(WithdrawAuthorization { id });
        let committed = at.ledger.submit(action).await.map_err(submit_error)?;
        Ok(receipt(&committed))
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}

/// Approves, as a validator, what the KGC proposes about who votes.
#[utoipa::path(post, path = "/v1/validators/approval", tag = "operator", request_body = ValidatorApprovalRequest,
    responses((status = 200, body = TransactionReceipt), (status = 422, description = "The contracts refuse it.")))]
pub(crate) async fn approve_validators(
    hospital: web::Data<Hospital>,
    call: Call<scope::GatewayOperator, ValidatorApprovalRequest>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let hospital = hospital.into_inner();
    let approval = ApproveValidatorChange {
        change: call.body.change.into(),
        proposed: Height::new(call.body.proposed),
    };
    let line = call.caller.audit("approve-validators", &approval.change);
    let at = Arc::clone(&hospital);
    let work = async move {
        let action = Action::ApproveValidatorChange(approval);
        let committed = at.ledger.submit(action).await.map_err(submit_error)?;
        Ok(receipt(&committed))
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}
