//! A hospital is asked to prove whether a doctor of it matches a record.

use crate::common::*;
use consilium_contracts::*;

/// No doctor of the south matches but dan, and none of the north but ada.
fn challenged_world() -> World {
    challenged_in(World::populated())
}

pub fn challenged_in(mut world: World) -> World {
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    world.ok("north", authorize(1, "south", Scope::Record(record_id(1))));
    for (name, at, interests) in [
        ("ada", "north", 2),
        ("ben", "north", 107),
        ("cleo", "south", 108),
        ("dan", "south", 2),
    ] {
        world.ok(name, trapdoor(at, interests));
    }
    world.ok("north", index(1, "north"));
    world.ok("north", index(1, "south"));
    world
}

impl World {
    pub fn challenged(&self, doctor: &str) -> ChallengeEntry {
        self.view()
            .challenge(&record_id(1), &self.doctor(doctor))
            .unwrap()
    }

    #[track_caller]
    pub fn becomes(&self, doctor: &str, status: ChallengeStatus) {
        let entry = self.challenged(doctor);
        assert_eq!(entry.status, status);
        let open = self.view().open_challenges(&entry.hospital).next();
        assert!(open.is_none_or(|open| open.doctor != entry.doctor));
    }

    #[track_caller]
    fn challenge_refused(&mut self, sender: &str, action: Action) -> ChallengeRejection {
        match self.refused(sender, action) {
            Rejection::Challenge(why) => why,
            other => panic!("{other}"),
        }
    }
}

const ANSWERED_MATCH: ChallengeStatus = ChallengeStatus::Answered(Outcome::Match);
const ANSWERED_NO_MATCH: ChallengeStatus = ChallengeStatus::Answered(Outcome::NoMatch);

#[test]
fn a_hospital_proves_that_a_doctor_does_not_match() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    let events = world.ok("north", action);
    let (record, doctor) = (record_id(1), world.doctor("cleo"));
    let until = world.challenged("cleo").until;
    assert_eq!(until, time(world.now - START - 1 + CHALLENGE));
    assert_eq!(
        events,
        [Event::Challenged {
            record,
            owner: hospital("north"),
            doctor,
            hospital: hospital("south"),
            until,
        }]
    );
    assert_eq!(world.challenged("cleo").by, Challenger::Owner);
    assert_eq!(world.view().conduct(&hospital("south")).open, 1);
    let answer = world.answer(1, "cleo");
    let events = world.ok("south", answer);
    assert_eq!(
        events,
        [Event::ChallengeSettled {
            record,
            owner: hospital("north"),
            doctor,
            hospital: hospital("south"),
            status: ANSWERED_NO_MATCH,
        }]
    );
    world.becomes("cleo", ANSWERED_NO_MATCH);
    let conduct = ConductEntry {
        unmatched: 1,
        ..ConductEntry::default()
    };
    assert_eq!(world.view().conduct(&hospital("south")), conduct);
    // Its deadline does nothing.
    world.block(CHALLENGE);
    world.becomes("cleo", ANSWERED_NO_MATCH);
}

/// The patient asks after nobody was found, when the record is closed and its indexes would be gone.
#[test]
fn a_hidden_match_is_contradicted_by_the_hospitals_own_proof() {
    let mut world = challenged_world();
    world.block(WINDOW);
    assert!(matches!(world.status(1), RecordStatus::Closed(_)));
    let action = world.challenge(1, "dan");
    world.ok(&record_key(1), action);
    assert_eq!(world.challenged("dan").by, Challenger::Patient);
    assert!(world.challenged("dan").in_time);
    let answer = world.answer(1, "dan");
    world.ok("south", answer);
    world.becomes("dan", ChallengeStatus::Contradicted);
    assert_eq!(world.view().conduct(&hospital("south")).contradicted, 1);
}

