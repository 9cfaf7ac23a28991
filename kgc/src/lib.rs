//! The key generation centre: it makes the federation's keys, issues and revokes doctors' attribute keys, publishes an update key per
//! epoch and evaluates keyword tokens.
//!
//! | part | what |
//! |---|---|
//! | [`init`], [`genesis`] | before there is a federation |
//! | [`Kgc`] | `start`, `unseal`, `run`; `serve` is all three |
//! | [`KgcConfig`], [`SETTINGS`], [`Home`] | its settings and its folder |
//! | [`backup`], [`restore`] | one encrypted file |
//! | [`codes`] | the refusals that are its own |
//!
//! ```no_run
//! use consilium_client::passphrase::Passphrase;
//! use consilium_kgc::{Home, Kgc, KgcConfig};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = KgcConfig::load(&Home::at("kgc"), std::env::vars(), [])?;
//! let passphrase = Passphrase::from_file("passphrase".as_ref())?;
//! Kgc::serve(config, Some(&passphrase), consilium_service::shutdown_signal()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Sealed
//!
//! It starts sealed: without the passphrase it follows the ledger, shows its status and delivers keys that were made and wrapped before;
//! whatever needs a secret gets 503 `sealed`. The first time it is open and there is no epoch, it publishes the first.
//!
//! # Crash rule
//!
//! Intent durable here, transaction committed, local effect, audit line, answer. The ledger is the authority on leaves, revocations and
//! epochs; the store completes it. What a crash cut off is completed at the start or at the next request. Update keys that a restored
//! backup is too old for are fetched from the gateways.

mod backup;
mod config;
mod core;
mod domain;
mod error;
mod follow;
mod home;
mod http;
mod init;
mod metrics;
mod recover;
mod seal;
mod secrets;
mod serve;
mod store;

pub use backup::{BackupError, backup, restore};
pub use config::{KgcConfig, KgcSettings, SETTINGS, schema};
pub use consilium_service::MalformedKey;
pub use consilium_service::ledger::LedgerSettings;
pub use error::KgcError;
pub use home::{Home, PublicFile, PublicFileError};
pub use http::description;
pub use init::{DEFAULT_DEPTH, GenesisRequest, InitError, InitRequest, Initialised, genesis, init};
pub use seal::UnsealError;
pub use secrets::{NodeSecrets, SealedSecrets};
pub use serve::{Kgc, StartError};
pub use store::StoreError;

/// The refusals that are the KGC's own.
pub mod codes {
    pub use crate::error::{
        ATTRIBUTES_CHANGED, REVOKED, STALE_NONCE, TOO_MANY_ATTRIBUTES, WRONG_EPOCH,
        WRONG_PASSPHRASE,
    };
}
