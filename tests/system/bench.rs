//! `consilium bench match`, small, through the real command.

use crate::common::{consilium, shared, text};
use serde_json::Value;

fn measured(more: &[&str]) -> Value {
    let few = [
        "--json",
        "bench",
        "match",
        "--records",
        "4000",
        "--doctors",
        "30",
        "--n",
        "6",
        "--sample",
        "3",
    ];
    let said = consilium(&[&few[..], more].concat());
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn figure(measured: &Value, key: &str) -> f64 {
    let value = &measured["figures"][key]["value"];
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {measured}"))
}

/// No match is left out with any size; more bits let fewer others pass; and a seed says it all again.
#[test]
fn every_match_passes_every_filter_and_a_seed_repeats_the_counts() {
    let one = measured(&[]);
    assert_eq!(one["wrong"], Value::Array(Vec::new()));
    assert_eq!(figure(&one, "pairs"), 120_000.0);
    let matches = figure(&one, "matches");
    assert!(matches > 0.0);
    let mut before = f64::MAX;
    for bits in [256, 512, 1024] {
        let of = |name: &str| figure(&one, &format!("bits_{bits}_{name}"));
        assert_eq!((of("matches"), of("missed")), (matches, 0.0));
        assert_eq!(of("passed"), matches + of("false"));
        assert!(of("false") < before && of("false") > 0.0);
        assert!(of("records") > 0.0 && of("records") <= of("passed"));
        let parts = [
            "open_filters",
            "prepare",
            "fill",
            "find",
            "open_indexes",
            "pair_false",
        ];
        let together: f64 = parts.iter().map(|part| of(&format!("{part}_s"))).sum();
        assert!((of("but_matches_s") - together).abs() < 1e-6);
        let all = together + of("pair_matches_s");
        assert!((of("all_s") - all).abs() < 1e-6);
        before = of("false");
    }
    for rate in [
        "bare_one",
        "bare_all",
        "engine_one",
        "engine_all",
        "opened_all",
        "prepared_all",
        "peak_mib",
    ] {
        assert!(figure(&one, rate) > 0.0, "{rate}");
    }
    assert_eq!(one["figures"]["strict_s"]["how"], "computed");
    assert_eq!(
        one["figures"]["engine_all"]["how"],
        "measured on 90 of 120000"
    );

    let again = measured(&["--bits", "512"]);
    for key in ["matches", "bits_512_passed", "bits_512_records"] {
        assert_eq!(figure(&again, key), figure(&one, key));
    }
    assert_eq!(again["figures"]["bits_256_passed"], Value::Null);
    let other = measured(&["--bits", "512", "--seed", "2"]);
    assert_ne!(
        figure(&other, "bits_512_passed"),
        figure(&one, "bits_512_passed")
    );
    let lighter = measured(&["--bits", "512", "--weight", "6"]);
    assert!(figure(&lighter, "bits_512_false") < figure(&one, "bits_512_false"));
}

/// With room for less than all trapdoors they are compared tile by tile: 1 MiB holds five of them.
#[test]
fn codes_are_read_from_files_and_little_memory_is_enough() {
    let Some(codes) = shared("codes") else {
        return;
    };
    let codes = codes.to_str().unwrap();
    let some = measured(&["--bits", "256", "--memory", "1", "--codes", codes]);
    assert_eq!(some["wrong"], Value::Array(Vec::new()));
    assert_eq!(figure(&some, "bits_256_missed"), 0.0);
    let built_in = measured(&["--bits", "256"]);
    assert_ne!(
        figure(&some, "bits_256_passed"),
        figure(&built_in, "bits_256_passed")
    );
}

#[test]
fn wrong_usage_is_2_and_missing_codes_are_named() {
    let code = |more: &[&str]| {
        let said = consilium(
            &[
                &["bench", "match", "--records", "10", "--doctors", "2"],
                more,
            ]
            .concat(),
        );
        (said.status.code(), text(&said.stderr))
    };
    assert_eq!(code(&["--bits", "300"]).0, Some(2));
    assert_eq!(code(&["--records", "0"]).0, Some(2));
    let (exit, said) = code(&["--bits", "256", "--n", "16", "--weight", "15"]);
    assert_eq!(exit, Some(2));
    assert!(
        said.contains(
            "--weight must be 16 to 128 with 256 bits (choose the sizes with --bits); it is 15"
        ),
        "{said}"
    );
    let (exit, said) = code(&["--n", "128", "--memory", "1"]);
    assert_eq!(exit, Some(2));
    assert!(said.contains("at least 2538720"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let (exit, said) = code(&["--codes", folder.path().to_str().unwrap()]);
    assert_eq!(exit, Some(2));
    assert!(said.contains("condition-codes.csv"), "{said}");
    std::fs::write(
        folder.path().join("condition-codes.csv"),
        "system,code,display,count\na,b,c\n",
    )
    .unwrap();
    let (exit, said) = code(&["--codes", folder.path().to_str().unwrap()]);
    assert_eq!(exit, Some(2));
    assert!(said.contains("condition-codes.csv:2"), "{said}");
}
