//! What stands beside indexes and trapdoors in a federation with a prefilter.

use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FillKey, FilterError};
use consilium_schemes::wrap::{PublicKey, WrapError};

use crate::challenges::challenged_in;
use crate::common::proofs::{rng, token};
use crate::common::*;
use consilium_contracts::*;

/// A record of the north that waits for indexes, consent and authorization for the south included.
fn registered(mut world: World) -> World {
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    world.ok("north", authorize(1, "south", Scope::Record(record_id(1))));
    world
}

/// The action, honest but for its filter.
fn with_filter(
    world: &mut World,
    sender: &str,
    action: Action,
    filter: Option<Vec<u8>>,
) -> SignedTransaction {
    let mut transaction = world.transaction(sender, action);
    match &mut transaction.action {
        Action::PostIndex(action) => action.filter = filter.map(|bytes| bytes.try_into().unwrap()),
        Action::PostTrapdoor(action) => {
            action.filter = filter.map(|bytes| bytes.try_into().unwrap());
        }
        other => panic!("{other:?}"),
    }
    transaction.sign(&key(sender))
}

#[test]
fn a_posting_carries_a_filter_of_exactly_its_length_where_the_setting_is_on() {
    let mut world = registered(World::filtered());
    let length = PREFILTER.sealed_length();
    assert_eq!(length, 1238);
    let postings = [("north", index(1, "south")), ("dan", trapdoor("south", 2))];
    for (sender, action) in postings {
        let missing = with_filter(&mut world, sender, action.clone(), None);
        let refused = world.submit_signed(missing).unwrap_err();
        assert_eq!(refused.code(), "filter-missing");
        assert!(
            refused
                .to_string()
                .contains("together with its sealed filter of 1238 bytes"),
            "{refused}"
        );
        for wrong in [0, 1, length - 1, length + 1, MAX_FILTER] {
            let wrong = with_filter(&mut world, sender, action.clone(), Some(vec![7; wrong]));
            let refused = world.submit_signed(wrong).unwrap_err();
            assert_eq!(refused.code(), "filter-length", "{refused}");
        }
        let right = with_filter(&mut world, sender, action, Some(vec![7; length]));
        world.submit_signed(right).unwrap();
        world.block(1);
    }
    let filter = Some(bytes(&vec![7; length]));
    let view = world.view();
    let (south, dan) = (hospital("south"), world.doctor("dan"));
    assert_eq!(view.index(&record_id(1), &south).unwrap().filter, filter);
    assert_eq!(view.trapdoor(&south, &dan).unwrap().filter, filter);
    // They go with what they stand beside.
    world.ok("dan", Action::WithdrawTrapdoor);
    world.ok(&record_key(1), withdraw_consent(1));
    assert_eq!(world.view().trapdoor(&south, &dan), None);
    assert_eq!(world.view().index(&record_id(1), &south), None);
}

#[test]
fn a_posting_carries_none_where_the_setting_is_off() {
    let mut world = registered(World::populated());
    let postings = [("north", index(1, "south")), ("dan", trapdoor("south", 2))];
    for (sender, action) in postings {
        for length in [0, PREFILTER.sealed_length()] {
            let filter = Some(vec![7; length]);
            let unused = with_filter(&mut world, sender, action.clone(), filter);
            let refused = world.submit_signed(unused).unwrap_err();
            assert_eq!(refused, Rejection::Filter(FilterRejection::NotUsed));
        }
        world.ok(sender, action);
    }
}

/// The sender signs the filter with everything else.
#[test]
fn a_filter_that_is_exchanged_on_its_way_breaks_the_signature() {
    let mut world = registered(World::filtered());
    let length = PREFILTER.sealed_length();
    for (sender, action) in [("north", index(1, "south")), ("dan", trapdoor("south", 2))] {
        let honest = with_filter(&mut world, sender, action.clone(), Some(vec![7; length]));
        let other = with_filter(&mut world, sender, action, Some(vec![8; length]));
        let mixed = SignedTransaction::new(other.transaction().clone(), *honest.signature());
        let refused = mixed.verify(&world.federation).unwrap_err();
        assert_eq!(refused, Rejection::BadSignature);
    }
}

