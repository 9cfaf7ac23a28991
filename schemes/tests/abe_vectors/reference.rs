//! The scheme's equations with `bls12_381`, SHA-256 and byte strings written out by hand: no code of the crate.

use std::collections::BTreeMap;

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Gt, Scalar};
use consilium_policies::{AttributeSet, Policy};
use sha2_of_the_reference::{Digest as _, Sha256};

use super::case::{AttributeHash, Computed, Given, Node, UpdateNode};
use crate::support::{self, gt_bytes, hash_to_g1, hash_to_scalar, pair, scalar, scalar_bytes};

const LABELS: [&str; 9] = [
    "NODE",
    "ATTR",
    "TIME",
    "W",
    "POP",
    "POP-NONCE",
    "ENC",
    "MASK",
    "SYMKEY",
];

fn label(name: &str) -> String {
    assert!(LABELS.contains(&name));
    format!("CONSILIUM-V1-ABE-{name}")
}

pub fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn fr(text: &str) -> Scalar {
    scalar(&bytes(text))
}

fn h1(point: &G1Projective) -> String {
    hex::encode(G1Affine::from(point).to_compressed())
}

fn h2(point: &G2Projective) -> String {
    hex::encode(G2Affine::from(point).to_compressed())
}

fn hs(scalar: &Scalar) -> String {
    hex::encode(scalar_bytes(scalar))
}

fn ht(element: &Gt) -> Vec<String> {
    gt_bytes(element).chunks(48).map(hex::encode).collect()
}

fn sha256(data: &[u8]) -> Vec<u8> {
    Sha256::digest(data).to_vec()
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    sha256(&[pad(0x5c), sha256(&[&pad(0x36), message].concat())].concat())
}

/// RFC 5869, one block of output.
fn hkdf(salt: &str, secret: &[u8], info: &[u8]) -> Vec<u8> {
    hmac(&hmac(salt.as_bytes(), secret), &[info, &[1]].concat())
}

pub fn frame(kind: &str) -> Vec<u8> {
    [kind.as_bytes(), &[1, 1]].concat()
}

