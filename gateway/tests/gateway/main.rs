//! The gateway through its real service: real servers, real nodes, a real KGC, on loopback; devices by the client crate.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod world;

mod catching_up;
mod challenges;
mod complaint;
mod description;
mod disputes;
mod engine;
mod filter;
mod hidden;
mod input;
mod matching;
mod membership;
mod moved;
mod recovery;
mod refusals;
mod rotation;
mod stalled;
mod story;
mod update_keys;
