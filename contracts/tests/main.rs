//! The contracts, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;
#[allow(dead_code, reason = "the ledger's tests use the rest")]
#[path = "common/random.rs"]
mod random;

mod challenges;
mod complaint;
mod encoding;
mod envelope;
mod filter;
mod lies;
mod patient;
mod properties;
mod record_life;
mod roles;
mod validators;
mod work;
