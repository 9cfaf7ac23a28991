//! Matching: frozen vectors recomputed with another curve library, the property, and the attacks of
//! `matching_attacks.py`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod frozen;

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar as Reference};
use consilium_schemes::curve::{DecodeError, G1, G2, Gt, Scalar, multi_pairing, pairing};
use consilium_schemes::matching::prefilter::{Bitmap, Bucket, FillKey, FilterSize, Weight};
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedIndex, EncryptedTrapdoor, HospitalKeys, HospitalSecretKeys,
    IndexSize, KeyContext, KeyError, MatchingError, index_build, matches, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;
use frozen::{FixedRng, array, bytes, cases, fr_by_hand, freeze, list};
use group::Curve as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

const CONTEXT: KeyContext<'static> = KeyContext {
    hospital: b"st-mary",
    hpke_key: b"hpke key",
};

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn n(value: u16) -> IndexSize {
    IndexSize::new(value).unwrap()
}

/// A token for each letter.
fn tokens(letters: &str) -> Vec<KeywordToken> {
    letters
        .bytes()
        .map(|letter| KeywordToken::from_bytes(&[letter & 0x3f; 32]).unwrap())
        .collect()
}

fn hospital(seed: u64) -> (HospitalSecretKeys, HospitalKeys) {
    let secret = HospitalSecretKeys::generate(&mut rng(seed));
    let keys = secret
        .prove(&CONTEXT, &mut rng(seed))
        .verify(&CONTEXT)
        .unwrap();
    (secret, keys)
}

// ---- the same formulas with the other library ----

fn reference(big_endian: &[u8]) -> Reference {
    let mut little: [u8; 32] = big_endian.try_into().unwrap();
    little.reverse();
    Reference::from_bytes(&little).unwrap()
}

fn references(value: &Value) -> Vec<Reference> {
    list(value).iter().map(|scalar| reference(scalar)).collect()
}

fn g1(exponent: Reference) -> Vec<u8> {
    (G1Projective::generator() * exponent)
        .to_affine()
        .to_compressed()
        .to_vec()
}

fn g2(exponent: Reference) -> Vec<u8> {
    (G2Projective::generator() * exponent)
        .to_affine()
        .to_compressed()
        .to_vec()
}

/// f(X) = prod (X - root), expanded.
fn expand(roots: &[Reference]) -> Vec<Reference> {
    roots.iter().fold(vec![Reference::one()], |f, root| {
        let mut g = vec![Reference::zero(); f.len() + 1];
        for (j, a) in f.iter().enumerate() {
            g[j + 1] += a;
            g[j] -= a * root;
        }
        g
    })
}

fn power(base: Reference, exponent: usize) -> Reference {
    (0..exponent).fold(Reference::one(), |product, _| product * base)
}

/// Exponents of I_0..I_n and of T_0..T_n of a case.
fn exponents(case: &Value) -> (Vec<Reference>, Vec<Reference>) {
    let roots = [
        references(&case["h_keywords"]),
        references(&case["padding"]),
    ]
    .concat();
    let rho = reference(&bytes(&case["rho"]));
    let index: Vec<Reference> = expand(&roots).iter().map(|a_j| a_j * rho).collect();
    let tau = reference(&bytes(&case["tau"]));
    let (interests, c) = (references(&case["h_interests"]), references(&case["c"]));
    let sum = |j| {
        let terms = interests.iter().zip(&c).map(|(h, c)| c * power(*h, j));
        tau * terms.fold(Reference::zero(), |sum, term| sum + term)
    };
    let trapdoor = (0..index.len()).map(sum).collect();
    (index, trapdoor)
}

fn header(kind: &[u8; 4], size: u16) -> Vec<u8> {
    [&kind[..], &[1], &size.to_be_bytes(), &[0]].concat()
}

