//! The endpoints that every service answers by itself.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use consilium_client::api::errors::codes;
use consilium_client::api::health::{Health, Readiness};

use crate::auth::endpoint::token;
use crate::error::ApiError;
use crate::frame::Frame;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn healthz(request: HttpRequest) -> Result<web::Json<Health>, ApiError> {
    let frame = Frame::of(&request)?;
    Ok(web::Json(Health {
        service: frame.service.into(),
        version: frame.version.into(),
    }))
}

/// Whether the service can do its work, and what is missing if not.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
)]
pub(crate) async fn readyz(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let readiness: Readiness = (Frame::of(&request)?.readiness)();
    let status = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(HttpResponse::build(status).json(readiness))
}

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let text = Frame::of(&request)?.metrics.render()?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(kind).body(text))
}

async fn openapi(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let text = Frame::of(&request)?.description.clone();
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}

async fn no_such_endpoint(request: HttpRequest) -> ApiError {
    let text = format!("there is no endpoint {}", request.path());
    ApiError::new(StatusCode::NOT_FOUND, codes::NO_SUCH_ENDPOINT, text)
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/healthz").route(web::get().to(healthz)))
        .service(web::resource("/readyz").route(web::get().to(readyz)))
        .service(web::resource("/metrics").route(web::get().to(metrics)))
        .service(web::resource("/openapi.json").route(web::get().to(openapi)))
        .service(web::resource("/v1/token").route(web::post().to(token)))
        .default_service(web::to(|request| async {
            Err::<HttpResponse, _>(no_such_endpoint(request).await)
        }));
}
