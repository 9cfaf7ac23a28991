//! Exact linear algebra over the field of BLS12-381's order, by elimination: the check on everything
//! that the crate computes along the formula.
#![allow(dead_code)]

use bls12_381::Scalar;
use consilium_policies::Selection;

/// Reproducible field elements that have no pattern.
pub struct Elements(Scalar);

impl Elements {
    pub fn new(seed: u64) -> Self {
        Self(Scalar::from(seed) + Scalar::from_raw([3, 1, 4, 1]))
    }

    pub fn next(&mut self) -> Scalar {
        self.0 = self.0.square() * self.0 + Scalar::from(7);
        self.0
    }

    pub fn take(&mut self, count: usize) -> Vec<Scalar> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Eliminates the given columns, without dividing. Returns the number of pivots and the other rows.
fn eliminate(
    mut rows: Vec<Vec<Scalar>>,
    columns: impl Iterator<Item = usize>,
) -> (usize, Vec<Vec<Scalar>>) {
    let mut pivots = 0;
    for column in columns {
        let Some(found) = rows.iter().position(|row| row[column] != Scalar::zero()) else {
            continue;
        };
        let pivot = rows.swap_remove(found);
        pivots += 1;
        for row in rows.iter_mut().filter(|row| row[column] != Scalar::zero()) {
            let factor = row[column];
            for (entry, p) in row.iter_mut().zip(&pivot) {
                *entry = *entry * pivot[column] - p * factor;
            }
        }
    }
    (pivots, rows)
}

pub fn rank(rows: &[Vec<Scalar>]) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    eliminate(rows.to_vec(), 0..columns).0
}

/// Whether (1,0,..,0) is a combination of these rows.
pub fn spans_the_secret(rows: Vec<Vec<Scalar>>) -> bool {
    let columns = rows.first().map_or(0, Vec::len);
    let (_, rest) = eliminate(rows, 1..columns);
    rest.iter().any(|row| row[0] != Scalar::zero())
}

/// sum weight_i M_i
pub fn combine(
    matrix: &[Vec<Scalar>],
    weights: impl IntoIterator<Item = (usize, Scalar)>,
) -> Vec<Scalar> {
    let mut sum = vec![Scalar::zero(); matrix[0].len()];
    for (row, weight) in weights {
        for (entry, m) in sum.iter_mut().zip(&matrix[row]) {
            *entry += weight * m;
        }
    }
    sum
}

/// (kappa, 0, .., 0)
pub fn target(kappa: Scalar, columns: usize) -> Vec<Scalar> {
    let mut target = vec![Scalar::zero(); columns];
    target[0] = kappa;
    target
}

pub fn reconstructs(matrix: &[Vec<Scalar>], selection: &Selection<Scalar>) -> bool {
    let sum = combine(matrix, selection.rows().iter().copied());
    sum == target(Scalar::one(), matrix[0].len())
}
