//! The frozen vectors, recomputed with the other library and reproduced by the crate.

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar as Reference};
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys, KeyContext,
    index_build, matches, trd_gen,
};
use consilium_schemes::tokens::KeywordToken;
use serde_json::Value;

use super::n;
use super::reference::{exponents, g1, g2, header, reference, references};
use crate::frozen::{FixedRng, bytes, cases, fr_by_hand, list};

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

pub(crate) fn parse_tokens(value: &Value) -> Vec<KeywordToken> {
    list(value)
        .iter()
        .map(|h| KeywordToken::from_bytes(h).unwrap())
        .collect()
}

/// What the crate makes of a case's inputs: encoded index and trapdoor, and whether they match.
pub(crate) fn run(case: &Value) -> (Vec<u8>, Vec<u8>, bool) {
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
pub(crate) fn challenge(label: &str, context: &KeyContext<'_>, points: &[&[u8]]) -> [u8; 32] {
    let sized = |part: &[u8]| [&(part.len() as u64).to_be_bytes()[..], part].concat();
    let message = [
        sized(context.hospital),
        sized(context.hpke_key),
        points.concat(),
    ]
    .concat();
    fr_by_hand(label, &message)
}
