//! No unauthorised subset of rows of any policy of up to six leaves spans (1,0,..,0), every authorised
//! one does, and the rows selected are the fewest: exhaustively, by elimination over the real field.

use std::collections::BTreeMap;

use crate::common::{reconstructs, spans_the_secret};
use bls12_381::Scalar;
use consilium_policies::{AttributeSet, Policy};

const MAX_LEAVES: usize = 6;

/// A shape of a formula, evaluated and written out here, independently of the crate.
#[derive(Clone)]
enum Shape {
    Leaf,
    Of(usize, Vec<Shape>),
}

impl Shape {
    /// All shapes with this many leaves: every connective k of n with 1 <= k <= n, n >= 2.
    fn all(leaves: usize) -> Vec<Self> {
        if leaves == 1 {
            return vec![Self::Leaf];
        }
        let with_counts =
            |items: Vec<Self>| (1..=items.len()).map(move |k| Self::Of(k, items.clone()));
        Self::lists(leaves)
            .into_iter()
            .flat_map(with_counts)
            .collect()
    }

    /// All lists of at least two shapes with this many leaves together.
    fn lists(leaves: usize) -> Vec<Vec<Self>> {
        let mut lists = Vec::new();
        for first_leaves in 1..leaves {
            let rest = leaves - first_leaves;
            let one = Self::all(rest).into_iter().map(|shape| vec![shape]);
            let tails: Vec<_> = one.chain(Self::lists(rest)).collect();
            for first in Self::all(first_leaves) {
                lists.extend(
                    tails
                        .iter()
                        .map(|tail| [vec![first.clone()], tail.clone()].concat()),
                );
            }
        }
        lists
    }

    fn text(&self, next: &mut usize) -> String {
        match self {
            Self::Leaf => {
                *next += 1;
                format!("a{}", *next - 1)
            }
            Self::Of(count, items) => {
                let items: Vec<String> = items.iter().map(|item| item.text(next)).collect();
                format!("{count} of ({})", items.join(", "))
            }
        }
    }

    fn holds(&self, mask: usize, next: &mut usize) -> bool {
        match self {
            Self::Leaf => {
                *next += 1;
                mask >> (*next - 1) & 1 == 1
            }
            Self::Of(count, items) => {
                items.iter().filter(|item| item.holds(mask, next)).count() >= *count
            }
        }
    }
}

fn bits(mask: usize) -> impl Iterator<Item = usize> {
    (0..MAX_LEAVES).filter(move |i| mask >> i & 1 == 1)
}

/// The key that holds a_i for each bit i, and something that no policy asks for.
fn key(mask: usize) -> AttributeSet {
    let held: Vec<String> = bits(mask).map(|i| format!("a{i}, ")).collect();
    format!("{}other", held.concat()).parse().unwrap()
}

/// For each subset, the size of the smallest authorised subset of it.
fn fewest(authorised: &[bool]) -> Vec<Option<usize>> {
    let mut fewest: Vec<Option<usize>> = Vec::new();
    for mask in 0..authorised.len() {
        let smaller = bits(mask).filter_map(|i| fewest[mask & !(1 << i)]).min();
        fewest.push(smaller.or(authorised[mask].then(|| bits(mask).count())));
    }
    fewest
}

#[test]
fn exactly_the_authorised_subsets_of_up_to_six_leaves_span() {
    let keys: Vec<AttributeSet> = (0..1 << MAX_LEAVES).map(key).collect();
    let mut distinct = Vec::new();
    for leaves in 1..=MAX_LEAVES {
        let shapes: BTreeMap<String, (Policy, Shape)> = Shape::all(leaves)
            .into_iter()
            .map(|shape| {
                let policy: Policy = shape.text(&mut 0).parse().unwrap();
                (policy.to_string(), (policy, shape))
            })
            .collect();
        for (text, (policy, shape)) in &shapes {
            let structure = policy.access_structure();
            let matrix = structure.matrix::<Scalar>();
            let subsets = 0..1 << leaves;
            let authorised: Vec<bool> = subsets
                .clone()
                .map(|mask| shape.holds(mask, &mut 0))
                .collect();
            let fewest = fewest(&authorised);
            for mask in subsets {
                let held = bits(mask).map(|row| matrix[row].clone()).collect();
                assert_eq!(spans_the_secret(held), authorised[mask], "{text}, {mask:b}");
                assert_eq!(
                    policy.is_satisfied_by(&keys[mask]),
                    authorised[mask],
                    "{text}, {mask:b}"
                );
                let selection = structure.select::<Scalar>(&keys[mask]);
                assert_eq!(
                    selection.as_ref().map(|s| s.rows().len()),
                    fewest[mask],
                    "{text}, {mask:b}"
                );
                if let Some(selection) = selection {
                    assert!(reconstructs(&matrix, &selection), "{text}, {mask:b}");
                    assert!(selection.rows().iter().all(|(row, _)| mask >> row & 1 == 1));
                }
            }
        }
        distinct.push(shapes.len());
    }
    // Formulas in normal form, counted by their recurrence: nothing was left out.
    assert_eq!(distinct, [1, 2, 7, 34, 192, 1168]);
}
