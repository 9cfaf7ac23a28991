//! Around every request: its id, its time limit, its metrics, and the one form of everything that is not a success.

use std::time::Instant;

use actix_web::HttpMessage as _;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use consilium_client::api::errors::codes;

use crate::error::{ApiError, from_library};
use crate::frame::Frame;
use crate::metrics::method_label;
use crate::request_id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The label of everything that no route takes.
const UNMATCHED: &str = "unmatched";

pub(crate) async fn envelope(
    frame: web::Data<Frame>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::generate();
    let method = method_label(request.method());
    let route = request
        .match_pattern()
        .unwrap_or_else(|| UNMATCHED.to_owned());
    request.extensions_mut().insert(id.clone());
    let answered = tokio::time::timeout(frame.time_for(&route), next.call(request)).await;
    let answered = answered.unwrap_or_else(|_| Err(timed_out().into()));
    let (answer, status) = match answered {
        Ok(response) => {
            let mut response = typed(response.map_into_boxed_body(), &id);
            mark(response.response_mut(), &id);
            let status = response.status();
            (Ok(response), status)
        }
        Err(error) => {
            let mut response = log_and_answer(&error, &id);
            mark(&mut response, &id);
            let status = response.status();
            (
                Err(InternalError::from_response(error, response).into()),
                status,
            )
        }
    };
    frame
        .metrics
        .observe(method, &route, status, started.elapsed());
    answer
}

fn timed_out() -> ApiError {
    let text = "the request took longer than it may; whether it was carried out is not known";
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, codes::TIMED_OUT, text)
}

/// A success stays; an error gets its body here, where the request's id is known.
fn typed(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let written = match response.response().error() {
        Some(error) => log_and_answer(error, id),
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let text = format!("{} is not for this endpoint", response.request().method());
            let error = ApiError::new(response.status(), codes::METHOD_NOT_ALLOWED, text);
            error.to_response(id.as_str())
        }
        None => return response,
    };
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, written)
}

fn log_and_answer(error: &Error, id: &RequestId) -> HttpResponse {
    match error.as_error::<ApiError>() {
        Some(error) => log(error, id),
        None => log(&from_library(error), id),
    }
}

fn log(error: &ApiError, id: &RequestId) -> HttpResponse {
    let (status, code) = (error.status().as_u16(), error.code().as_str());
    let cause = error.cause().unwrap_or_default();
    match error.status().is_server_error() {
        true => tracing::error!(request = %id, status, code, cause, "{}", error.public()),
        false => tracing::info!(request = %id, status, code, cause, "{}", error.public()),
    }
    error.to_response(id.as_str())
}

fn mark(response: &mut HttpResponse, id: &RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
