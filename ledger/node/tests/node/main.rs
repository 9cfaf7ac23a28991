//! The node with its real engine, its real store and real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../../../tests/common/mod.rs"]
mod fixtures;
mod network;
mod replay;

mod crash;
mod damage;
mod damaged_files;
mod followers;
mod left_out;
mod lost_logs;
mod membership;
mod restores;
mod seen;
mod single;
mod snapshots;
mod validators;
