//! Encodings that no parser takes.

use bls12_381::G1Affine;
use consilium_schemes::matching::{
    ClaimedHospitalKeys, EncryptedIndex, EncryptedTrapdoor, HospitalSecretKeys, index_build,
    trd_gen,
};

use super::{CONTEXT, hospital, n, rng, tokens};
use crate::frozen::{bytes, cases};

pub(crate) fn refusal(kind: &str, input: &[u8]) -> String {
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

pub(crate) fn malformed() -> Vec<(&'static str, Vec<u8>)> {
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
