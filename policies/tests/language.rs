//! What the language takes, what it refuses, where it says the fault is, and what it prints.

use consilium_policies::{
    AttributeError, AttributeSet, EncodingError, MAX_DEPTH, MAX_NAME_LENGTH, MAX_ROWS,
    MAX_TEXT_LENGTH, MAX_VALUE_LENGTH, Policy, PolicyError, SyntaxError, Triviality, arb_policy,
};
use proptest::prelude::*;

fn policy(text: &str) -> Policy {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> PolicyError {
    text.parse::<Policy>().expect_err(text)
}

fn set(text: &str) -> AttributeSet {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn canonical_text_is_what_people_read() {
    for (written, canonical) in [
        ("ICU", "icu"),
        ("Role:Cardiologist AND icu", "role:cardiologist and icu"),
        ("a or b and c", "a or (b and c)"),
        ("a and b or c", "(a and b) or c"),
        ("(((a)))", "a"),
        ("a and (b and (c and d))", "a and b and c and d"),
        ("a or (b or c) or d", "a or b or c or d"),
        ("1 of (a, b)", "a or b"),
        ("2 of (a, b)", "a and b"),
        ("1 of (a)", "a"),
        ("2 of(a,b or c,d and e)", "2 of (a, b or c, d and e)"),
        ("2 of (a, 2 of (b, c, d), e)", "2 of (a, 2 of (b, c, d), e)"),
        ("a and 2 of (b,c,d)", "a and 2 of (b, c, d)"),
        ("clearance>=3", "clearance >= 3"),
        ("x==0", "x == 0"),
        ("x < 4294967295", "x < 4294967295"),
        ("x > 4294967294", "x > 4294967294"),
        ("a # a comment, with and\n or # another\n\tb\r\n", "a or b"),
        ("team:and or team:of", "team:and or team:of"),
        ("hospital:-9", "hospital:-9"),
        (
            "order and oracle and offer and android",
            "order and oracle and offer and android",
        ),
        (
            "role:cardiologist and (hospital:st-mary or 2 of (icu, er, surgery)) and clearance >= 3",
            "role:cardiologist and (hospital:st-mary or 2 of (icu, er, surgery)) and clearance >= 3",
        ),
    ] {
        assert_eq!(policy(written).to_string(), canonical);
        assert_eq!(policy(canonical), policy(written));
    }
}

#[test]
fn refusals_name_the_place_and_the_remedy() {
    for (text, message) in [
        ("", "line 1, column 1: found the end, expected an attribute"),
        (
            "a and",
            "line 1, column 6: found the end, expected an attribute",
        ),
        (
            "a b",
            "line 1, column 3: found `b`, expected `and`, `or`, or the end",
        ),
        (
            "a and\n  or b",
            "line 2, column 3: found `or`, expected an attribute",
        ),
        (
            "(a or b",
            "line 1, column 8: found the end, expected `and`, `or`, or `)`",
        ),
        (
            "a)",
            "line 1, column 2: found `)`, expected `and`, `or`, or the end",
        ),
        ("()", "line 1, column 2: found `)`"),
        ("2 of (a, b,)", "line 1, column 12: found `)`"),
        ("2 of a", "line 1, column 6: found `a`, expected `(`"),
        ("2 of ()", "line 1, column 7: found `)`"),
        ("of (a)", "line 1, column 1: found `of`"),
        (
            "3 <= clearance",
            "line 1, column 3: found `<=`, expected `of`",
        ),
        (
            "clearance >= high",
            "line 1, column 14: found `high`, expected a number",
        ),
        (
            "clearance = 3",
            "line 1, column 11: found `=`, expected `==`",
        ),
        ("role:x >= 3", "line 1, column 8: found `>=`"),
        ("1 < x < 3", "line 1, column 3: found `<`"),
        ("x < 3 < 4", "line 1, column 7: found `<`"),
        (
            "role: x",
            "line 1, column 6: a value is missing after `role:`",
        ),
        (
            "role :x",
            "line 1, column 6: the character ':' has no meaning",
        ),
        ("a:b:c", "line 1, column 4: the character ':'"),
        ("not a", "line 1, column 1: `not` is a word of the language"),
        ("NOT a", "line 1, column 1: `not` is a word of the language"),
        ("and:x", "line 1, column 1: `and` is a word of the language"),
        ("a && b", "line 1, column 3: the character '&'"),
        ("x != 3", "line 1, column 3: the character '!'"),
        ("x >= -1", "line 1, column 6: the character '-'"),
        ("icu#comment", "line 1, column 4: the character '#'"),
        ("x >= 3# comment", "line 1, column 7: the character '#'"),
        ("x >= 03", "line 1, column 6: `03` is not a number"),
        ("x >= 1.5", "line 1, column 6: `1.5` is not a number"),
        ("x >= 0x1f", "line 1, column 6: `0x1f` is not a number"),
        ("2of (a, b)", "line 1, column 1: `2of` is not a number"),
        (
            "x < 4294967296",
            "line 1, column 5: 4294967296 is too large",
        ),
        (
            "x < 99999999999999999999999",
            "line 1, column 5: 99999999999999999999999 is too large",
        ),
        (
            "0 of (a, b)",
            "line 1, column 1: 0 of 2 items: the count must be from 1 to 2",
        ),
        ("a or 3 of (a, b)", "line 1, column 6: 3 of 2 items"),
    ] {
        let found = refusal(text).to_string();
        assert!(found.starts_with(message), "{text}\n  {found}\n  {message}");
    }
}

#[test]
fn characters_that_only_look_right_are_refused() {
    for (text, found, column) in [
        ("rоle:x", 'о', 2),              // Cyrillic o
        ("icu\u{a0}or er", '\u{a0}', 4), // no-break space
        ("icu\u{200b}", '\u{200b}', 4),  // zero-width space
        ("\u{feff}icu", '\u{feff}', 1),  // byte order mark
        ("role:cafe\u{301}", '\u{301}', 10),
        ("role:ärztin", 'ä', 6),
        ("ſurgery", 'ſ', 1),              // folds to s in Unicode
        ("role:\u{212a}", '\u{212a}', 6), // Kelvin sign, folds to k
        ("icu\0", '\0', 4),
        ("icu\u{2028}or er", '\u{2028}', 4),
        ("x >= ３", '３', 6), // full-width digit
        ("x >= ٣", '٣', 6),   // Arabic digit
    ] {
        match refusal(text) {
            PolicyError::Syntax(SyntaxError::Character { found: other, at }) => {
                assert_eq!(
                    (other, at.line(), at.column()),
                    (found, 1, column),
                    "{text}"
                );
            }
            PolicyError::Syntax(SyntaxError::MissingValue { at, .. }) => {
                assert_eq!(at.column(), column, "{text}");
            }
            other => panic!("{text}: {other}"),
        }
        assert!(text.parse::<AttributeSet>().is_err(), "{text}");
    }
}

#[test]
fn a_comment_may_hold_any_letters_but_nothing_that_moves_text_or_ends_a_line_in_some_viewers() {
    assert_eq!(
        policy("icu # Tumorboard der Klinik Zürich, 外科\r\n or er"),
        policy("icu or er")
    );
    for hidden in [
        '\r', '\u{b}', '\u{85}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{200f}', '\u{61c}',
    ] {
        let text = format!("icu # {hidden} or er");
        assert!(matches!(
            refusal(&text),
            PolicyError::Syntax(SyntaxError::Character { found, at }) if found == hidden && at.column() == 7
        ));
    }
}

#[test]
fn ten_thousand_levels_are_refused_without_a_deep_stack() {
    let small_stack = std::thread::Builder::new().stack_size(256 * 1024);
    let check = || {
        let levels = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(
            matches!(refusal(&"(".repeat(10_000)), PolicyError::TooDeep { at } if at.column() == MAX_DEPTH + 1)
        );
        assert!(matches!(
            refusal(&levels(MAX_DEPTH + 1)),
            PolicyError::TooDeep { .. }
        ));
        assert_eq!(policy(&levels(MAX_DEPTH)), policy("a"));
        assert!(matches!(
            refusal(&"2 of (a, ".repeat(1_500)),
            PolicyError::TooDeep { .. }
        ));
        assert!(matches!(
            refusal(&levels(10_000)),
            PolicyError::Syntax(SyntaxError::TooLong { length: 20_001 })
        ));
    };
    small_stack.spawn(check).unwrap().join().unwrap();
}

#[test]
fn a_policy_at_the_depth_limit_works_on_a_small_stack() {
    let alternate = |levels: usize| {
        let mut text = "clearance >= 1431655765".to_owned(); // alternating bits: the deepest formula
        for level in 0..levels {
            let word = if level % 2 == 0 { "or" } else { "and" };
            text = format!("a{level} {word} ({text})");
        }
        text
    };
    let check = move || {
        let deepest = policy(&alternate(MAX_DEPTH));
        assert_eq!(deepest.to_string().parse(), Ok(deepest.clone()));
        let structure = deepest.access_structure();
        let all: Vec<String> = (0..MAX_DEPTH).map(|level| format!("a{level}")).collect();
        let key = set(&all.join(","));
        assert!(structure.select::<bls12_381::Scalar>(&key).is_some());
        assert!(matches!(
            refusal(&alternate(MAX_DEPTH + 1)),
            PolicyError::TooDeep { .. }
        ));
    };
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn nesting_without_parentheses_of_its_own_is_bounded_too() {
    // Each level of parentheses brings an `and` and an `or`.
    let text = (0..40).fold("z".to_owned(), |inner, i| {
        format!("a{i} or b{i} and ({inner})")
    });
    assert_eq!(refusal(&text), PolicyError::TooNested { levels: 80 });
}

#[test]
fn sizes_are_bounded() {
    let name = "n".repeat(MAX_NAME_LENGTH);
    let value = "v".repeat(MAX_VALUE_LENGTH);
    assert_eq!(
        policy(&format!("{name}:{value}")).to_string(),
        format!("{name}:{value}")
    );
    for (text, part, limit) in [
        (format!("{name}n"), "name", MAX_NAME_LENGTH),
        (format!("a:{value}v"), "value", MAX_VALUE_LENGTH),
    ] {
        assert!(matches!(
            refusal(&text),
            PolicyError::Syntax(SyntaxError::WordTooLong { part: p, length, limit: l, .. })
                if (p, length, l) == (part, limit + 1, limit)
        ));
    }
    let alternatives = |n: usize| vec!["a"; n].join(" or ");
    assert_eq!(
        policy(&alternatives(MAX_ROWS))
            .access_structure()
            .rows()
            .len(),
        MAX_ROWS
    );
    assert_eq!(
        refusal(&alternatives(MAX_ROWS + 1)),
        PolicyError::TooManyRows { rows: 513 }
    );
    let comparisons = vec!["x == 1"; 17].join(" or ");
    assert_eq!(
        refusal(&comparisons),
        PolicyError::TooManyRows { rows: 17 * 32 }
    );
    assert!(matches!(
        refusal(&" ".repeat(MAX_TEXT_LENGTH + 1)),
        PolicyError::Syntax(SyntaxError::TooLong { .. })
    ));
}

#[test]
fn the_canonical_text_is_within_the_limit_or_the_policy_is_refused() {
    // Within the limit as written, over it with the parentheses of the canonical form.
    let pair = format!("{} and {}", "n".repeat(32), "m".repeat(32));
    let text = vec![pair; 220].join(" or ");
    assert!(text.len() <= MAX_TEXT_LENGTH);
    assert!(matches!(
        refusal(&text),
        PolicyError::Syntax(SyntaxError::TooLong { length }) if length > MAX_TEXT_LENGTH
    ));
}

#[test]
fn comparisons_that_say_nothing_are_refused() {
    for (text, triviality) in [
        ("x >= 0", Triviality::AlwaysTrue),
        ("x <= 4294967295", Triviality::AlwaysTrue),
        ("x < 0", Triviality::AlwaysFalse),
        ("x > 4294967295", Triviality::AlwaysFalse),
    ] {
        match refusal(&format!("a and {text}")) {
            PolicyError::Trivial {
                comparison,
                triviality: found,
                at,
            } => {
                assert_eq!(
                    (comparison.as_str(), found, at.column()),
                    (text, triviality, 7)
                );
            }
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn encodings_that_are_not_canonical_are_refused() {
    let bytes = policy("a or (b and c)").to_bytes();
    assert_eq!(bytes, b"\x00\x00\x00\x0ea or (b and c)");
    for (wrong, because) in [
        (&b""[..], EncodingError::Length { actual: 0 }),
        (b"\x00\x00\x01", EncodingError::Length { actual: 3 }),
        (b"\x00\x00\x00\x01ab", EncodingError::Length { actual: 6 }),
        (b"\x00\x00\x00\x03ab", EncodingError::Length { actual: 6 }),
        (b"\xff\xff\xff\xffab", EncodingError::Length { actual: 6 }),
        (b"\x00\x00\x00\x02a\xff", EncodingError::NotUtf8),
        (b"\x00\x00\x00\x01A", EncodingError::NotCanonical),
        (b"\x00\x00\x00\x02a ", EncodingError::NotCanonical),
        (b"\x00\x00\x00\x03(a)", EncodingError::NotCanonical),
    ] {
        assert_eq!(
            Policy::from_bytes(wrong),
            Err(PolicyError::Encoding(because.clone()))
        );
        if because != EncodingError::NotCanonical || wrong[4] != b'(' {
            assert_eq!(
                AttributeSet::from_bytes(wrong),
                Err(AttributeError::Encoding(because))
            );
        }
    }
    let unordered = b"\x00\x00\x00\x04b, a";
    let refused = AttributeError::Encoding(EncodingError::NotCanonical);
    assert_eq!(AttributeSet::from_bytes(unordered), Err(refused));
}

proptest! {
    #[test]
    fn what_a_policy_prints_parses_back_to_it(policy in arb_policy()) {
        prop_assert_eq!(policy.to_string().parse(), Ok(policy.clone()));
        prop_assert_eq!(Policy::from_bytes(&policy.to_bytes()), Ok(policy));
    }

    #[test]
    fn any_text_at_all_parses_or_is_refused(text in "\\PC{0,60}") {
        let _ = text.parse::<Policy>();
        let _ = text.parse::<AttributeSet>();
    }

    #[test]
    fn any_likely_text_parses_to_something_canonical_or_is_refused(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "and", "or", "of", "(", ")", ",", "2", "1", "a", "b:c", "x", ">=", "<", "==", "=", "not",
            ]),
            1..24,
        ),
    ) {
        if let Ok(policy) = words.join(" ").parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }
}
