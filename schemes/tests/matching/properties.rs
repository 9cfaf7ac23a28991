//! What matching does, and its bounds.

use consilium_schemes::curve::{G1, Scalar, multi_pairing};
use consilium_schemes::matching::{
    EncryptedIndex, EncryptedTrapdoor, MatchingError, index_build, matches, trd_gen,
};
use proptest::prelude::*;
use rand::rngs::StdRng;

use super::attacks::{exponent_y, trapdoor_points};
use super::{hospital, n, rng, tokens};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn a_record_matches_exactly_when_all_interests_are_keywords(
        keywords in "[a-f]{1,6}", interests in "[a-g]{1,3}", seed in any::<u64>()
    ) {
        let (secret, keys) = hospital(1);
        let mut rng = rng(seed);
        let index = index_build(n(6), &tokens(&keywords), &mut rng).unwrap();
        let (trapdoor, m) = trd_gen(n(6), &tokens(&interests), &mut rng).unwrap();
        let posted = index.encrypt(&keys, &mut rng).to_bytes();
        let wanted = trapdoor.encrypt(&keys, &mut rng).to_bytes();
        prop_assert_eq!((posted.len(), wanted.len()), (EncryptedIndex::length(n(6)), EncryptedTrapdoor::length(n(6))));
        let posted = EncryptedIndex::from_bytes(&posted, n(6)).unwrap();
        let wanted = EncryptedTrapdoor::from_bytes(&wanted, n(6)).unwrap();
        let subset = interests.chars().all(|letter| keywords.contains(letter));
        let found = matches(&posted.decrypt(&secret), &wanted.decrypt(&secret).unwrap());
        prop_assert_eq!(found.unwrap(), subset);
        let distinct: std::collections::BTreeSet<char> = interests.chars().collect();
        prop_assert_eq!(usize::from(m.get()), distinct.len());
    }
}

#[test]
fn another_hospital_gets_nothing_from_a_posted_index_or_trapdoor() {
    let ((_, keys), (other, _)) = (hospital(1), hospital(2));
    let index = index_build(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let (trapdoor, _) = trd_gen(n(4), &tokens("ab"), &mut rng(3)).unwrap();
    let stolen_index = index.encrypt(&keys, &mut rng(4)).decrypt(&other);
    let stolen_trapdoor = trapdoor
        .encrypt(&keys, &mut rng(4))
        .decrypt(&other)
        .unwrap();
    assert!(matches(&index, &trapdoor).unwrap());
    assert!(!matches(&stolen_index, &trapdoor).unwrap());
    assert!(!matches(&index, &stolen_trapdoor).unwrap());
}

#[test]
fn the_same_keywords_never_give_the_same_index_or_trapdoor_twice() {
    let mut rng = rng(1);
    let (_, keys) = hospital(1);
    let one = index_build(n(2), &tokens("ab"), &mut rng).unwrap();
    let two = index_build(n(2), &tokens("ab"), &mut rng).unwrap();
    assert!(one != two && one.encrypt(&keys, &mut rng) != one.encrypt(&keys, &mut rng));
    let (one, _) = trd_gen(n(2), &tokens("ab"), &mut rng).unwrap();
    let (two, _) = trd_gen(n(2), &tokens("ab"), &mut rng).unwrap();
    assert!(one != two && one.encrypt(&keys, &mut rng) != one.encrypt(&keys, &mut rng));
}

#[test]
fn numbers_of_keywords_and_interests_are_bounded_and_repetitions_count_once() {
    let mut rng = rng(1);
    let build =
        |letters: &str, rng: &mut StdRng| index_build(n(4), &tokens(letters), rng).map(drop);
    assert_eq!(
        build("", &mut rng),
        Err(MatchingError::None { what: "keywords" })
    );
    assert_eq!(build("abcdabcd", &mut rng), Ok(()));
    let refused = build("abcde", &mut rng).unwrap_err();
    assert_eq!(
        refused,
        MatchingError::TooMany {
            what: "keywords",
            limit: 4
        }
    );
    assert_eq!(refused.to_string(), "more than 4 keywords");
    let interests = |letters: &str, rng: &mut StdRng| {
        trd_gen(n(4), &tokens(letters), rng).map(|(_, m)| m.get())
    };
    assert_eq!(
        interests("", &mut rng),
        Err(MatchingError::None { what: "interests" })
    );
    assert_eq!(interests("aabbccabc", &mut rng), Ok(3));
    let refused = interests("abcd", &mut rng);
    assert_eq!(
        refused,
        Err(MatchingError::TooMany {
            what: "interests",
            limit: 3
        })
    );
}

#[test]
fn match_is_one_product_of_pairings() {
    let (secret, keys) = hospital(1);
    let (trapdoor, _) = trd_gen(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let posted = trapdoor.encrypt(&keys, &mut rng(3)).to_bytes();
    let t = trapdoor_points(&posted, 2, exponent_y(&secret));
    let h = Scalar::from_bytes(tokens("a")[0].expose_secret().as_ref()).unwrap();
    // f = X - h, of lower degree than n: I = (-h, 1, 0).
    let i = [-(G1::generator() * h), G1::generator(), G1::identity()];
    assert!(multi_pairing(i.into_iter().zip(t)).is_one());
}

#[test]
fn secrets_are_not_printed() {
    let (secret, keys) = hospital(1);
    let index = index_build(n(2), &tokens("a"), &mut rng(2)).unwrap();
    let (trapdoor, _) = trd_gen(n(2), &tokens("a"), &mut rng(2)).unwrap();
    assert_eq!(
        format!("{secret:?} {index:?} {trapdoor:?}"),
        "HospitalSecretKeys(REDACTED) Index(n = 2, REDACTED) Trapdoor(n = 2, REDACTED)"
    );
    assert_eq!(
        format!("{:?}", index.encrypt(&keys, &mut rng(3))),
        "EncryptedIndex(n = 2)"
    );
}
