//! How a caller proves itself: RFC 7523 `private_key_jwt`, as in SMART Backend Services.
//!
//! A principal is an Ed25519 key, the one it uses on the ledger. It signs a short assertion ([`AssertionClaims`]), posts it to
//! `POST /v1/token` as a form ([`TokenRequest`]) and gets a short-lived bearer token ([`TokenResponse`]).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::{PublicKey, SecretText};

/// The `grant_type` of RFC 6749, section 4.4.
pub const GRANT_TYPE: &str = "client_credentials";
/// The `client_assertion_type` of RFC 7523, section 2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Path of the token endpoint; an assertion's audience is the service's base URL followed by it.
pub const TOKEN_PATH: &str = "/v1/token";
/// The longest an assertion lives: five minutes, as SMART Backend Services ask.
pub const MAX_ASSERTION_LIFETIME_S: u64 = 300;

/// What a principal may do at a service.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// The KGC's administrator.
    #[serde(rename = "kgc.admin")]
    KgcAdmin,
    /// A hospital's gateway, at the KGC and at other gateways.
    #[serde(rename = "hospital")]
    Hospital,
    /// Another node of the ledger, by its network identity: it fetches snapshots.
    #[serde(rename = "ledger.node")]
    LedgerNode,
    /// The operator of a gateway.
    #[serde(rename = "gateway.operator")]
    GatewayOperator,
    /// A doctor's device, at its own gateway.
    #[serde(rename = "doctor")]
    Doctor,
    /// A patient's device, at its own gateway.
    #[serde(rename = "patient")]
    Patient,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::KgcAdmin,
        Self::Hospital,
        Self::LedgerNode,
        Self::GatewayOperator,
        Self::Doctor,
        Self::Patient,
    ];

    /// The scope's name in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KgcAdmin => "kgc.admin",
            Self::Hospital => "hospital",
            Self::LedgerNode => "ledger.node",
            Self::GatewayOperator => "gateway.operator",
            Self::Doctor => "doctor",
            Self::Patient => "patient",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word in a scope parameter that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope: there are kgc.admin, hospital, ledger.node, gateway.operator, doctor, patient"
)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(UnknownScope)
    }
}

/// A set of scopes, written with spaces between them (RFC 6749, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// No scope at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether `scope` is in it.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// Those that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for ScopeSet {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().map(Scope::from_str).collect()
    }
}

/// `POST /v1/token`, as `application/x-www-form-urlencoded`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// [`GRANT_TYPE`].
    pub grant_type: String,
    /// [`ASSERTION_TYPE`].
    pub client_assertion_type: String,
    /// The signed assertion, a compact JWS.
    pub client_assertion: SecretText,
    /// The scopes wanted, with spaces between them; all that the principal has, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// The answer: a bearer token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    /// The token, for `Authorization: Bearer`.
    pub access_token: SecretText,
    /// Always `bearer`.
    pub token_type: String,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// The scopes that were granted.
    pub scope: String,
}

/// The claims of an assertion (RFC 7523, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// Who issues it: the principal's key.
    pub iss: PublicKey,
    /// Whom it is about: the same.
    pub sub: PublicKey,
    /// The token endpoint it is meant for.
    pub aud: String,
    /// Seconds since the Unix epoch at which it was made.
    pub iat: u64,
    /// Seconds since the Unix epoch at which it ends; at most [`MAX_ASSERTION_LIFETIME_S`] after now.
    pub exp: u64,
    /// Used once.
    pub jti: String,
}
