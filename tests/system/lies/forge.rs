//! Provers who follow no rules: `docs/spec/match_proof.md` by hand, with any witness.

use consilium_contracts::{
    AuthorizationId, FederationId, Height, HospitalId, ProofBytes, RecordTerms, match_context,
};
use consilium_schemes::curve::{
    G1, G2, Gt, Label, Scalar, Transcript, hash_to_scalar, multi_pairing,
};
use consilium_schemes::match_proof::{self, MatchContext, Statement};
use consilium_schemes::matching::posting::PostingContext;
use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, HospitalKeys, HospitalSecretKeys, KeyContext,
};
use sha2::{Digest as _, Sha256};

use crate::faults::devices::rng;

/// Bytes before the points: kind, version, n, proof.
pub const FRAME: usize = 8;
pub const SIZE_G1: usize = 48;
pub const SIZE_G2: usize = 96;

fn scalar() -> Scalar {
    Scalar::random(&mut rng())
}

fn digest(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let parts = [&[label.as_bytes()], parts].concat();
    let hashed = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update((part.len() as u64).to_be_bytes())
            .chain_update(part)
    });
    hashed.finalize().into()
}

/// x, y, a and b.
pub fn opened(secret: &HospitalSecretKeys) -> (Scalar, Scalar, G1, G2) {
    let bytes = secret.expose_secret();
    let [x, y] = [5, 37].map(|at| Scalar::from_bytes(&bytes[at..at + 32]).unwrap());
    (x, y, G1::generator() * x, G2::generator() * y)
}

/// What a proof of Match is about; the lies change one thing each.
#[derive(Clone)]
pub struct Case {
    pub federation: FederationId,
    pub terms: RecordTerms,
    pub doctor: consilium_contracts::DoctorId,
    pub hospital: HospitalId,
    pub authorization: Option<AuthorizationId>,
    pub expires: Height,
    pub index: EncryptedIndex,
    pub trapdoor: EncryptedTrapdoor,
}

