//! What other services' failures become here.

use actix_web::http::StatusCode;
use consilium_client::ClientError;
use consilium_client::api::errors::{ErrorCode, codes as common};
use consilium_service::ApiError;

use crate::codes;
use crate::seal::NotSealedHere;

impl From<NotSealedHere> for ApiError {
    fn from(error: NotSealedHere) -> Self {
        Self::internal(error)
    }
}

/// 403 with one of our codes.
pub(crate) fn refused(code: ErrorCode, text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, text)
}

/// 503 with one of our codes.
pub(crate) fn unavailable(code: ErrorCode, text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, text)
}

/// 502 with one of our codes: another service gave something else than it should.
pub(crate) fn bad_answer(code: ErrorCode, text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, code, text)
}

/// The KGC's failure, passed on: its refusals are the caller's business, its absence is a clear 503.
pub(crate) fn from_kgc(error: ClientError) -> ApiError {
    let text = "the KGC does not answer; try again later (reading goes on)";
    passed_on(error, |error| {
        unavailable(codes::KGC_UNREACHABLE, text).because(error)
    })
}

/// The owner gateway's failure, passed on.
pub(crate) fn from_owner(error: ClientError) -> ApiError {
    passed_on(error, |error| {
        let owner = error.whose().map(ToString::to_string);
        let owner = owner.unwrap_or_else(|| "the owner hospital's gateway".to_owned());
        let text = format!("{owner} does not answer; try again later");
        unavailable(codes::OWNER_UNREACHABLE, text).because(error)
    })
}

fn passed_on(error: ClientError, absent: impl Fn(ClientError) -> ApiError) -> ApiError {
    match &error {
        ClientError::Refused {
            status,
            code,
            message,
            ..
        } => {
            // A fault in how the two services know each other is not the caller's.
            let ours = matches!(*status, 401 | 403) && *code != codes::NOT_ASSIGNED;
            let known = [
                codes::NOT_ASSIGNED,
                codes::CONSENT_WITHDRAWN,
                codes::AUTHORIZATION_WITHDRAWN,
                codes::DOCTOR_REVOKED,
                codes::TIP_TOO_OLD,
                codes::FOREIGN_HOSPITAL,
            ];
            if ours && !known.contains(code) && *code != common::FORBIDDEN {
                return absent(error);
            }
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            ApiError::new(status, code.clone(), message.clone()).because(error)
        }
        _ => absent(error),
    }
}
