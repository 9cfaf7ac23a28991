//! (M, rho, tau), the shares, the selection and the public check's weights against elimination.

use crate::common::{Elements, combine, rank, reconstructs, spans_the_secret, target};
use bls12_381::Scalar;
use consilium_policies::{AccessStructure, AttributeSet, Policy, arb_attribute_set, arb_policy};
use proptest::prelude::*;

fn structure(text: &str) -> AccessStructure {
    text.parse::<Policy>().unwrap().access_structure()
}

fn set(text: &str) -> AttributeSet {
    text.parse().unwrap()
}

fn field(entry: i64) -> Scalar {
    let absolute = Scalar::from(entry.unsigned_abs());
    if entry < 0 { -absolute } else { absolute }
}

#[track_caller]
fn assert_matrix(text: &str, expected: &[&[i64]]) {
    let expected: Vec<Vec<Scalar>> = expected
        .iter()
        .map(|row| row.iter().map(|entry| field(*entry)).collect())
        .collect();
    assert_eq!(structure(text).matrix::<Scalar>(), expected, "{text}");
}

#[test]
fn matrices_are_those_of_the_papers() {
    assert_matrix("a", &[&[1]]);
    assert_matrix("a or b", &[&[1], &[1]]);
    assert_matrix("a and b", &[&[1, 1], &[0, -1]]);
    // The usual worked example of Lewko and Waters' algorithm, then a larger one by hand.
    assert_matrix(
        "a and ((b and c) or d)",
        &[&[1, 1, 0], &[0, -1, 1], &[0, 0, -1], &[0, -1, 0]],
    );
    assert_matrix(
        "e and (((a and b) or (c and d)) or ((a or b) and (c or d)))",
        &[
            &[1, 1, 0, 0, 0],
            &[0, -1, 1, 0, 0],
            &[0, 0, -1, 0, 0],
            &[0, -1, 0, 1, 0],
            &[0, 0, 0, -1, 0],
            &[0, -1, 0, 0, 1],
            &[0, -1, 0, 0, 1],
            &[0, 0, 0, 0, -1],
            &[0, 0, 0, 0, -1],
        ],
    );
    assert_matrix("a and b and c", &[&[1, 1, 0], &[0, -1, 1], &[0, 0, -1]]);
    assert_matrix("2 of (a, b, c)", &[&[1, 1], &[1, 2], &[1, 3]]);
    assert_matrix(
        "3 of (a, b, c, d)",
        &[&[1, 1, 1], &[1, 2, 4], &[1, 3, 9], &[1, 4, 16]],
    );
    assert_matrix(
        "2 of (a and b, c, d) and e",
        &[
            &[1, 1, 1, 1],
            &[0, 0, 0, -1],
            &[1, 1, 2, 0],
            &[1, 1, 3, 0],
            &[0, -1, 0, 0],
        ],
    );
}