impl Case {
    fn context(&self) -> MatchContext<'_> {
        let (federation, terms) = (&self.federation, &self.terms);
        let (doctor, hospital) = (&self.doctor, &self.hospital);
        match_context(
            federation,
            terms,
            doctor,
            hospital,
            self.authorization,
            self.expires,
        )
    }

    /// What is true of it, by the honest prover.
    pub fn proven(&self, secret: &HospitalSecretKeys) -> ProofBytes {
        let statement = Statement {
            index: &self.index,
            trapdoor: &self.trapdoor,
            keys: &secret.public_keys(),
            context: &self.context(),
        };
        let proof = match_proof::prove(&statement, secret, &mut rng()).unwrap();
        proof.to_bytes().try_into().unwrap()
    }

    /// L18 to L21: that it matches, whether it does or not.
    pub fn claimed(&self, secret: &HospitalSecretKeys) -> ProofBytes {
        let (x, y, a, b) = opened(secret);
        let [k_x, k_y, k_z] = [scalar(), scalar(), scalar()];
        let (g1, g2) = (G1::generator(), G2::generator());
        let message = self
            .head(1, &a, &b)
            .g1(&(g1 * k_x))
            .g2(&(g2 * k_y))
            .g1(&(g1 * k_z - a * k_y))
            .gt(&self.product([Scalar::ZERO, k_x, k_y, -k_z]));
        let c = hash_to_scalar(Label::new("CONSILIUM-V1-MATCH-PROOF"), &message);
        let answers = [c, k_x + c * x, k_y + c * y, k_z + c * x * y];
        let answers = answers.iter().flat_map(Scalar::to_bytes);
        let bytes: Vec<u8> = b"CMMP\x01\x01".iter().copied().chain(answers).collect();
        bytes.try_into().unwrap()
    }

    /// L26 to L28 with this Z in place of E^delta, which is 1 for what matches.
    pub fn denied(&self, secret: &HospitalSecretKeys, z: &[u8; Gt::BYTES]) -> ProofBytes {
        let (x, y, a, b) = opened(secret);
        let [d, k_d, k_x, k_y, k_w] = [(); 5].map(|()| scalar());
        let (g1, g2) = (G1::generator(), G2::generator());
        let message = self
            .head(0, &a, &b)
            .fixed(z)
            .g1(&(g1 * k_x - a * k_d))
            .g2(&(g2 * k_y - b * k_d))
            .g1(&(g1 * k_w - a * k_y))
            .gt(&self.product([k_d, -k_x, -k_y, k_w]));
        let c = hash_to_scalar(Label::new("CONSILIUM-V1-MATCH-PROOF"), &message);
        let (of_x, of_y) = (k_x + c * x * d, k_y + c * y * d);
        let answers = [c, k_d + c * d, of_x, of_y, k_w + c * x * y * d];
        let answers = answers.iter().flat_map(Scalar::to_bytes);
        let head = b"CMMP\x01\x00".iter().chain(z).copied();
        head.chain(answers).collect::<Vec<u8>>().try_into().unwrap()
    }

    /// S_o.
    fn head(&self, outcome: u8, a: &G1, b: &G2) -> Transcript {
        let context = self.context();
        let points = [self.index.to_bytes(), self.trapdoor.to_bytes()];
        Transcript::new()
            .u8(outcome)
            .fixed(&context.federation)
            .fixed(&context.record)
            .fixed(&context.doctor)
            .variable(context.hospital)
            .u64(context.epoch)
            .u8(u8::from(context.authorization.is_some()))
            .fixed(&context.authorization.unwrap_or_default())
            .u64(context.expires)
            .g1(a)
            .g2(b)
            .fixed(&digest(
                "CONSILIUM-V1-MATCH-POINTS",
                &[&points[0], &points[1]],
            ))
    }

    /// VM^{e_0} UM^{e_1} VD^{e_2} UD^{e_3}.
    fn product(&self, [vm, um, vd, ud]: [Scalar; 4]) -> Gt {
        let (index, trapdoor) = (self.index.to_bytes(), self.trapdoor.to_bytes());
        let n = usize::from(self.index.size().get());
        let left = |i: usize| G1::from_bytes(&index[FRAME + SIZE_G1 * i..][..SIZE_G1]).unwrap();
        let right = |i: usize| G2::from_bytes(&trapdoor[FRAME + SIZE_G2 * i..][..SIZE_G2]).unwrap();
        multi_pairing((0..=n).flat_map(|j| {
            let u = if j < n { left(j) } else { G1::identity() };
            let (v, d, m) = (left(n + j), right(j), right(n + 1 + j));
            [(v * vm + u * um, m), (v * vd + u * ud, d)]
        }))
    }
}

/// A posted trapdoor with T_j = g2^{t_j}, whatever these are, and a claim of m interests: L1 to L13, where the claim's witness is
/// right for m = 1 and t_0 ≠ 0 alone.
pub fn trapdoor(
    context: &PostingContext<'_>,
    keys: &HospitalKeys,
    secret: &HospitalSecretKeys,
    t: &[Scalar],
    m: usize,
) -> Vec<u8> {
    assert_eq!(secret.public_keys(), *keys);
    let (_, _, a, b) = opened(secret);
    let (g2, n) = (G2::generator(), t.len() - 1);
    let d: Vec<Scalar> = t.iter().map(|_| scalar()).collect();
    let of_d = d.iter().map(|d| (g2 * *d).to_bytes());
    let of_m = t.iter().zip(&d).map(|(t, d)| (g2 * *t + b * *d).to_bytes());
    let points: Vec<u8> = of_d.chain(of_m).flatten().collect();
    let size = u16::try_from(n).unwrap().to_be_bytes();
    let frame = |proofs: u8| [&b"CMTD\x01"[..], &size, &[proofs], &points].concat();
    let hashed = digest("CONSILIUM-V1-POST-TRAPDOOR-POINTS", &[&frame(0)]);
    let subject = || {
        Transcript::new()
            .fixed(&context.federation)
            .variable(context.poster)
            .fixed(&context.subject)
            .variable(context.hospital)
            .u64(context.epoch)
            .u64(context.expires)
            .g1(&a)
            .g2(&b)
            .fixed(&hashed)
    };
    let k = scalar();
    let c = hash_to_scalar(
        Label::new("CONSILIUM-V1-POST-TRAPDOOR"),
        &subject().g2(&(g2 * k)),
    );
    let (mut s, mut power) = (k, c);
    for d_j in &d {
        s = s + power * *d_j;
        power = power * c;
    }
    let count = u32::try_from(m).unwrap();
    let v_0 = hash_to_scalar(
        Label::new("CONSILIUM-V1-RANK-V"),
        &subject().u32(count).u32(0),
    );
    let witness = |t_0: Scalar| t_0.invert().map(|inverse| v_0 * inverse);
    let nu: Vec<Scalar> = (0..m)
        .map(|_| witness(t[0]).unwrap_or(Scalar::from(5)))
        .collect();
    let convolved = |x: &[Scalar], y: &[Scalar], i: usize| {
        (0..m).fold(Scalar::ZERO, |sum, j| sum + x[i + j] * y[j])
    };
    let (k_nu, k_eps): (Vec<_>, Vec<_>) = (0..m).map(|_| (scalar(), scalar())).unzip();
    let shift = |i: usize| convolved(&d, &k_nu, i) - k_eps[i];
    let left = (0..m).map(|i| g2 * shift(i));
    let right = (0..m).map(|i| g2 * convolved(t, &k_nu, i) + b * shift(i));
    let message = left
        .chain(right)
        .fold(subject().u32(count), |hashed, point| hashed.g2(&point));
    let c_rank = hash_to_scalar(Label::new("CONSILIUM-V1-RANK"), &message);
    let of_nu = k_nu.iter().zip(&nu).map(|(k, nu)| *k + c_rank * *nu);
    let of_eps = (0..m).map(|i| k_eps[i] + c_rank * convolved(&d, &nu, i));
    let answers = of_nu.chain(of_eps).flat_map(|answer| answer.to_bytes());
    [
        frame(1),
        (g2 * k).to_bytes().to_vec(),
        s.to_bytes().to_vec(),
        u16::try_from(m).unwrap().to_be_bytes().to_vec(),
        c_rank.to_bytes().to_vec(),
        answers.collect(),
    ]
    .concat()
}

