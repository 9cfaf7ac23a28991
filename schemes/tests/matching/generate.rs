//! Makes the frozen vectors, once for a format version.

use consilium_schemes::curve::Scalar;
use consilium_schemes::matching::HospitalSecretKeys;
use consilium_schemes::matching::prefilter::{Bitmap, Bucket, FillKey, FilterSize, Weight};
use serde_json::{Value, json};

use super::reference::{exponents, g1, g2, reference};
use super::refusals::{malformed, refusal};
use super::vectors::{challenge, parse_tokens, run};
use super::{CONTEXT, rng};
use crate::frozen::{bytes, freeze};

fn scalars(count: usize, seed: u64) -> Vec<String> {
    let mut rng = rng(seed);
    (0..count)
        .map(|_| hex::encode(Scalar::random(&mut rng).to_bytes()))
        .collect()
}

fn match_case(size: u16, keywords: &[usize], interests: &[usize], seed: u64) -> Value {
    let pool = scalars(8, 1);
    let pick = |which: &[usize]| which.iter().map(|i| pool[*i].clone()).collect::<Vec<_>>();
    let n = usize::from(size);
    let keys = scalars(2, seed);
    let mut case = json!({
        "kind": "match", "n": size,
        "h_keywords": pick(keywords), "h_interests": pick(interests),
        "padding": scalars(n - keywords.len(), seed + 1), "rho": scalars(1, seed + 2)[0],
        "tau": scalars(1, seed + 3)[0], "c": scalars(interests.len(), seed + 4),
        "x": keys[0], "y": keys[1], "u": scalars(n, seed + 5), "d": scalars(n + 1, seed + 6),
    });
    let (index, trapdoor) = exponents(&case);
    case["I"] = index.iter().map(|e| hex::encode(g1(*e))).collect();
    case["T"] = trapdoor.iter().map(|e| hex::encode(g2(*e))).collect();
    case["a"] = hex::encode(g1(reference(&bytes(&case["x"])))).into();
    case["b"] = hex::encode(g2(reference(&bytes(&case["y"])))).into();
    let (index, trapdoor, matched) = run(&case);
    case["index"] = hex::encode(index).into();
    case["trapdoor"] = hex::encode(trapdoor).into();
    case["matches"] = matched.into();
    case
}

fn keys_case() -> Value {
    let secret = HospitalSecretKeys::generate(&mut rng(3));
    let claimed = secret.prove(&CONTEXT, &mut rng(4)).to_bytes();
    let at = |from: usize, length: usize| &claimed[5 + from..5 + from + length];
    let (a, b) = (at(0, 48), at(48, 96));
    json!({
        "kind": "hospital keys", "hospital": hex::encode(CONTEXT.hospital),
        "hpke_key": hex::encode(CONTEXT.hpke_key), "secret": hex::encode(&*secret.expose_secret()),
        "label_a": "CONSILIUM-V1-MATCHING-POP-A", "label_b": "CONSILIUM-V1-MATCHING-POP-B",
        "c_a": hex::encode(challenge("CONSILIUM-V1-MATCHING-POP-A", &CONTEXT, &[a, b, at(144, 48)])),
        "c_b": hex::encode(challenge("CONSILIUM-V1-MATCHING-POP-B", &CONTEXT, &[a, b, at(224, 96)])),
        "claimed": hex::encode(&claimed),
    })
}

fn prefilter_case(bits: u16, weight: u16) -> Value {
    let size = FilterSize::new(bits).unwrap();
    let h = scalars(5, 9);
    let tokens = parse_tokens(&h.clone().into());
    let (record, key) = ([7; 32], FillKey::from_bytes([8; 32].into()));
    let weight_checked = Weight::new(weight, size).unwrap();
    let bitmap = Bitmap::build(&tokens, b"st-mary", &record, size, weight_checked, &key).unwrap();
    let buckets: Vec<u16> = tokens
        .iter()
        .map(|token| Bucket::of(token, b"st-mary", size).number())
        .collect();
    json!({
        "kind": "prefilter", "B": bits, "w": weight, "hospital": hex::encode("st-mary"), "h": h,
        "record": hex::encode(record), "fill_key": hex::encode([8; 32]), "buckets": buckets,
        "bitmap": hex::encode(bitmap.to_bytes()),
    })
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let mut all = vec![
        match_case(4, &[0, 1, 2], &[0, 2], 100),
        match_case(4, &[0, 1, 2], &[0, 3], 200),
        match_case(1, &[5], &[5], 300),
        match_case(4, &[0, 1, 2, 3], &[4], 400),
        keys_case(),
        prefilter_case(256, 48),
        prefilter_case(1024, 40),
    ];
    all.extend(malformed().into_iter().map(|(kind, input)| {
        json!({"kind": "refuse", "type": kind, "bytes": hex::encode(&input), "refuse": refusal(kind, &input)})
    }));
    freeze("matching", &all);
}
