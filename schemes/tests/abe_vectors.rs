#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]
//! The frozen vectors of the scheme. [`recompute`] follows the equations with `bls12_381`, SHA-256 and byte
//! strings written out by hand, and uses no code of this crate; it made the file and checks it. The crate's
//! own code, fed the same randomness, must then give the same bytes.

mod support;

use std::collections::BTreeMap;

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Projective, Gt, Scalar};
use consilium_policies::{AttributeSet, Policy};
use consilium_schemes::abe;
use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use consilium_schemes::envelope::HeaderCore;
use rand_core::{Rng, TryCryptoRng, TryRng};
use serde::{Deserialize, Serialize};
use sha2_of_the_reference::{Digest as _, Sha256};
use support::{fixed_rng, gt_bytes, hash_to_g1, hash_to_scalar, pair, scalar, scalar_bytes};

const VECTORS: &str = include_str!("vectors/abe.json");

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(tag = "case", deny_unknown_fields)]
enum Case {
    #[serde(rename = "scheme")]
    Scheme {
        given: Box<Given>,
        computed: Box<Computed>,
    },
    #[serde(rename = "refuse")]
    Refuse {
        r#type: String,
        bytes: String,
        refuse: String,
    },
}

/// Everything that is chosen or random. Byte strings and scalars in hex.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
struct Given {
    tree_id: String,
    D: u8,
    alpha: String,
    k_node: String,
    federation: String,
    user: String,
    nonce: String,
    beta: String,
    /// Fresh randomness of the proof's hedged nonce.
    pop_fresh: String,
    S: String,
    theta: u32,
    /// One per node of Path(theta), leaf first.
    r: Vec<String>,
    /// Leaves revoked at t.
    revoked: Vec<u32>,
    t: u64,
    /// One per node of KUNodes, ascending.
    s_x: Vec<String>,
    policy: String,
    record: String,
    sigma: String,
    header_core: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
struct Computed {
    labels: BTreeMap<String, String>,
    Y: Vec<String>,
    pp: String,
    msk: String,
    pk: String,
    k: String,
    R: String,
    c: String,
    z: String,
    proof: String,
    H_w: String,
    attributes: Vec<AttributeHash>,
    nodes: Vec<Node>,
    attribute_key: String,
    H_time: String,
    update_nodes: Vec<UpdateNode>,
    update_key: String,
    update_key_digest: String,
    header: String,
    header_digest: String,
    s: String,
    s_prime: Vec<String>,
    y: Vec<String>,
    M: Vec<Vec<String>>,
    rho: Vec<String>,
    tau: Vec<usize>,
    lambda: Vec<String>,
    C0: String,
    C2: Vec<String>,
    Ct: String,
    C: Vec<String>,
    Y_s: Vec<String>,
    mask: String,
    C_sigma: String,
    CTSym: String,
    CTSym_digest: String,
    /// The node of PreKeyGen.
    x: u64,
    omega: Vec<(usize, String)>,
    A: Vec<String>,
    B: Vec<String>,
    SemiCT: String,
    SymKey: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
struct AttributeHash {
    A: String,
    bytes: String,
    H: String,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
struct Node {
    x: u64,
    a_x: String,
    P0: String,
    P1: String,
    P_A: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the symbols of the design")]
struct UpdateNode {
    x: u64,
    a_x: String,
    Q1: String,
    Q2: String,
}

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

fn bytes(text: &str) -> Vec<u8> {
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

fn frame(kind: &str) -> Vec<u8> {
    [kind.as_bytes(), &[1, 1]].concat()
}

fn len4(data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

fn len8(data: &[u8]) -> Vec<u8> {
    [&(data.len() as u64).to_be_bytes(), data].concat()
}

/// KUNodes by its meaning: nodes over no revoked leaf whose parent is over one (or that have no parent).
fn ku_nodes(depth: u8, revoked: &[u32]) -> Vec<u64> {
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

/// Every step of section 1 of the design, with the reference alone.
fn recompute(g: &Given) -> Computed {
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
    for column in 0..access.columns() {
        let sum = omega
            .iter()
            .fold(Scalar::zero(), |sum, (i, w)| sum + w * matrix[*i][column]);
        assert_eq!(
            sum,
            if column == 0 {
                Scalar::one()
            } else {
                Scalar::zero()
            }
        );
    }
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

/// "Randomness" that is given: scalars are asked for as 64 bytes to be reduced, keys as 32 bytes.
struct Replay(Vec<Vec<u8>>);

impl Replay {
    fn new(values: &[&String]) -> Self {
        Self(values.iter().rev().map(|text| bytes(text)).collect())
    }
}

impl TryRng for Replay {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("only bytes are drawn")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("only bytes are drawn")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        let value = self.0.pop().expect("a value for every draw");
        let start = out.len() - value.len();
        out.fill(0);
        out[start..].copy_from_slice(&value);
        Ok(())
    }
}

impl TryCryptoRng for Replay {}

fn array(text: &str) -> [u8; 32] {
    bytes(text).try_into().unwrap()
}

/// The crate's code on the same input.
fn run_ours(g: &Given, c: &Computed) {
    let depth = abe::Depth::new(g.D).unwrap();
    let tree = abe::Tree::new(abe::TreeId::from_bytes(array(&g.tree_id)), depth);
    let (pp, msk) = abe::setup(tree, &mut Replay::new(&[&g.alpha, &g.k_node]));
    assert_eq!(hex::encode(pp.to_bytes()), c.pp);
    assert_eq!(hex::encode(&*msk.to_bytes()), c.msk);

    let user = abe::UserId::from_bytes(array(&g.user));
    let registration = abe::Registration::new(array(&g.federation), user, array(&g.nonce));
    let (secret, pk) = abe::user_keygen(&mut Replay::new(&[&g.beta]));
    assert!(hex::encode(pk.to_bytes()).ends_with(&c.pk));
    let proof = secret.prove_possession(&registration, &mut Replay::new(&[&g.pop_fresh]));
    assert_eq!(hex::encode(proof.to_bytes()), c.proof);
    let pk = pk.verify(&proof, &registration).unwrap();

    let leaf = abe::Leaf::new(g.theta, depth).unwrap();
    let grant = abe::LeafGrant::from_committed(leaf, user);
    let set = g.S.parse().unwrap();
    let mut rng = Replay::new(&g.r.iter().collect::<Vec<_>>());
    let key = abe::att_keygen(&msk, grant, &pk, &set, &mut rng).unwrap();
    assert_eq!(hex::encode(&*key.to_bytes()), c.attribute_key);

    let epoch = abe::Epoch::new(g.t);
    let mut revoked = abe::RevocationList::new(depth);
    let leaves = g
        .revoked
        .iter()
        .map(|leaf| abe::Leaf::new(*leaf, depth).unwrap());
    revoked.revoke(leaves, epoch).unwrap();
    let ticket = abe::EpochTicket::after(None, epoch).unwrap();
    let mut rng = Replay::new(&g.s_x.iter().collect::<Vec<_>>());
    let update = abe::upd_keygen(&msk, ticket, &revoked, &mut rng).unwrap();
    assert_eq!(hex::encode(update.to_bytes()), c.update_key);
    assert_eq!(update.digest().to_string(), c.update_key_digest);

    let policy = g.policy.parse().unwrap();
    let record = abe::RecordContext::new(array(&g.federation), array(&g.record));
    let mut rng = Replay::new(&[&g.sigma]);
    let (capsule, sent) = abe::encrypt(&pp, &policy, epoch, record, &mut rng);
    assert_eq!(hex::encode(capsule.to_bytes()), c.CTSym);
    assert_eq!(capsule.digest().to_string(), c.CTSym_digest);
    assert_eq!(abe::check_capsule(&capsule, &mut fixed_rng(0)), Ok(()));

    let semi = abe::pre_dec(&abe::pre_keygen(&key, &update).unwrap(), &capsule).unwrap();
    assert_eq!(hex::encode(semi.to_bytes()), c.SemiCT);
    let on_ledger = Digest::from_bytes(array(&c.CTSym_digest));
    let received = abe::dec(&secret, &semi, &capsule, &on_ledger).unwrap();
    let core = HeaderCore::from_bytes(&bytes(&g.header_core)).unwrap();
    for side in [sent, received] {
        assert_eq!(
            hex::encode(side.derive_sym_key(&core).expose_secret()),
            c.SymKey
        );
    }
}

fn parse(kind: &str, bytes: &[u8]) -> Result<(), DecodeError> {
    match kind {
        "PublicParameters" => abe::PublicParameters::from_bytes(bytes).map(drop),
        "MasterSecret" => abe::MasterSecret::from_bytes(bytes).map(drop),
        "UserPublicKey" => abe::UserPublicKey::from_bytes(bytes).map(drop),
        "ProofOfPossession" => abe::ProofOfPossession::from_bytes(bytes).map(drop),
        "AttributeKey" => abe::AttributeKey::from_bytes(bytes).map(drop),
        "UpdateKey" => abe::UpdateKey::from_bytes(bytes).map(drop),
        "Capsule" => abe::Capsule::from_bytes(bytes).map(drop),
        "SemiCiphertext" => abe::SemiCiphertext::from_bytes(bytes).map(drop),
        other => panic!("unknown type {other}"),
    }
}

/// The field at fault and the kind of fault.
fn reason(error: &DecodeError) -> String {
    match error {
        DecodeError::Field { field, source } => format!("{field}: {}", reason(source)),
        DecodeError::Length { .. } => "length".into(),
        DecodeError::Truncated => "truncated".into(),
        DecodeError::TrailingBytes(_) => "trailing".into(),
        DecodeError::NonCanonical => "non-canonical".into(),
        DecodeError::NotOnCurve => "not-on-curve".into(),
        DecodeError::WrongSubgroup => "wrong-subgroup".into(),
        DecodeError::Identity => "identity".into(),
        DecodeError::Zero => "zero".into(),
        DecodeError::UnknownVersion(_) => "unknown".into(),
        DecodeError::Limit { .. } => "limit".into(),
        DecodeError::Rule(_) => "rule".into(),
        DecodeError::Refused(_) => "refused".into(),
        other => panic!("unexpected {other}"),
    }
}

#[test]
fn frozen_vectors_hold_for_the_reference_and_for_us() {
    let cases: Vec<Case> = serde_json::from_str(VECTORS).unwrap();
    let (mut schemes, mut refusals) = (0, 0);
    for case in cases {
        match case {
            Case::Scheme { given, computed } => {
                assert_eq!(recompute(&given), *computed);
                run_ours(&given, &computed);
                schemes += 1;
            }
            Case::Refuse {
                r#type,
                bytes: text,
                refuse,
            } => {
                assert_eq!(
                    reason(&parse(&r#type, &bytes(&text)).unwrap_err()),
                    refuse,
                    "{type}"
                );
                refusals += 1;
            }
        }
    }
    assert!(
        schemes >= 3 && refusals >= 20,
        "{schemes} cases, {refusals} refusals"
    );
}

fn given(seed: u64, depth: u8, attributes: &str, revoked: &[u32], policy: &str) -> Given {
    let mut rng = fixed_rng(seed);
    let mut raw = || {
        let mut out = [0u8; 32];
        rng.fill_bytes(&mut out);
        out
    };
    let mut text = || hex::encode(raw());
    let strings = [(); 7].map(|()| text());
    let [tree_id, k_node, federation, user, nonce, pop_fresh, record] = strings;
    let sigma = text();
    let mut random_scalar = || {
        let mut out = raw();
        out[0] &= 0x3f; // below r
        hex::encode(out)
    };
    let [alpha, beta] = [(); 2].map(|()| random_scalar());
    let nodes = ku_nodes(depth, revoked).len();
    let header_core = [
        b"CTHD\x01\x01".to_vec(),
        bytes(&record),
        9u64.to_be_bytes().to_vec(),
        bytes(RECORD_KEY),
        vec![0; 4],
        vec![1, 2, 3, 4, 5, 6, 7],
    ]
    .concat();
    Given {
        tree_id,
        D: depth,
        alpha,
        k_node,
        federation,
        user,
        nonce,
        beta,
        pop_fresh,
        S: attributes.into(),
        theta: 2 % (1 << depth),
        r: (0..=depth).map(|_| random_scalar()).collect(),
        revoked: revoked.to_vec(),
        t: 9,
        s_x: (0..nodes).map(|_| random_scalar()).collect(),
        policy: policy.into(),
        record,
        sigma,
        header_core: hex::encode(header_core),
    }
}

/// The Ed25519 base point: any valid key serves.
const RECORD_KEY: &str = "5866666666666666666666666666666666666666666666666666666666666666";

fn refusals(c: &Computed) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut refuse = |kind: &str, bytes: Vec<u8>| {
        let refuse = reason(&parse(kind, &bytes).unwrap_err());
        cases.push(Case::Refuse {
            r#type: kind.into(),
            bytes: hex::encode(bytes),
            refuse,
        });
    };
    let patch = |text: &str, at: usize, with: &[u8]| {
        let mut out = bytes(text);
        out[at..at + with.len()].copy_from_slice(with);
        out
    };
    let mut infinity = vec![0u8; 96];
    infinity[0] = 0xc0;
    let mut outside = vec![0u8; 48]; // x = 4: on the curve, outside the subgroup
    (outside[0], outside[47]) = (0x80, 4);
    let all = [
        ("PublicParameters", &c.pp),
        ("ProofOfPossession", &c.proof),
        ("AttributeKey", &c.attribute_key),
        ("UpdateKey", &c.update_key),
        ("Capsule", &c.CTSym),
        ("SemiCiphertext", &c.SemiCT),
    ];
    for (kind, text) in all {
        refuse(kind, vec![]);
        refuse(kind, bytes(&text[..text.len() - 2]));
        refuse(kind, [bytes(text), vec![0]].concat());
        refuse(kind, patch(text, 0, b"XXXX"));
        refuse(kind, patch(text, 4, &[2]));
        refuse(kind, patch(text, 5, &[0]));
    }
    let one = support::gt_bytes(&Gt::identity());
    refuse("PublicParameters", patch(&c.pp, 38, &[0]));
    refuse("PublicParameters", patch(&c.pp, 39, &one));
    refuse("PublicParameters", patch(&c.pp, 39, &[0; 576]));
    refuse("PublicParameters", patch(&c.pp, 39, &[0xff; 48]));
    refuse("MasterSecret", patch(&c.msk, 39, &[0; 32]));
    refuse("MasterSecret", patch(&c.msk, 39, &[0xff; 32]));
    refuse("ProofOfPossession", patch(&c.proof, 6, &infinity[..48]));
    refuse("ProofOfPossession", patch(&c.proof, 6, &outside));
    refuse("ProofOfPossession", patch(&c.proof, 54, &[0xff; 32]));
    let pk = hex::encode(frame("ABUP")) + &c.pk;
    refuse("UserPublicKey", patch(&pk, 6, &infinity[..48]));
    refuse("UserPublicKey", patch(&pk, 6, &outside));
    refuse("AttributeKey", patch(&c.attribute_key, 39, &[0xff; 4]));
    refuse("AttributeKey", patch(&c.attribute_key, 43, &[0xff; 4]));
    refuse("AttributeKey", patch(&c.attribute_key, 47, b"A"));
    refuse("UpdateKey", patch(&c.update_key, 47, &[0xff; 4]));
    refuse("UpdateKey", patch(&c.update_key, 51, &[0; 8]));
    refuse("UpdateKey", patch(&c.update_key, 51, &[0xff; 8]));
    refuse("UpdateKey", patch(&c.update_key, 59, &outside));
    let header = c.header.len() / 2;
    let m = c.C2.len();
    refuse("Capsule", patch(&c.CTSym, 110, &[0xff; 4]));
    refuse("Capsule", patch(&c.CTSym, 114, b"A"));
    refuse("Capsule", patch(&c.CTSym, header, &infinity));
    refuse("Capsule", patch(&c.CTSym, header + 96, &infinity));
    refuse(
        "Capsule",
        patch(&c.CTSym, header + 96 * (1 + m), &infinity[..48]),
    );
    refuse(
        "Capsule",
        patch(&c.CTSym, header + 96 * (1 + m) + 48, &outside),
    );
    refuse("SemiCiphertext", patch(&c.SemiCT, 6, &one));
    refuse("SemiCiphertext", patch(&c.SemiCT, 6 + 576, &one));
    refuse("SemiCiphertext", patch(&c.SemiCT, 6, &[0; 576]));
    cases
}

/// Writes the file anew: only for a new format version, never over a frozen one.
#[test]
#[ignore = "makes the frozen vectors"]
fn generate_vectors() {
    let given = [
        given(1, 1, "icu", &[], "icu"),
        given(
            2,
            3,
            "icu, er, role:cardiologist",
            &[5, 6],
            "(role:cardiologist and icu) or (icu and surgery) or 2 of (er, icu, ward)",
        ),
        given(
            3,
            2,
            "role:surgeon, surgery, ward, level=5",
            &[0],
            "role:surgeon and 2 of (surgery, icu, ward) and level >= 4",
        ),
    ];
    let scheme = |given: Given| {
        let computed = Box::new(recompute(&given));
        Case::Scheme {
            given: Box::new(given),
            computed,
        }
    };
    let mut cases: Vec<Case> = given.into_iter().map(scheme).collect();
    let Case::Scheme { computed, .. } = &cases[1] else {
        unreachable!()
    };
    let refused = refusals(computed);
    cases.extend(refused);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/abe.json");
    std::fs::write(path, serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
}
