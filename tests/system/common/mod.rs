//! The real command, as a user calls it.

pub mod dev;

use std::path::PathBuf;
use std::process::{Command, Output};

/// A call of the command.
pub fn consilium(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium"))
        .args(arguments)
        .output()
        .unwrap()
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Shared data, where it is present.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    match path.is_dir() {
        true => Some(path),
        false => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}