/// Every D_j moved by g2^e, every M_j by b^e: the same trapdoor, in another encryption.
pub fn rerandomised(posted: &[u8], n: u16, b: G2) -> Vec<u8> {
    let e = scalar();
    let half = SIZE_G2 * (usize::from(n) + 1);
    moved(posted, half, [G2::generator() * e, b * e])
}

fn moved(posted: &[u8], half: usize, by: [G2; 2]) -> Vec<u8> {
    let mut out = posted.to_vec();
    for (i, point) in out[FRAME..FRAME + 2 * half].chunks_mut(SIZE_G2).enumerate() {
        let by = by[i * SIZE_G2 / half];
        let point_moved = G2::from_bytes(point).unwrap() + by;
        point.copy_from_slice(&point_moved.to_bytes());
    }
    out
}

/// The points of one posting times those of another, under the proofs of the first.
pub fn product(one: &[u8], other: &[u8], n: u16) -> Vec<u8> {
    let mut out = one.to_vec();
    let points = FRAME..FRAME + 2 * SIZE_G2 * (usize::from(n) + 1);
    let pairs = out[points.clone()]
        .chunks_mut(SIZE_G2)
        .zip(other[points].chunks(SIZE_G2));
    for (point, other) in pairs {
        let product = G2::from_bytes(point).unwrap() + G2::from_bytes(other).unwrap();
        point.copy_from_slice(&product.to_bytes());
    }
    out
}

/// A card's matching keys a = g1^x, b = g2^y with proofs that hold, for any x and y.
pub fn matching_keys(context: &KeyContext<'_>, x: Scalar, y: Scalar) -> Vec<u8> {
    let (a, b, k) = (G1::generator() * x, G2::generator() * y, scalar());
    let (r_a, r_b) = (G1::generator() * k, G2::generator() * k);
    let start = || {
        Transcript::new()
            .variable(context.hospital)
            .variable(context.hpke_key)
            .g1(&a)
            .g2(&b)
    };
    let c_a = hash_to_scalar(Label::new("CONSILIUM-V1-MATCHING-POP-A"), &start().g1(&r_a));
    let c_b = hash_to_scalar(Label::new("CONSILIUM-V1-MATCHING-POP-B"), &start().g2(&r_b));
    [
        &b"CMHK\x01"[..],
        &a.to_bytes(),
        &b.to_bytes(),
        &r_a.to_bytes(),
        &(k + c_a * x).to_bytes(),
        &r_b.to_bytes(),
        &(k + c_b * y).to_bytes(),
    ]
    .concat()
}
