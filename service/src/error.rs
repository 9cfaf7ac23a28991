//! What a handler answers when it does not do what was asked: a status, a stable code and a text for the caller; the cause for the log.
//!
//! A service turns its domain errors into [`ApiError`] in one `From` each; how an [`ApiError`] stands on the wire is written here
//! once, as a FHIR `OperationOutcome` under the request's id.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use consilium_client::api::errors::{ErrorCode, IssueType, OperationOutcome, Severity, codes};

/// 507: the disk is full.
pub const STORAGE_FULL: ErrorCode = ErrorCode::new("storage-full");

/// A refusal or a failure.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    public: String,
    fields: Vec<String>,
    retry_after: Option<Duration>,
    internal: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// With this status, code and public text. The text names the field or the thing, and the rule; never a secret.
    pub fn new(status: StatusCode, code: ErrorCode, public: impl Into<String>) -> Self {
        let public = public.into();
        Self {
            status,
            code,
            public,
            fields: Vec::new(),
            retry_after: None,
            internal: None,
        }
    }

    /// 400: the body breaks a rule.
    pub fn malformed(field: impl Into<String>, rule: impl fmt::Display) -> Self {
        let field = field.into();
        let public = format!("{field}: {rule}");
        Self::new(StatusCode::BAD_REQUEST, codes::MALFORMED_BODY, public).about(field)
    }

    /// 401: the caller is not known.
    pub fn unauthenticated(code: ErrorCode, public: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, public)
    }

    /// 403: the caller is known and may not.
    pub fn forbidden(public: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, codes::FORBIDDEN, public)
    }

    /// 404: there is no such thing, or the caller may not know.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            codes::NOT_FOUND,
            format!("there is no {what}"),
        )
    }

    /// 409: the thing's state does not allow it.
    pub fn conflict(public: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, codes::CONFLICT, public)
    }

    /// 422: the contracts refuse the transaction; their reason is public.
    pub fn rejected(reason: impl fmt::Display) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, codes::TRANSACTION_REJECTED, reason.to_string())
    }

    /// 503: as much work as the service takes; shortly.
    pub fn busy() -> Self {
        let text = "the service has as much work as it takes; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, codes::BUSY, text)
            .retry_after(Duration::from_secs(1))
    }

    /// 503: something the service needs is not there.
    pub fn unavailable(public: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNAVAILABLE, public)
    }

    /// 503: the keys are sealed.
    pub fn sealed() -> Self {
        let text = "the keys are sealed; an administrator must unseal them";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, codes::SEALED, text)
    }

    /// 507: the disk is full, and nothing is left of what was asked for.
    pub fn storage_full(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let text = "the service's disk is full; nothing was stored";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, STORAGE_FULL, text).because(cause)
    }

    /// 500: a fault of ours; the caller learns the request's id only. A full disk among the causes is no fault of ours: 507.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        if is_full_disk(&*cause) {
            // A database that met it takes nothing more until it is opened again; what went before it may be done.
            let text = "the service's disk is full: this was not done to its end; look how it stands before asking again";
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, STORAGE_FULL, text).because(cause);
        }
        let text = "the service failed; its log has the cause under this request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, codes::INTERNAL, text).because(cause)
    }

    /// Names a field it is about.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.fields.push(field.into());
        self
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.internal = Some(cause.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The public text.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The cause and its causes, for the log.
    pub fn cause(&self) -> Option<String> {
        let first = self
            .internal
            .as_deref()
            .map(|error| error as &(dyn Error + 'static));
        let chain: Vec<_> = std::iter::successors(first, |error| (**error).source())
            .map(ToString::to_string)
            .collect();
        (!chain.is_empty()).then(|| chain.join(": "))
    }

    /// The answer, under the request's id.
    pub(crate) fn to_response(&self, request_id: &str) -> HttpResponse {
        let severity = match self.status.is_server_error() {
            true => Severity::Fatal,
            false => Severity::Error,
        };
        let outcome = OperationOutcome::single(
            request_id.to_owned(),
            severity,
            issue_type(self.status, &self.code),
            self.code.clone(),
            self.public.clone(),
            self.fields.clone(),
        );
        let mut response = HttpResponse::build(self.status);
        response.insert_header(ContentType::json());
        if let Some(wait) = self.retry_after {
            response.insert_header((RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        match serde_json::to_vec(&outcome) {
            Ok(body) => response.body(body),
            Err(_) => response.finish(),
        }
    }
}

/// Whether the system had no space left for something. Libraries give on the system's words only (the database does).
fn is_full_disk(cause: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(cause), |error| (**error).source()).any(|error| {
        let text = error.to_string();
        text.contains("No space left on device") || text.contains("Disk quota exceeded")
    })
}

/// FHIR's word for a status.
fn issue_type(status: StatusCode, code: &ErrorCode) -> IssueType {
    match status {
        StatusCode::BAD_REQUEST if *code == codes::MALFORMED_BODY => IssueType::Structure,
        StatusCode::BAD_REQUEST => IssueType::Invalid,
        StatusCode::UNAUTHORIZED if *code == codes::TOKEN_EXPIRED => IssueType::Expired,
        StatusCode::UNAUTHORIZED => IssueType::Login,
        StatusCode::FORBIDDEN => IssueType::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => IssueType::NotFound,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            IssueType::NotSupported
        }
        StatusCode::CONFLICT => IssueType::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => IssueType::TooLong,
        StatusCode::UNPROCESSABLE_ENTITY => IssueType::BusinessRule,
        StatusCode::TOO_MANY_REQUESTS => IssueType::Throttled,
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => IssueType::Timeout,
        StatusCode::SERVICE_UNAVAILABLE => IssueType::Transient,
        _ => IssueType::Exception,
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.public, self.code, self.status)
    }
}

impl Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// A place holder: the frame's middleware writes the body, because only it knows the request's id.
    fn error_response(&self) -> HttpResponse {
        self.to_response("unknown")
    }
}

/// The typed form of an error that the HTTP library raised before a handler ran.
pub(crate) fn from_library(error: &actix_web::Error) -> ApiError {
    let status = error.as_response_error().status_code();
    let text = error.to_string();
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            status,
            codes::BODY_TOO_LARGE,
            "the body is larger than this takes",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(status, codes::UNSUPPORTED_MEDIA_TYPE, text)
        }
        status if status.is_client_error() => {
            ApiError::new(status, codes::MALFORMED_PARAMETER, text)
        }
        _ => ApiError::internal(text),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_says_that_nothing_was_stored_only_where_it_is_known() {
        let full = || io::Error::from_raw_os_error(28);
        let (known, unknown) = (ApiError::storage_full(full()), ApiError::internal(full()));
        for error in [&known, &unknown] {
            assert_eq!(
                (error.status().as_u16(), error.code()),
                (507, &STORAGE_FULL)
            );
        }
        assert!(known.public().contains("nothing was stored"));
        assert!(!unknown.public().contains("nothing was stored"));
        assert!(unknown.public().contains("look how it stands"));
    }
}