#[test]
fn who_does_not_answer_is_overdue_and_can_be_challenged_again() {
    let mut world = challenged_world();
    let action = world.challenge(1, "dan");
    world.ok(&record_key(1), action.clone());
    let until = world.challenged("dan").until;
    let again = world.challenge_refused("north", action.clone());
    assert_eq!(
        again.to_string(),
        format!(
            "record {}: a challenge about doctor {} and these interests is open already",
            record_id(1),
            world.doctor("dan")
        )
    );
    // One block is made for it, whatever else there is.
    assert!(next_deadline(&world.state) <= Some(until));
    world.block(CHALLENGE);
    world.becomes("dan", ChallengeStatus::Overdue);
    assert_eq!(world.view().conduct(&hospital("south")).overdue, 1);
    let late = world.answer(1, "dan");
    let late = world.challenge_refused("south", late);
    assert_eq!(late.code(), "not-challenged");
    // The record was closed a challenge's time less the window ago.
    world.ok(&record_key(1), action);
    assert_eq!(world.challenged("dan").status, ChallengeStatus::Open);
}

#[test]
fn an_answer_in_the_block_of_its_deadline_is_too_late() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    world.ok("north", action);
    // A block does so many due things; until then the deadline itself refuses.
    let until = world.challenged("cleo").until;
    world.now = until.value();
    let answer = world.answer(1, "cleo");
    let late = world.challenge_refused("south", answer);
    assert_eq!(late.code(), "answer-too-late");
}

#[test]
fn while_the_window_is_open_the_match_itself_is_the_answer() {
    let mut world = challenged_world();
    let action = world.challenge(1, "dan");
    world.ok("north", action.clone());
    let answer = world.answer(1, "dan");
    let refused = world.challenge_refused("south", answer);
    assert_eq!(refused.code(), "post-the-match");
    let matched = world.matched(1, "dan");
    let events = world.ok("south", matched);
    assert!(matches!(
        events.as_slice(),
        [
            Event::Matched { .. },
            Event::ChallengeSettled {
                status: ANSWERED_MATCH,
                ..
            }
        ]
    ));
    world.becomes("dan", ANSWERED_MATCH);
    let refused = world.challenge_refused("north", action);
    assert_eq!(refused.code(), "already-proven");
}

/// A match that cannot be posted any more can still be said.
#[test]
fn a_match_whose_authorization_ended_is_an_answer_and_no_contradiction_while_the_window_is_open() {
    let mut world = challenged_world();
    let action = world.challenge(1, "dan");
    world.ok("north", action);
    world.ok("north", withdraw(1));
    let answer = world.answer(1, "dan");
    world.ok("south", answer);
    world.becomes("dan", ANSWERED_MATCH);
}

#[test]
fn the_challenge_keeps_what_it_is_about() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    world.ok("north", action.clone());
    // The doctor now matches, and the match about the new trapdoor does not answer for the old one.
    world.ok("cleo", trapdoor("south", 1));
    let matched = world.matched(1, "cleo");
    world.ok("south", matched);
    assert_eq!(world.challenged("cleo").status, ChallengeStatus::Open);
    world.ok(&record_key(1), withdraw_consent(1));
    assert_eq!(world.view().indexes(&record_id(1)).count(), 0);
    let answer = world.answer(1, "cleo");
    world.ok("south", answer);
    world.becomes("cleo", ANSWERED_NO_MATCH);
}

#[test]
fn a_replaced_trapdoor_may_be_asked_about_anew() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    world.ok("north", action.clone());
    let answer = world.answer(1, "cleo");
    world.ok("south", answer);
    let refused = world.challenge_refused("north", action.clone());
    assert_eq!(refused.code(), "already-challenged");
    world.ok("cleo", trapdoor("south", 109));
    world.ok("north", action);
    assert_eq!(world.challenged("cleo").status, ChallengeStatus::Open);
}

