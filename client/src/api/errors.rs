//! What a refusal looks like on the wire: a FHIR R4 `OperationOutcome` with a stable code.
//!
//! The status is the HTTP status; [`ErrorCode`] is what programs act on and never changes its meaning; the text is for people and
//! may. `id` is the request's id, under which the service's log has the internal cause.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The system of the codes in [`Details::coding`].
pub const CODE_SYSTEM: &str = "urn:consilium:error";

/// A stable, machine-readable reason, such as `not-authorized`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// A code, for constants.
    pub const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ErrorCode {
    fn from(code: String) -> Self {
        Self(Cow::Owned(code))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// The codes that every service uses; a service adds its own beside its handlers.
        pub mod codes {
            use super::ErrorCode;
            $($(#[$doc])* pub const $name: ErrorCode = ErrorCode::new($code);)*
        }
    };
}

codes! {
    /// The body is not what the endpoint takes; the issue names the field and the rule.
    MALFORMED_BODY = "malformed-body";
    /// A path or query parameter is not what the endpoint takes.
    MALFORMED_PARAMETER = "malformed-parameter";
    /// The body is not `application/json` where it must be.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type";
    /// The body is larger than the endpoint takes.
    BODY_TOO_LARGE = "body-too-large";
    /// No credentials, or none that can be read.
    UNAUTHENTICATED = "unauthenticated";
    /// The bearer token has expired: obtain another.
    TOKEN_EXPIRED = "token-expired";
    /// The assertion does not prove who sends it.
    INVALID_ASSERTION = "invalid-assertion";
    /// The caller is known and may not.
    FORBIDDEN = "forbidden";
    /// No scope that was asked for can be granted to this principal.
    SCOPE_REFUSED = "scope-refused";
    /// There is no such thing, or the caller may not know.
    NOT_FOUND = "not-found";
    /// There is no such endpoint.
    NO_SUCH_ENDPOINT = "no-such-endpoint";
    /// The endpoint does not take this method.
    METHOD_NOT_ALLOWED = "method-not-allowed";
    /// The thing's state does not allow it.
    CONFLICT = "conflict";
    /// The contracts refused the transaction; the text says why.
    TRANSACTION_REJECTED = "transaction-rejected";
    /// Too many requests by this principal.
    RATE_LIMITED = "rate-limited";
    /// The service has as much work as it takes: try again shortly.
    BUSY = "busy";
    /// The request took longer than it may.
    TIMED_OUT = "timed-out";
    /// The audit log cannot be written, so nothing is decided.
    AUDIT_UNAVAILABLE = "audit-unavailable";
    /// Something the service needs is not there.
    UNAVAILABLE = "unavailable";
    /// What was asked for changed in the last block, which only the next one certifies: try again after it.
    NOT_CERTIFIED_YET = "not-certified-yet";
    /// The keys are sealed: an administrator must unseal them.
    SEALED = "sealed";
    /// A fault of the service; the log has the cause under the request id.
    INTERNAL = "internal";
}

/// FHIR R4 `OperationOutcome`: the body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationOutcome {
    /// Always `OperationOutcome`.
    #[serde(rename = "resourceType")]
    pub resource_type: ResourceType,
    /// The request's id.
    pub id: String,
    /// What is wrong; at least one.
    pub issue: Vec<Issue>,
}

/// The one resource type that a refusal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ResourceType {
    /// FHIR's `OperationOutcome`.
    OperationOutcome,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// FHIR's issue type.
    pub code: IssueType,
    /// Our code and the text.
    pub details: Details,
    /// The fields it is about, as paths (`consent.hospitals[2]`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expression: Vec<String>,
}

/// FHIR issue severity, as far as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The request failed; nothing was stored.
    Error,
    /// The service failed.
    Fatal,
}

/// FHIR issue types, as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IssueType {
    /// The body cannot be read.
    Structure,
    /// The body breaks a rule.
    Invalid,
    /// The request is larger than it may be.
    TooLong,
    /// Not authenticated.
    Login,
    /// The session expired.
    Expired,
    /// Not allowed.
    Forbidden,
    /// No such thing.
    NotFound,
    /// Not supported here.
    NotSupported,
    /// The state does not allow it.
    Conflict,
    /// A rule of the business refuses it.
    BusinessRule,
    /// Too many requests.
    Throttled,
    /// Try again later.
    Transient,
    /// It took too long.
    Timeout,
    /// A fault of the service.
    Exception,
}

/// FHIR `CodeableConcept`: the code for programs, the text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Details {
    /// The stable code.
    pub coding: Vec<Coding>,
    /// The public message.
    pub text: String,
}

/// FHIR `Coding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coding {
    /// [`CODE_SYSTEM`].
    pub system: String,
    /// The code.
    pub code: ErrorCode,
}

impl OperationOutcome {
    /// An outcome with one issue.
    pub fn single(
        request_id: String,
        severity: Severity,
        kind: IssueType,
        code: ErrorCode,
        text: String,
        expression: Vec<String>,
    ) -> Self {
        let coding = vec![Coding {
            system: CODE_SYSTEM.to_owned(),
            code,
        }];
        let issue = Issue {
            severity,
            code: kind,
            details: Details { coding, text },
            expression,
        };
        Self {
            resource_type: ResourceType::OperationOutcome,
            id: request_id,
            issue: vec![issue],
        }
    }

    /// The first issue's stable code.
    pub fn code(&self) -> Option<&ErrorCode> {
        let coding = self.issue.first()?.details.coding.iter();
        coding
            .filter(|coding| coding.system == CODE_SYSTEM)
            .map(|coding| &coding.code)
            .next()
    }

    /// The first issue's text.
    pub fn text(&self) -> Option<&str> {
        self.issue.first().map(|issue| issue.details.text.as_str())
    }
}
