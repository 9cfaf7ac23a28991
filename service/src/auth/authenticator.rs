//! Checks assertions, makes and checks bearer tokens.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use consilium_client::api::auth::{
    ASSERTION_TYPE, AssertionClaims, GRANT_TYPE, MAX_ASSERTION_LIFETIME_S, Scope, ScopeSet,
    TOKEN_PATH, TokenRequest, TokenResponse,
};
use consilium_client::api::errors::codes;
use consilium_client::jws::{self, TokenKind, Unverified};
use consilium_client::wire::{PublicKey, SecretText};
use consilium_schemes::signature::SigningKey;
use serde::{Deserialize, Serialize};

use super::replay::{Moment, NotNew, ReplayCache};
use crate::clock::Clock;
use crate::error::ApiError;

/// Says which scopes a principal has now; none for a stranger.
pub type PrincipalScopes = Arc<dyn Fn(&PublicKey) -> Result<ScopeSet, ApiError> + Send + Sync>;

/// How far a caller's clock may be ahead of ours, in seconds.
const CLOCK_SKEW_S: u64 = 30;
/// The longest identifier of an assertion.
const MAX_JTI_BYTES: usize = 128;
/// As long as an assertion can be good.
const LONGEST: Duration = Duration::from_secs(MAX_ASSERTION_LIFETIME_S + CLOCK_SKEW_S);
/// Assertions that are remembered: at five minutes each, 300 a second.
const REPLAY_LIMIT: usize = 100_000;

/// The claims of a bearer token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessClaims {
    iss: String,
    sub: PublicKey,
    scope: String,
    iat: u64,
    exp: u64,
}

/// Makes bearer tokens for those who prove who they are.
pub struct Authenticator {
    issuer: String,
    key: SigningKey,
    lifetime: Duration,
    clock: Clock,
    principals: PrincipalScopes,
    replay: Mutex<ReplayCache>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authenticator({})", self.issuer)
    }
}

impl Authenticator {
    /// For the service that callers reach at `public_url`.
    pub(crate) fn new(
        public_url: String,
        lifetime: Duration,
        clock: Clock,
        principals: PrincipalScopes,
    ) -> Self {
        Self {
            issuer: public_url,
            key: SigningKey::generate(&mut rand::rng()),
            lifetime,
            clock,
            principals,
            replay: Mutex::new(ReplayCache::new(REPLAY_LIMIT, LONGEST)),
        }
    }

    /// Exchanges an assertion for a bearer token.
    ///
    /// # Errors
    /// 400 for another grant, 401 `invalid-assertion`, 403 `scope-refused`, 503 `busy` when too many assertions are remembered.
    pub fn token(&self, request: &TokenRequest) -> Result<TokenResponse, ApiError> {
        check_grant(request)?;
        let claims = self.verify_assertion(request.client_assertion.expose_secret())?;
        let granted = self.granted(&claims.sub, request.scope.as_deref())?;
        self.note_once(&claims)?;
        let now = self.clock.now_s();
        let lifetime = self.lifetime.as_secs();
        let access = AccessClaims {
            iss: self.issuer.clone(),
            sub: claims.sub,
            scope: granted.to_string(),
            iat: now,
            exp: now.saturating_add(lifetime),
        };
        let token = jws::sign(TokenKind::Access, &self.key, &access);
        Ok(TokenResponse {
            access_token: SecretText::new(token),
            token_type: "bearer".to_owned(),
            expires_in: lifetime,
            scope: access.scope,
        })
    }

    /// Who holds this bearer token, and its scopes.
    ///
    /// # Errors
    /// 401 `unauthenticated` or `token-expired`.
    pub fn verify_bearer(&self, token: &str) -> Result<(PublicKey, ScopeSet), ApiError> {
        let invalid = || {
            ApiError::unauthenticated(codes::UNAUTHENTICATED, "the bearer token is not valid here")
        };
        let claims = Unverified::<AccessClaims>::parse(TokenKind::Access, token)
            .and_then(|token| token.verify(&self.key.verifying_key()))
            .map_err(|error| invalid().because(error))?;
        if claims.iss != self.issuer {
            return Err(invalid());
        }
        let now = self.clock.now_s();
        if claims.iat > now.saturating_add(CLOCK_SKEW_S) {
            // It would hold until this clock has come to its end again.
            let text = "the bearer token is of the future: this service's clock was set back; obtain another";
            return Err(ApiError::unauthenticated(codes::TOKEN_EXPIRED, text));
        }
        if claims.exp <= now {
            let text = "the bearer token has expired; obtain another";
            return Err(ApiError::unauthenticated(codes::TOKEN_EXPIRED, text));
        }
        let scopes = claims
            .scope
            .parse()
            .map_err(|error| invalid().because(error))?;
        Ok((claims.sub, scopes))
    }