#[test]
fn owner_and_patient_have_so_many_challenges_a_period_each() {
    let mut world = challenged_world();
    for (sender, doctors) in [("north", ["ada", "ben"]), ("record 1", ["cleo", "dan"])] {
        for doctor in doctors {
            let action = world.challenge(1, doctor);
            world.ok(sender, action);
        }
    }
    let first = world
        .view()
        .challenge_quota(&record_id(1), Challenger::Owner);
    let from = first.unwrap().since.plus(PERIOD);
    world.ok("cleo", trapdoor("south", 1));
    let answer = world.answer(1, "cleo");
    world.ok("south", answer);
    let action = world.challenge(1, "cleo");
    let limit = ChallengeRejection::LimitReached {
        record: record_id(1),
        limit: 2,
        from,
    };
    assert_eq!(world.challenge_refused("north", action.clone()), limit);
    let refused = world.challenge_refused("record 1", action);
    assert_eq!(refused.code(), "challenge-limit");
}

#[test]
fn only_owner_and_patient_challenge_only_about_what_had_to_be_compared() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    for stranger in ["south", "kgc", "ada", "cleo"] {
        let refused = world.refused(stranger, action.clone());
        let needed = Role::OwnerOrRecordKey;
        assert_eq!(refused, Rejection::Forbidden { needed }, "{stranger}");
    }
    // No index for the west, no trapdoor of hers.
    let action = world.challenge(1, "eve");
    assert_eq!(world.refused("north", action).code(), "no-index");
    world.ok("ben", Action::WithdrawTrapdoor);
    let action = world.challenge(1, "ben");
    assert_eq!(world.refused("north", action).code(), "no-trapdoor");
    let action = world.challenge(2, "ben");
    assert_eq!(world.refused("north", action).code(), "unknown-record");
    world.block(WINDOW);
    world.ok("ben", trapdoor("north", 1));
    let action = world.challenge(1, "ben");
    let late = world.challenge_refused("north", action);
    assert_eq!(late.code(), "never-compared");
    world.ok("north", withdraw(1));
    let action = world.challenge(1, "cleo");
    assert_eq!(world.refused("north", action).code(), "not-authorized");
    let action = world.challenge(1, "ada");
    world.ok("north", action);
    // After the time in which they are kept.
    world.block(CHALLENGE);
    let action = world.challenge(1, "ada");
    assert_eq!(world.refused("north", action).code(), "no-index");
}

/// The owner cannot make a hospital's silence look like a lie by giving it no time.
#[test]
fn who_had_less_than_half_the_window_is_not_contradicted() {
    type Late = fn(&mut World);
    let late: [(&str, Late); 3] = [
        ("trapdoor", |world| {
            world.ok("dan", trapdoor("south", 1));
        }),
        ("authorization", |world| {
            world.ok("north", withdraw(1));
            world.ok("north", authorize(2, "south", Scope::Record(record_id(1))));
        }),
        ("nothing", |_| {}),
    ];
    for (what, late) in late {
        let mut world = challenged_world();
        world.block(WINDOW / 2);
        late(&mut world);
        world.block(WINDOW);
        let action = world.challenge(1, "dan");
        world.ok("north", action);
        let answer = world.answer(1, "dan");
        world.ok("south", answer);
        let status = match what {
            "nothing" => ChallengeStatus::Contradicted,
            _ => ANSWERED_MATCH,
        };
        assert_eq!(world.challenged("dan").status, status, "{what}");
    }
}

/// What a challenge is about must have stood for half of the window *before* it was made: nobody knows what stands later.
#[test]
fn nobody_is_contradicted_who_could_not_post_the_match_after_the_challenge() {
    type After = fn(&mut World);
    let after: [(&str, After); 4] = [
        ("the doctor has other interests now", |world| {
            world.ok("dan", trapdoor("south", 108));
        }),
        ("the authorization is withdrawn", |world| {
            world.ok("north", withdraw(1));
        }),
        ("the doctor is revoked", |world| {
            let revoke = world.revoke("dan");
            world.ok("south", revoke);
        }),
        ("consent is withdrawn", |world| {
            world.ok(&record_key(1), withdraw_consent(1));
        }),
    ];
    for (what, after) in after {
        let mut world = challenged_world();
        let action = world.challenge(1, "dan");
        world.ok("north", action);
        after(&mut world);
        world.block(WINDOW);
        let answer = world.answer(1, "dan");
        world.ok("south", answer);
        assert_eq!(world.challenged("dan").status, ANSWERED_MATCH, "{what}");
    }
}

