//! Polynomials with secret coefficients, and sums of powers.

use crate::curve::{Scalar, SecretScalar};

/// a_0..a_n of prod (X - root); the last is 1.
pub(super) fn from_roots<'a>(roots: impl Iterator<Item = &'a SecretScalar>) -> Vec<SecretScalar> {
    let one = SecretScalar::new(Scalar::ONE);
    roots.fold(vec![one], |coefficients, root| {
        times_linear(&coefficients, root)
    })
}

/// The coefficients of f(X) · (X - root).
fn times_linear(f: &[SecretScalar], root: &SecretScalar) -> Vec<SecretScalar> {
    let zero = SecretScalar::new(Scalar::ZERO);
    let shifted = core::iter::once(&zero).chain(f);
    let scaled = f.iter().chain(core::iter::once(&zero));
    shifted
        .zip(scaled)
        .map(|(above, here)| above - &(here * root))
        .collect()
}

/// sum_k c_k h_k^j for j = 0..count: the weights are multiplied by their bases from one j to the
/// next.
pub(super) fn weighted_powers(
    mut weights: Vec<SecretScalar>,
    bases: &[&SecretScalar],
    count: usize,
) -> Vec<SecretScalar> {
    let zero = || SecretScalar::new(Scalar::ZERO);
    (0..count)
        .map(|_| {
            let sum = weights.iter().fold(zero(), |sum, weight| &sum + weight);
            for (weight, base) in weights.iter_mut().zip(bases) {
                *weight = &*weight * *base;
            }
            sum
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(values: &[u64]) -> Vec<SecretScalar> {
        values
            .iter()
            .map(|value| SecretScalar::new(Scalar::from(*value)))
            .collect()
    }

    fn public(secrets: &[SecretScalar]) -> Vec<Scalar> {
        secrets
            .iter()
            .map(|secret| *secret.expose_secret())
            .collect()
    }

    #[test]
    fn the_roots_2_and_3_make_x_squared_minus_5x_plus_6() {
        let expected = [Scalar::from(6), -Scalar::from(5), Scalar::ONE];
        assert_eq!(public(&from_roots(scalars(&[2, 3]).iter())), expected);
    }

    #[test]
    fn weighted_powers_of_2_and_3_with_weights_5_and_7() {
        let bases = scalars(&[2, 3]);
        let bases: Vec<&SecretScalar> = bases.iter().collect();
        let expected = [12, 31, 83].map(Scalar::from);
        assert_eq!(
            public(&weighted_powers(scalars(&[5, 7]), &bases, 3)),
            expected
        );
    }
}
