//! Who calls: a signing key and the scopes it asks for.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use consilium_schemes::signature::SigningKey;

use crate::api::auth::{AssertionClaims, ScopeSet, TOKEN_PATH};
use crate::jws::{self, TokenKind};
use crate::wire::PublicKey;

/// How long an assertion of ours lives, in seconds: long enough for a slow network and a clock that is a little off.
const ASSERTION_LIFETIME_S: u64 = 60;

/// A principal's key and what it asks for.
pub struct Credentials {
    key: SigningKey,
    scopes: ScopeSet,
}

impl Credentials {
    /// A key, and the scopes to ask for; with no scope, all that the principal has.
    pub fn new(key: SigningKey, scopes: ScopeSet) -> Self {
        Self { key, scopes }
    }

    /// Who this is.
    pub fn principal(&self) -> PublicKey {
        self.key.verifying_key().into()
    }

    /// The scopes to ask for.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// A fresh assertion for the service at `base_url`, made at `now_s` (seconds since the Unix epoch).
    pub fn assertion(&self, base_url: &str, now_s: u64) -> String {
        let claims = AssertionClaims {
            iss: self.principal(),
            sub: self.principal(),
            aud: format!("{base_url}{TOKEN_PATH}"),
            iat: now_s,
            exp: now_s.saturating_add(ASSERTION_LIFETIME_S),
            jti: hex::encode(rand::random::<[u8; 16]>()),
        };
        jws::sign(TokenKind::Assertion, &self.key, &claims)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Credentials({}, scopes {:?})",
            self.principal(),
            self.scopes.to_string()
        )
    }
}

/// Seconds since the Unix epoch; 0 on a clock before it.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
