//! Proving, by the hospital that index and trapdoor are encrypted to.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::equations::{Commitments, challenge, folded};
use super::error::MatchProofError;
use super::proof::{Answers, MatchProof, Outcome};
use super::statement::Statement;
use crate::curve::{FixedG1, FixedG2, G1, Gt, Label, Scalar, SecretScalar, multi_pairing};
use crate::digest::Digest;
use crate::hedged::Nonces;
use crate::matching::{HospitalSecretKeys, MatchingError};

const LABEL_NONCE: Label = Label::new("CONSILIUM-V1-MATCH-PROOF-NONCE");

/// Computes Match and proves its outcome, whichever it is.
///
/// # Errors
/// [`MatchProofError::SizesDiffer`], [`MatchProofError::OtherKeys`], [`MatchProofError::Degenerate`].
pub fn prove(
    statement: &Statement<'_>,
    secret: &HospitalSecretKeys,
    rng: &mut impl CryptoRng,
) -> Result<MatchProof, MatchProofError> {
    statement.check_sizes()?;
    if secret.public_keys() != *statement.keys {
        return Err(MatchProofError::OtherKeys);
    }
    let product = product(statement, secret)?;
    let outcome = match product.is_one() {
        true => Outcome::Match,
        false => Outcome::NoMatch,
    };
    let points = statement.points();
    let keys = [secret.x(), secret.y()];
    let bound = |seed| statement.append(seed, outcome, &points);
    let mut nonces = Nonces::new(LABEL_NONCE, &keys, bound, rng);
    Ok(match outcome {
        Outcome::Match => prove_match(statement, &points, secret, &mut nonces),
        Outcome::NoMatch => prove_no_match(statement, &points, secret, &product, &mut nonces),
    })
}

/// E = prod_j e(I_j, T_j).
fn product(
    statement: &Statement<'_>,
    secret: &HospitalSecretKeys,
) -> Result<Zeroizing<Gt>, MatchProofError> {
    let index = statement.index.decrypt(secret);
    let trapdoor = statement
        .trapdoor
        .decrypt(secret)
        .map_err(|error| match error {
            MatchingError::Degenerate
            | MatchingError::None { .. }
            | MatchingError::TooMany { .. }
            | MatchingError::SizesDiffer { .. } => MatchProofError::Degenerate,
        })?;
    let pairs = index.points().iter().zip(trapdoor.points());
    let pairs = pairs.map(|(i_j, t_j)| (*i_j, *t_j));
    Ok(Zeroizing::new(multi_pairing(pairs))) // L17
}

fn prove_match(
    statement: &Statement<'_>,
    points: &Digest,
    secret: &HospitalSecretKeys,
    nonces: &mut Nonces,
) -> MatchProof {
    let (a, g1, g2) = (
        statement.keys.a(),
        FixedG1::generator(),
        FixedG2::generator(),
    );
    let (x, y) = (secret.x(), secret.y());
    let z = x * y;
    let (k_x, k_y, k_z) = (nonces.draw(), nonces.draw(), nonces.draw()); // L18
    let commitments = Commitments {
        a1: g1 * &k_x,
        a2: g2 * &k_y,
        a3: g1 * &k_z - a * &k_y,
        a4: folded(statement, |vu| {
            let left = |[v, u]: &[G1; 2]| [*u * &k_x, *v * &k_y - *u * &k_z];
            vu.iter().map(left).collect()
        }),
    }; // L19
    let c = challenge(statement, points, None, &commitments); // L20
    let answers = Answers::Match {
        x: answer(&k_x, x, &c),
        y: answer(&k_y, y, &c),
        z: answer(&k_z, &z, &c),
    }; // L21
    MatchProof { c, answers }
}

fn prove_no_match(
    statement: &Statement<'_>,
    points: &Digest,
    secret: &HospitalSecretKeys,
    product: &Gt,
    nonces: &mut Nonces,
) -> MatchProof {
    let (a, b) = (statement.keys.a(), statement.keys.b());
    let (g1, g2) = (FixedG1::generator(), FixedG2::generator());
    let delta = nonces.draw(); // L26; zero, hence Z = 1, with probability 1/r
    let x = secret.x() * &delta;
    let y = secret.y() * &delta;
    let w = secret.x() * &y;
    let blinded = Box::new(product.pow_secret(&delta)); // L27
    let k_d = nonces.draw();
    let (k_x, k_y, k_w) = (nonces.draw(), nonces.draw(), nonces.draw());
    let commitments = Commitments {
        a1: g1 * &k_x - a * &k_d,
        a2: g2 * &k_y - b * &k_d,
        a3: g1 * &k_w - a * &k_y,
        a4: folded(statement, |vu| {
            let left = |[v, u]: &[G1; 2]| [*v * &k_d - *u * &k_x, *u * &k_w - *v * &k_y];
            vu.iter().map(left).collect()
        }),
    }; // L28
    let c = challenge(statement, points, Some(&blinded), &commitments);
    let answers = Answers::NoMatch {
        blinded,
        delta: answer(&k_d, &delta, &c),
        x: answer(&k_x, &x, &c),
        y: answer(&k_y, &y, &c),
        w: answer(&k_w, &w, &c),
    };
    MatchProof { c, answers }
}

/// s = k + c · secret.
fn answer(k: &SecretScalar, secret: &SecretScalar, c: &Scalar) -> Scalar {
    *(k + &(secret * c)).expose_secret()
}
