//! The Hankel system of a trapdoor, solved without a branch that depends on a secret.

use crate::curve::{Scalar, SecretScalar};
use crate::matching::polynomial;

/// nu with sum_j t_{i+j} nu_j = v_i for all i < m, where t_j = sum_k w_k h_k^j and m is the number of the h_k.
///
/// The matrix is V W V^T for the Vandermonde matrix V of the h_k and W = diag(w_k), and the rows of V's inverse are the
/// coefficients of the Lagrange polynomials L_k = N_k / N_k(h_k), N_k = prod_{l ≠ k} (X - h_l). So there is nothing to
/// eliminate and no pivot to choose:
///
/// ```text
/// nu = sum_k N_k · <N_k, v> / (w_k N_k(h_k)^2)
/// ```
/// m^3 multiplications.
///
/// # Panics
/// If two h_k are equal or a w_k is zero, which TrdGen's types exclude.
pub(super) fn solve(
    interests: &[&SecretScalar],
    weights: &[SecretScalar],
    v: &[Scalar],
) -> Vec<SecretScalar> {
    let zero = || SecretScalar::new(Scalar::ZERO);
    let mut nu: Vec<SecretScalar> = v.iter().map(|_| zero()).collect();
    for (k, (h_k, w_k)) in interests.iter().zip(weights).enumerate() {
        let others = interests.iter().enumerate().filter(|(l, _)| *l != k);
        let n_k = polynomial::from_roots(others.map(|(_, h_l)| *h_l));
        let at_h_k = n_k
            .iter()
            .rev()
            .fold(zero(), |value, n_kj| &(&value * *h_k) + n_kj);
        let product = n_k
            .iter()
            .zip(v)
            .fold(zero(), |sum, (n_ki, v_i)| &sum + &(n_ki * v_i));
        let inverse = (w_k * &(&at_h_k * &at_h_k))
            .invert()
            .expect("interests differ and weights are not zero");
        let factor = &product * &inverse;
        for (nu_j, n_kj) in nu.iter_mut().zip(&n_k) {
            *nu_j = &*nu_j + &(n_kj * &factor);
        }
    }
    nu
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[u64]) -> Vec<SecretScalar> {
        let scalars = values.iter().map(|value| Scalar::from(*value));
        scalars.map(SecretScalar::new).collect()
    }

    #[test]
    fn the_solution_satisfies_the_hankel_system() {
        let all = [(2, 5), (3, 7), (11, 1), (1 << 60, 13), (17, 4)];
        for m in 1..=all.len() {
            let (h, w): (Vec<u64>, Vec<u64>) = all[..m].iter().copied().unzip();
            let (h, w) = (secrets(&h), secrets(&w));
            let bases: Vec<&SecretScalar> = h.iter().collect();
            let v: Vec<Scalar> = (1..=m as u64).map(|i| Scalar::from(i * i + 3)).collect();
            let nu = solve(&bases, &w, &v);
            let t = polynomial::weighted_powers(secrets(&all.map(|(_, w)| w)[..m]), &bases, 2 * m);
            for (i, v_i) in v.iter().enumerate() {
                let sum = nu.iter().zip(&t[i..]).fold(Scalar::ZERO, |sum, (nu, t)| {
                    sum + *nu.expose_secret() * *t.expose_secret()
                });
                assert_eq!(sum, *v_i, "row {i} of {m}");
            }
        }
    }
}
