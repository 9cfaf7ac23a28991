//! Encodings that are no points, from the frozen vectors of the curve: what each is, and its bytes.

use serde_json::Value;

/// Of `G1` or `G2`, all of a point's length: the identity, off the curve, outside the subgroup of order r, not canonical.
pub fn malformed(group: &str) -> Vec<(String, Vec<u8>)> {
    let vectors = include_str!("../../../schemes/tests/vectors/curve.json");
    let cases: Value = serde_json::from_str(vectors).unwrap();
    let length = if group == "G1" { 48 } else { 96 };
    let of_group = |case: &&Value| case["case"] == "refuse" && case["type"] == group;
    let found: Vec<_> = cases
        .as_array()
        .unwrap()
        .iter()
        .filter(of_group)
        .map(|case| {
            let what = case["refuse"].as_str().unwrap().to_owned();
            (what, hex::decode(case["bytes"].as_str().unwrap()).unwrap())
        })
        .filter(|(_, bytes)| bytes.len() == length)
        .collect();
    for what in [
        "identity",
        "not-on-curve",
        "wrong-subgroup",
        "non-canonical",
    ] {
        assert!(found.iter().any(|(found, _)| found == what), "{what}");
    }
    found
}

/// `bytes` with others in their place from `at` on.
pub fn replaced(bytes: &[u8], at: usize, by: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + by.len()].copy_from_slice(by);
    bytes
}
