//! What the ledger must survive: real nodes over real sockets, those that are killed or lie as processes of their own.
//!
//! Each fault has a bounded form for every test run and a full one, `make soak`, with `CONSILIUM_SOAK=1`. A test that this machine
//! does not allow says so and skips.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../../../tests/common/mod.rs"]
mod fixtures;
#[allow(dead_code, reason = "the services' tests use the rest")]
#[path = "../../../../tests/system/faults/machine.rs"]
mod machine;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../node/network.rs"]
mod network;
#[path = "../node/replay.rs"]
mod replay;

mod agreement;
mod lan;
mod load;
mod process;
mod proxy;
mod puppet;
mod stage;

mod absent;
mod answers;
mod clocks;
mod disk;
mod false_proofs;
mod half;
mod idle;
mod kill;
mod liars;
mod once;
mod packets;
mod partition;
mod twins;

/// Whether the full form was asked for.
fn soak() -> bool {
    std::env::var_os("CONSILIUM_SOAK").is_some()
}

/// How often something is done: `bounded` times in every test run, `full` times in `make soak`.
fn times(bounded: usize, full: usize) -> usize {
    if soak() { full } else { bounded }
}