fn len4(data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn len8(data: &[u8]) -> Vec<u8> {
    [&(data.len() as u64).to_be_bytes(), data].concat()
}

/// KUNodes by its meaning: nodes over no revoked leaf whose parent is over one (or that have no parent).
pub fn ku_nodes(depth: u8, revoked: &[u32]) -> Vec<u64> {
    let leaves = 1u64 << depth;
    let over_revoked = |x: u64| {
        revoked.iter().any(|leaf| {
            let mut node = leaves + u64::from(*leaf);
            while node > x {
                node /= 2;
            }
            node == x
        })
    };
    (1..2 * leaves)
        .filter(|x| !over_revoked(*x) && (*x == 1 || over_revoked(x / 2)))
        .collect()
}

/// Every step of section 1 of the design: one function, so that it reads from top to bottom like the equations.
pub fn recompute(g: &Given) -> Computed {
    let (g1, g2) = (G1Projective::generator(), G2Projective::generator());
    let e = pair(g1, g2);
    let tree = [bytes(&g.tree_id), vec![g.D]].concat();
    let (alpha, beta) = (fr(&g.alpha), fr(&g.beta));

    // Setup
    let y_ = e * alpha;
    let node_secret = |x: u64| {
        let message = [bytes(&g.k_node), tree.clone(), x.to_be_bytes().to_vec()].concat();
        hash_to_scalar(&label("NODE"), &message)
    };

    // UserKG and its proof
    let pk = g1 * beta;
    let context = [bytes(&g.federation), bytes(&g.user), bytes(&g.nonce)].concat();
    let seed = [
        bytes(&g.beta),
        bytes(&g.pop_fresh),
        context.clone(),
        bytes(&h1(&pk)),
    ]
    .concat();
    let k = hash_to_scalar(&label("POP-NONCE"), &seed);
    let r_ = g1 * k;
    let c = hash_to_scalar(
        &label("POP"),
        &[context, bytes(&h1(&pk)), bytes(&h1(&r_))].concat(),
    );
    let z = k + c * beta;
    assert_eq!(g1 * z, r_ + pk * c);

    // AttKeyGen
    let set: AttributeSet = g.S.parse().unwrap();
    let h_w = hash_to_g1(&label("W"), &[]);
    let h_attribute = |a: &[u8]| hash_to_g1(&label("ATTR"), &len8(a));
    let attributes: Vec<AttributeHash> = set
        .attributes()
        .map(|a| AttributeHash {
            A: a.to_string(),
            bytes: hex::encode(a.to_bytes()),
            H: h1(&h_attribute(&a.to_bytes())),
        })
        .collect();
    let leaf = (1u64 << g.D) + u64::from(g.theta);
    let path: Vec<u64> = (0..=g.D).map(|up| leaf >> up).collect();
    let nodes: Vec<Node> = path
        .iter()
        .zip(&g.r)
        .map(|(x, r)| Node {
            x: *x,
            a_x: hs(&node_secret(*x)),
            P0: h1(&(pk * node_secret(*x) + h_w * fr(r))),
            P1: h2(&(g2 * fr(r))),
            P_A: attributes
                .iter()
                .map(|a| h1(&(h_attribute(&bytes(&a.bytes)) * fr(r))))
                .collect(),
        })
        .collect();
    let node_bytes = nodes
        .iter()
        .map(|n| bytes(&[&n.P0[..], &n.P1, &n.P_A.concat()].concat()));
    let attribute_key = [
        frame("ABAK"),
        tree.clone(),
        g.theta.to_be_bytes().to_vec(),
        len4(set.to_string().as_bytes()),
        node_bytes.collect::<Vec<_>>().concat(),
    ]
    .concat();

    // UpdKeyGen
    let h_time = hash_to_g1(&label("TIME"), &g.t.to_be_bytes());
    let update_nodes: Vec<UpdateNode> = ku_nodes(g.D, &g.revoked)
        .into_iter()
        .zip(&g.s_x)
        .map(|(x, s_x)| UpdateNode {
            x,
            a_x: hs(&node_secret(x)),
            Q1: h1(&(g1 * (alpha - node_secret(x)) + h_time * fr(s_x))),
            Q2: h2(&(g2 * fr(s_x))),
        })
        .collect();
    let part = |n: &UpdateNode| [x_bytes(n.x), bytes(&n.Q1), bytes(&n.Q2)].concat();
    let update_key = [
        frame("ABUK"),
        tree.clone(),
        g.t.to_be_bytes().to_vec(),
        u32::try_from(update_nodes.len())
            .unwrap()
            .to_be_bytes()
            .to_vec(),
        update_nodes.iter().map(part).collect::<Vec<_>>().concat(),
    ]
    .concat();

    // Encrypt
    let policy: Policy = g.policy.parse().unwrap();
    let access = policy.access_structure();
    let header = [
        frame("CTSY"),
        bytes(&g.tree_id),
        g.t.to_be_bytes().to_vec(),
        bytes(&g.federation),
        bytes(&g.record),
        len4(policy.as_str().as_bytes()),
    ]
    .concat();
    let header_digest = sha256(&header);
    let derive = |role: u8, index: usize| {
        let index = u32::try_from(index).unwrap().to_be_bytes();
        let message = [&bytes(&g.sigma)[..], &header_digest, &[role], &index].concat();
        hash_to_scalar(&label("ENC"), &message)
    };
    let s = derive(0, 0);
    let m = access.max_repetition();
    let s_prime: Vec<Scalar> = (0..=m).map(|j| derive(1, j)).collect();
    let y: Vec<Scalar> = (1..access.columns()).map(|k| derive(2, k)).collect();
    let matrix = access.matrix::<Scalar>();
    let vector: Vec<Scalar> = core::iter::once(s).chain(y.iter().copied()).collect();
    let dot = |row: &Vec<Scalar>| {
        row.iter()
            .zip(&vector)
            .fold(Scalar::zero(), |sum, (a, b)| sum + a * b)
    };
    let lambda: Vec<Scalar> = matrix.iter().map(dot).collect();
    let (c0, ct) = (g2 * s, h_time * s);
    let c2: Vec<G2Projective> = s_prime.iter().map(|s| g2 * s).collect();
    let tau: Vec<usize> = access.rows().iter().map(|row| row.repetition()).collect();
    let rho: Vec<Vec<u8>> = access
        .rows()
        .iter()
        .map(|row| row.attribute().to_bytes())
        .collect();
    for (i, attribute) in rho.iter().enumerate() {
        assert_eq!(
            tau[i],
            rho[..i].iter().filter(|other| *other == attribute).count()
        );
    }
    let rows: Vec<G1Projective> = (0..rho.len())
        .map(|i| h_w * lambda[i] + h_attribute(&rho[i]) * s_prime[tau[i]])
        .collect();
    let y_s = y_ * s;
    let mask = hkdf(&label("MASK"), &gt_bytes(&y_s), &header_digest);
    let c_sigma: Vec<u8> = mask
        .iter()
        .zip(bytes(&g.sigma))
        .map(|(a, b)| a ^ b)
        .collect();
    let ct_sym = [
        header.clone(),
        bytes(&h2(&c0)),
        bytes(&c2.iter().map(h2).collect::<String>()),
        bytes(&h1(&ct)),
        bytes(&rows.iter().map(h1).collect::<String>()),
        c_sigma.clone(),
    ]
    .concat();

    // PreKeyGen, PreDec, Dec
    let (node, update) = nodes
        .iter()
        .find_map(|n| Some((n, update_nodes.iter().find(|u| u.x == n.x)?)))
        .expect("not revoked");
    let omega: BTreeMap<usize, Scalar> = access
        .select::<Scalar>(&set)
        .unwrap()
        .rows()
        .iter()
        .copied()
        .collect();
    let combined = |column: usize| {
        omega
            .iter()
            .fold(Scalar::zero(), |sum, (i, w)| sum + w * matrix[*i][column])
    };
    assert_eq!(combined(0), Scalar::one());
    assert!((1..access.columns()).all(|column| combined(column) == Scalar::zero()));
    let (p0, p1) = (support::g1(&bytes(&node.P0)), support::g2(&bytes(&node.P1)));
    let mut a = pair(p0, c0);
    for (i, weight) in &omega {
        let index = attributes
            .iter()
            .position(|x| bytes(&x.bytes) == rho[*i])
            .unwrap();
        let point = support::g1(&bytes(&node.P_A[index])) * weight;
        a = a + pair(point, c2[tau[*i]]) - pair(rows[*i] * weight, p1);
    }
    let (q1, q2) = (
        support::g1(&bytes(&update.Q1)),
        support::g2(&bytes(&update.Q2)),
    );
    let b = pair(q1, c0) - pair(ct, q2);
    assert_eq!(
        a,
        e * (beta * node_secret(node.x) * s),
        "A = e(g1,g2)^(beta a_x s)"
    );
    assert_eq!(a * beta.invert().unwrap() + b, y_s, "A^(1/beta) B = Y^s");
    let semi = [frame("SMCT"), gt_bytes(&a), gt_bytes(&b)].concat();
    let info = [sha256(&ct_sym), bytes(&g.header_core)].concat();
    let scalars = |list: &[Scalar]| list.iter().map(hs).collect::<Vec<_>>();

    Computed {
        labels: LABELS
            .iter()
            .map(|name| ((*name).to_owned(), label(name)))
            .collect(),
        Y: ht(&y_),
        pp: hex::encode([frame("ABPP"), tree.clone(), gt_bytes(&y_)].concat()),
        msk: hex::encode(
            [
                frame("ABMS"),
                tree.clone(),
                bytes(&g.alpha),
                bytes(&g.k_node),
            ]
            .concat(),
        ),
        pk: h1(&pk),
        k: hs(&k),
        R: h1(&r_),
        c: hs(&c),
        z: hs(&z),
        proof: hex::encode(frame("ABPO")) + &h1(&r_) + &hs(&z),
        H_w: h1(&h_w),
        attributes,
        nodes: nodes.clone(),
        attribute_key: hex::encode(attribute_key),
        H_time: h1(&h_time),
        update_nodes: update_nodes.clone(),
        update_key_digest: hex::encode(sha256(&update_key)),
        update_key: hex::encode(update_key),
        header: hex::encode(header),
        header_digest: hex::encode(&header_digest),
        s: hs(&s),
        s_prime: scalars(&s_prime),
        y: scalars(&y),
        M: matrix.iter().map(|row| scalars(row)).collect(),
        rho: rho.iter().map(hex::encode).collect(),
        tau,
        lambda: scalars(&lambda),
        C0: h2(&c0),
        C2: c2.iter().map(h2).collect(),
        Ct: h1(&ct),
        C: rows.iter().map(h1).collect(),
        Y_s: ht(&y_s),
        mask: hex::encode(mask),
        C_sigma: hex::encode(c_sigma),
        CTSym_digest: hex::encode(sha256(&ct_sym)),
        CTSym: hex::encode(ct_sym),
        x: node.x,
        omega: omega.iter().map(|(i, w)| (*i, hs(w))).collect(),
        A: ht(&a),
        B: ht(&b),
        SemiCT: hex::encode(semi),
        SymKey: hex::encode(hkdf(&label("SYMKEY"), &bytes(&g.sigma), &info)),
    }
}

fn x_bytes(x: u64) -> Vec<u8> {
    x.to_be_bytes().to_vec()
}