    /// Signature first; only then is anything else in it worth a word.
    fn verify_assertion(&self, assertion: &str) -> Result<AssertionClaims, ApiError> {
        let parsed = Unverified::<AssertionClaims>::parse(TokenKind::Assertion, assertion)
            .map_err(|error| invalid_assertion(error.to_string()))?;
        let issuer = parsed.claims_before_verification().iss;
        let claims = parsed
            .verify(issuer.verifying_key())
            .map_err(|error| invalid_assertion(error.to_string()))?;
        let now = self.clock.now_s();
        let audience = format!("{}{TOKEN_PATH}", self.issuer);
        let broken = if claims.sub != claims.iss {
            Some("iss and sub must be the same key".to_owned())
        } else if claims.aud != audience {
            Some(format!("aud must be {audience}"))
        } else if claims.exp <= now {
            Some("exp is over; check the clock".to_owned())
        } else if claims.iat > now.saturating_add(CLOCK_SKEW_S) {
            Some("iat is in the future; check the clock".to_owned())
        } else if claims.exp > now.saturating_add(MAX_ASSERTION_LIFETIME_S + CLOCK_SKEW_S) {
            Some(format!(
                "exp must be at most {MAX_ASSERTION_LIFETIME_S} seconds away"
            ))
        } else if claims.jti.is_empty() || claims.jti.len() > MAX_JTI_BYTES {
            Some(format!("jti must have 1 to {MAX_JTI_BYTES} bytes"))
        } else {
            None
        };
        broken.map_or(Ok(claims), |rule| Err(invalid_assertion(rule)))
    }

    /// The scopes that were asked for, as far as the principal has them; all, where none was named.
    fn granted(&self, principal: &PublicKey, wanted: Option<&str>) -> Result<ScopeSet, ApiError> {
        let held = (self.principals)(principal)?;
        let granted = match wanted {
            None => held,
            Some(wanted) => {
                let wanted: ScopeSet = wanted
                    .parse()
                    .map_err(|error| ApiError::malformed("scope", error))?;
                held.intersection(&wanted)
            }
        };
        if granted.is_empty() {
            let text = "this key has none of these scopes here";
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                codes::SCOPE_REFUSED,
                text,
            ));
        }
        Ok(granted)
    }

    /// After everything else, so that only principals take room in the cache.
    fn note_once(&self, claims: &AssertionClaims) -> Result<(), ApiError> {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now_s();
        replay
            .note(
                claims.iss,
                claims.jti.clone(),
                claims.exp,
                Moment {
                    clock_s: now,
                    steady_ms: self.clock.steady_ms(),
                },
            )
            .map_err(|error| match error {
                NotNew::Replayed => invalid_assertion("jti was used before".to_owned()),
                NotNew::Full => ApiError::busy(),
            })
    }

    /// Whether a principal has `scope` at this moment, whatever its token says.
    ///
    /// # Errors
    /// Those of the service's look-up.
    pub fn has_now(&self, principal: &PublicKey, scope: Scope) -> Result<bool, ApiError> {
        Ok((self.principals)(principal)?.contains(scope))
    }
}

fn check_grant(request: &TokenRequest) -> Result<(), ApiError> {
    if request.grant_type != GRANT_TYPE {
        return Err(ApiError::malformed(
            "grant_type",
            format!("must be {GRANT_TYPE}"),
        ));
    }
    if request.client_assertion_type != ASSERTION_TYPE {
        let rule = format!("must be {ASSERTION_TYPE}");
        return Err(ApiError::malformed("client_assertion_type", rule));
    }
    Ok(())
}

fn invalid_assertion(rule: String) -> ApiError {
    ApiError::unauthenticated(
        codes::INVALID_ASSERTION,
        format!("client_assertion: {rule}"),
    )
}
