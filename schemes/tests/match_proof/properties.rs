//! What honest proofs do.

use consilium_schemes::match_proof::{
    MatchContext, MatchProof, MatchProofError, Outcome, Statement, prove, verify,
};
use consilium_schemes::matching::HospitalSecretKeys;
use proptest::prelude::*;

use super::{CONTEXT, World, rng};
use crate::frozen::FixedRng;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_proven_outcome_is_that_of_match_for_every_size(
        size in 2..10u16, keywords in "[a-e]{1,2}", interests in "[a-c]{1,2}", seed in any::<u64>()
    ) {
        let world = World::new(size, &keywords, &interests, seed);
        let statement = world.statement();
        let proof = prove(&statement, &world.secret, &mut rng(seed)).unwrap();
        let subset = interests.chars().all(|letter| keywords.contains(letter));
        let (outcome, length) = match subset {
            true => (Outcome::Match, MatchProof::MATCH),
            false => (Outcome::NoMatch, MatchProof::NO_MATCH),
        };
        prop_assert_eq!(verify(&statement, &proof), Ok(outcome));
        prop_assert_eq!(proof.to_bytes().len(), length);
        prop_assert_eq!(MatchProof::from_bytes(&proof.to_bytes()), Ok(proof));
    }
}

#[test]
fn proofs_have_the_sizes_that_the_documentation_says() {
    assert_eq!((MatchProof::MATCH, MatchProof::NO_MATCH), (134, 742));
}

#[test]
fn many_interests_match_or_miss_by_one() {
    for (interests, outcome) in [
        ("abcdefghi", Outcome::Match),
        ("abcdefghz", Outcome::NoMatch),
    ] {
        let world = World::new(16, "abcdefghijklmnop", interests, 3);
        let proof = prove(&world.statement(), &world.secret, &mut rng(4)).unwrap();
        assert_eq!(verify(&world.statement(), &proof), Ok(outcome));
    }
}

#[test]
fn two_proofs_of_one_statement_differ_and_both_hold() {
    for world in [World::matching(), World::not_matching()] {
        let [one, two] =
            [1, 2].map(|seed| prove(&world.statement(), &world.secret, &mut rng(seed)).unwrap());
        assert_ne!(one, two);
        assert!(
            verify(&world.statement(), &one).is_ok() && verify(&world.statement(), &two).is_ok()
        );
    }
}

/// With a generator that always gives the same, two statements still get unrelated nonces: with equal ones,
/// x = (s - s') / (c - c').
#[test]
fn a_broken_generator_does_not_reveal_the_keys() {
    use consilium_schemes::curve::Scalar;
    let world = World::matching();
    let stuck = || FixedRng::new(&[&[0; 32]]);
    let later = MatchContext {
        expires: 901,
        ..CONTEXT
    };
    let of = |context: &MatchContext<'_>| {
        let proof = prove(&world.in_context(context), &world.secret, &mut stuck()).unwrap();
        let bytes = proof.to_bytes();
        let read = |at: usize| Scalar::from_bytes(&bytes[at..at + 32]).unwrap();
        (read(6), read(38))
    };
    let ((c, s), (c2, s2)) = (of(&CONTEXT), of(&later));
    assert_ne!(c, c2);
    let (x, _) = super::by_hand::exponents(&world);
    assert_ne!((s - s2) * (c - c2).invert().unwrap(), x);
    assert_eq!(of(&CONTEXT), (c, s));
}

#[test]
fn only_the_hospital_proves_and_sizes_agree() {
    let world = World::matching();
    let other = HospitalSecretKeys::generate(&mut rng(9));
    let refused = prove(&world.statement(), &other, &mut rng(1));
    assert_eq!(refused, Err(MatchProofError::OtherKeys));

    let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
    let longer = World::new(5, "abc", "ac", 10);
    let mixed = Statement {
        trapdoor: &longer.trapdoor,
        ..world.statement()
    };
    let refused = MatchProofError::SizesDiffer {
        index: 4,
        trapdoor: 5,
    };
    assert_eq!(verify(&mixed, &proof), Err(refused));
    assert_eq!(prove(&mixed, &world.secret, &mut rng(1)), Err(refused));
}

#[test]
fn proofs_are_verified_on_many_threads() {
    let worlds = [World::matching(), World::not_matching()];
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let verifying = worlds.iter().map(|world| {
            let proof = prove(&world.statement(), &world.secret, &mut rng(1)).unwrap();
            scope.spawn(move || verify(&world.statement(), &proof).unwrap())
        });
        let handles: Vec<_> = verifying.collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    assert_eq!(outcomes, [Outcome::Match, Outcome::NoMatch]);
}
