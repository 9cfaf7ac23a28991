//! Postings: what honest ones do, and the attacks of `matching_attacks.py` on them.

use consilium_schemes::curve::{DecodeError, G1, G2, Scalar};
use consilium_schemes::matching::posting::{
    PostedIndex, PostedTrapdoor, PostingContext, PostingError, post_trapdoor,
};
use consilium_schemes::matching::{
    EncryptedTrapdoor, HospitalKeys, MatchingError, index_build, matches, trd_gen,
};
use proptest::prelude::*;

use super::attacks::exponent_y;
use super::posting_by_hand::Poster;
use super::{hospital, n, rng, tokens};
use crate::frozen::FixedRng;

pub(crate) const CONTEXT: PostingContext<'static> = PostingContext {
    federation: [1; 32],
    poster: b"poster",
    subject: [3; 32],
    hospital: b"st-mary",
    epoch: 7,
    expires: 900,
};

const RANDOMNESS: PostingError = PostingError::Randomness;

pub(crate) fn posted_index(
    size: u16,
    keywords: &str,
    keys: &HospitalKeys,
    seed: u64,
) -> PostedIndex {
    let index = index_build(n(size), &tokens(keywords), &mut rng(seed)).unwrap();
    index.post(keys, &CONTEXT, &mut rng(seed))
}

