//! `POST /v1/token`.

use actix_web::{HttpRequest, web};
use consilium_client::api::auth::{TokenRequest, TokenResponse};
use consilium_client::api::errors::OperationOutcome;

use crate::error::ApiError;
use crate::frame::Frame;

/// Exchanges a signed assertion (RFC 7523) for a bearer token.
#[utoipa::path(
    post,
    path = "/v1/token",
    tag = "authentication",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenResponse),
        (status = 401, body = OperationOutcome, description = "The assertion does not prove who sends it"),
        (status = 403, body = OperationOutcome, description = "None of the scopes is this principal's"),
    ),
)]
pub(crate) async fn token(
    request: HttpRequest,
    form: web::Form<TokenRequest>,
) -> Result<web::Json<TokenResponse>, ApiError> {
    let frame = Frame::of(&request)?;
    frame.limit_address(&request)?;
    let granted = frame.authenticator().token(&form)?;
    Ok(web::Json(granted))
}
