//! Extractors: no handler sees a request that was not authorised, and no body is read before.

use std::fmt;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use consilium_client::api::auth::{Scope, ScopeSet};
use consilium_client::api::errors::codes;
use consilium_client::wire::PublicKey;
use serde::de::DeserializeOwned;

use crate::audit::AuditEntry;
use crate::body::read_json;
use crate::error::ApiError;
use crate::frame::Frame;
use crate::request_id::RequestId;

/// The scopes that a route takes, any one of them. A service names its own combinations as unit structs.
pub trait AcceptedScopes: 'static {
    /// Any of these.
    const ANY_OF: &'static [Scope];
}

/// A scope each, and the combinations that more than one route takes.
pub mod scope {
    use consilium_client::api::auth::Scope;

    use super::AcceptedScopes;

    macro_rules! accepted {
        ($($(#[$doc:meta])* $name:ident = $($scope:ident)|+;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name;

            impl AcceptedScopes for $name {
                const ANY_OF: &'static [Scope] = &[$(Scope::$scope),+];
            }
        )*};
    }

    accepted! {
        /// The KGC's administrator.
        KgcAdmin = KgcAdmin;
        /// Another hospital's gateway.
        Hospital = Hospital;
        /// Another node of the ledger.
        LedgerNode = LedgerNode;
        /// The gateway's operator.
        GatewayOperator = GatewayOperator;
        /// A doctor's device.
        Doctor = Doctor;
        /// A patient's device.
        Patient = Patient;
        /// A doctor's or a patient's device.
        Device = Doctor | Patient;
        /// Anyone who is known; a node is not, it fetches snapshots and nothing else.
        Anyone = KgcAdmin | Hospital | GatewayOperator | Doctor | Patient;
    }
}

/// A caller that proved who it is, has one of the scopes of `S` and did not call too often.
pub struct Caller<S> {
    principal: PublicKey,
    scopes: ScopeSet,
    request: RequestId,
    accepted: PhantomData<S>,
}

impl<S> Caller<S> {
    /// Who calls: its key on the ledger.
    pub fn principal(&self) -> &PublicKey {
        &self.principal
    }

    /// Whether it has this scope, where a route takes several.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request
    }

    /// Begins the audit line of a decision about this call.
    pub fn audit(&self, action: &str, subject: impl ToString) -> AuditEntry {
        AuditEntry::new(
            self.principal.to_string(),
            action,
            subject,
            self.request.to_string(),
        )
    }
}

impl<S> fmt::Debug for Caller<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({}, {})", self.principal, self.scopes)
    }
}

impl<S: AcceptedScopes> Caller<S> {
    fn authorise(request: &HttpRequest) -> Result<Self, ApiError> {
        let frame = Frame::of(request)?;
        let (principal, scopes) = frame.authenticator().verify_bearer(bearer_of(request)?)?;
        frame.limit(principal)?;
        if !S::ANY_OF.iter().any(|scope| scopes.contains(*scope)) {
            let names: Vec<_> = S::ANY_OF.iter().map(|scope| scope.as_str()).collect();
            return Err(ApiError::forbidden(format!(
                "this needs the scope {}",
                names.join(" or ")
            )));
        }
        let request = RequestId::of(request);
        Ok(Self {
            principal,
            scopes,
            request,
            accepted: PhantomData,
        })
    }
}

fn bearer_of(request: &HttpRequest) -> Result<&str, ApiError> {
    let missing = || {
        let text = "this needs a bearer token; obtain one from /v1/token";
        ApiError::unauthenticated(codes::UNAUTHENTICATED, text)
    };
    let header = request.headers().get(AUTHORIZATION).ok_or_else(missing)?;
    let header = header.to_str().map_err(|_| missing())?;
    let (scheme, token) = header.split_once(' ').ok_or_else(missing)?;
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(token.trim()),
        false => Err(missing()),
    }
}

impl<S: AcceptedScopes> FromRequest for Caller<S> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Self::authorise(request))
    }
}

/// An authorised call with a JSON body: first the caller, then the body.
#[derive(Debug)]
pub struct Call<S, T> {
    /// Who calls.
    pub caller: Caller<S>,
    /// What it asks.
    pub body: T,
}

impl<S: AcceptedScopes, T: DeserializeOwned + 'static> FromRequest for Call<S, T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = match Caller::authorise(request) {
            Ok(caller) => caller,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            Ok(Self {
                caller,
                body: read_json(&request, payload).await?,
            })
        })
    }
}
