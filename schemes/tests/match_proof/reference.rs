//! The whole proof made a second time, with `bls12_381` and without folding.

use bls12_381::{G1Projective, G2Projective, Gt, Scalar};
use group::Curve as _;
use serde_json::{Value, json};

use super::by_hand::head;
use crate::frozen::{bytes, fr_by_hand, nonces_by_hand};
use crate::support::{g1, g2, gt_bytes, pair, scalar, scalar_bytes};

pub(crate) fn g1_bytes(point: G1Projective) -> Vec<u8> {
    point.to_affine().to_compressed().to_vec()
}

pub(crate) fn g2_bytes(point: G2Projective) -> Vec<u8> {
    point.to_affine().to_compressed().to_vec()
}

/// U_0..U_n = 1, V, D, M.
struct Points {
    u: Vec<G1Projective>,
    v: Vec<G1Projective>,
    d: Vec<G2Projective>,
    m: Vec<G2Projective>,
}

fn points(index: &[u8], trapdoor: &[u8]) -> Points {
    let left: Vec<_> = index[8..].chunks(48).map(g1).collect();
    let right: Vec<_> = trapdoor[8..].chunks(96).map(g2).collect();
    let n = left.len() / 2;
    let mut u = left[..n].to_vec();
    u.push(G1Projective::identity());
    let (d, m) = right.split_at(n + 1);
    Points {
        u,
        v: left[n..].to_vec(),
        d: d.to_vec(),
        m: m.to_vec(),
    }
}

fn product(p: &[G1Projective], q: &[G2Projective]) -> Gt {
    p.iter()
        .zip(q)
        .fold(Gt::identity(), |product, (p, q)| product + pair(*p, *q))
}

/// Everything that follows from a case's inputs: index, trapdoor, x, y, context and fresh randomness.
pub(crate) fn derived(case: &Value) -> Value {
    let (index, trapdoor) = (bytes(&case["index"]), bytes(&case["trapdoor"]));
    let Points { u, v, d, m } = points(&index, &trapdoor);
    let (x, y) = (scalar(&bytes(&case["x"])), scalar(&bytes(&case["y"])));
    let (generator1, generator2) = (G1Projective::generator(), G2Projective::generator());
    let (a, b) = (generator1 * x, generator2 * y);
    let (vm, um, vd, ud) = (
        product(&v, &m),
        product(&u, &m),
        product(&v, &d),
        product(&u, &d),
    );
    let e = vm - um * x - vd * y + ud * (x * y);
    let matched = e == Gt::identity();

    let context = super::vectors::context(case);
    let keys = [g1_bytes(a), g2_bytes(b)].concat();
    let head = head(
        matched.into(),
        &context.borrowed(),
        &keys,
        &index,
        &trapdoor,
    );
    let label = "CONSILIUM-V1-MATCH-PROOF-NONCE";
    let secrets = [bytes(&case["x"]), bytes(&case["y"])];
    let count = if matched { 3 } else { 5 };
    let nonces = nonces_by_hand(label, &secrets, &bytes(&case["fresh"]), &head, count);
    let k: Vec<Scalar> = nonces.iter().map(|nonce| scalar(nonce)).collect();
    let challenge = |z: &[u8], a1, a2, a3, a4: &Gt| {
        let commitments = [g1_bytes(a1), g2_bytes(a2), g1_bytes(a3), gt_bytes(a4)];
        let message = [&head, z, &commitments.concat()].concat();
        fr_by_hand("CONSILIUM-V1-MATCH-PROOF", &message)
    };
    let answers = |c: &[u8], nonces: &[Scalar], secrets: &[Scalar]| -> Vec<u8> {
        let answers = nonces.iter().zip(secrets);
        answers
            .flat_map(|(k, secret)| scalar_bytes(&(k + scalar(c) * secret)))
            .collect()
    };
    let (z, a1, a2, a3, a4, c, tail) = if matched {
        let (a1, a2, a3) = (
            generator1 * k[0],
            generator2 * k[1],
            generator1 * k[2] - a * k[1],
        );
        let a4 = um * k[0] + vd * k[1] - ud * k[2];
        let c = challenge(&[], a1, a2, a3, &a4);
        (vec![], a1, a2, a3, a4, c, answers(&c, &k, &[x, y, x * y]))
    } else {
        let [delta, k_d, k_x, k_y, k_w] = k[..] else {
            panic!("five nonces")
        };
        let z = gt_bytes(&(e * delta));
        let a1 = generator1 * k_x - a * k_d;
        let a2 = generator2 * k_y - b * k_d;
        let a3 = generator1 * k_w - a * k_y;
        let a4 = vm * k_d - um * k_x - vd * k_y + ud * k_w;
        let c = challenge(&z, a1, a2, a3, &a4);
        let secrets = [delta, x * delta, y * delta, x * y * delta];
        (
            z,
            a1,
            a2,
            a3,
            a4,
            c,
            answers(&c, &[k_d, k_x, k_y, k_w], &secrets),
        )
    };
    let proof = [&b"CMMP\x01"[..], &[u8::from(matched)], &z, &c, &tail].concat();
    let gt = |element: &Gt| hex::encode(gt_bytes(element));
    json!({
        "a": hex::encode(g1_bytes(a)), "b": hex::encode(g2_bytes(b)), "outcome": u8::from(matched),
        "VM": gt(&vm), "UM": gt(&um), "VD": gt(&vd), "UD": gt(&ud), "E": gt(&e),
        "hashed": hex::encode(&head), "nonces": nonces.iter().map(hex::encode).collect::<Vec<_>>(),
        "Z": hex::encode(&z), "A1": hex::encode(g1_bytes(a1)), "A2": hex::encode(g2_bytes(a2)),
        "A3": hex::encode(g1_bytes(a3)), "A4": gt(&a4), "c": hex::encode(c),
        "proof": hex::encode(proof),
    })
}
