//! What the key service and the gateway share, so that each of them is its handlers and little else.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | a TOML file, the environment, flags; unknown names refused |
//! | [`ServiceBuilder`] | HTTP with TLS, limits, time limits, request ids, a quiet end |
//! | [`ApiError`] | the one form of everything that is not a success |
//! | [`Caller`], [`Call`], [`scope`] | who calls, before anything else is looked at |
//! | [`audit`] | a line for every decision, before its answer |
//! | [`limiter`], [`pool`], [`transfer`] | bounded rates, threads and bodies |
//! | [`metrics`], [`openapi`], [`logging`] | what operators look at |
//! | [`update_keys`] | update keys on disk, whole or not there |
//! | [`ledger`], [`hospital_file`] | the ledger's endpoints and own transactions; `hospital.json` |
//!
//! A service:
//!
//! ```no_run
//! use actix_web::web;
//! use consilium_client::api::auth::{Scope, ScopeSet};
//! use consilium_client::api::kgc::{ProofNonce, ProofNonceRequest};
//! use consilium_service::config::Schema;
//! use consilium_service::{
//!     ApiError, Call, FRAME_SETTINGS, Frame, FrameSettings, ServiceBuilder, scope, shutdown_signal,
//! };
//! use std::sync::Arc;
//!
//! async fn proof_nonce(
//!     frame: web::Data<Frame>,
//!     call: Call<scope::Hospital, ProofNonceRequest>,
//! ) -> Result<web::Json<ProofNonce>, ApiError> {
//!     let line = call.caller.audit("proof-nonce", &call.body.doctor);
//!     let nonce = ProofNonce { nonce: vec![7; 32].into(), expires_ms: frame.clock().now_ms() + 60_000 };
//!     frame.audit().record(line.allowed("the hospital asked")).await?;
//!     Ok(web::Json(nonce))
//! }
//!
//! # async fn run(api: utoipa::openapi::OpenApi) -> Result<(), Box<dyn std::error::Error>> {
//! let loaded = Schema::new("kgc", &[FRAME_SETTINGS]).load(None, std::env::vars(), [])?;
//! let bound = ServiceBuilder::new("kgc", env!("CARGO_PKG_VERSION"), FrameSettings::from_loaded(&loaded)?, api)
//!     .principals(|_key| Ok(ScopeSet::from_iter([Scope::Hospital])))
//!     .bind()?;
//! let routes = |config: &mut web::ServiceConfig| {
//!     config.service(web::resource("/v1/proof-nonces").route(web::post().to(proof_nonce)));
//! };
//! bound.serve(routes, shutdown_signal()).await?;
//! # Ok(())
//! # }
//! ```

pub mod audit;
mod auth;
mod body;
mod clock;
mod common;
pub mod config;
mod envelope;
mod error;
mod frame;
pub mod hospital_file;
pub mod ledger;
pub mod limiter;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod pool;
mod request_id;
mod secret_field;
mod served;
mod server;
mod settings;
mod space;
pub mod tls;
pub mod transfer;
pub mod update_keys;

pub use auth::{AcceptedScopes, Authenticator, Call, Caller, PrincipalScopes, scope};
pub use body::{BodyLimit, JsonBody};
pub use clock::Clock;
pub use error::{ApiError, STORAGE_FULL};
pub use frame::Frame;
pub use request_id::RequestId;
pub use secret_field::{MalformedKey, SecretField};
pub use served::{ServedError, ServedFolder};
pub use server::{BoundService, ServiceBuilder, StartError, shutdown_signal};
pub use settings::{
    AuditSettings, AuthSettings, FRAME_SETTINGS, FrameSettings, HttpSettings, LimitSettings,
    LogSettings,
};
pub use space::{Promised, PromisedFile, Space};

/// HPKE's `info` for a doctor's attribute key on its way from the KGC to his hospital.
pub const ATTRIBUTE_KEY_INFO: &[u8] = b"CONSILIUM-V1-ATTRIBUTE-KEY";
