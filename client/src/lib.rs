//! What devices and services share: the HTTP API's types, the typed client, key files, the genesis file.
//!
//! | module | what |
//! |---|---|
//! | [`api`] | a request and a response for every endpoint |
//! | [`wire`], [`signed`] | how values stand in JSON and under signatures |
//! | [`GatewayClient`], [`KgcClient`], [`LedgerClient`] | one method per endpoint |
//! | [`ledger_proof`] | what stands on the ledger, checked from the genesis alone |
//! | [`http`], [`endpoint`], [`tls`], [`credentials`], [`jws`] | under them: pinned TLS, tokens, refusals |
//! | [`keyfile`], [`passphrase`] | secrets on disk |
//! | [`genesis`], [`invitation`] | which federation, which gateway |
//! | [`mod@file`] | files that are there whole or not at all |
//!
//! A device that reads its inbox:
//!
//! ```no_run
//! use consilium_client::api::auth::ScopeSet;
//! use consilium_client::credentials::Credentials;
//! use consilium_client::http::ClientSettings;
//! use consilium_client::invitation::Invitation;
//! use consilium_client::GatewayClient;
//! use consilium_schemes::signature::SigningKey;
//!
//! # async fn run(code: &str, key: SigningKey) -> Result<(), Box<dyn std::error::Error>> {
//! let invitation: Invitation = code.parse()?;
//! let me = Credentials::new(key, ScopeSet::none());
//! let gateway = GatewayClient::new(invitation.endpoint().clone(), Some(me), ClientSettings::default())?;
//! for case in gateway.inbox().await?.cases {
//!     println!("{} of {}", case.record, case.owner);
//! }
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod credentials;
pub mod device;
pub mod endpoint;
mod error;
pub mod file;
mod gateway_client;
pub mod genesis;
pub mod http;
pub mod invitation;
pub mod jws;
pub mod keyfile;
mod kgc_client;
mod ledger_client;
pub mod ledger_proof;
pub mod passphrase;
pub mod signed;
pub mod tls;
mod update_key;
pub mod wire;

pub use error::ClientError;
pub use gateway_client::GatewayClient;
pub use kgc_client::KgcClient;
pub use ledger_client::LedgerClient;
pub use update_key::UpdateKeyDownload;
