//! The linear secret sharing of a policy: (M, rho, tau).
//!
//! Each connective receives a vector v from above (the root's is (1,0,..,0)) and gives one to each
//! child, using columns that nothing else uses (unit vectors e):
//!
//! ```text
//! or                v, v, .., v
//! and, n children   v + e_1,  -e_1 + e_2,  ..,  -e_{n-2} + e_{n-1},  -e_{n-1}
//! k of n            child i (from 1):  v + i e_1 + i^2 e_2 + .. + i^{k-1} e_{k-1}
//! ```
//!
//! A leaf's vector is its row. The `and` of n children is Lewko and Waters' `and` of two, nested to
//! the right. Because the columns of a connective are its own, a combination of the rows below a child
//! is free of the columns inside that child only if it is a multiple of the child's vector. So all
//! linear combinations that matter can be computed along the formula, without eliminating
//! (`selection.rs`, `weights.rs`), and M need never be written out: [`AccessStructure::shares`] applies
//! it. [`AccessStructure::matrix`] writes it out for whoever wants to see it.

use std::collections::HashMap;

use ff::PrimeField;

use crate::attribute::Attribute;
use crate::node::Node;

/// A formula whose leaves are rows and whose connectives know their first column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    Row(usize),
    Or(Vec<Formula>),
    And {
        column: usize,
        items: Vec<Formula>,
    },
    Threshold {
        count: usize,
        column: usize,
        items: Vec<Formula>,
    },
}

/// What belongs to one row of M.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    attribute: Attribute,
    repetition: usize,
}

impl Row {
    /// rho(i).
    pub fn attribute(&self) -> &Attribute {
        &self.attribute
    }

    /// tau(i): in how many rows before this one rho(i) occurred.
    pub fn repetition(&self) -> usize {
        self.repetition
    }
}

/// A vector for [`AccessStructure::shares`] that does not fit the matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the vector has {given} entries, the matrix {columns} columns")]
pub struct ShareError {
    /// Entries given.
    pub given: usize,
    /// Columns of M.
    pub columns: usize,
}

/// (M, rho, tau) of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessStructure {
    pub(crate) formula: Formula,
    pub(crate) rows: Vec<Row>,
    columns: usize,
}

impl AccessStructure {
    pub(crate) fn new(root: &Node) -> Self {
        let mut builder = Builder {
            rows: Vec::new(),
            seen: HashMap::new(),
            columns: 1,
        };
        let formula = builder.build(root);
        Self {
            formula,
            rows: builder.rows,
            columns: builder.columns,
        }
    }

    /// The rows, in the order of the policy's text; a comparison's from the highest bit down.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The columns of M: one for s and one for each of y_2, ..
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// m = max tau; 0 if no attribute occurs twice.
    pub fn max_repetition(&self) -> usize {
        self.rows.iter().map(Row::repetition).max().unwrap_or(0)
    }

    /// lambda = M (s, y_2, ..): one share per row.
    ///
    /// # Errors
    ///
    /// If the vector does not have [`Self::columns`] entries.
    ///
    /// # Security
    ///
    /// The shares are as secret as the vector and are the caller's to wipe. No other copy is on the
    /// heap. Which field operations run depends on the policy alone.
    pub fn shares<F: PrimeField>(&self, vector: &[F]) -> Result<Vec<F>, ShareError> {
        match vector.split_first() {
            Some((secret, _)) if vector.len() == self.columns => {
                let mut shares = Vec::with_capacity(self.rows.len());
                share(&self.formula, *secret, vector, &mut shares);
                Ok(shares)
            }
            _ => Err(ShareError {
                given: vector.len(),
                columns: self.columns,
            }),
        }
    }

    /// M, row by row.
    pub fn matrix<F: PrimeField>(&self) -> Vec<Vec<F>> {
        let mut matrix = vec![Vec::with_capacity(self.columns); self.rows.len()];
        for column in 0..self.columns {
            let unit: Vec<F> = (0..self.columns)
                .map(|i| if i == column { F::ONE } else { F::ZERO })
                .collect();
            let entries = self
                .shares(&unit)
                .expect("the unit vector has one entry per column");
            for (row, entry) in matrix.iter_mut().zip(entries) {
                row.push(entry);
            }
        }
        matrix
    }
}

/// The number of a k-of-n's child or the value of a small integer, in the field.
pub(crate) fn element<F: PrimeField>(small: usize) -> F {
    F::from(u64::try_from(small).expect("bounded by MAX_ROWS"))
}

struct Builder {
    rows: Vec<Row>,
    seen: HashMap<Attribute, usize>,
    columns: usize,
}

impl Builder {
    fn build(&mut self, node: &Node) -> Formula {
        match node {
            Node::Attribute(attribute) => self.row(attribute),
            Node::Compare(comparison) => self.build(&comparison.expand()),
            Node::Or(items) => Formula::Or(self.build_all(items)),
            Node::And(items) => {
                let column = self.new_columns(items.len() - 1);
                Formula::And {
                    column,
                    items: self.build_all(items),
                }
            }
            Node::Threshold(count, items) => {
                let column = self.new_columns(count - 1);
                Formula::Threshold {
                    count: *count,
                    column,
                    items: self.build_all(items),
                }
            }
        }
    }

    fn build_all(&mut self, items: &[Node]) -> Vec<Formula> {
        items.iter().map(|item| self.build(item)).collect()
    }

    fn row(&mut self, attribute: &Attribute) -> Formula {
        let seen = self.seen.entry(attribute.clone()).or_insert(0);
        self.rows.push(Row {
            attribute: attribute.clone(),
            repetition: *seen,
        });
        *seen += 1;
        Formula::Row(self.rows.len() - 1)
    }

    fn new_columns(&mut self, count: usize) -> usize {
        let first = self.columns;
        self.columns += count;
        first
    }
}

/// The shares below a connective whose own share is `value`; rows come in order.
fn share<F: PrimeField>(formula: &Formula, value: F, vector: &[F], shares: &mut Vec<F>) {
    match formula {
        Formula::Row(_) => shares.push(value),
        Formula::Or(items) => {
            for item in items {
                share(item, value, vector, shares);
            }
        }
        Formula::And { column, items } => {
            let (last, others) = items.split_last().expect("an `and` has children");
            let mut rest = value;
            for (item, y) in others
                .iter()
                .zip(own_columns(vector, *column, others.len()))
            {
                share(item, rest + y, vector, shares);
                rest = -*y;
            }
            share(last, rest, vector, shares);
        }
        Formula::Threshold {
            count,
            column,
            items,
        } => {
            let own = own_columns(vector, *column, count - 1);
            for (item, point) in items.iter().zip(1..) {
                let point: F = element(point);
                let tail = own.iter().rev().fold(F::ZERO, |sum, y| (sum + y) * point);
                share(item, value + tail, vector, shares);
            }
        }
    }
}

fn own_columns<F>(vector: &[F], first: usize, count: usize) -> &[F] {
    vector
        .get(first..first + count)
        .expect("the builder counted these columns")
}
