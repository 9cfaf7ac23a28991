//! Weights over all rows for the public check of a ciphertext.
//!
//! A ciphertext is well formed if its row exponents are M (s, y_2, ..) for some y. That is so if, and
//! but for one chance in r only if, a random omega with omega M = kappa (1,0,..,0) gives kappa s. All such
//! omega are found along the formula; with the weight w on a connective's vector:
//!
//! ```text
//! or       n - 1 children at random, the last what is missing to w
//! and      each child w
//! k of n   child i:  (-1)^{i+1} C(n,i) Q(i),  Q of degree <= n - k, Q(0) = w, else random
//! ```
//!
//! The last line: the weights w_i with sum w_i p(i) = w p(0) for every p of degree below k are, together
//! with w_0 = -w, the dual of the Reed-Solomon code at the points 0..n, whose words are u_i Q(i) with
//! u_i = 1 / prod_{j != i} (i - j), and u_i / u_0 = (-1)^i C(n,i).

use ff::PrimeField;

use crate::access::{AccessStructure, Formula, element};

impl AccessStructure {
    /// omega, one weight per row, with omega M = kappa (1,0,..,0).
    ///
    /// Each such omega comes from exactly one sequence of values of `random`, so it is uniform among them
    /// if these are uniform in the field.
    pub fn consistency_weights<F: PrimeField>(
        &self,
        kappa: F,
        mut random: impl FnMut() -> F,
    ) -> Vec<F> {
        let mut weights = Vec::with_capacity(self.rows.len());
        weigh(&self.formula, kappa, &mut random, &mut weights);
        weights
    }
}

fn weigh<F: PrimeField>(
    formula: &Formula,
    weight: F,
    random: &mut impl FnMut() -> F,
    weights: &mut Vec<F>,
) {
    match formula {
        Formula::Row(_) => weights.push(weight),
        Formula::Or(items) => {
            let (last, others) = items.split_last().expect("an `or` has children");
            let mut missing = weight;
            for item in others {
                let part = random();
                missing -= part;
                weigh(item, part, random, weights);
            }
            weigh(last, missing, random, weights);
        }
        Formula::And { items, .. } => {
            for item in items {
                weigh(item, weight, random, weights);
            }
        }
        Formula::Threshold { count, items, .. } => {
            let free = (*count..items.len()).map(|_| random());
            let polynomial: Vec<F> = [weight].into_iter().chain(free).collect();
            let signed = signed_binomials::<F>(items.len());
            for ((item, binomial), point) in items.iter().zip(signed).zip(1..) {
                let point: F = element(point);
                let value = polynomial
                    .iter()
                    .rev()
                    .fold(F::ZERO, |sum, q| sum * point + q);
                weigh(item, binomial * value, random, weights);
            }
        }
    }
}

/// C(n,1), -C(n,2), C(n,3), ..: the coefficients of 1 - (1 - X)^n without the constant one.
fn signed_binomials<F: PrimeField>(n: usize) -> Vec<F> {
    let mut row = vec![F::ONE];
    for _ in 0..n {
        let shifted = [F::ZERO].into_iter().chain(row.iter().copied());
        row = row
            .iter()
            .copied()
            .chain([F::ZERO])
            .zip(shifted)
            .map(|(a, b)| a - b)
            .collect();
    }
    row.into_iter()
        .skip(1)
        .map(|coefficient| -coefficient)
        .collect()
}