/// What a filter is bound to can be read from the state, and another's posting has another.
#[test]
fn what_stands_in_the_state_opens_for_its_poster_and_nobody_else() {
    let mut world = registered(World::filtered());
    let (size, weight) = PREFILTER.parts().unwrap();
    let (south, dan) = (hospital("south"), world.doctor("dan"));
    let recipient = PublicKey::from_bytes(made().hpke_key.as_bytes()).unwrap();
    let (federation, terms) = (
        world.federation,
        world.view().record(&record_id(1)).unwrap().terms,
    );
    let alone = |action: &Action| -> Vec<u8> {
        let n = *crate::common::proofs::N;
        match action {
            Action::PostIndex(one) => {
                let posted = consilium_schemes::matching::posting::PostedIndex::from_bytes(
                    one.index.as_bytes(),
                    n,
                );
                posted.unwrap().index().to_bytes()
            }
            Action::PostTrapdoor(one) => {
                let posted = consilium_schemes::matching::posting::PostedTrapdoor::from_bytes(
                    one.trapdoor.as_bytes(),
                    n,
                );
                posted.unwrap().trapdoor().to_bytes()
            }
            other => panic!("{other:?}"),
        }
    };
    let keywords = [token(1), token(2), token(3)];
    let fill = FillKey::generate(&mut rng("fill"));
    let bitmap = Bitmap::build(
        &keywords,
        south.as_str().as_bytes(),
        record_id(1).as_bytes(),
        size,
        weight,
        &fill,
    )
    .unwrap();
    let mut posting = world.transaction("north", index(1, "south"));
    let index = bytes(&alone(&posting.action));
    let context = index_filter_context(&federation, &terms, &south, &index);
    let sealed = bitmap.seal(&context, &key("north"), &recipient, &mut rng("seal"));
    let Action::PostIndex(action) = &mut posting.action else {
        panic!()
    };
    action.filter = Some(bytes(&sealed));
    world.submit_signed(posting.sign(&key("north"))).unwrap();

    let buckets = Buckets::of(&[token(1), token(2)], south.as_str().as_bytes(), size);
    let mut posting = world.transaction("dan", trapdoor("south", 2));
    let trapdoor = bytes(&alone(&posting.action));
    let Action::PostTrapdoor(action) = &mut posting.action else {
        panic!()
    };
    let context = trapdoor_filter_context(&federation, &dan, &south, &trapdoor, action.expiry);
    action.filter = Some(bytes(&buckets.seal(
        &context,
        &key("dan"),
        &recipient,
        &mut rng("seal"),
    )));
    world.submit_signed(posting.sign(&key("dan"))).unwrap();

    let view = world.view();
    let entry = view.index(&record_id(1), &south).unwrap();
    let context = index_filter_context(&federation, &terms, &entry.to, &entry.index);
    let open = |poster: &str, context| {
        let sealed = entry.filter.as_ref().unwrap().as_bytes();
        Bitmap::open(sealed, context, &public(poster), &made().hpke, size, weight)
    };
    assert_eq!(open("north", &context), Ok(bitmap.clone()));
    let refused = Err(FilterError::Unopened(WrapError::Sender));
    assert_eq!(open("south", &context), refused);
    let of_other = crate::common::terms(2, "north", &["south"]);
    let moved = index_filter_context(&federation, &of_other, &entry.to, &entry.index);
    assert_eq!(open("north", &moved), refused);

    let entry = view.trapdoor(&south, &dan).unwrap();
    let context = |doctor, expiry| {
        trapdoor_filter_context(&federation, doctor, &south, &entry.trapdoor, expiry)
    };
    let open = |poster: &str, context| {
        let sealed = entry.filter.as_ref().unwrap().as_bytes();
        Buckets::open(
            sealed,
            &context,
            &public(poster),
            &made().hpke,
            size,
            entry.interests,
        )
    };
    assert_eq!(
        open("dan", context(&dan, entry.expiry)),
        Ok(buckets.clone())
    );
    assert!(bitmap.covers(&buckets));
    let refused = Err(FilterError::Unopened(WrapError::Sender));
    let cleo = world.doctor("cleo");
    assert_eq!(open("cleo", context(&cleo, entry.expiry)), refused);
    assert_eq!(open("dan", context(&dan, time(1))), refused);
}

/// With a prefilter a hospital may have left the pair out because the owner's bitmap was wrong: nobody can tell, and it is not blamed.
#[test]
fn a_match_that_a_filter_may_have_hidden_is_said_and_not_held_against_the_hospital() {
    let mut world = challenged_in(World::filtered());
    world.block(WINDOW);
    let action = world.challenge(1, "dan");
    world.ok(&record_key(1), action);
    assert!(!world.challenged("dan").in_time);
    let answer = world.answer(1, "dan");
    world.ok("south", answer);
    world.becomes("dan", ChallengeStatus::Answered(Outcome::Match));
    let conduct = world.view().conduct(&hospital("south"));
    assert_eq!((conduct.contradicted, conduct.matched), (0, 1));
}

/// A challenge tells the hospital to compare whatever the filter says: who had half of the window from then on could have posted the match.
#[test]
fn after_a_challenge_half_a_window_before_its_end_silence_is_held_against_the_hospital() {
    for (asked, status) in [
        (1, ChallengeStatus::Contradicted),
        (WINDOW / 2, ChallengeStatus::Answered(Outcome::Match)),
    ] {
        let mut world = challenged_in(World::filtered());
        world.block(asked);
        let action = world.challenge(1, "dan");
        world.ok("north", action);
        // While the match can be posted, it is the answer.
        let answer = world.answer(1, "dan");
        assert_eq!(
            world.refused("south", answer.clone()).code(),
            "post-the-match"
        );
        world.block(WINDOW);
        world.ok("south", answer);
        world.becomes("dan", status);
    }
}

#[test]
fn a_match_that_is_posted_after_the_challenge_answers_it() {
    let mut world = challenged_in(World::filtered());
    let action = world.challenge(1, "dan");
    world.ok("north", action);
    let matched = world.matched(1, "dan");
    world.ok("south", matched);
    world.becomes("dan", ChallengeStatus::Answered(Outcome::Match));
    assert_eq!(world.view().conduct(&hospital("south")).contradicted, 0);
}

#[test]
fn the_default_weight_fits_every_n_and_size() {
    for n in 1..=MAX_N {
        for bits in [256, 512, 1024] {
            let settings = Settings {
                n,
                prefilter: Some(Prefilter::with_default_weight(bits, n)),
                ..Settings::default()
            };
            assert_eq!(settings.validate(), Ok(()), "{n}, {bits}");
        }
    }
    let default = Prefilter::with_default_weight(512, Settings::default().n);
    assert_eq!(default.weight, 64);
}
