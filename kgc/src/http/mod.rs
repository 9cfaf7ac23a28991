//! The endpoints: parse, one step of the core, one audit line, translate.

mod admin;
mod hospital;

use std::sync::Arc;

use actix_web::web;
use consilium_client::api::auth::{Scope, ScopeSet};
use consilium_client::api::kgc::KgcStatus;
use consilium_client::wire::PublicKey;
use consilium_node::Peer;
use consilium_service::audit::AuditEntry;
use consilium_service::{ApiError, ledger};
use utoipa::OpenApi;

use crate::core::Core;

#[derive(OpenApi)]
#[openapi(
    info(title = "Consilium KGC", description = "The key generation centre."),
    paths(
        status,
        admin::unseal,
        admin::admit,
        admin::issue,
        admin::refuse,
        admin::revoke,
        admin::publish,
        admin::propose_validators,
        hospital::nonce,
        hospital::enrol,
        hospital::enrolments,
        hospital::attribute_key,
        hospital::evaluate,
    )
)]
struct KgcDescription;

/// The API's description, without the frame's endpoints.
pub fn description() -> utoipa::openapi::OpenApi {
    let mut description = KgcDescription::openapi();
    description.merge(ledger::description());
    description
}

/// Who may what: the administrator's key, the hospitals' ledger keys, and the nodes of the ledger.
pub(crate) fn scopes_of(
    admin: &PublicKey,
    further: &[Peer],
    core: Option<&Core>,
    key: &PublicKey,
) -> ScopeSet {
    if key == admin {
        return ScopeSet::from_iter([Scope::KgcAdmin]);
    }
    let Some(core) = core else {
        return ScopeSet::none();
    };
    match core.hospital_of(key) {
        Some(_) => ScopeSet::from_iter([Scope::Hospital]),
        None if ledger::is_node(core.node.state(), further, key) => {
            ScopeSet::from_iter([Scope::LedgerNode])
        }
        None => ScopeSet::none(),
    }
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let resource = web::resource::<&str>;
    config
        .service(resource("/v1/status").route(web::get().to(status)))
        .service(resource("/v1/unseal").route(web::post().to(admin::unseal)))
        .service(
            resource("/v1/hospitals")
                .route(web::get().to(ledger::hospitals))
                .route(web::post().to(admin::admit)),
        )
        .service(resource("/v1/proof-nonces").route(web::post().to(hospital::nonce)))
        .service(
            resource("/v1/enrolments")
                .route(web::get().to(hospital::enrolments))
                .route(web::post().to(hospital::enrol)),
        )
        .service(resource("/v1/enrolments/{doctor}").route(web::delete().to(admin::refuse)))
        .service(resource("/v1/enrolments/{doctor}/issue").route(web::post().to(admin::issue)))
        .service(
            resource("/v1/attribute-keys/{doctor}").route(web::get().to(hospital::attribute_key)),
        )
        .service(resource("/v1/revocations").route(web::post().to(admin::revoke)))
        .service(
            resource("/v1/epochs")
                .route(web::get().to(ledger::list_epochs))
                .route(web::post().to(admin::publish)),
        )
        .service(
            resource("/v1/validators/proposal").route(web::post().to(admin::propose_validators)),
        )
        .service(resource("/v1/keyword-tokens/evaluate").route(web::post().to(hospital::evaluate)));
}

/// How the key service stands.
#[utoipa::path(get, path = "/v1/status", tag = "kgc", responses((status = 200, body = KgcStatus)))]
pub(crate) async fn status(core: web::Data<Core>) -> Result<web::Json<KgcStatus>, ApiError> {
    Ok(web::Json(core.status()?))
}

/// Writes the line of a decision, with the height and epoch it was made at, before the answer leaves.
async fn decided<T>(
    core: &Arc<Core>,
    line: AuditEntry,
    result: Result<T, ApiError>,
) -> Result<T, ApiError> {
    let ledger = core.ledger();
    let epoch = ledger
        .view
        .current_epoch()
        .map(|entry| entry.epoch.number());
    let line = line
        .height(ledger.height.value())
        .epoch(epoch)
        .result(&result);
    core.frame.audit().record(line).await?;
    result
}

/// Does `work` and writes its line, to the end even when the caller goes away.
async fn to_the_end<T: Send + 'static>(
    core: &Arc<Core>,
    line: AuditEntry,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let own = Arc::clone(core);
    core.frame
        .to_the_end(async move { decided(&own, line, work.await).await })
        .await
}
