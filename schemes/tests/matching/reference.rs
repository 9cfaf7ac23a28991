//! The same formulas with the other library.

use bls12_381::{G1Projective, G2Projective, Scalar};
use group::Curve as _;
use serde_json::Value;

use crate::frozen::{bytes, list};

pub(crate) fn reference(big_endian: &[u8]) -> Scalar {
    let mut little: [u8; 32] = big_endian.try_into().unwrap();
    little.reverse();
    Scalar::from_bytes(&little).unwrap()
}

pub(crate) fn references(value: &Value) -> Vec<Scalar> {
    list(value).iter().map(|scalar| reference(scalar)).collect()
}

pub(crate) fn g1(exponent: Scalar) -> Vec<u8> {
    (G1Projective::generator() * exponent)
        .to_affine()
        .to_compressed()
        .to_vec()
}

pub(crate) fn g2(exponent: Scalar) -> Vec<u8> {
    (G2Projective::generator() * exponent)
        .to_affine()
        .to_compressed()
        .to_vec()
}

/// f(X) = prod (X - root), expanded.
fn expand(roots: &[Scalar]) -> Vec<Scalar> {
    roots.iter().fold(vec![Scalar::one()], |f, root| {
        let mut g = vec![Scalar::zero(); f.len() + 1];
        for (j, a) in f.iter().enumerate() {
            g[j + 1] += a;
            g[j] -= a * root;
        }
        g
    })
}

fn power(base: Scalar, exponent: usize) -> Scalar {
    (0..exponent).fold(Scalar::one(), |product, _| product * base)
}

/// Exponents of I_0..I_n and of T_0..T_n of a case.
pub(crate) fn exponents(case: &Value) -> (Vec<Scalar>, Vec<Scalar>) {
    let roots = [
        references(&case["h_keywords"]),
        references(&case["padding"]),
    ]
    .concat();
    let rho = reference(&bytes(&case["rho"]));
    let index: Vec<Scalar> = expand(&roots).iter().map(|a_j| a_j * rho).collect();
    let tau = reference(&bytes(&case["tau"]));
    let (interests, c) = (references(&case["h_interests"]), references(&case["c"]));
    let sum = |j| {
        let terms = interests.iter().zip(&c).map(|(h, c)| c * power(*h, j));
        tau * terms.fold(Scalar::zero(), |sum, term| sum + term)
    };
    let trapdoor = (0..index.len()).map(sum).collect();
    (index, trapdoor)
}

pub(crate) fn header(kind: &[u8; 4], size: u16) -> Vec<u8> {
    [&kind[..], &[1], &size.to_be_bytes(), &[0]].concat()
}
