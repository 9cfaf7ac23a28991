//! Proptest strategies, for this crate's tests and for those above it.
//!
//! Most labels and numbers come from a small pool, so that sets satisfy policies about as often as not.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use crate::attribute::{Attribute, Name, RESERVED_NAMES};
use crate::attribute_set::AttributeSet;
use crate::comparison::{Comparison, Operator};
use crate::node::Node;
use crate::policy::Policy;

const LABELS: [&str; 8] = [
    "icu",
    "er",
    "surgery",
    "radiology",
    "role:cardiologist",
    "role:surgeon",
    "hospital:st-mary",
    "hospital:general",
];
const NUMBERS: [&str; 2] = ["clearance", "years"];

/// Policies of every kind, more than a quarter of them with a k-of-n, few with more than 24 leaves.
pub fn arb_policy() -> impl Strategy<Value = Policy> {
    let leaf = prop_oneof![
        6 => arb_label().prop_map(Node::Attribute),
        1 => arb_comparison().prop_map(Node::Compare),
    ];
    let formula = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 2..4).prop_map(Node::and),
            1 => vec(inner.clone(), 2..4).prop_map(Node::or),
            2 => (vec(inner, 1..6), any::<prop::sample::Index>())
                .prop_map(|(items, count)| Node::threshold(1 + count.index(items.len()), items)),
        ]
    });
    formula.prop_filter_map("within the limits", |root| Policy::new(root).ok())
}

/// Sets of one to eight labels and up to two numbers.
pub fn arb_attribute_set() -> impl Strategy<Value = AttributeSet> {
    let labels = btree_set(arb_label(), 1..8);
    let numbers = btree_map(
        prop::sample::select(&NUMBERS[..]).prop_map(name),
        arb_number(),
        0..3,
    );
    (labels, numbers).prop_map(|(labels, numbers)| AttributeSet::from_parts(labels, numbers))
}

fn arb_label() -> impl Strategy<Value = Attribute> {
    let pooled = prop::sample::select(&LABELS[..])
        .prop_map(|label| label.parse().expect("the pool is of labels"));
    let wild = (
        "[a-z][a-z0-9._-]{0,9}",
        prop::option::of("[a-z0-9._-]{1,9}"),
    )
        .prop_filter("reserved", |(name, _)| {
            !RESERVED_NAMES.contains(&name.as_str())
        })
        .prop_map(|(name, value)| Attribute::label(Name(name), value));
    prop_oneof![15 => pooled, 1 => wild]
}

fn arb_comparison() -> impl Strategy<Value = Comparison> {
    let operator = prop::sample::select(vec![
        Operator::Below,
        Operator::AtMost,
        Operator::Above,
        Operator::AtLeast,
        Operator::Equal,
    ]);
    (prop::sample::select(&NUMBERS[..]), operator, arb_number())
        .prop_filter_map("says something", |(number, operator, value)| {
            Comparison::new(name(number), operator, value).ok()
        })
}

fn arb_number() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..9_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn name(number: &str) -> Name {
    Name(number.to_owned())
}