#[test]
fn rows_carry_their_attribute_and_how_often_it_came_before() {
    let structure = structure("(a and b) or (b and 2 of (a, c, b))");
    let labels: Vec<_> = structure
        .rows()
        .iter()
        .map(|row| (row.attribute().to_string(), row.repetition()))
        .collect();
    let expected = [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("c", 0), ("b", 2)];
    assert_eq!(
        labels,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    assert_eq!(structure.max_repetition(), 2);
    assert_eq!(self::structure("a or b").max_repetition(), 0);
}

#[test]
fn selection_takes_the_cheapest_way() {
    for (text, key, rows) in [
        ("(a and b and c) or (a and d)", "a, b, c, d", vec![3, 4]),
        ("a or b", "a, b", vec![0]),
        (
            "2 of (a and b and c, d and e, f)",
            "a, b, c, d, e, f",
            vec![3, 4, 5],
        ),
        (
            "2 of (a and b and c, d and e, f)",
            "a, b, c, d, e",
            vec![0, 1, 2, 3, 4],
        ),
        ("(2 of (a, b, c) and d) or e", "a, b, c, d, e", vec![4]),
        // 7 = 0..0111 has the bit that decides; 4 too; 3 needs both low bits.
        ("x >= 3", "x=7", vec![29]),
        ("x >= 3", "x=4", vec![29]),
        ("x >= 3", "x=3", vec![30, 31]),
        ("x >= 3", "x=2147483648", vec![0]),
    ] {
        let structure = structure(text);
        let selection = structure.select::<Scalar>(&set(key)).expect(text);
        let chosen: Vec<usize> = selection.rows().iter().map(|(row, _)| *row).collect();
        assert_eq!(chosen, rows, "{text} with {key}");
        assert!(
            reconstructs(&structure.matrix(), &selection),
            "{text} with {key}"
        );
    }
}

#[test]
fn rows_are_weighed_only_if_they_are_one_selection() {
    let structure = structure("(a and b) or 2 of (c, d, e)");
    for rows in [&[0, 1][..], &[2, 3], &[2, 4], &[3, 4]] {
        let selection = structure.weigh_rows::<Scalar>(rows).unwrap();
        assert!(reconstructs(&structure.matrix(), &selection), "{rows:?}");
    }
    // Idle rows, too few, out of order, twice, none, no row.
    for rows in [
        &[0, 1, 2][..],
        &[2, 3, 4],
        &[0],
        &[1, 0],
        &[0, 0, 1],
        &[],
        &[2, 9],
    ] {
        assert_eq!(structure.weigh_rows::<Scalar>(rows), None, "{rows:?}");
    }
}

#[test]
fn a_vector_of_the_wrong_length_has_no_shares() {
    let structure = structure("a and b");
    for given in [0, 1, 3] {
        let error = structure.shares(&Elements::new(1).take(given)).unwrap_err();
        assert_eq!((error.given, error.columns), (given, 2));
    }
}

#[test]
fn the_largest_threshold_is_exact() {
    // 200 of 512: powers far beyond any machine integer.
    let names: Vec<String> = (0..512).map(|i| format!("a{i}")).collect();
    let structure = structure(&format!("200 of ({})", names.join(", ")));
    let mut elements = Elements::new(9);
    let vector = elements.take(structure.columns());
    let shares = structure.shares(&vector).unwrap();
    let weights = structure.consistency_weights(Scalar::one(), || elements.next());
    let recovered: Scalar = shares
        .iter()
        .zip(weights)
        .map(|(share, weight)| share * weight)
        .sum();
    assert_eq!(recovered, vector[0]);
    // A key of 64 labels is too small; check the coefficients of the largest threshold that one reaches.
    let structure = self::structure(&format!("64 of ({})", names.join(", ")));
    let vector = elements.take(structure.columns());
    let shares = structure.shares(&vector).unwrap();
    let selection = structure
        .select::<Scalar>(&set(&names[448..].join(", ")))
        .unwrap();
    let recovered: Scalar = selection
        .rows()
        .iter()
        .map(|(row, omega)| shares[*row] * omega)
        .sum();
    assert_eq!((recovered, selection.rows().len()), (vector[0], 64));
}

/// Whether shares are M (secret, ..) for some continuation, by elimination.
fn is_well_formed(matrix: &[Vec<Scalar>], shares: &[Scalar], secret: Scalar) -> bool {
    let columns: Vec<Vec<Scalar>> = (1..matrix[0].len())
        .map(|j| matrix.iter().map(|row| row[j]).collect())
        .collect();
    let rest: Vec<Scalar> = shares
        .iter()
        .zip(matrix)
        .map(|(share, row)| share - row[0] * secret)
        .collect();
    rank(&columns) == rank(&[columns, vec![rest]].concat())
}

proptest! {
    #[test]
    fn meaning_selection_and_span_agree(policy in arb_policy(), key in arb_attribute_set()) {
        let structure = policy.access_structure();
        let matrix = structure.matrix::<Scalar>();
        let selection = structure.select::<Scalar>(&key);
        prop_assert_eq!(selection.is_some(), policy.is_satisfied_by(&key));
        let held = structure.rows().iter().zip(&matrix).filter(|(row, _)| key.contains(row.attribute()));
        prop_assert_eq!(selection.is_some(), spans_the_secret(held.map(|(_, m)| m.clone()).collect()));
        if let Some(selection) = selection {
            prop_assert!(reconstructs(&matrix, &selection));
            let rows = selection.rows();
            prop_assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(rows.iter().all(|(row, _)| key.contains(structure.rows()[*row].attribute())));
            let alone: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
            prop_assert_eq!(structure.weigh_rows(&alone), Some(selection.clone()));
            prop_assert_eq!(structure.weigh_rows::<Scalar>(&alone[1..]), None);
            // None of them can be left out.
            for left_out in 0..rows.len() {
                let others = rows.iter().enumerate().filter(|(i, _)| *i != left_out);
                let others = others.map(|(_, (row, _))| matrix[*row].clone()).collect();
                prop_assert!(!spans_the_secret(others));
            }
        }
    }

    #[test]
    fn shares_are_the_matrix_times_the_vector(policy in arb_policy(), seed: u64) {
        let structure = policy.access_structure();
        let vector = Elements::new(seed).take(structure.columns());
        let shares = structure.shares(&vector).unwrap();
        prop_assert_eq!(shares.len(), structure.rows().len());
        for (share, row) in shares.iter().zip(structure.matrix::<Scalar>()) {
            let product: Scalar = row.iter().zip(&vector).map(|(m, v)| m * v).sum();
            prop_assert_eq!(*share, product);
        }
    }

    #[test]
    fn weights_give_kappa_and_are_all_there_are(policy in arb_policy(), seed: u64) {
        let structure = policy.access_structure();
        let matrix = structure.matrix::<Scalar>();
        let (mut elements, mut drawn) = (Elements::new(seed), 0);
        let kappa = elements.next();
        let weights = structure.consistency_weights(kappa, || { drawn += 1; elements.next() });
        prop_assert_eq!(weights.len(), matrix.len());
        prop_assert_eq!(combine(&matrix, weights.into_iter().enumerate()), target(kappa, structure.columns()));
        // With kappa = 0 the map from the random values to the weights is linear: it is injective, and
        // its image has the dimension of the whole left kernel of M.
        prop_assert_eq!(drawn, matrix.len() - rank(&matrix));
        let images: Vec<Vec<Scalar>> = (0..drawn).map(|unit| {
            let mut call = 0;
            structure.consistency_weights(Scalar::zero(), || {
                call += 1;
                if call == unit + 1 { Scalar::one() } else { Scalar::zero() }
            })
        }).collect();
        prop_assert_eq!(rank(&images), drawn);
    }

    #[test]
    fn a_share_that_was_changed_fails_the_check_unless_it_is_well_formed_still(
        policy in arb_policy(),
        seed: u64,
        victim: prop::sample::Index,
    ) {
        let structure = policy.access_structure();
        let mut elements = Elements::new(seed);
        let vector = elements.take(structure.columns());
        let mut shares = structure.shares(&vector).unwrap();
        shares[victim.index(structure.rows().len())] += elements.next();
        let weights = structure.consistency_weights(Scalar::one(), || elements.next());
        let sum: Scalar = shares.iter().zip(weights).map(|(share, weight)| share * weight).sum();
        let well_formed = is_well_formed(&structure.matrix(), &shares, vector[0]);
        prop_assert_eq!(sum == vector[0], well_formed);
    }
}
