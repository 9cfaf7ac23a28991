//! What the tests share: the independent implementation, and fixed randomness.
#![allow(dead_code)]

use bls12_381::hash_to_curve::{ExpandMsgXmd, HashToCurve, HashToField};
use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Gt, Scalar};
use group::Curve;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Randomness that is the same in every run.
pub fn fixed_rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// Hex of a big-endian scalar, by `bls12_381`.
pub fn scalar(bytes: &[u8]) -> Scalar {
    let mut le: [u8; 32] = bytes.try_into().unwrap();
    le.reverse();
    Scalar::from_bytes(&le).unwrap()
}

/// Big-endian bytes of a scalar of `bls12_381`.
pub fn scalar_bytes(scalar: &Scalar) -> [u8; 32] {
    let mut bytes = scalar.to_bytes();
    bytes.reverse();
    bytes
}

/// A point, with all checks of `bls12_381`.
pub fn g1(bytes: &[u8]) -> G1Projective {
    G1Affine::from_compressed(bytes.try_into().unwrap())
        .unwrap()
        .into()
}

/// A point, with all checks of `bls12_381`.
pub fn g2(bytes: &[u8]) -> G2Projective {
    G2Affine::from_compressed(bytes.try_into().unwrap())
        .unwrap()
        .into()
}

/// e(P, Q), by `bls12_381`.
pub fn pair(p: G1Projective, q: G2Projective) -> Gt {
    bls12_381::pairing(&p.to_affine(), &q.to_affine())
}

/// The twelve coefficients: `bls12_381` shows them, in the order of the tower, only when it prints.
pub fn gt_bytes(element: &Gt) -> Vec<u8> {
    let printed = format!("{element:?}");
    let bytes: Vec<u8> = printed
        .split("0x")
        .skip(1)
        .flat_map(|part| hex::decode(part.get(..96).unwrap()).unwrap())
        .collect();
    assert_eq!(bytes.len(), 576);
    bytes
}

/// H(label, message), by `bls12_381`.
pub fn hash_to_g1(label: &str, message: &[u8]) -> G1Projective {
    <G1Projective as HashToCurve<ExpandMsgXmd<sha2_of_the_reference::Sha256>>>::hash_to_curve(
        message,
        label.as_bytes(),
    )
}

/// Fr(label, message), by `bls12_381`.
pub fn hash_to_scalar(label: &str, message: &[u8]) -> Scalar {
    let mut out = [Scalar::zero()];
    Scalar::hash_to_field::<ExpandMsgXmd<sha2_of_the_reference::Sha256>>(
        message,
        label.as_bytes(),
        &mut out,
    );
    out[0]
}