#[test]
fn frozen_indexes_and_trapdoors_agree_with_the_other_library() {
    for case in cases("matching", "match") {
        let size = u16::try_from(case["n"].as_u64().unwrap()).unwrap();
        let (index, trapdoor) = exponents(&case);
        let (x, y) = (reference(&bytes(&case["x"])), reference(&bytes(&case["y"])));
        assert_eq!(
            [g1(x), g2(y)].concat(),
            [bytes(&case["a"]), bytes(&case["b"])].concat()
        );
        let points = |scalars: &[Reference], g: fn(Reference) -> Vec<u8>| -> Vec<Vec<u8>> {
            scalars.iter().map(|scalar| g(*scalar)).collect()
        };
        assert_eq!(points(&index, g1), list(&case["I"]));
        assert_eq!(points(&trapdoor, g2), list(&case["T"]));

        let masked = |plain: &[Reference], key: Reference, r: &[Reference]| -> Vec<Reference> {
            plain.iter().zip(r).map(|(p, r)| p + key * r).collect()
        };
        let (u, d) = (references(&case["u"]), references(&case["d"]));
        let mut v = masked(&index, x, &u);
        v.push(*index.last().unwrap());
        let m = masked(&trapdoor, y, &d);
        let posted = [
            header(b"CMIX", size),
            points(&u, g1).concat(),
            points(&v, g1).concat(),
        ];
        assert_eq!(posted.concat(), bytes(&case["index"]));
        let posted = [
            header(b"CMTD", size),
            points(&d, g2).concat(),
            points(&m, g2).concat(),
        ];
        assert_eq!(posted.concat(), bytes(&case["trapdoor"]));

        let g1_points = list(&case["I"]);
        let g2_points = list(&case["T"]);
        let product =
            g1_points
                .iter()
                .zip(&g2_points)
                .fold(bls12_381::Gt::identity(), |product, (p, q)| {
                    let p = G1Affine::from_compressed(p.as_slice().try_into().unwrap()).unwrap();
                    let q = G2Affine::from_compressed(q.as_slice().try_into().unwrap()).unwrap();
                    product + bls12_381::pairing(&p, &q)
                });
        assert_eq!(
            product == bls12_381::Gt::identity(),
            case["matches"].as_bool().unwrap()
        );
    }
}

/// Randomness from which the crate draws exactly these scalars: it reduces 64 bytes.
fn drawing(scalars: &[Vec<u8>]) -> FixedRng {
    let wide: Vec<Vec<u8>> = scalars
        .iter()
        .map(|s| [vec![0; 32], s.clone()].concat())
        .collect();
    FixedRng::new(&[&wide.concat()])
}

fn parse_tokens(value: &Value) -> Vec<KeywordToken> {
    list(value)
        .iter()
        .map(|h| KeywordToken::from_bytes(h).unwrap())
        .collect()
}

/// What the crate makes of a case's inputs: encoded index and trapdoor, and whether they match.
fn run(case: &Value) -> (Vec<u8>, Vec<u8>, bool) {
    let size = n(u16::try_from(case["n"].as_u64().unwrap()).unwrap());
    let secret = HospitalSecretKeys::from_bytes(
        &[b"CMHS\x01".to_vec(), bytes(&case["x"]), bytes(&case["y"])].concat(),
    )
    .unwrap();
    let keys = secret.public_keys();
    let mut random = drawing(&[list(&case["padding"]), vec![bytes(&case["rho"])]].concat());
    let index = index_build(size, &parse_tokens(&case["h_keywords"]), &mut random).unwrap();
    assert!(random.is_spent());
    let mut random = drawing(&[vec![bytes(&case["tau"])], list(&case["c"])].concat());
    let (trapdoor, m) = trd_gen(size, &parse_tokens(&case["h_interests"]), &mut random).unwrap();
    assert!(random.is_spent());
    assert_eq!(usize::from(m.get()), list(&case["h_interests"]).len());
    let index = index
        .encrypt(&keys, &mut drawing(&list(&case["u"])))
        .to_bytes();
    let trapdoor = trapdoor
        .encrypt(&keys, &mut drawing(&list(&case["d"])))
        .to_bytes();

    let opened = EncryptedIndex::from_bytes(&index, size)
        .unwrap()
        .decrypt(&secret);
    let wanted = EncryptedTrapdoor::from_bytes(&trapdoor, size)
        .unwrap()
        .decrypt(&secret)
        .unwrap();
    (index, trapdoor, matches(&opened, &wanted).unwrap())
}

#[test]
fn frozen_indexes_and_trapdoors_are_reproduced() {
    for case in cases("matching", "match") {
        let (index, trapdoor, matched) = run(&case);
        assert_eq!(index, bytes(&case["index"]));
        assert_eq!(trapdoor, bytes(&case["trapdoor"]));
        assert_eq!(matched, case["matches"].as_bool().unwrap());
    }
}

