//! What the tests with frozen vectors share: fixed randomness, hex, and the files themselves.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::PathBuf;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

/// Gives out recorded bytes, and panics when asked for more.
pub struct FixedRng(VecDeque<u8>);

impl FixedRng {
    pub fn new(parts: &[&[u8]]) -> Self {
        Self(parts.concat().into())
    }

    /// Whether everything recorded was used.
    pub fn is_spent(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            *byte = self
                .0
                .pop_front()
                .expect("the recorded randomness is used up");
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

fn path(module: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{module}.json"))
}

/// The cases of `tests/vectors/<module>.json` that have `kind`; at least one.
pub fn cases(module: &str, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path(module)).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cases: Vec<Value> = all
        .into_iter()
        .filter(|case| case["kind"] == kind)
        .collect();
    assert!(!cases.is_empty(), "no cases of kind {kind}");
    cases
}

/// Writes a new file of vectors; a file that exists is frozen and stays.
pub fn freeze(module: &str, cases: &[Value]) {
    let path = path(module);
    assert!(!path.exists(), "{} is frozen", path.display());
    std::fs::write(path, serde_json::to_string_pretty(cases).unwrap() + "\n").unwrap();
}

/// The bytes of a hex field.
pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value} is not hex")),
    )
    .unwrap()
}

/// The bytes of a hex field of fixed length.
pub fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

/// The bytes of a list of hex fields.
pub fn list(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().unwrap().iter().map(bytes).collect()
}
