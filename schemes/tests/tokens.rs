//! Keyword tokens through their public face: frozen vectors, properties and refusals.

use crate::frozen::{FixedRng, array, bytes, cases, fr_by_hand, freeze, list};
use consilium_schemes::curve::DecodeError;
use consilium_schemes::tokens::{
    BATCH_LIMIT, BlindedBatch, Blinding, EvaluatedBatch, IndexSize, KeyPair, Keyword, KeywordError,
    KeywordToken, PublicKey, TokenError,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

const LABEL: &str = "CONSILIUM-V1-TOKEN";

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn keywords(texts: &[&str]) -> Vec<Keyword> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn n(value: u16) -> IndexSize {
    IndexSize::new(value).unwrap()
}

fn tokens(key: &KeyPair, texts: &[&str], size: u16, seed: u64) -> Vec<[u8; 32]> {
    let (blinding, blinded) = Blinding::new(&keywords(texts), &mut rng(seed)).unwrap();
    let evaluated = key.evaluate(&blinded, &mut rng(seed + 1));
    let tokens = blinding
        .finalize(&evaluated, &key.public_key(), n(size))
        .unwrap();
    tokens.iter().map(|token| *token.expose_secret()).collect()
}

#[test]
fn what_the_kgc_sees_of_a_keyword_is_another_element_each_time() {
    let keyword = keywords(&["x|flu"]);
    let seen = (0..8).map(|seed| {
        let (_, blinded) = Blinding::new(&keyword, &mut rng(seed)).unwrap();
        blinded.to_bytes()
    });
    let distinct: std::collections::BTreeSet<_> = seen.collect();
    assert_eq!(distinct.len(), 8);
}

#[test]
fn frozen_tokens_are_reproduced_and_agree_with_a_second_derivation() {
    for case in cases("tokens", "token") {
        let key = KeyPair::from_bytes(&array(&case["k_token"])).unwrap();
        assert_eq!(key.public_key().to_bytes(), array(&case["public_key"]));
        let texts: Vec<&str> = case["kw"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kw| kw.as_str().unwrap())
            .collect();

        let mut fixed = FixedRng::new(&[&list(&case["blind"]).concat()]);
        let (blinding, blinded) = Blinding::new(&keywords(&texts), &mut fixed).unwrap();
        assert!(fixed.is_spent());
        assert_eq!(blinded.to_bytes(), bytes(&case["blinded"]));
        let evaluated = key.evaluate(&blinded, &mut FixedRng::new(&[&bytes(&case["r_proof"])]));
        assert_eq!(evaluated.to_bytes(), bytes(&case["evaluated"]));

        let size = u16::try_from(case["n"].as_u64().unwrap()).unwrap();
        let tokens = blinding
            .finalize(&evaluated, &key.public_key(), n(size))
            .unwrap();
        for ((token, h), output) in tokens
            .iter()
            .zip(list(&case["h"]))
            .zip(list(&case["output"]))
        {
            assert_eq!(token.expose_secret().to_vec(), h);
            let message = [&u32::from(size).to_be_bytes()[..], &output].concat();
            assert_eq!(fr_by_hand(LABEL, &message).to_vec(), h);
        }
    }
}

#[test]
fn frozen_refusals_are_refused() {
    for case in cases("tokens", "refuse") {
        let input = bytes(&case["bytes"]);
        let refused = match case["type"].as_str().unwrap() {
            "BlindedBatch" => BlindedBatch::from_bytes(&input).err(),
            "EvaluatedBatch" => EvaluatedBatch::from_bytes(&input).err(),
            "PublicKey" => PublicKey::from_bytes(&input.try_into().unwrap()).err(),
            "KeyPair" => KeyPair::from_bytes(&input.try_into().unwrap()).err(),
            "KeywordToken" => KeywordToken::from_bytes(&input).err(),
            other => panic!("unknown type {other}"),
        };
        assert_eq!(
            refused.unwrap().to_string(),
            case["refuse"].as_str().unwrap(),
            "{case}"
        );
    }
}

#[test]
#[ignore = "writes the frozen vectors; run once for a new format version"]
fn generate() {
    let mut all = vec![token_case()];
    all.extend(refusals());
    freeze("tokens", &all);
}

/// One run with recorded randomness. The outputs of the VOPRF come from the unblinded evaluation, a
/// second path.
fn token_case() -> Value {
    let texts = [
        "http://snomed.info/sct|44054006",
        "http://hl7.org/fhir/sid/icd-10|e11.9",
    ];
    let secret = *KeyPair::generate(&mut rng(1)).expose_secret();
    let key = KeyPair::from_bytes(&secret).unwrap();
    let scalar = |seed| KeyPair::generate(&mut rng(seed)).expose_secret().to_vec();
    let (blinds, proof) = (vec![scalar(2), scalar(3)], scalar(4));
    let mut fixed = FixedRng::new(&[&blinds.concat()]);
    let (blinding, blinded) = Blinding::new(&keywords(&texts), &mut fixed).unwrap();
    let evaluated = key.evaluate(&blinded, &mut FixedRng::new(&[&proof]));
    let h = blinding
        .finalize(&evaluated, &key.public_key(), n(32))
        .unwrap();
    let server = voprf::VoprfServer::<voprf::Ristretto255>::new_with_key(&secret).unwrap();
    json!({
        "kind": "token", "label": LABEL, "n": 32, "kw": texts,
        "k_token": hex::encode(secret), "public_key": hex::encode(key.public_key().to_bytes()),
        "blind": blinds.iter().map(hex::encode).collect::<Vec<_>>(),
        "r_proof": hex::encode(proof),
        "blinded": hex::encode(blinded.to_bytes()), "evaluated": hex::encode(evaluated.to_bytes()),
        "output": texts.map(|kw| hex::encode(server.evaluate(kw.as_bytes()).unwrap())),
        "h": h.iter().map(|h| hex::encode(h.expose_secret())).collect::<Vec<_>>(),
    })
}

fn refusals() -> Vec<Value> {
    let key = KeyPair::generate(&mut rng(1));
    let (_, blinded) = Blinding::new(&keywords(&["a|b"]), &mut rng(2)).unwrap();
    let evaluated = key.evaluate(&blinded, &mut rng(3)).to_bytes();
    let blinded = blinded.to_bytes();
    let changed = |bytes: &[u8], at: usize, to: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let order =
        hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let r =
        hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("BlindedBatch", changed(&blinded, 0, &[2])),
        ("BlindedBatch", changed(&blinded, 1, &[9])),
        (
            "BlindedBatch",
            changed(&blinded, 2, &[0, 0, 0, 0])[..6].to_vec(),
        ),
        ("BlindedBatch", changed(&blinded, 2, &[0, 0, 1, 1])),
        ("BlindedBatch", changed(&blinded, 2, &[0, 0, 0, 2])),
        ("BlindedBatch", changed(&blinded, 6, &[0; 32])),
        ("BlindedBatch", changed(&blinded, 6, &[1])),
        ("BlindedBatch", changed(&blinded, 6, &[0xff; 32])),
        ("BlindedBatch", [blinded.clone(), vec![0]].concat()),
        ("BlindedBatch", blinded[..37].to_vec()),
        ("BlindedBatch", vec![]),
        ("EvaluatedBatch", changed(&evaluated, 6, &[0; 32])),
        ("EvaluatedBatch", changed(&evaluated, 38, &order)),
        ("EvaluatedBatch", changed(&evaluated, 70, &[0; 32])),
        ("EvaluatedBatch", [evaluated.clone(), vec![0]].concat()),
        ("EvaluatedBatch", evaluated[..evaluated.len() - 1].to_vec()),
        ("PublicKey", vec![0; 32]),
        ("PublicKey", vec![0xff; 32]),
        ("KeyPair", vec![0; 32]),
        ("KeyPair", order),
        ("KeywordToken", vec![0; 32]),
        ("KeywordToken", r),
        ("KeywordToken", vec![1; 31]),
    ];
    cases
        .into_iter()
        .map(|(kind, input)| {
            let refused = match kind {
                "BlindedBatch" => BlindedBatch::from_bytes(&input).map(drop),
                "EvaluatedBatch" => EvaluatedBatch::from_bytes(&input).map(drop),
                "PublicKey" => PublicKey::from_bytes(&input.clone().try_into().unwrap()).map(drop),
                "KeyPair" => KeyPair::from_bytes(&input.clone().try_into().unwrap()).map(drop),
                _ => KeywordToken::from_bytes(&input).map(drop),
            };
            let reason = refused
                .expect_err(&format!("{kind} {}", hex::encode(&input)))
                .to_string();
            json!({"kind": "refuse", "type": kind, "bytes": hex::encode(input), "refuse": reason})
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_keyword_has_one_token_whoever_asks_and_however_it_is_blinded(
        code in "[a-z0-9.]{1,20}", seed in any::<u64>(), other in any::<u64>()
    ) {
        let key = KeyPair::generate(&mut rng(7));
        let text = format!("http://example.org|{code}");
        let alone = tokens(&key, &[&text], 32, seed >> 1);
        let among = tokens(&key, &["x|y", &text, &text], 32, other >> 1);
        prop_assert_eq!(alone[0], among[1]);
        prop_assert_eq!(among[1], among[2]);
        prop_assert_ne!(among[0], among[1]);
    }
}

#[test]
fn tokens_differ_by_keyword_key_and_index_size() {
    let (one, two) = (
        KeyPair::generate(&mut rng(1)),
        KeyPair::generate(&mut rng(2)),
    );
    let base = tokens(&one, &["a|b"], 32, 3);
    assert_ne!(base, tokens(&one, &["a|c"], 32, 3));
    assert_ne!(base, tokens(&two, &["a|b"], 32, 3));
    assert_ne!(base, tokens(&one, &["a|b"], 31, 3));
}

#[test]
fn an_evaluation_under_another_key_is_refused() {
    let (genesis, impostor) = (
        KeyPair::generate(&mut rng(1)),
        KeyPair::generate(&mut rng(2)),
    );
    let (blinding, blinded) = Blinding::new(&keywords(&["a|b"]), &mut rng(3)).unwrap();
    let evaluated = impostor.evaluate(&blinded, &mut rng(4));
    let refused = blinding.finalize(&evaluated, &genesis.public_key(), n(32));
    assert_eq!(refused.unwrap_err(), TokenError::Proof);
}

#[test]
fn an_evaluation_of_something_else_is_refused() {
    let key = KeyPair::generate(&mut rng(1));
    let batch = |texts: &[&str], seed| Blinding::new(&keywords(texts), &mut rng(seed)).unwrap();
    let (_, other) = batch(&["a|b"], 9);
    let (asked, _) = batch(&["a|b"], 3);
    let refused = asked.finalize(&key.evaluate(&other, &mut rng(4)), &key.public_key(), n(32));
    assert_eq!(refused.unwrap_err(), TokenError::Proof);

    let (asked, _) = batch(&["a|b", "a|c"], 3);
    let refused = asked.finalize(&key.evaluate(&other, &mut rng(4)), &key.public_key(), n(32));
    assert_eq!(
        refused.unwrap_err(),
        TokenError::WrongCount {
            expected: 2,
            actual: 1
        }
    );

    let (asked, blinded) = batch(&["a|b", "a|c"], 3);
    let mut exchanged = key.evaluate(&blinded, &mut rng(4)).to_bytes();
    let (first, second) = exchanged[6..70].split_at_mut(32);
    first.swap_with_slice(second);
    let exchanged = EvaluatedBatch::from_bytes(&exchanged).unwrap();
    let refused = asked.finalize(&exchanged, &key.public_key(), n(32));
    assert_eq!(refused.unwrap_err(), TokenError::Proof);
}

#[test]
fn batches_are_bounded() {
    let many = vec!["a|b".parse::<Keyword>().unwrap(); BATCH_LIMIT + 1];
    assert_eq!(
        Blinding::new(&many, &mut rng(1)).unwrap_err(),
        TokenError::BatchTooLarge { actual: 257 }
    );
    assert_eq!(
        Blinding::new(&[], &mut rng(1)).unwrap_err(),
        TokenError::Empty
    );
    let (_, full) = Blinding::new(&many[1..], &mut rng(1)).unwrap();
    assert_eq!(full.to_bytes().len(), BlindedBatch::LIMIT);
    assert_eq!(
        BlindedBatch::from_bytes(&full.to_bytes()).unwrap().count(),
        BATCH_LIMIT
    );
    assert!(matches!(
        BlindedBatch::from_bytes(&vec![1; BlindedBatch::LIMIT + 1]),
        Err(DecodeError::Limit { .. })
    ));
}

#[test]
fn index_sizes_are_bounded() {
    assert_eq!(IndexSize::new(0), Err(DecodeError::Zero));
    assert_eq!(
        IndexSize::new(129),
        Err(DecodeError::Limit {
            limit: 128,
            actual: 129
        })
    );
    assert_eq!((n(128).keywords(), n(128).coefficients()), (128, 129));
    assert_eq!(IndexSize::DEFAULT, n(32));
    for size in 1..=128 {
        let m = n(size).interests();
        assert!(2 * m - 2 <= usize::from(size) && 2 * m > usize::from(size));
    }
}

#[test]
fn keywords_that_are_not_normalised_are_refused() {
    let refused = |text: &str| text.parse::<Keyword>().unwrap_err();
    for text in ["", "|", "a|", "ab"] {
        assert_eq!(refused(text), KeywordError::Form, "{text}");
    }
    for text in ["a|b\n", "a|b\u{0}", "\t|b", "a|b\u{85}c"] {
        assert_eq!(refused(text), KeywordError::Control, "{text:?}");
    }
    for text in ["a| b", "a |b", "a|b ", "a|b  c", " |b", "a|b\u{a0}c", "a| "] {
        assert_eq!(refused(text), KeywordError::Spacing, "{text:?}");
    }
    let long = format!("a|{}", "b".repeat(511));
    assert_eq!(refused(&long), KeywordError::TooLong { actual: 513 });
    for text in [
        "a|b|c",
        "|b",
        "http://hl7.org/fhir/sid/icd-10|E11.9",
        "a b|c d",
    ] {
        assert_eq!(text.parse::<Keyword>().unwrap().expose(), text);
    }
}

#[test]
fn secrets_are_not_printed_and_compare_in_constant_time() {
    let key = KeyPair::generate(&mut rng(1));
    let keyword: Keyword = "a|b".parse().unwrap();
    let (blinding, blinded) = Blinding::new(std::slice::from_ref(&keyword), &mut rng(2)).unwrap();
    assert_eq!(format!("{blinding:?}"), "Blinding(1 keywords, REDACTED)");
    let evaluated = key.evaluate(&blinded, &mut rng(3));
    let token = blinding
        .finalize(&evaluated, &key.public_key(), n(32))
        .unwrap()
        .remove(0);
    assert_eq!(
        format!("{keyword:?} {key:?} {token:?}"),
        "Keyword(REDACTED) KeyPair(REDACTED) KeywordToken(REDACTED)"
    );
    assert!(bool::from(token.ct_eq(&token.duplicate())));
    let stored = KeywordToken::from_bytes(token.expose_secret().as_ref()).unwrap();
    assert!(bool::from(token.ct_eq(&stored)));
}
