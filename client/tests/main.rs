//! What devices do, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[allow(dead_code, reason = "the end-to-end tests use the rest")]
mod common;
mod complaint;

mod device;
mod fetch;
mod genesis;
mod keyfile;
mod ledger_proof;
mod received;
mod recipient;
mod registered;
mod update_key;
