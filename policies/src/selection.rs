//! Which rows to decrypt with: the fewest that suffice, and their coefficients.
//!
//! The choice is made along the formula: an `or` takes its cheapest satisfied child, an `and` all, a
//! k-of-n its k cheapest satisfied ones. No row belongs to two children, so the fewest rows of the
//! whole are made of the fewest rows of the parts. With the weight w on a connective's vector:
//!
//! ```text
//! or       the chosen child  w
//! and      each child        w          the columns of the `and` cancel
//! k of n   child i of K      w prod_{j in K, j != i} j / (j - i)       Lagrange at 0
//! ```

use ff::PrimeField;

use crate::access::{AccessStructure, Formula, element};
use crate::attribute_set::AttributeSet;

/// Rows with their coefficients omega: sum omega_i M_i = (1,0,..,0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<F> {
    rows: Vec<(usize, F)>,
}

impl<F> Selection<F> {
    /// (i, omega_i), ascending by row; no coefficient is zero.
    pub fn rows(&self) -> &[(usize, F)] {
        &self.rows
    }
}

impl AccessStructure {
    /// The fewest rows that these attributes satisfy the policy with, the first such where several have
    /// as few, and their coefficients; `None` if the attributes do not satisfy it.
    pub fn select<F: PrimeField>(&self, attributes: &AttributeSet) -> Option<Selection<F>> {
        let held: Vec<bool> = self
            .rows
            .iter()
            .map(|row| attributes.contains(row.attribute()))
            .collect();
        let mut rows = cheapest(&self.formula, &held)?;
        rows.sort_unstable_by_key(|(row, _)| *row);
        Some(Selection { rows })
    }

    /// The coefficients of exactly these rows, if they are a selection: satisfying, none of them idle, ascending, none twice.
    ///
    /// What [`Self::select`] returned comes out again, so that whoever is told the rows alone finds the same coefficients: no row
    /// belongs to two children, hence among its own rows a selection has no other choice.
    pub fn weigh_rows<F: PrimeField>(&self, rows: &[usize]) -> Option<Selection<F>> {
        let held: Vec<bool> = (0..self.rows.len())
            .map(|row| rows.binary_search(&row).is_ok())
            .collect();
        let mut found = cheapest(&self.formula, &held)?;
        found.sort_unstable_by_key(|(row, _)| *row);
        let same = found.iter().map(|(row, _)| row).eq(rows);
        same.then_some(Selection { rows: found })
    }
}

/// The rows below a formula that give its vector once.
fn cheapest<F: PrimeField>(formula: &Formula, held: &[bool]) -> Option<Vec<(usize, F)>> {
    match formula {
        Formula::Row(row) => held.get(*row)?.then(|| vec![(*row, F::ONE)]),
        Formula::Or(items) => items
            .iter()
            .filter_map(|item| cheapest(item, held))
            .min_by_key(Vec::len),
        Formula::And { items, .. } => {
            let parts: Option<Vec<_>> = items.iter().map(|item| cheapest(item, held)).collect();
            Some(parts?.concat())
        }
        Formula::Threshold { count, items, .. } => cheapest_of(*count, items, held),
    }
}

fn cheapest_of<F: PrimeField>(
    count: usize,
    items: &[Formula],
    held: &[bool],
) -> Option<Vec<(usize, F)>> {
    let satisfied = items.iter().zip(1..).filter_map(|(item, point)| {
        cheapest(item, held).map(|rows: Vec<(usize, F)>| (element::<F>(point), rows))
    });
    let mut chosen: Vec<_> = satisfied.collect();
    if chosen.len() < count {
        return None;
    }
    chosen.sort_by_key(|(_, rows)| rows.len());
    chosen.truncate(count);
    let points: Vec<F> = chosen.iter().map(|(point, _)| *point).collect();
    let scaled = chosen.into_iter().flat_map(|(point, rows)| {
        let coefficient = lagrange_at_zero(point, &points);
        rows.into_iter()
            .map(move |(row, omega)| (row, omega * coefficient))
    });
    Some(scaled.collect())
}

/// prod j / (j - i) over the other points j.
fn lagrange_at_zero<F: PrimeField>(point: F, points: &[F]) -> F {
    let (above, below) = points
        .iter()
        .filter(|other| **other != point)
        .fold((F::ONE, F::ONE), |(above, below), other| {
            (above * other, below * (*other - point))
        });
    let inverse = below.invert().into_option();
    above * inverse.expect("points differ by less than MAX_ROWS, which is below the field's order")
}
