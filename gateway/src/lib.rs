//! The hospital's gateway: it keeps the hospital's encrypted records, builds and posts their indexes, matches its doctors,
//! pre-decrypts for them, and is the hospital's node of the ledger.
//!
//! | part | what |
//! |---|---|
//! | [`Gateway`] | `init`, `start`, `serve` |
//! | [`InitRequest`], [`Initialised`] | what a hospital begins with |
//! | [`Rotation`], [`RotationRequest`] | other keys for it |
//! | [`GatewayConfig`], [`SETTINGS`] | its settings |
//! | [`codes`] | the refusals that are its own |
//!
//! ```no_run
//! use consilium_client::passphrase::Passphrase;
//! use consilium_gateway::{Gateway, GatewayConfig};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = GatewayConfig::load("st-mary/gateway.toml".as_ref(), std::env::vars(), [])?;
//! let passphrase = Passphrase::from_file("passphrase".as_ref())?;
//! Gateway::serve(config, Some(&passphrase), consilium_service::shutdown_signal()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it trusts, and what it cannot do
//!
//! It follows the protocol and is not trusted with the records: attribute keys are here, beta is on the doctor's device, and neither
//! decrypts without the other. Everything another hospital says is checked against this hospital's own copy of the ledger.
//!
//! # Crash rule
//!
//! A transaction is committed, then its local effect is made durable, then the audit line is written, then the answer leaves. Whatever
//! a crash cut off between these follows from the ledger: the follower reads it from a persisted height on, and every reaction to
//! an event can be repeated.

mod access;
mod cards;
mod challenges;
pub mod codes;
mod config;
mod description;
mod devices;
mod doctor;
mod enrolment;
mod failures;
mod false_proofs;
mod files;
mod filter;
mod follow;
mod hospital;
mod indexes;
mod init;
mod keys;
pub mod matching;
mod open;
mod operator;
mod reconcile;
mod records;
mod reports;
mod rotate;
mod seal;
mod serve;
mod sharing;
mod store;
mod together;
mod tokens;
mod verdict;

pub use config::{GatewayConfig, GatewaySettings, SETTINGS, schema};
pub use consilium_service::ledger::LedgerSettings;
pub use description::description;
pub use init::{InitError, InitRequest, Initialised};
pub use keys::GatewayKeys;
pub use rotate::{Rotation, RotationError, RotationRequest};
pub use serve::{Gateway, StartError};