#[test]
fn frozen_proofs_of_possession_hold_in_the_other_library() {
    for case in cases("matching", "hospital keys") {
        let claimed = bytes(&case["claimed"]);
        let (hospital, hpke_key) = (bytes(&case["hospital"]), bytes(&case["hpke_key"]));
        let context = KeyContext {
            hospital: &hospital,
            hpke_key: &hpke_key,
        };
        ClaimedHospitalKeys::from_bytes(&claimed)
            .unwrap()
            .verify(&context)
            .unwrap();

        let part = |from: usize, length: usize| claimed[5 + from..5 + from + length].to_vec();
        let (a, b, r_a, s_a) = (part(0, 48), part(48, 96), part(144, 48), part(192, 32));
        let (r_b, s_b) = (part(224, 96), part(320, 32));
        let c_a = challenge("CONSILIUM-V1-MATCHING-POP-A", &context, &[&a, &b, &r_a]);
        let c_b = challenge("CONSILIUM-V1-MATCHING-POP-B", &context, &[&a, &b, &r_b]);
        assert_eq!(
            (bytes(&case["c_a"]), bytes(&case["c_b"])),
            (c_a.to_vec(), c_b.to_vec())
        );
        let p1 = |p: &[u8]| {
            G1Projective::from(G1Affine::from_compressed(p.try_into().unwrap()).unwrap())
        };
        let p2 = |p: &[u8]| {
            G2Projective::from(G2Affine::from_compressed(p.try_into().unwrap()).unwrap())
        };
        assert_eq!(
            G1Projective::generator() * reference(&s_a),
            p1(&r_a) + p1(&a) * reference(&c_a)
        );
        assert_eq!(
            G2Projective::generator() * reference(&s_b),
            p2(&r_b) + p2(&b) * reference(&c_b)
        );
    }
}

/// Fr(label, ctx, points), written out.
fn challenge(label: &str, context: &KeyContext<'_>, points: &[&[u8]]) -> [u8; 32] {
    let sized = |part: &[u8]| [&(part.len() as u64).to_be_bytes()[..], part].concat();
    let message = [
        sized(context.hospital),
        sized(context.hpke_key),
        points.concat(),
    ]
    .concat();
    fr_by_hand(label, &message)
}

#[test]
fn frozen_buckets_and_bitmaps_agree_with_a_second_computation() {
    for case in cases("matching", "prefilter") {
        let bits = u16::try_from(case["B"].as_u64().unwrap()).unwrap();
        let size = FilterSize::new(bits).unwrap();
        let weight = u16::try_from(case["w"].as_u64().unwrap()).unwrap();
        let (hospital, record) = (bytes(&case["hospital"]), array::<32>(&case["record"]));
        let sized = [&(hospital.len() as u64).to_be_bytes()[..], &hospital].concat();
        let mut expected = vec![0u8; usize::from(bits) / 8];
        let mut set = |bit: u16| expected[usize::from(bit / 8)] |= 1 << (bit % 8);
        for (h, bucket) in list(&case["h"])
            .iter()
            .zip(case["buckets"].as_array().unwrap())
        {
            let scalar = fr_by_hand("CONSILIUM-V1-BUCKET", &[sized.clone(), h.clone()].concat());
            let bit = (u16::from(scalar[30]) << 8 | u16::from(scalar[31])) % bits;
            assert_eq!(u64::from(bit), bucket.as_u64().unwrap());
            let token = KeywordToken::from_bytes(h).unwrap();
            assert_eq!(Bucket::of(&token, &hospital, size).number(), bit);
            set(bit);
        }
        let mut attempt = 0u32;
        while expected.iter().map(|byte| byte.count_ones()).sum::<u32>() < u32::from(weight) {
            let label = b"CONSILIUM-V1-BUCKET-FILL";
            let output = Hmac::<sha2::Sha256>::new_from_slice(&bytes(&case["fill_key"]))
                .unwrap()
                .chain_update((label.len() as u64).to_be_bytes())
                .chain_update(label)
                .chain_update(record)
                .chain_update(&sized)
                .chain_update(attempt.to_be_bytes())
                .finalize()
                .into_bytes();
            let bit = (u16::from(output[30]) << 8 | u16::from(output[31])) % bits;
            expected[usize::from(bit / 8)] |= 1 << (bit % 8);
            attempt += 1;
        }
        assert_eq!(expected, bytes(&case["bitmap"]));
        let weight = Weight::new(weight, size).unwrap();
        let key = FillKey::from_bytes(array(&case["fill_key"]).into());
        let tokens = parse_tokens(&case["h"]);
        let made = Bitmap::build(&tokens, &hospital, &record, size, weight, &key).unwrap();
        assert_eq!(made.to_bytes(), expected);
    }
}

