//! Numbers: each comparison means what it says, and one key cannot hold two values.

use std::collections::BTreeSet;

use crate::common::spans_the_secret;
use bls12_381::Scalar;
use consilium_policies::{Attribute, AttributeError, AttributeSet, NUMBER_BITS, Policy};
use proptest::prelude::*;

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

fn key(number: u32) -> AttributeSet {
    format!("clearance={number}").parse().unwrap()
}

/// Whether these attributes, however they came together, span: the mathematics without the crate's check.
fn opens(policy: &Policy, held: &BTreeSet<Attribute>) -> bool {
    let structure = policy.access_structure();
    let rows = structure.rows().iter().zip(structure.matrix::<Scalar>());
    let usable = rows
        .filter(|(row, _)| held.contains(row.attribute()))
        .map(|(_, m)| m);
    spans_the_secret(usable.collect())
}

#[test]
fn two_values_in_one_key_would_open_what_neither_opens_and_are_refused() {
    let (three, four) = (key(3), key(4));
    let at_least_seven = policy("clearance >= 7");
    let pooled = three.attributes().chain(four.attributes()).collect();
    assert!(!opens(&at_least_seven, &three.attributes().collect()));
    assert!(!opens(&at_least_seven, &four.attributes().collect()));
    assert!(
        opens(&at_least_seven, &pooled),
        "the attack that the rule is against"
    );

    for refused in [
        "clearance=3, clearance=4".parse::<AttributeSet>(),
        "clearance=4\nicu\nClearance=3".parse(),
        AttributeSet::from_entries(["clearance=3", "clearance=4"]),
        AttributeSet::from_bytes(b"\x00\x00\x00\x18clearance=3, clearance=4"),
    ] {
        assert!(
            matches!(refused, Err(AttributeError::TwoValues { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn numbers_of_different_names_do_not_mix() {
    let both: AttributeSet = "age=7, clearance=0".parse().unwrap();
    assert!(!policy("clearance >= 7").is_satisfied_by(&both));
    assert!(
        policy("clearance >= 7")
            .access_structure()
            .select::<Scalar>(&both)
            .is_none()
    );
}

#[test]
fn a_comparison_takes_only_the_rows_that_decide() {
    for (text, rows) in [
        ("x >= 1", 32),
        ("x >= 4", 30),
        ("x > 2147483647", 1),
        ("x < 2147483648", 1),
        ("x <= 3", 30),
        ("x < 4294967295", 32),
        ("x == 5", 32),
    ] {
        assert_eq!(policy(text).access_structure().rows().len(), rows, "{text}");
    }
}

fn arb_number() -> impl Strategy<Value = u32> {
    let power = (0..u32::from(NUMBER_BITS), 0..3_u32)
        .prop_map(|(bit, offset)| (1_u32 << bit).wrapping_add(offset).wrapping_sub(1));
    prop_oneof![power, any::<u32>(), 0..9_u32, Just(u32::MAX)]
}

proptest! {
    #[test]
    fn a_comparison_holds_for_exactly_the_numbers_it_says(bound in arb_number(), number in arb_number()) {
        let key = key(number);
        let held = key.attributes().collect();
        for (operator, truth) in [
            ("<", number < bound),
            ("<=", number <= bound),
            (">", number > bound),
            (">=", number >= bound),
            ("==", number == bound),
        ] {
            // The ones that say nothing are refused; see `language.rs`.
            let Ok(policy) = format!("clearance {operator} {bound}").parse::<Policy>() else {
                continue;
            };
            prop_assert_eq!(policy.is_satisfied_by(&key), truth);
            prop_assert_eq!(policy.access_structure().select::<Scalar>(&key).is_some(), truth);
            prop_assert_eq!(opens(&policy, &held), truth);
        }
    }
}