/// As long as the match of the very trapdoor of the challenge cannot be posted, saying that it matches is an answer.
#[test]
fn a_match_of_former_interests_is_answered_while_the_window_is_open() {
    let mut world = challenged_world();
    let action = world.challenge(1, "dan");
    world.ok("north", action);
    world.ok("dan", trapdoor("south", 1));
    let answer = world.answer(1, "dan");
    world.ok("south", answer);
    world.becomes("dan", ANSWERED_MATCH);
}

/// A posted match needs both of earlier blocks; so does a challenge.
#[test]
fn nobody_is_challenged_about_what_was_posted_in_the_same_block() {
    let mut world = challenged_world();
    let posted = world.submit("dan", trapdoor("south", 1));
    posted.unwrap();
    let action = world.challenge(1, "dan");
    assert_eq!(world.refused("north", action), Rejection::TooEarly);
}

#[test]
fn a_revoked_doctors_hospital_still_answers() {
    let mut world = challenged_world();
    let action = world.challenge(1, "cleo");
    world.ok("north", action);
    let action = world.revoke("cleo");
    world.ok("south", action);
    let answer = world.answer(1, "cleo");
    world.ok("south", answer);
    world.becomes("cleo", ANSWERED_NO_MATCH);
}

mod lies {
    use super::*;
    use crate::common::proofs;

    /// An answer with the proof that is true of another pair, hospital or time.
    fn answer_with(world: &World, doctor: &str, proof: ProofBytes) -> Action {
        Action::AnswerChallenge(AnswerChallenge {
            record: record_id(1),
            doctor: world.doctor(doctor),
            proof,
        })
    }

    fn true_proof(world: &mut World, doctor: &str, later: u64) -> ProofBytes {
        let expires = world.transaction("ada", Action::WithdrawTrapdoor).expires;
        let Action::AnswerChallenge(action) = world.answer(1, doctor) else {
            unreachable!()
        };
        proofs::answer(world, &action, expires.plus(later)).unwrap()
    }

    #[test]
    fn an_answer_holds_for_its_pair_and_time_only() {
        let mut world = challenged_world();
        for (sender, doctor) in [("north", "cleo"), ("record 1", "ben")] {
            let action = world.challenge(1, doctor);
            world.ok(sender, action);
        }
        world.block(WINDOW);
        let not_proven = ChallengeRejection::NotProven {
            record: record_id(1),
            doctor: world.doctor("cleo"),
        };
        let federation = world.federation;
        for lie in [
            true_proof(&mut world, "ben", 0),
            true_proof(&mut world, "cleo", 1),
            proofs::unrelated(&federation),
        ] {
            let action = answer_with(&world, "cleo", lie);
            assert_eq!(world.challenge_refused("south", action), not_proven);
        }
        let truth = true_proof(&mut world, "cleo", 0);
        let action = answer_with(&world, "cleo", truth);
        let needed = Role::DoctorsHospital;
        for stranger in ["north", "cleo", "record 1", "kgc"] {
            let refused = world.refused(stranger, action.clone());
            assert_eq!(refused, Rejection::Forbidden { needed });
        }
        world.ok("south", action);
    }

    /// Neither outcome can be claimed falsely after the window, when both could be answered.
    #[test]
    fn a_false_outcome_has_no_proof() {
        let mut world = challenged_world();
        world.block(WINDOW);
        for doctor in ["cleo", "dan"] {
            let action = world.challenge(1, doctor);
            world.ok("north", action);
        }
        let of_cleo = true_proof(&mut world, "cleo", 0);
        let of_dan = true_proof(&mut world, "dan", 0);
        for (doctor, lie) in [("cleo", of_dan), ("dan", of_cleo)] {
            let action = answer_with(&world, doctor, lie);
            let refused = world.challenge_refused("south", action);
            assert_eq!(refused.code(), "answer-not-proven");
        }
    }
}