fn refusal(kind: &str, input: &[u8]) -> String {
    match kind {
        "EncryptedIndex" => EncryptedIndex::from_bytes(input, n(2))
            .unwrap_err()
            .to_string(),
        "EncryptedTrapdoor" => EncryptedTrapdoor::from_bytes(input, n(2))
            .unwrap_err()
            .to_string(),
        "ClaimedHospitalKeys" => ClaimedHospitalKeys::from_bytes(input)
            .unwrap_err()
            .to_string(),
        "HospitalSecretKeys" => HospitalSecretKeys::from_bytes(input)
            .unwrap_err()
            .to_string(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("matching", "refuse") {
        let reason = refusal(case["type"].as_str().unwrap(), &bytes(&case["bytes"]));
        assert_eq!(reason, case["refuse"].as_str().unwrap());
    }
}

// ---- generator ----

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

/// An identity, a point outside the subgroup, a point off the curve, a non-canonical identity; of
/// G1.
fn bad_g1() -> Vec<Vec<u8>> {
    let mut identity = vec![0; 48];
    identity[0] = 0xc0;
    let mut odd_identity = identity.clone();
    odd_identity[47] = 1;
    let outside = (1u8..=255).map(|x| {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        bytes
    });
    let on_curve =
        |bytes: &[u8; 48]| bool::from(G1Affine::from_compressed_unchecked(bytes).is_some());
    let off: Vec<[u8; 48]> = outside
        .clone()
        .filter(|bytes| !on_curve(bytes))
        .take(1)
        .collect();
    let wrong: Vec<[u8; 48]> = outside
        .filter(|bytes| on_curve(bytes) && bool::from(G1Affine::from_compressed(bytes).is_none()))
        .take(1)
        .collect();
    vec![
        identity,
        odd_identity,
        off[0].to_vec(),
        wrong[0].to_vec(),
        vec![0; 48],
    ]
}

fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let (secret, keys) = hospital(1);
    let index = index_build(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let (trapdoor, _) = trd_gen(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let index = index.encrypt(&keys, &mut rng(3)).to_bytes();
    let trapdoor = trapdoor.encrypt(&keys, &mut rng(3)).to_bytes();
    let claimed = secret.prove(&CONTEXT, &mut rng(4)).to_bytes();
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let mut g2_identity = vec![0; 96];
    g2_identity[0] = 0xc0;
    let r =
        hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
    let last_v = index.len() - 48;
    let mut out = vec![
        ("EncryptedIndex", changed(&index, 0, b"CMTD")),
        ("EncryptedIndex", changed(&index, 4, &[2])),
        ("EncryptedIndex", changed(&index, 5, &[0, 3])),
        ("EncryptedIndex", changed(&index, 7, &[1])),
        ("EncryptedIndex", [index.clone(), vec![0]].concat()),
        ("EncryptedIndex", index[..index.len() - 1].to_vec()),
        ("EncryptedIndex", vec![]),
        ("EncryptedIndex", changed(&index, last_v, &bad_g1()[0])),
        ("EncryptedTrapdoor", changed(&trapdoor, 0, b"CMIX")),
        ("EncryptedTrapdoor", changed(&trapdoor, 5, &[0, 1])),
        ("EncryptedTrapdoor", changed(&trapdoor, 7, &[9])),
        ("EncryptedTrapdoor", changed(&trapdoor, 8, &g2_identity)),
        ("EncryptedTrapdoor", changed(&trapdoor, 8, &[0x80; 96])),
        ("EncryptedTrapdoor", [trapdoor.clone(), vec![0]].concat()),
        (
            "EncryptedTrapdoor",
            trapdoor[..trapdoor.len() - 96].to_vec(),
        ),
        ("ClaimedHospitalKeys", changed(&claimed, 5, &bad_g1()[0])),
        ("ClaimedHospitalKeys", changed(&claimed, 53, &g2_identity)),
        ("ClaimedHospitalKeys", changed(&claimed, 197, &r)),
        ("ClaimedHospitalKeys", changed(&claimed, 0, b"CMHS")),
        ("ClaimedHospitalKeys", [claimed.clone(), vec![0]].concat()),
        (
            "HospitalSecretKeys",
            [b"CMHS\x01".to_vec(), vec![1; 64]].concat(),
        ),
        (
            "HospitalSecretKeys",
            [b"CMHS\x01".to_vec(), vec![0; 32], vec![1; 32]].concat(),
        ),
        (
            "HospitalSecretKeys",
            [b"CMHS\x01".to_vec(), r, vec![1; 32]].concat(),
        ),
        (
            "HospitalSecretKeys",
            [b"CMHK\x01".to_vec(), vec![1; 64]].concat(),
        ),
    ];
    out.extend(
        bad_g1()
            .into_iter()
            .map(|point| ("EncryptedIndex", changed(&index, 8, &point))),
    );
    out
}

// ---- properties and attacks ----

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn a_record_matches_exactly_when_all_interests_are_keywords(
        keywords in "[a-f]{1,6}", interests in "[a-g]{1,3}", seed in any::<u64>()
    ) {
        let (secret, keys) = hospital(1);
        let mut rng = rng(seed);
        let index = index_build(n(6), &tokens(&keywords), &mut rng).unwrap();
        let (trapdoor, m) = trd_gen(n(6), &tokens(&interests), &mut rng).unwrap();
        let posted = index.encrypt(&keys, &mut rng).to_bytes();
        let wanted = trapdoor.encrypt(&keys, &mut rng).to_bytes();
        prop_assert_eq!((posted.len(), wanted.len()), (EncryptedIndex::length(n(6)), EncryptedTrapdoor::length(n(6))));
        let posted = EncryptedIndex::from_bytes(&posted, n(6)).unwrap();
        let wanted = EncryptedTrapdoor::from_bytes(&wanted, n(6)).unwrap();
        let subset = interests.chars().all(|letter| keywords.contains(letter));
        let found = matches(&posted.decrypt(&secret), &wanted.decrypt(&secret).unwrap());
        prop_assert_eq!(found.unwrap(), subset);
        let distinct: std::collections::BTreeSet<char> = interests.chars().collect();
        prop_assert_eq!(usize::from(m.get()), distinct.len());
    }
}

#[test]
fn another_hospital_gets_nothing_from_a_posted_index_or_trapdoor() {
    let ((_, keys), (other, _)) = (hospital(1), hospital(2));
    let index = index_build(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let (trapdoor, _) = trd_gen(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let stolen_index = index.encrypt(&keys, &mut rng(4)).decrypt(&other);
    let stolen_trapdoor = trapdoor
        .encrypt(&keys, &mut rng(4))
        .decrypt(&other)
        .unwrap();
    assert!(matches(&index, &trapdoor).unwrap());
    assert!(!matches(&stolen_index, &trapdoor).unwrap());
    assert!(!matches(&index, &stolen_trapdoor).unwrap());
}

#[test]
fn the_same_keywords_never_give_the_same_index_or_trapdoor_twice() {
    let mut rng = rng(1);
    let (_, keys) = hospital(1);
    let one = index_build(n(2), &tokens("ab"), &mut rng).unwrap();
    let two = index_build(n(2), &tokens("ab"), &mut rng).unwrap();
    assert!(one != two && one.encrypt(&keys, &mut rng) != one.encrypt(&keys, &mut rng));
    let (one, _) = trd_gen(n(2), &tokens("ab"), &mut rng).unwrap();
    let (two, _) = trd_gen(n(2), &tokens("ab"), &mut rng).unwrap();
    assert!(one != two && one.encrypt(&keys, &mut rng) != one.encrypt(&keys, &mut rng));
}

#[test]
fn numbers_of_keywords_and_interests_are_bounded_and_repetitions_count_once() {
    let mut rng = rng(1);
    let build =
        |letters: &str, rng: &mut StdRng| index_build(n(4), &tokens(letters), rng).map(drop);
    assert_eq!(
        build("", &mut rng),
        Err(MatchingError::None { what: "keywords" })
    );
    assert_eq!(build("abcdabcd", &mut rng), Ok(()));
    let refused = build("abcde", &mut rng).unwrap_err();
    assert_eq!(
        refused,
        MatchingError::TooMany {
            what: "keywords",
            limit: 4
        }
    );
    assert_eq!(refused.to_string(), "more than 4 keywords");
    let interests = |letters: &str, rng: &mut StdRng| {
        trd_gen(n(4), &tokens(letters), rng).map(|(_, m)| m.get())
    };
    assert_eq!(
        interests("", &mut rng),
        Err(MatchingError::None { what: "interests" })
    );
    assert_eq!(interests("aabbccabc", &mut rng), Ok(3));
    let refused = interests("abcd", &mut rng);
    assert_eq!(
        refused,
        Err(MatchingError::TooMany {
            what: "interests",
            limit: 3
        })
    );
}

#[test]
fn keyword_guessing_works_on_roots_that_anyone_can_compute_and_not_on_tokens() {
    use consilium_schemes::tokens::{Blinding, KeyPair};
    let public_root = |keyword: &str| {
        KeywordToken::from_bytes(&fr_by_hand("CONSILIUM-V1-TOKEN", keyword.as_bytes())).unwrap()
    };
    let guess = |index: &_, keyword: &str| {
        let (trapdoor, _) = trd_gen(n(4), &[public_root(keyword)], &mut rng(1)).unwrap();
        matches(index, &trapdoor).unwrap()
    };
    let broken = index_build(
        n(4),
        &[public_root("x|hiv"), public_root("x|flu")],
        &mut rng(2),
    )
    .unwrap();
    assert!(guess(&broken, "x|hiv") && guess(&broken, "x|flu") && !guess(&broken, "x|cold"));

    let kgc = KeyPair::generate(&mut rng(3));
    let keywords = ["x|hiv".parse().unwrap(), "x|flu".parse().unwrap()];
    let (blinding, blinded) = Blinding::new(&keywords, &mut rng(4)).unwrap();
    let evaluated = kgc.evaluate(&blinded, &mut rng(5));
    let tokens = blinding
        .finalize(&evaluated, &kgc.public_key(), n(4))
        .unwrap();
    let ours = index_build(n(4), &tokens, &mut rng(6)).unwrap();
    assert!(!guess(&ours, "x|hiv") && !guess(&ours, "x|flu"));
}

/// T_0..T_n of a posted trapdoor, by whoever knows y.
fn trapdoor_points(posted: &[u8], size: usize, y: Scalar) -> Vec<G2> {
    let point = |i: usize| G2::from_bytes(&posted[8 + 96 * i..8 + 96 * (i + 1)]).unwrap();
    (0..=size)
        .map(|j| point(size + 1 + j) - point(j) * y)
        .collect()
}

/// A posted trapdoor for n that hides these points, made by someone who follows no rules.
fn post_points(points: &[G2], b: G2) -> Vec<u8> {
    let mut rng = rng(11);
    let d: Vec<Scalar> = points.iter().map(|_| Scalar::random(&mut rng)).collect();
    let size = u16::try_from(points.len() - 1).unwrap();
    let mut out = header(b"CMTD", size);
    d.iter()
        .for_each(|d| out.extend_from_slice(&(G2::generator() * *d).to_bytes()));
    points
        .iter()
        .zip(&d)
        .for_each(|(t, d)| out.extend_from_slice(&(*t + b * *d).to_bytes()));
    out
}

fn exponent_y(secret: &HospitalSecretKeys) -> Scalar {
    Scalar::from_bytes(&secret.expose_secret()[37..]).unwrap()
}

#[test]
fn an_interest_is_stripped_off_a_longer_trapdoor_which_is_why_its_length_is_refused() {
    let (secret, keys) = hospital(1);
    let y = exponent_y(&secret);
    let (long, _) = trd_gen(n(8), &tokens("ab"), &mut rng(2)).unwrap();
    let posted = long.encrypt(&keys, &mut rng(3)).to_bytes();
    let refused = EncryptedTrapdoor::from_bytes(&posted, n(4)).unwrap_err();
    assert_eq!(
        *refused.root(),
        DecodeError::Limit {
            limit: 968,
            actual: 1736
        }
    );
    let index = index_build(n(4), &tokens("acd"), &mut rng(4)).unwrap();
    assert_eq!(
        matches(&index, &long),
        Err(MatchingError::SizesDiffer {
            index: 4,
            trapdoor: 8
        })
    );

    // The attack, had the longer one been accepted: T'_j = T_{j+1} - h_b T_j no longer asks for b.
    let strip = |points: &[G2]| -> Vec<G2> {
        let h_b = Scalar::from_bytes(tokens("b")[0].expose_secret().as_ref()).unwrap();
        points
            .windows(2)
            .map(|pair| pair[1] - pair[0] * h_b)
            .collect()
    };
    let opened = |points: &[G2]| {
        let posted = post_points(points, G2::generator() * y);
        EncryptedTrapdoor::from_bytes(&posted, n(4))
            .unwrap()
            .decrypt(&secret)
            .unwrap()
    };
    let points = trapdoor_points(&posted, 8, y);
    assert!(!matches(&index, &opened(&points[..5])).unwrap());
    assert!(matches(&index, &opened(&strip(&points)[..5])).unwrap());

    // Of an exact trapdoor too few points are left.
    let (exact, _) = trd_gen(n(4), &tokens("ab"), &mut rng(2)).unwrap();
    let posted = exact.encrypt(&keys, &mut rng(3)).to_bytes();
    let stripped = post_points(&strip(&trapdoor_points(&posted, 4, y)), G2::generator() * y);
    assert!(EncryptedTrapdoor::from_bytes(&stripped, n(4)).is_err());
}

#[test]
fn a_trapdoor_of_identities_would_match_everything_and_is_refused_when_decrypted() {
    let (secret, _) = hospital(1);
    let posted = post_points(&[G2::identity(); 5], G2::generator() * exponent_y(&secret));
    let posted = EncryptedTrapdoor::from_bytes(&posted, n(4)).unwrap();
    assert_eq!(
        posted.decrypt(&secret).unwrap_err(),
        MatchingError::Degenerate
    );
}

#[test]
fn equal_exponents_let_anyone_test_tokens_and_are_refused() {
    let x = Scalar::from(12345);
    let (a, b) = (G1::generator() * x, G2::generator() * x);

    // The attack: e(V_j, g2) / e(U_j, b) = e(I_j, g2), and prod e(I_j, g2)^{h^j} = 1 for a keyword.
    let secret = HospitalSecretKeys::from_bytes(
        &[b"CMHS\x01".to_vec(), x.to_bytes().to_vec(), vec![1; 32]].concat(),
    )
    .unwrap();
    let index = index_build(n(3), &tokens("ab"), &mut rng(1)).unwrap();
    let posted = index.encrypt(&secret.public_keys(), &mut rng(2)).to_bytes();
    let point = |i: usize| G1::from_bytes(&posted[8 + 48 * i..8 + 48 * (i + 1)]).unwrap();
    let leak = |j: usize| match j {
        3 => pairing(&point(6), &G2::generator()),
        _ => pairing(&point(3 + j), &G2::generator()) / pairing(&point(j), &b),
    };
    let test = |letter: &str| {
        let h = Scalar::from_bytes(tokens(letter)[0].expose_secret().as_ref()).unwrap();
        let mut power = Scalar::ONE;
        let mut product = Gt::one();
        for j in 0..=3 {
            product *= leak(j).pow(&power);
            power = power * h;
        }
        product.is_one()
    };
    assert!(test("a") && test("b") && !test("c"));

    // Refused, although both proofs hold.
    let k = Scalar::from(77);
    let (r_a, r_b) = (G1::generator() * k, G2::generator() * k);
    let answer = |label: &str, r: &[u8]| {
        let c = challenge(label, &CONTEXT, &[&a.to_bytes(), &b.to_bytes(), r]);
        k + x * Scalar::from_bytes(&c).unwrap()
    };
    let claimed = [
        b"CMHK\x01".to_vec(),
        a.to_bytes().to_vec(),
        b.to_bytes().to_vec(),
        r_a.to_bytes().to_vec(),
        answer("CONSILIUM-V1-MATCHING-POP-A", &r_a.to_bytes())
            .to_bytes()
            .to_vec(),
        r_b.to_bytes().to_vec(),
        answer("CONSILIUM-V1-MATCHING-POP-B", &r_b.to_bytes())
            .to_bytes()
            .to_vec(),
    ];
    let claimed = ClaimedHospitalKeys::from_bytes(&claimed.concat()).unwrap();
    assert_eq!(claimed.verify(&CONTEXT), Err(KeyError::SameExponent));
}

#[test]
fn proofs_of_possession_hold_for_one_hospital_and_one_pair_of_keys() {
    let secret = HospitalSecretKeys::generate(&mut rng(1));
    let claimed = secret.prove(&CONTEXT, &mut rng(2));
    assert_eq!(claimed.verify(&CONTEXT), Ok(secret.public_keys()));
    assert_eq!(
        ClaimedHospitalKeys::from_bytes(&claimed.to_bytes()),
        Ok(claimed.clone())
    );
    for context in [
        KeyContext {
            hospital: b"st-john",
            ..CONTEXT
        },
        KeyContext {
            hpke_key: b"other",
            ..CONTEXT
        },
        KeyContext {
            hospital: b"st-maryh",
            hpke_key: b"pke key",
        },
    ] {
        assert_eq!(claimed.verify(&context), Err(KeyError::ProofA));
    }
    let other = HospitalSecretKeys::generate(&mut rng(3))
        .prove(&CONTEXT, &mut rng(4))
        .to_bytes();
    let replaced = |from: usize, to: usize| {
        let mut bytes = claimed.to_bytes();
        bytes[from..to].copy_from_slice(&other[from..to]);
        ClaimedHospitalKeys::from_bytes(&bytes)
            .unwrap()
            .verify(&CONTEXT)
    };
    assert_eq!(replaced(5, 53), Err(KeyError::ProofA));
    assert_eq!(replaced(149, 229), Err(KeyError::ProofA));
    assert_eq!(replaced(229, 357), Err(KeyError::ProofB));
    let stored = HospitalSecretKeys::from_bytes(&secret.expose_secret()).unwrap();
    assert_eq!(stored.public_keys(), secret.public_keys());
}

#[test]
fn match_is_one_product_of_pairings() {
    let (secret, keys) = hospital(1);
    let (trapdoor, _) = trd_gen(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let posted = trapdoor.encrypt(&keys, &mut rng(3)).to_bytes();
    let t = trapdoor_points(&posted, 2, exponent_y(&secret));
    let h = Scalar::from_bytes(tokens("a")[0].expose_secret().as_ref()).unwrap();
    // f = X - h, of lower degree than n: I = (-h, 1, 0).
    let i = [-(G1::generator() * h), G1::generator(), G1::identity()];
    assert!(multi_pairing(i.into_iter().zip(t)).is_one());
}

#[test]
fn secrets_are_not_printed() {
    let (secret, keys) = hospital(1);
    let index = index_build(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let (trapdoor, _) = trd_gen(n(2), &tokens("a"), &mut rng(2)).unwrap();
    assert_eq!(
        format!("{secret:?} {index:?} {trapdoor:?}"),
        "HospitalSecretKeys(REDACTED) Index(n = 2, REDACTED) Trapdoor(n = 2, REDACTED)"
    );
    assert_eq!(
        format!("{:?}", index.encrypt(&keys, &mut rng(3))),
        "EncryptedIndex(n = 2)"
    );
}

#[test]
fn a_prefilter_never_hides_a_match_and_has_its_fixed_weight() {
    let size = FilterSize::new(256).unwrap();
    let weight = Weight::new(20, size).unwrap();
    let key = FillKey::generate(&mut rng(1));
    let build = |letters: &str, record: u8| {
        Bitmap::build(
            &tokens(letters),
            b"st-mary",
            &[record; 32],
            size,
            weight,
            &key,
        )
        .unwrap()
    };
    let buckets = |letters: &str| -> Vec<Bucket> {
        tokens(letters)
            .iter()
            .map(|token| Bucket::of(token, b"st-mary", size))
            .collect()
    };
    let bitmap = build("abcdef", 1);
    assert!(bitmap.covers(&buckets("ace")) && bitmap.covers(&buckets("abcdef")));
    assert!(!bitmap.covers(&buckets("abcdefghijklmnopqrstuvwxyz")));
    assert_eq!(bitmap, build("abcdef", 1));
    assert!(bitmap != build("abcdef", 2));
    assert_eq!(
        build("a", 3)
            .to_bytes()
            .iter()
            .map(|byte| byte.count_ones())
            .sum::<u32>(),
        20
    );
    assert_eq!(
        Bitmap::from_bytes(&bitmap.to_bytes(), size, weight),
        Ok(bitmap)
    );
    let elsewhere: Vec<u16> = tokens("abcdef")
        .iter()
        .map(|t| Bucket::of(t, b"st-john", size).number())
        .collect();
    let here: Vec<u16> = buckets("abcdef")
        .iter()
        .map(|bucket| bucket.number())
        .collect();
    assert_ne!(here, elsewhere);
}

#[test]
fn prefilters_of_wrong_size_or_weight_are_refused() {
    for bits in [0, 128, 257, 2048] {
        assert!(FilterSize::new(bits).is_err());
    }
    let size = FilterSize::new(512).unwrap();
    assert_eq!(Weight::new(0, size), Err(DecodeError::Zero));
    assert_eq!(
        Weight::new(257, size),
        Err(DecodeError::Limit {
            limit: 256,
            actual: 257
        })
    );
    let weight = Weight::new(2, size).unwrap();
    let key = FillKey::generate(&mut rng(1));
    let refused = Bitmap::build(&tokens("abcdef"), b"h", &[0; 32], size, weight, &key);
    assert!(matches!(refused, Err(DecodeError::Limit { limit: 2, .. })));
    assert!(Bitmap::from_bytes(&[0; 63], size, weight).is_err());
    assert_eq!(
        Bitmap::from_bytes(&[0; 64], size, weight),
        Err(DecodeError::NonCanonical)
    );
}
