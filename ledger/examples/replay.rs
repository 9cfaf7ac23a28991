//! Applies a ledger from a file with the contracts and the tree alone, and prints the state root after each block. What it prints is
//! the same from every build of this crate: `make determinism`.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/exported.rs"]
#[allow(dead_code, reason = "the tests write such files")]
mod exported;
#[path = "../tests/common/replayed.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod replayed;

fn main() -> Result<(), String> {
    let file = std::env::args_os().nth(1).ok_or("usage: replay FILE")?;
    let file = std::fs::read(file).map_err(|error| error.to_string())?;
    print!("{}", exported::roots(&file)?);
    Ok(())
}
