//! What the tests with frozen vectors share: fixed randomness, hex, and the files themselves.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::PathBuf;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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

/// All cases of `tests/vectors/<module>.json`.
pub fn all_cases(module: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path(module)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The cases of `tests/vectors/<module>.json` that have `kind`; at least one.
pub fn cases(module: &str, kind: &str) -> Vec<Value> {
    let cases: Vec<Value> = all_cases(module)
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

/// RFC 9380's hash_to_field written out with SHA-256 alone: 48 bytes of expand_message_xmd, reduced
/// by another curve library.
pub fn fr_by_hand(label: &str, message: &[u8]) -> [u8; 32] {
    let dst_prime = [label.as_bytes(), &[u8::try_from(label.len()).unwrap()]].concat();
    let b0 = Sha256::new()
        .chain_update([0; 64])
        .chain_update(message)
        .chain_update([0, 48, 0])
        .chain_update(&dst_prime)
        .finalize();
    let b1 = Sha256::new()
        .chain_update(b0)
        .chain_update([1])
        .chain_update(&dst_prime)
        .finalize();
    let mixed: Vec<u8> = b0.iter().zip(&b1).map(|(a, b)| a ^ b).collect();
    let b2 = Sha256::new()
        .chain_update(mixed)
        .chain_update([2])
        .chain_update(&dst_prime)
        .finalize();
    let mut wide = [0; 64];
    let uniform = [&b1[..], &b2[..16]].concat();
    uniform
        .iter()
        .rev()
        .zip(&mut wide)
        .for_each(|(from, to)| *to = *from);
    let mut big_endian = bls12_381::Scalar::from_bytes_wide(&wide).to_bytes();
    big_endian.reverse();
    big_endian
}

/// A variable part of hash input: behind its length of eight bytes.
pub fn sized(part: &[u8]) -> Vec<u8> {
    [&(part.len() as u64).to_be_bytes()[..], part].concat()
}

/// SHA-256 of parts, each behind its length; the first is the label.
pub fn digest_by_hand(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = sized(label.as_bytes());
    parts.iter().for_each(|part| message.extend(sized(part)));
    Sha256::digest(message).to_vec()
}

/// The first `count` hedged nonces of a proof.
pub fn nonces_by_hand(
    label: &str,
    secrets: &[Vec<u8>],
    fresh: &[u8],
    statement: &[u8],
    count: u32,
) -> Vec<Vec<u8>> {
    let number = (secrets.len() as u32).to_be_bytes();
    let message = [&number[..], &secrets.concat(), fresh, statement].concat();
    let seed = fr_by_hand(label, &message);
    let nonce = |i: u32| [&seed[..], &i.to_be_bytes()].concat();
    (0..count)
        .map(|i| fr_by_hand("CONSILIUM-V1-NONCE", &nonce(i)).to_vec())
        .collect()
}

/// Randomness from which the crate draws exactly these scalars: it reduces 64 bytes.
pub fn wide(scalars: &[Vec<u8>]) -> Vec<u8> {
    let wide = scalars.iter().map(|scalar| [&[0; 32][..], scalar].concat());
    wide.collect::<Vec<_>>().concat()
}

/// A report's digest: over those of c, header and ciphertext.
pub fn report_digest_by_hand(c: &[u8], header: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let label = |end: &str| format!("CONSILIUM-V1-REPORT-DIGEST{end}");
    let mut message = sized(label("").as_bytes());
    for (end, part) in [("-C", c), ("-HEADER", header), ("-CIPHERTEXT", ciphertext)] {
        message.extend(digest_by_hand(&label(end), &[part]));
    }
    Sha256::digest(message).to_vec()
}
