//! What a key's attributes may be, what is refused, and the bytes that the encryption hashes.

use consilium_policies::{
    Attribute, AttributeError, AttributeSet, MAX_ITEMS, Policy, arb_attribute_set,
};
use proptest::prelude::*;

fn policy(text: &str) -> Policy {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn set(text: &str) -> AttributeSet {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn sets_are_read_from_commas_and_lines() {
    let key = set("# a key\nROLE:Cardiologist, icu\nclearance = 4\r\nicu # again\n");
    assert_eq!(key.to_string(), "icu, role:cardiologist, clearance=4");
    assert_eq!(
        key,
        AttributeSet::from_entries(["clearance=4", "icu", "role:cardiologist"]).unwrap()
    );
    assert_eq!(key.number("clearance"), Some(4));
    assert_eq!(key.number("role"), None);
    assert_eq!(key.values_of("role").collect::<Vec<_>>(), ["cardiologist"]);
    assert_eq!(set("x=7, x=7"), set("x=7"));
    // A label and a number of one name are different things.
    assert!(!policy("clearance >= 3").is_satisfied_by(&set("clearance:4")));
    assert!(!policy("clearance:4").is_satisfied_by(&set("clearance=4")));
}

#[test]
fn sets_that_are_wrong_are_refused_with_their_place() {
    for (text, message) in [
        ("", "line 1, column 1: found the end, expected an attribute"),
        ("icu,", "line 1, column 5: found the end"),
        (
            "icu er",
            "line 1, column 5: found `er`, expected `,`, a new line, or the end",
        ),
        ("icu\n,er,,x", "line 2, column 5: found `,`"),
        (
            "x=4, icu, x=3",
            "line 1, column 11: `x` is 3 here and was 4 before",
        ),
        ("x>=4", "line 1, column 2: found `>=`, expected `=`"),
        ("x==4", "line 1, column 2: found `==`, expected `=`"),
        ("x=4294967296", "line 1, column 3: 4294967296 is too large"),
        (
            "x=four",
            "line 1, column 3: found `four`, expected a number",
        ),
        ("role:x=4", "line 1, column 7: found `=`"),
        ("x=", "line 1, column 3: found the end, expected a number"),
        ("or", "line 1, column 1: found `or`"),
        ("4", "line 1, column 1: found the number 4"),
        ("clearance#31=1", "line 1, column 10: the character '#'"),
    ] {
        let found = text.parse::<AttributeSet>().expect_err(text).to_string();
        assert!(found.starts_with(message), "{text}\n  {found}\n  {message}");
    }
    for entry in ["icu, er", "icu\ner", "", "x=1 y=2"] {
        assert!(AttributeSet::from_entries([entry]).is_err(), "{entry}");
    }
    assert!(AttributeSet::from_entries([]).is_err());
    let many: Vec<String> = (0..=MAX_ITEMS).map(|i| format!("a{i}")).collect();
    assert_eq!(
        many.join(",").parse::<AttributeSet>(),
        Err(AttributeError::TooMany)
    );
    assert_eq!(set(&many[1..].join(",")).attributes().count(), MAX_ITEMS);
}

#[test]
fn attribute_bytes_are_as_documented() {
    let bytes = |text: &str| text.parse::<Attribute>().unwrap().to_bytes();
    assert_eq!(bytes("icu"), b"\x01\x03icu");
    assert_eq!(bytes("Role:ER"), b"\x02\x04role\x02er");
    let bits: Vec<Vec<u8>> = set("age=2147483650")
        .attributes()
        .map(|a| a.to_bytes())
        .collect();
    assert_eq!(bits.len(), 32);
    assert_eq!(bits[0], b"\x03\x03age\x00\x00");
    assert_eq!(bits[1], b"\x03\x03age\x01\x01");
    assert_eq!(bits[31], b"\x03\x03age\x1f\x01");
    assert!("a, b".parse::<Attribute>().is_err());
    assert!("a=1".parse::<Attribute>().is_err());
}

#[test]
fn text_cannot_name_a_bit() {
    let bits: Vec<Attribute> = set("age=5").attributes().collect();
    for bit in bits {
        assert_ne!(bit.to_string().parse::<Attribute>().ok(), Some(bit.clone()));
        if let Ok(other) = bit.to_string().parse::<AttributeSet>() {
            assert!(!other.contains(&bit), "{bit}");
        }
    }
}

proptest! {
    #[test]
    fn what_a_set_prints_parses_back_to_it(set in arb_attribute_set()) {
        prop_assert_eq!(set.to_string().parse(), Ok(set.clone()));
        prop_assert_eq!(AttributeSet::from_bytes(&set.to_bytes()), Ok(set));
    }

    #[test]
    fn a_set_lists_its_attributes_once_in_order_with_distinct_bytes(set in arb_attribute_set()) {
        let attributes: Vec<Attribute> = set.attributes().collect();
        prop_assert!(attributes.is_sorted_by(|a, b| a < b));
        prop_assert!(attributes.iter().all(|attribute| set.contains(attribute)));
        let bytes: std::collections::BTreeSet<_> = attributes.iter().map(Attribute::to_bytes).collect();
        prop_assert_eq!(bytes.len(), attributes.len());
    }
}
