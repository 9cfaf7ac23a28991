//! The folded product, and the challenge.

use super::proof::Outcome;
use super::statement::Statement;
use crate::curve::{G1, G2, Gt, Label, Scalar, Transcript, hash_to_scalar, multi_pairing};
use crate::digest::Digest;

const LABEL: Label = Label::new("CONSILIUM-V1-MATCH-PROOF");

/// A1, A2, A3, A4.
pub(super) struct Commitments {
    pub(super) a1: G1,
    pub(super) a2: G2,
    pub(super) a3: G1,
    pub(super) a4: Gt,
}

/// prod_j e(L_j, M_j) e(L'_j, D_j), where (L_j, L'_j) is what `left` makes of each (V_j, U_j), U_n = 1: one multi-Miller loop.
pub(super) fn folded(
    statement: &Statement<'_>,
    left: impl FnOnce(&[[G1; 2]]) -> Vec<[G1; 2]>,
) -> Gt {
    let (index, trapdoor) = (statement.index, statement.trapdoor);
    let u = index.u().iter().copied().chain([G1::identity()]);
    let of_index: Vec<[G1; 2]> = index.v().iter().zip(u).map(|(v, u)| [*v, u]).collect();
    let right = trapdoor.m().iter().zip(trapdoor.d()).map(|(m, d)| [*m, *d]);
    let pairs = left(&of_index).into_iter().zip(right);
    multi_pairing(pairs.flat_map(|([l, l_prime], [m, d])| [(l, m), (l_prime, d)]))
}

/// c = Fr("MATCH-PROOF", outcome, ctx, a, b, digest, [Z], A1, A2, A3, A4).
pub(super) fn challenge(
    statement: &Statement<'_>,
    points: &Digest,
    blinded: Option<&Gt>,
    commitments: &Commitments,
) -> Scalar {
    let outcome = match blinded {
        None => Outcome::Match,
        Some(_) => Outcome::NoMatch,
    };
    let start = statement.append(Transcript::with_capacity(2048), outcome, points);
    let with_z = match blinded {
        None => start,
        Some(z) => start.gt(z),
    };
    let Commitments { a1, a2, a3, a4 } = commitments;
    hash_to_scalar(LABEL, &with_z.g1(a1).g2(a2).g1(a3).gt(a4))
}