pub(crate) fn posted(size: u16, interests: &str, keys: &HospitalKeys, seed: u64) -> PostedTrapdoor {
    post_trapdoor(n(size), &tokens(interests), keys, &CONTEXT, &mut rng(seed)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn honest_postings_hold_and_match_as_before(
        size in 4..10u16, keywords in "[a-d]{1,4}", interests in "[a-c]{1,3}", seed in any::<u64>()
    ) {
        let (secret, keys) = hospital(1);
        let index = posted_index(size, &keywords, &keys, seed);
        let trapdoor = posted(size, &interests, &keys, seed);
        let distinct: std::collections::BTreeSet<char> = interests.chars().collect();

        let encoded = index.to_bytes();
        prop_assert_eq!(encoded.len(), PostedIndex::length(n(size)));
        prop_assert_eq!(PostedIndex::from_bytes(&encoded, n(size)), Ok(index.clone()));
        let encoded = trapdoor.to_bytes();
        prop_assert_eq!(encoded.len(), PostedTrapdoor::length(n(size), distinct.len()));
        prop_assert_eq!(PostedTrapdoor::from_bytes(&encoded, n(size)), Ok(trapdoor.clone()));

        let index = index.verify(&keys, &CONTEXT).unwrap();
        let (wanted, m) = trapdoor.verify(&keys, &CONTEXT).unwrap();
        prop_assert_eq!(usize::from(m.get()), distinct.len());
        let found = matches(&index.decrypt(&secret), &wanted.decrypt(&secret).unwrap());
        prop_assert_eq!(found.unwrap(), distinct.iter().all(|letter| keywords.contains(*letter)));
    }
}

#[test]
fn postings_have_the_sizes_that_the_documentation_says() {
    assert_eq!(PostedIndex::length(n(16)), 1672);
    assert_eq!(PostedTrapdoor::length(n(16), 9), 3434 + 64 * 9);
}

#[test]
fn every_number_of_interests_that_fits_can_be_proved() {
    let (_, keys) = hospital(1);
    for (size, most) in [(1, 1), (2, 2), (3, 2), (8, 5), (16, 9)] {
        for m in [1, most] {
            let interests: String = ('a'..).take(m).collect();
            let posting = posted(size, &interests, &keys, 2);
            let (_, proven) = posting.verify(&keys, &CONTEXT).unwrap();
            assert_eq!(usize::from(proven.get()), m);
        }
        let interests: String = ('a'..).take(most + 1).collect();
        let refused = post_trapdoor(n(size), &tokens(&interests), &keys, &CONTEXT, &mut rng(2));
        let what = "interests";
        let limit = most;
        assert_eq!(refused.unwrap_err(), MatchingError::TooMany { what, limit });
    }
}

#[test]
fn duplicates_count_once_when_posted() {
    let (_, keys) = hospital(1);
    assert_eq!(posted(4, "aab", &keys, 2).claimed_interests(), 2);
}

#[test]
fn a_posting_holds_in_no_other_context_and_for_no_other_hospital() {
    let ((_, keys), (_, other)) = (hospital(1), hospital(2));
    let (index, trapdoor) = (posted_index(4, "ab", &keys, 2), posted(4, "ab", &keys, 2));
    let contexts = [
        PostingContext {
            federation: [9; 32],
            ..CONTEXT
        },
        PostingContext {
            poster: b"thief",
            ..CONTEXT
        },
        PostingContext {
            poster: b"poste",
            ..CONTEXT
        },
        PostingContext {
            subject: [9; 32],
            ..CONTEXT
        },
        PostingContext {
            hospital: b"st-john",
            ..CONTEXT
        },
        PostingContext {
            epoch: 8,
            ..CONTEXT
        },
        PostingContext {
            expires: 901,
            ..CONTEXT
        },
        PostingContext {
            epoch: 900,
            expires: 7,
            ..CONTEXT
        },
    ];
    for context in &contexts {
        assert_eq!(index.verify(&keys, context).unwrap_err(), RANDOMNESS);
        assert_eq!(trapdoor.verify(&keys, context).unwrap_err(), RANDOMNESS);
    }
    assert_eq!(index.verify(&other, &CONTEXT).unwrap_err(), RANDOMNESS);
    assert_eq!(trapdoor.verify(&other, &CONTEXT).unwrap_err(), RANDOMNESS);
    assert!(index.verify(&keys, &CONTEXT).is_ok() && trapdoor.verify(&keys, &CONTEXT).is_ok());
}

#[test]
fn no_changed_byte_of_a_posting_is_accepted() {
    let (_, keys) = hospital(1);
    let index = posted_index(2, "a", &keys, 2).to_bytes();
    let trapdoor = posted(2, "ab", &keys, 2).to_bytes();
    for at in (8..index.len()).step_by(5) {
        let mut bad = index.clone();
        bad[at] ^= 1;
        let parsed = PostedIndex::from_bytes(&bad, n(2));
        assert!(parsed.is_err() || parsed.unwrap().verify(&keys, &CONTEXT).is_err());
    }
    for at in (8..trapdoor.len()).step_by(5) {
        let mut bad = trapdoor.clone();
        bad[at] ^= 1;
        let parsed = PostedTrapdoor::from_bytes(&bad, n(2));
        assert!(parsed.is_err() || parsed.unwrap().verify(&keys, &CONTEXT).is_err());
    }
}

/// The points of a posted trapdoor: D, then M.
fn points(posting: &[u8], count: usize) -> Vec<G2> {
    let chunks = posting[8..].chunks(96).take(count);
    chunks.map(|p| G2::from_bytes(p).unwrap()).collect()
}

/// Puts other points in front of a posting's proofs.
fn with_points(posting: &[u8], points: &[G2]) -> Vec<u8> {
    let all: Vec<u8> = points.iter().flat_map(G2::to_bytes).collect();
    [&posting[..8], &all, &posting[8 + all.len()..]].concat()
}

#[test]
fn a_stolen_and_rerandomised_trapdoor_matches_and_cannot_be_posted() {
    let (secret, keys) = hospital(1);
    let b = G2::generator() * exponent_y(&secret);
    let victim = posted(4, "ac", &keys, 2).to_bytes();
    let stolen = points(&victim, 10);
    // Fresh randomness and a fresh factor on everything, without knowing what is inside.
    let mut random = rng(3);
    let tau = Scalar::random(&mut random);
    let e: Vec<Scalar> = (0..5).map(|_| Scalar::random(&mut random)).collect();
    let d = (0..5).map(|j| (stolen[j] + G2::generator() * e[j]) * tau);
    let m = (0..5).map(|j| (stolen[5 + j] + b * e[j]) * tau);
    let points: Vec<G2> = d.chain(m).collect();

    let bare: Vec<u8> = points.iter().flat_map(G2::to_bytes).collect();
    let bare = [b"CMTD\x01\0\x04\0".to_vec(), bare].concat();
    let opened = EncryptedTrapdoor::from_bytes(&bare, n(4)).unwrap();
    let record = |keywords| index_build(n(4), &tokens(keywords), &mut rng(4)).unwrap();
    let opened = opened.decrypt(&secret).unwrap();
    assert!(matches(&record("abc"), &opened).unwrap() && !matches(&record("ab"), &opened).unwrap());

    // Only the thief's part of the randomness is known: neither the victim's proof nor one with that part holds.
    let thief = PostingContext {
        poster: b"thief",
        subject: [4; 32],
        ..CONTEXT
    };
    let reused = with_points(&victim, &points);
    let known: Vec<Scalar> = e.iter().map(|e| *e * tau).collect();
    let forged = Poster::trapdoor(&thief, &keys, &bare).with_randomness(&victim, &known);
    for posting in [reused, forged] {
        let posting = PostedTrapdoor::from_bytes(&posting, n(4)).unwrap();
        assert_eq!(posting.verify(&keys, &thief).unwrap_err(), RANDOMNESS);
    }
    let copied = PostedTrapdoor::from_bytes(&victim, n(4)).unwrap();
    assert_eq!(copied.verify(&keys, &thief).unwrap_err(), RANDOMNESS);
}

#[test]
fn the_product_of_an_own_and_a_stolen_trapdoor_asks_for_both_and_cannot_be_posted() {
    let (secret, keys) = hospital(1);
    let victim = posted(4, "ac", &keys, 2).to_bytes();
    let own = posted(4, "g", &keys, 3).to_bytes();
    let product: Vec<G2> = points(&victim, 10)
        .iter()
        .zip(points(&own, 10))
        .map(|(p, q)| *p + q)
        .collect();
    let bare: Vec<u8> = product.iter().flat_map(G2::to_bytes).collect();
    let bare = [b"CMTD\x01\0\x04\0".to_vec(), bare].concat();
    let opened = EncryptedTrapdoor::from_bytes(&bare, n(4)).unwrap();
    let opened = opened.decrypt(&secret).unwrap();
    let record = |keywords| index_build(n(4), &tokens(keywords), &mut rng(4)).unwrap();
    assert!(
        matches(&record("abcg"), &opened).unwrap() && !matches(&record("abc"), &opened).unwrap()
    );
    for proofs in [&victim, &own] {
        let posting = PostedTrapdoor::from_bytes(&with_points(proofs, &product), n(4)).unwrap();
        assert_eq!(posting.verify(&keys, &CONTEXT).unwrap_err(), RANDOMNESS);
    }
}

#[test]
fn a_stolen_and_rerandomised_index_matches_and_cannot_be_posted() {
    let (secret, keys) = hospital(1);
    let victim = posted_index(2, "ab", &keys, 2).to_bytes();
    let x = Scalar::from_bytes(&secret.expose_secret()[5..37]).unwrap();
    let e = Scalar::from(77);
    // U_0 and V_0 re-randomised with the hospital's public key, the rest as it is.
    let mut stolen = victim.clone();
    let mut shift = |at: usize, by: G1| {
        let point = G1::from_bytes(&victim[at..at + 48]).unwrap();
        stolen[at..at + 48].copy_from_slice(&(point + by).to_bytes());
    };
    shift(8, G1::generator() * e);
    shift(8 + 2 * 48, G1::generator() * x * e);
    let opened = PostedIndex::from_bytes(&stolen, n(2)).unwrap();
    let opened = opened.index().decrypt(&secret);
    let (wanted, _) = trd_gen(n(2), &tokens("ab"), &mut rng(4)).unwrap();
    assert!(matches(&opened, &wanted).unwrap());
    let thief = PostingContext {
        poster: b"thief",
        ..CONTEXT
    };
    for (posting, context) in [(&victim, &thief), (&stolen, &thief), (&stolen, &CONTEXT)] {
        let posting = PostedIndex::from_bytes(posting, n(2)).unwrap();
        assert_eq!(posting.verify(&keys, context).unwrap_err(), RANDOMNESS);
    }
}

/// Posts any exponents T_j by the rules, and claims m of them with a solution of the Hankel system if there is one.
#[test]
fn nobody_proves_more_interests_than_carry_weight() {
    let (_, keys) = hospital(1);
    let [h, h2, w, w2] = [11, 12, 13, 14].map(Scalar::from);
    let sum = |terms: &[(Scalar, Scalar)]| -> Vec<Scalar> {
        let mut running: Vec<(Scalar, Scalar)> = terms.to_vec();
        let next = |_| {
            let total = running.iter().fold(Scalar::ZERO, |sum, (w, _)| sum + *w);
            running.iter_mut().for_each(|(w, h)| *w = *w * *h);
            total
        };
        (0..5).map(next).collect()
    };
    let zero = Scalar::ZERO;
    for (terms, m, provable) in [
        (vec![(w, h), (w2, h2)], 2, true),
        (vec![(w, h), (w2, h2)], 1, true),
        (vec![(w, h), (w2, h2)], 3, false),   // more than it has
        (vec![(w, h), (w2, h)], 2, false),    // a duplicate
        (vec![(w, h), (zero, h2)], 2, false), // a weight of zero
        (vec![(zero, h)], 1, false),          // the trapdoor of identities
    ] {
        let poster = Poster::of_exponents(&CONTEXT, &keys, &sum(&terms));
        assert_eq!(poster.solution(m).is_some(), provable, "m = {m}");
        // Without a solution: any other value in its place.
        let nu = poster.solution(m).unwrap_or(vec![Scalar::from(5); m]);
        let posting = PostedTrapdoor::from_bytes(&poster.post(m, &nu), n(4)).unwrap();
        let verdict = posting
            .verify(&keys, &CONTEXT)
            .map(|(_, m)| usize::from(m.get()));
        let claimed = u16::try_from(m).unwrap();
        let refused = Err(PostingError::Rank { claimed });
        assert_eq!(verdict, if provable { Ok(m) } else { refused });
    }
}

#[test]
fn a_rank_proof_belongs_to_one_trapdoor_and_one_number() {
    let (_, keys) = hospital(1);
    let (one, two) = (
        posted(4, "ab", &keys, 2).to_bytes(),
        posted(4, "cd", &keys, 3).to_bytes(),
    );
    let rank = one.len() - (2 + 32 * 5);
    let swapped = [&one[..rank], &two[rank..]].concat();
    let swapped = PostedTrapdoor::from_bytes(&swapped, n(4)).unwrap();
    let refused = PostingError::Rank { claimed: 2 };
    assert_eq!(swapped.verify(&keys, &CONTEXT).unwrap_err(), refused);

    // Claimed as three, and as one, with the answers that fit the length.
    let answers =
        |count: usize| [&one[rank + 2..], &[0; 64][..]].concat()[..32 * (1 + 2 * count)].to_vec();
    for m in [1, 3] {
        let claimed = u16::try_from(m).unwrap();
        let bytes = [&one[..rank], &claimed.to_be_bytes(), &answers(m)].concat();
        let posting = PostedTrapdoor::from_bytes(&bytes, n(4)).unwrap();
        let refused = PostingError::Rank { claimed };
        assert_eq!(posting.verify(&keys, &CONTEXT).unwrap_err(), refused);
    }
}

#[test]
fn numbers_of_interests_that_cannot_be_proved_are_refused_when_parsed() {
    let (_, keys) = hospital(1);
    let good = posted(4, "ab", &keys, 2).to_bytes();
    let at = good.len() - (2 + 32 * 5);
    let claim = |m: u16| {
        let mut bytes = good.clone();
        bytes[at..at + 2].copy_from_slice(&m.to_be_bytes());
        PostedTrapdoor::from_bytes(&bytes, n(4)).unwrap_err()
    };
    assert_eq!(claim(0), DecodeError::Zero.in_field("m"));
    let (limit, actual) = (3, 4);
    assert_eq!(claim(4), DecodeError::Limit { limit, actual }.in_field("m"));
    assert_eq!(claim(1), DecodeError::TrailingBytes(64));
    assert_eq!(claim(3), DecodeError::Truncated.in_field("s_eps"));
}

/// With a generator that always gives the same, the proofs for two contexts have unrelated nonces: with equal ones the
/// two responses would be two equations in the d_j.
#[test]
fn a_broken_generator_does_not_repeat_a_commitment() {
    let (_, keys) = hospital(1);
    let commitment = |context: &PostingContext<'_>| {
        let mut stuck = FixedRng::new(&[&[1; 4096]]);
        let posting = post_trapdoor(n(4), &tokens("a"), &keys, context, &mut stuck).unwrap();
        let bytes = posting.to_bytes();
        (bytes[8..968].to_vec(), bytes[968..1064].to_vec())
    };
    let ((points, one), (again, two)) = (
        commitment(&CONTEXT),
        commitment(&PostingContext {
            expires: 901,
            ..CONTEXT
        }),
    );
    assert_eq!(points, again);
    assert_ne!(one, two);
}

#[test]
fn a_posting_is_no_bare_ciphertext_and_the_other_way_round() {
    let (_, keys) = hospital(1);
    let posting = posted(2, "a", &keys, 2);
    let bare = posting.trapdoor().to_bytes();
    assert!(EncryptedTrapdoor::from_bytes(&posting.to_bytes(), n(2)).is_err());
    let refused = PostedTrapdoor::from_bytes(&bare, n(2)).unwrap_err();
    assert_eq!(refused.to_string(), "proof: a posting carries its proofs");
}
