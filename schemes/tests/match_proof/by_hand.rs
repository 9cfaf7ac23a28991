//! A prover who follows no rules, and what is hashed, written out.

use consilium_schemes::curve::{G1, G2, Gt, Scalar, multi_pairing};
use consilium_schemes::match_proof::{MatchContext, MatchProof, Statement};

use super::World;
use crate::frozen::{digest_by_hand, fr_by_hand, sized};

/// ctx as it is hashed.
pub(crate) fn context_bytes(context: &MatchContext<'_>) -> Vec<u8> {
    [
        &context.federation[..],
        &context.record,
        &context.doctor,
        &sized(context.hospital),
        &context.epoch.to_be_bytes(),
        &[u8::from(context.authorization.is_some())],
        &context.authorization.unwrap_or_default(),
        &context.expires.to_be_bytes(),
    ]
    .concat()
}

/// outcome, ctx, a, b, digest.
pub(crate) fn head(
    outcome: u8,
    context: &MatchContext<'_>,
    keys: &[u8],
    index: &[u8],
    trapdoor: &[u8],
) -> Vec<u8> {
    let digest = digest_by_hand("CONSILIUM-V1-MATCH-POINTS", &[index, trapdoor]);
    [&[outcome][..], &context_bytes(context), keys, &digest].concat()
}

/// A statement with its points in the open, as everyone reads them.
pub(crate) struct Open {
    pub(crate) head: [Vec<u8>; 2],
    pub(crate) a: G1,
    pub(crate) b: G2,
    /// VM, UM, VD, UD.
    pub(crate) products: [Gt; 4],
}

impl Open {
    pub(crate) fn new(statement: &Statement<'_>, a: G1, b: G2) -> Self {
        let (index, trapdoor) = (statement.index.to_bytes(), statement.trapdoor.to_bytes());
        let size = usize::from(statement.index.size().get());
        let g1 = |i: usize| G1::from_bytes(&index[8 + 48 * i..8 + 48 * (i + 1)]).unwrap();
        let g2 = |i: usize| G2::from_bytes(&trapdoor[8 + 96 * i..8 + 96 * (i + 1)]).unwrap();
        let u: Vec<G1> = (0..size).map(g1).chain([G1::identity()]).collect();
        let v: Vec<G1> = (size..=2 * size).map(g1).collect();
        let d: Vec<G2> = (0..=size).map(g2).collect();
        let m: Vec<G2> = (size + 1..2 * size + 2).map(g2).collect();
        let product = |p: &[G1], q: &[G2]| multi_pairing(p.iter().copied().zip(q.iter().copied()));
        let keys = [&a.to_bytes()[..], &b.to_bytes()].concat();
        let head = |outcome| head(outcome, statement.context, &keys, &index, &trapdoor);
        Self {
            head: [head(0), head(1)],
            a,
            b,
            products: [
                product(&v, &m),
                product(&u, &m),
                product(&v, &d),
                product(&u, &d),
            ],
        }
    }

    pub(crate) fn of(world: &World, statement: &Statement<'_>) -> Self {
        let (x, y) = exponents(world);
        Self::new(statement, G1::generator() * x, G2::generator() * y)
    }

    /// VM^{e_0} UM^{e_1} VD^{e_2} UD^{e_3}.
    pub(crate) fn mixed(&self, exponents: [Scalar; 4]) -> Gt {
        let terms = self.products.iter().zip(&exponents);
        terms.fold(Gt::one(), |product, (base, e)| product * base.pow(e))
    }

    pub(crate) fn challenge(
        &self,
        outcome: usize,
        z: &[u8],
        a1: G1,
        a2: G2,
        a3: G1,
        a4: Gt,
    ) -> Scalar {
        let message = [
            &self.head[outcome],
            z,
            &a1.to_bytes(),
            &a2.to_bytes(),
            &a3.to_bytes(),
            &a4.to_bytes(),
        ]
        .concat();
        Scalar::from_bytes(&fr_by_hand("CONSILIUM-V1-MATCH-PROOF", &message)).unwrap()
    }

    /// The match branch run with any witness.
    pub(crate) fn claim_match(
        &self,
        [x, y, z]: [Scalar; 3],
        [k_x, k_y, k_z]: [Scalar; 3],
    ) -> MatchProof {
        let (g1, g2) = (G1::generator(), G2::generator());
        let a4 = self.mixed([Scalar::ZERO, k_x, k_y, -k_z]);
        let c = self.challenge(1, &[], g1 * k_x, g2 * k_y, g1 * k_z - self.a * k_y, a4);
        match_proof(c, [k_x + c * x, k_y + c * y, k_z + c * z])
    }

    /// The no-match branch run with any witness and any Z.
    pub(crate) fn claim_no_match(
        &self,
        z: &Gt,
        [d, x, y, w]: [Scalar; 4],
        [k_d, k_x, k_y, k_w]: [Scalar; 4],
    ) -> Vec<u8> {
        let (a1, a2, a3, a4) = self.no_match_commitments([k_d, k_x, k_y, k_w]);
        let c = self.challenge(0, &z.to_bytes(), a1, a2, a3, a4);
        let answers = [k_d + c * d, k_x + c * x, k_y + c * y, k_w + c * w];
        no_match_bytes(&z.to_bytes(), c, answers)
    }

    /// A1..A3, and A4 without Z.
    pub(crate) fn no_match_commitments(&self, [d, x, y, w]: [Scalar; 4]) -> (G1, G2, G1, Gt) {
        let (g1, g2) = (G1::generator(), G2::generator());
        (
            g1 * x - self.a * d,
            g2 * y - self.b * d,
            g1 * w - self.a * y,
            self.mixed([d, -x, -y, w]),
        )
    }
}

pub(crate) fn exponents(world: &World) -> (Scalar, Scalar) {
    let secret = world.secret.expose_secret();
    let read = |at: usize| Scalar::from_bytes(&secret[at..at + 32]).unwrap();
    (read(5), read(37))
}

pub(crate) fn match_proof(c: Scalar, answers: [Scalar; 3]) -> MatchProof {
    let mut out = b"CMMP\x01\x01".to_vec();
    let [x, y, z] = answers;
    [c, x, y, z]
        .iter()
        .for_each(|scalar| out.extend(scalar.to_bytes()));
    MatchProof::from_bytes(&out).unwrap()
}

pub(crate) fn no_match_bytes(z: &[u8], c: Scalar, answers: [Scalar; 4]) -> Vec<u8> {
    let mut out = [&b"CMMP\x01\x00"[..], z].concat();
    let [d, x, y, w] = answers;
    [c, d, x, y, w]
        .iter()
        .for_each(|scalar| out.extend(scalar.to_bytes()));
    out
}
