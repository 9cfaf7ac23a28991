//! Verification: public, in variable time.

use super::equations::{Commitments, challenge, folded};
use super::error::MatchProofError;
use super::proof::{Answers, MatchProof, Outcome};
use super::statement::Statement;
use crate::curve::{FixedG1, FixedG2, G1, Scalar};

/// What is true of index and trapdoor, if the proof holds.
///
/// # Errors
/// [`MatchProofError::SizesDiffer`], [`MatchProofError::DoesNotHold`].
pub fn verify(statement: &Statement<'_>, proof: &MatchProof) -> Result<Outcome, MatchProofError> {
    statement.check_sizes()?;
    let outcome = proof.outcome();
    let (commitments, blinded) = match &proof.answers {
        Answers::Match { x, y, z } => (match_commitments(statement, proof.c, [*x, *y, *z]), None),
        Answers::NoMatch {
            blinded,
            delta,
            x,
            y,
            w,
        } => {
            let mut commitments = no_match_commitments(statement, [*delta, *x, *y, *w]);
            commitments.a4 *= blinded.pow(&-proof.c); // L32
            (commitments, Some(&**blinded))
        }
    };
    let c = challenge(statement, &statement.points(), blinded, &commitments);
    if c == proof.c {
        Ok(outcome)
    } else {
        Err(MatchProofError::DoesNotHold { outcome })
    }
}

fn match_commitments(statement: &Statement<'_>, c: Scalar, [x, y, z]: [Scalar; 3]) -> Commitments {
    let (a, b) = (statement.keys.a(), statement.keys.b());
    let (g1, g2) = (FixedG1::generator(), FixedG2::generator());
    Commitments {
        a1: g1 * x - a * c,                                                    // L22
        a2: g2 * y - b * c,                                                    // L23
        a3: g1 * z - a * y,                                                    // L24
        a4: folded(statement, |vu| G1::combinations(vu, &[[-c, x], [y, -z]])), // L25
    }
}

/// All but the factor Z^{-c} of A4.
fn no_match_commitments(statement: &Statement<'_>, [delta, x, y, w]: [Scalar; 4]) -> Commitments {
    let (a, b) = (statement.keys.a(), statement.keys.b());
    let (g1, g2) = (FixedG1::generator(), FixedG2::generator());
    Commitments {
        a1: g1 * x - a * delta, // L29
        a2: g2 * y - b * delta, // L30
        a3: g1 * w - a * y,     // L31
        a4: folded(statement, |vu| {
            G1::combinations(vu, &[[delta, -x], [-y, w]])
        }), // L32
    }
}
