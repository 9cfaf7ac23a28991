//! Frozen proofs of possession of a hospital's matching keys, with every intermediate: made with the other library, and reproduced by the
//! crate.

use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalSecretKeys, KeyContext};
use serde_json::{Value, json};

use super::reference::{g1, g2, reference};
use super::vectors::challenge;
use crate::frozen::{FixedRng, bytes, cases, fr_by_hand, freeze, sized};

/// Everything that follows from x, y, the hospital, its HPKE key and the fresh randomness.
fn derived(case: &Value) -> Value {
    let [x, y, hospital, hpke_key] =
        ["x", "y", "hospital", "hpke_key"].map(|name| bytes(&case[name]));
    let context = KeyContext {
        hospital: &hospital,
        hpke_key: &hpke_key,
    };
    let (a, b) = (g1(reference(&x)), g2(reference(&y)));
    let about = [sized(&hospital), sized(&hpke_key), a.clone(), b.clone()].concat();
    let nonce = |side: &str, secret: &[u8], fresh: &Value| {
        let label = format!("CONSILIUM-V1-MATCHING-POP-NONCE-{side}");
        fr_by_hand(&label, &[secret, &bytes(fresh), &about].concat())
    };
    let (k_a, k_b) = (
        nonce("A", &x, &case["fresh_a"]),
        nonce("B", &y, &case["fresh_b"]),
    );
    let (r_a, r_b) = (g1(reference(&k_a)), g2(reference(&k_b)));
    let c = |side: &str, r: &[u8]| {
        let label = format!("CONSILIUM-V1-MATCHING-POP-{side}");
        challenge(&label, &context, &[&a, &b, r])
    };
    let (c_a, c_b) = (c("A", &r_a), c("B", &r_b));
    let answer = |k: &[u8], c: &[u8], secret: &[u8]| {
        let mut s = (reference(k) + reference(c) * reference(secret)).to_bytes();
        s.reverse();
        s
    };
    let (s_a, s_b) = (answer(&k_a, &c_a, &x), answer(&k_b, &c_b, &y));
    let claimed = [
        b"CMHK\x01",
        &a[..],
        &b[..],
        &r_a[..],
        &s_a[..],
        &r_b[..],
        &s_b[..],
    ]
    .concat();
    json!({
        "label_a": "CONSILIUM-V1-MATCHING-POP-A", "label_b": "CONSILIUM-V1-MATCHING-POP-B",
        "label_nonce_a": "CONSILIUM-V1-MATCHING-POP-NONCE-A",
        "label_nonce_b": "CONSILIUM-V1-MATCHING-POP-NONCE-B",
        "a": hex::encode(a), "b": hex::encode(b), "hashed": hex::encode(about),
        "k_a": hex::encode(k_a), "k_b": hex::encode(k_b),
        "R_a": hex::encode(r_a), "R_b": hex::encode(r_b),
        "c_a": hex::encode(c_a), "c_b": hex::encode(c_b),
        "s_a": hex::encode(s_a), "s_b": hex::encode(s_b),
        "claimed": hex::encode(claimed),
    })
}

#[test]
fn frozen_proofs_of_possession_are_made_again_by_the_other_library() {
    for case in cases("matching_possession", "possession") {
        for (name, value) in derived(&case).as_object().unwrap() {
            assert_eq!(*value, case[name], "{name}");
        }
    }
}

#[test]
fn frozen_proofs_of_possession_are_reproduced_and_hold() {
    for case in cases("matching_possession", "possession") {
        let secret = [&b"CMHS\x01"[..], &bytes(&case["x"]), &bytes(&case["y"])].concat();
        let secret = HospitalSecretKeys::from_bytes(&secret).unwrap();
        let (hospital, hpke_key) = (bytes(&case["hospital"]), bytes(&case["hpke_key"]));
        let context = KeyContext {
            hospital: &hospital,
            hpke_key: &hpke_key,
        };
        let fresh = [bytes(&case["fresh_a"]), bytes(&case["fresh_b"])];
        let mut random = FixedRng::new(&[&fresh[0], &fresh[1]]);
        let claimed = secret.prove(&context, &mut random);
        assert!(random.is_spent());
        assert_eq!(claimed.to_bytes(), bytes(&case["claimed"]));
        let frozen = ClaimedHospitalKeys::from_bytes(&bytes(&case["claimed"])).unwrap();
        assert_eq!(frozen.verify(&context), Ok(secret.public_keys()));
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate_possession() {
    let case = |number: u8, hospital: &str, hpke_key: &[u8]| {
        let fixed = |part: u8| hex::encode([number << 4 | part; 32]);
        let mut case = json!({
            "kind": "possession", "x": fixed(1), "y": fixed(2), "hospital": hex::encode(hospital),
            "hpke_key": hex::encode(hpke_key), "fresh_a": fixed(3), "fresh_b": fixed(4),
        });
        let all = derived(&case).as_object().unwrap().clone();
        case.as_object_mut().unwrap().extend(all);
        case
    };
    let all = [
        case(1, "st-mary", b"hpke key"),
        case(2, "north", &[7; 1216]),
    ];
    freeze("matching_possession", &all);
}
