//! The proof that the Hankel matrix of an encrypted trapdoor has rank m.

use rand_core::CryptoRng;

use super::context::Subject;
use super::hankel;
use crate::curve::{
    DecodeError, FixedG2, G2, InField as _, Label, Reader, Scalar, SecretScalar, Transcript,
    hash_to_scalar,
};
use crate::hedged::Nonces;
use crate::matching::trapdoor::{EncryptedTrapdoor, Generated, InterestCount};
use crate::matching::{HospitalKeys, IndexSize};

const LABEL_V: Label = Label::new("CONSILIUM-V1-RANK-V");
const LABEL: Label = Label::new("CONSILIUM-V1-RANK");
const LABEL_NONCE: Label = Label::new("CONSILIUM-V1-RANK-NONCE");

/// (m, c, answers for nu, answers for eps).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RankProof {
    m: InterestCount,
    c: Scalar,
    s_nu: Vec<Scalar>,
    s_eps: Vec<Scalar>,
}

impl RankProof {
    /// Length of the encoding.
    pub(super) fn length(m: usize) -> usize {
        InterestCount::BYTES + Scalar::BYTES * (1 + 2 * m)
    }

    pub(super) fn claimed(&self) -> InterestCount {
        self.m
    }

    /// `d` is the ElGamal randomness of the generated trapdoor.
    pub(super) fn prove(
        subject: &Subject<'_>,
        keys: &HospitalKeys,
        generated: &Generated<'_>,
        d: &[SecretScalar],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let m = generated.count;
        let count = usize::from(m.get());
        let v = challenges(subject, m); // L6
        let nu = hankel::solve(&generated.interests, &generated.weights, &v); // L7
        let eps = convolve(d, &nu); // L8

        let secrets: Vec<&SecretScalar> = nu.iter().chain(&eps).collect();
        let statement = |seed| with_m(subject, seed, m);
        let mut nonces = Nonces::new(LABEL_NONCE, &secrets, statement, rng);
        let (k_nu, k_eps) = (nonces.draw_many(count), nonces.draw_many(count)); // L9
        // The prover knows the exponents d_j and t_j, so each commitment is one or two powers: L10, L11
        let shifts: Vec<SecretScalar> = convolve(d, &k_nu)
            .iter()
            .zip(&k_eps)
            .map(|(sum, k_i)| sum - k_i)
            .collect();
        let of_d = shifts
            .iter()
            .map(|shift| FixedG2::generator() * shift)
            .collect();
        let of_m = convolve(&generated.exponents, &k_nu)
            .iter()
            .zip(&shifts)
            .map(|(sum, shift)| FixedG2::generator() * sum + keys.b() * shift)
            .collect();
        let c = challenge(subject, m, &Commitments { of_d, of_m }); // L12
        let answer = |nonces: &[SecretScalar], secrets: &[SecretScalar]| {
            nonces
                .iter()
                .zip(secrets)
                .map(|(k, secret)| *(k + &(secret * &c)).expose_secret())
                .collect()
        };
        let (s_nu, s_eps) = (answer(&k_nu, &nu), answer(&k_eps, &eps)); // L13
        Self { m, c, s_nu, s_eps }
    }

    /// Whether both equations hold for every i < m.
    pub(super) fn holds(
        &self,
        subject: &Subject<'_>,
        keys: &HospitalKeys,
        trapdoor: &EncryptedTrapdoor,
    ) -> bool {
        let v = challenges(subject, self.m);
        let row = |points: &[G2], i: usize, more: &[(G2, Scalar)]| {
            let terms = points.iter().skip(i).copied().zip(self.s_nu.clone());
            G2::multi_mul(terms.chain(more.iter().copied()))
        };
        let (mut of_d, mut of_m) = (Vec::new(), Vec::new());
        for (i, (v_i, s_i)) in v.iter().zip(&self.s_eps).enumerate() {
            let g2 = G2::generator();
            of_d.push(row(trapdoor.d(), i, &[(g2, -*s_i)])); // L14
            let more = [(keys.b(), -*s_i), (g2, -(self.c * *v_i))];
            of_m.push(row(trapdoor.m(), i, &more)); // L15
        }
        self.c == challenge(subject, self.m, &Commitments { of_d, of_m }) // L16
    }

    /// `m 2 || c || s_nu_0 .. s_nu_{m-1} || s_eps_0 .. s_eps_{m-1}`.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.m.get().to_be_bytes());
        let scalars = core::iter::once(&self.c)
            .chain(&self.s_nu)
            .chain(&self.s_eps);
        scalars.for_each(|scalar| out.extend_from_slice(&scalar.to_bytes()));
    }

    /// Reads what [`Self::put`] wrote behind a trapdoor for `n`.
    pub(super) fn read(n: IndexSize, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let m = InterestCount::read(n, reader).in_field("m")?;
        let c = reader.scalar().in_field("c")?;
        let mut answers = |field| {
            (0..m.get())
                .map(|_| reader.scalar().in_field(field))
                .collect::<Result<Vec<Scalar>, _>>()
        };
        let (s_nu, s_eps) = (answers("s_nu")?, answers("s_eps")?);
        Ok(Self { m, c, s_nu, s_eps })
    }
}

/// A_i and B_i, i < m.
struct Commitments {
    of_d: Vec<G2>,
    of_m: Vec<G2>,
}

fn with_m(subject: &Subject<'_>, start: Transcript, m: InterestCount) -> Transcript {
    subject.append(start).u32(m.get().into())
}

/// v_i = Fr("RANK-V", ctx, a, b, digest, m, i), i < m.
fn challenges(subject: &Subject<'_>, m: InterestCount) -> Vec<Scalar> {
    (0..m.get())
        .map(|i| {
            hash_to_scalar(
                LABEL_V,
                &with_m(subject, Transcript::new(), m).u32(i.into()),
            )
        })
        .collect()
}

/// c = Fr("RANK", ctx, a, b, digest, m, A_0 .. A_{m-1}, B_0 .. B_{m-1}).
fn challenge(subject: &Subject<'_>, m: InterestCount, commitments: &Commitments) -> Scalar {
    let start = with_m(subject, Transcript::new(), m);
    let all = commitments.of_d.iter().chain(&commitments.of_m);
    hash_to_scalar(LABEL, &all.fold(start, |message, point| message.g2(point)))
}

/// sum_j x_{i+j} y_j for i < m, m the number of the y_j.
fn convolve(x: &[SecretScalar], y: &[SecretScalar]) -> Vec<SecretScalar> {
    let zero = || SecretScalar::new(Scalar::ZERO);
    (0..y.len())
        .map(|i| {
            x.iter()
                .skip(i)
                .zip(y)
                .fold(zero(), |sum, (x_ij, y_j)| &sum + &(x_ij * y_j))
        })
        .collect()
}
