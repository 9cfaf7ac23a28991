//! Blocks, proofs and the state tree, from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;
#[allow(dead_code, reason = "the contracts' tests use the rest")]
mod contracts;
#[path = "common/exported.rs"]
mod exported;

mod blocks;
mod determinism;
mod evidence;
mod export;
mod handover;
mod replay;
mod snapshot;
mod state;

use common::replayed;
