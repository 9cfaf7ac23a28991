//! The life of a record, step by step.

use crate::common::*;
use consilium_contracts::*;

#[track_caller]
fn assigned(world: &World) -> Option<DoctorId> {
    match world.status(1) {
        RecordStatus::Assigned { doctor, .. } => Some(doctor),
        _ => None,
    }
}

#[test]
fn from_registration_to_acknowledgement() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    assert_eq!(world.status(1), RecordStatus::Registered);
    world.ok("cleo", trapdoor("south", 2));
    world.ok("north", authorize(1, "south", Scope::All));
    let opened = world.now;
    let events = world.ok("north", index(1, "south"));
    let until = BlockTime::new(opened + WINDOW);
    assert_eq!(world.status(1), RecordStatus::Matching { until });
    assert_eq!(next_deadline(&world.state), Some(until));
    assert!(matches!(
        events[..],
        [Event::IndexPosted { .. }, Event::WindowOpened { .. }]
    ));
    let matched = world.matched(1, "cleo");
    world.ok("south", matched);
    let one = world
        .view()
        .matched(&record_id(1), &world.doctor("cleo"))
        .unwrap();
    assert_eq!(
        (one.interests, one.authorization),
        (2, Some(authorization_id(1)))
    );
    let events = world.block(WINDOW);
    let doctor = world.doctor("cleo");
    let until = BlockTime::new(world.now + ANSWER);
    assert_eq!(world.status(1), RecordStatus::Assigned { doctor, until });
    assert!(matches!(events[..], [Event::Assigned { .. }]));
    assert_eq!(
        world.refused("cleo", report(1)),
        Rejection::NoAccess {
            record: record_id(1)
        }
    );
    let until = BlockTime::new(world.now + REPORT);
    let access = world.access(1, "cleo");
    world.ok("south", access.clone());
    assert_eq!(world.status(1), RecordStatus::Accessed { doctor, until });
    world.ok("south", access.clone());
    assert_eq!(
        world.view().access(&record_id(1), &doctor).unwrap().count,
        2
    );
    assert_eq!(world.status(1), RecordStatus::Accessed { doctor, until });
    let no_report = Rejection::NoReport {
        record: record_id(1),
    };
    assert_eq!(world.refused("record 1", acknowledge(1)), no_report);
    world.ok("cleo", report(1));
    assert_eq!(world.status(1), RecordStatus::Reported { doctor });
    let posted = Rejection::ReportPosted {
        record: record_id(1),
    };
    assert_eq!(world.refused("cleo", report(1)), posted);
    let decline = world.decline(1, "cleo");
    assert_eq!(world.refused("cleo", decline), posted);
    world.block(REPORT);
    assert_eq!(world.status(1), RecordStatus::Reported { doctor });
    world.ok("south", access.clone());
    world.ok("record 1", acknowledge(1));
    assert_eq!(
        world.status(1),
        RecordStatus::Closed(CloseReason::Acknowledged)
    );
    let assignment = world.view().assignment(&record_id(1), &doctor).unwrap();
    assert_eq!(assignment.status, AssignmentStatus::Acknowledged);
    let (record, reason) = (record_id(1), CloseReason::Acknowledged);
    assert_eq!(
        world.refused("south", access),
        Rejection::RecordClosed { record, reason }
    );
}

#[test]
fn more_interests_win_and_ties_go_to_the_earlier_match() {
    // ada 1, ben 2, cleo 3, dan 1.
    let order = [
        ("dan", "south"),
        ("ben", "north"),
        ("ada", "north"),
        ("cleo", "south"),
    ];
    let mut world = World::with_record();
    world.match_all(&order);
    for expected in ["cleo", "ben", "dan", "ada"] {
        assert_eq!(assigned(&world), Some(world.doctor(expected)));
        assert_eq!(
            world.view().open_assignments(&hospital("north")).count()
                + world.view().open_assignments(&hospital("south")).count(),
            1
        );
        let decline = world.decline(1, expected);
        world.ok(expected, decline);
    }
    let exhausted = CloseReason::Unmatched(UnmatchedReason::Exhausted);
    assert_eq!(world.status(1), RecordStatus::Closed(exhausted));
}

#[test]
fn nobody_matched_closes_the_record_and_drops_its_indexes_once_nobody_can_be_challenged_any_more() {
    let mut world = World::with_record();
    world.block(WINDOW);
    let unmatched = CloseReason::Unmatched(UnmatchedReason::NoMatch);
    assert_eq!(world.status(1), RecordStatus::Closed(unmatched));
    world.block(CHALLENGE - 1);
    assert_eq!(world.view().indexes(&record_id(1)).count(), 2);
    world.block(1);
    assert_eq!(world.view().indexes(&record_id(1)).count(), 0);
    assert_eq!(world.view().indexes_to(&hospital("south")).count(), 0);
}

#[test]
fn matches_and_indexes_after_the_window_are_refused() {
    let mut world = World::with_record();
    world.match_all(&[("ada", "north")]);
    let closed = Rejection::WindowClosed {
        record: record_id(1),
    };
    let late = world.matched(1, "cleo");
    assert_eq!(world.refused("south", late), closed);
    assert_eq!(world.refused("north", index(1, "south")), closed);
}

#[test]
fn a_match_is_refused_without_index_without_trapdoor_twice_or_in_the_same_block() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let (record, doctor) = (record_id(1), world.doctor("ada"));
    let matched = world.matched(1, "ada");
    let north = hospital("north");
    assert_eq!(
        world.refused("north", matched.clone()),
        Rejection::NoIndex {
            record,
            hospital: north
        }
    );
    world.ok("north", index(1, "north"));
    assert_eq!(
        world.refused("north", matched.clone()),
        Rejection::NoTrapdoor { doctor }
    );
    world.submit("ada", trapdoor("north", 1)).unwrap();
    assert_eq!(world.refused("north", matched.clone()), Rejection::TooEarly);
    world.block(1);
    world.ok("north", matched.clone());
    assert_eq!(
        world.refused("north", matched),
        Rejection::AlreadyMatched { record, doctor }
    );
}

#[test]
fn an_unanswered_assignment_lapses_to_the_next_best() {
    let mut world = World::with_record();
    world.match_all(&[("ada", "north"), ("cleo", "south")]);
    assert_eq!(assigned(&world), Some(world.doctor("cleo")));
    world.block(ANSWER - 1);
    assert_eq!(assigned(&world), Some(world.doctor("cleo")));
    let events = world.block(1);
    assert_eq!(assigned(&world), Some(world.doctor("ada")));
    assert!(matches!(
        events[..],
        [
            Event::AssignmentEnded {
                why: AssignmentStatus::Lapsed,
                ..
            },
            Event::Assigned { .. }
        ]
    ));
    let late = world.access(1, "cleo");
    let refusal = Rejection::NotAssigned {
        record: record_id(1),
        doctor: world.doctor("cleo"),
    };
    assert_eq!(world.refused("south", late), refusal);
    let access = world.access(1, "ada");
    world.ok("north", access);
    world.block(REPORT);
    let exhausted = CloseReason::Unmatched(UnmatchedReason::Exhausted);
    assert_eq!(world.status(1), RecordStatus::Closed(exhausted));
}

#[test]
fn a_revoked_doctors_assignment_passes_on_at_once() {
    let mut world = World::with_record();
    world.match_all(&[("ada", "north"), ("cleo", "south")]);
    let revoke = world.revoke("cleo");
    let events = world.submit("south", revoke).unwrap();
    assert_eq!(assigned(&world), Some(world.doctor("ada")));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::TrapdoorRemoved { .. }))
    );
    // A revoked doctor is no candidate either.
    let mut world = World::with_record();
    for (name, at) in [("ada", "north"), ("cleo", "south")] {
        let action = world.matched(1, name);
        world.ok(at, action);
    }
    let revoke = world.revoke("cleo");
    world.ok("kgc", revoke);
    world.block(WINDOW);
    assert_eq!(assigned(&world), Some(world.doctor("ada")));
}

#[test]
fn a_withdrawn_or_expired_authorization_stops_matches_and_passes_assignments_on() {
    let mut world = World::with_record();
    world.match_all(&[("ada", "north"), ("cleo", "south")]);
    let mut expiring = world.clone();
    let events = world.ok("north", withdraw(1));
    assert_eq!(assigned(&world), Some(world.doctor("ada")));
    assert!(events.iter().any(|event| matches!(
        event,
        Event::AssignmentEnded {
            why: AssignmentStatus::Unauthorized,
            ..
        }
    )));
    let over = Rejection::AuthorizationOver {
        id: authorization_id(1),
    };
    assert_eq!(world.refused("north", withdraw(1)), over);
    expiring.block(90_000);
    assert_eq!(
        expiring
            .view()
            .authorizations_from(&hospital("north"))
            .count(),
        0
    );

    let mut matching = World::with_record();
    matching.ok("north", withdraw(1));
    let matched = matching.matched(1, "cleo");
    let not = Rejection::NotAuthorized {
        hospital: hospital("south"),
        record: record_id(1),
    };
    assert_eq!(matching.refused("south", matched), not);

    // Another authorization that covers the record keeps the assignment.
    let mut covered = World::with_record();
    covered.ok("north", authorize(2, "south", Scope::All));
    covered.match_all(&[("cleo", "south")]);
    covered.ok("north", withdraw(1));
    assert_eq!(assigned(&covered), Some(covered.doctor("cleo")));
}

#[test]
fn withdrawn_consent_ends_everything_and_nothing_follows() {
    let mut world = World::with_record();
    world.match_all(&[("ada", "north"), ("cleo", "south")]);
    world.ok("record 1", withdraw_consent(1));
    let (record, reason) = (record_id(1), CloseReason::ConsentWithdrawn);
    assert_eq!(world.status(1), RecordStatus::Closed(reason));
    let assignment = world
        .view()
        .assignment(&record, &world.doctor("cleo"))
        .unwrap();
    assert_eq!(assignment.status, AssignmentStatus::ConsentEnded);
    assert_eq!(world.view().open_assignments(&hospital("south")).count(), 0);
    assert_eq!(world.view().indexes(&record).count(), 0);
    assert_eq!(world.view().authorizations_of_record(&record).count(), 0);
    let closed = Rejection::RecordClosed { record, reason };
    let access = world.access(1, "cleo");
    assert_eq!(world.refused("south", access), closed);
    assert_eq!(world.refused("north", index(1, "north")), closed);
    assert_eq!(
        world.refused("north", authorize(9, "south", Scope::Record(record))),
        closed
    );
    assert_eq!(
        world.refused("record 1", withdraw_consent(1)),
        Rejection::ConsentOver { record }
    );
    world.block(ANSWER + REPORT + 100_000);
    assert_eq!(world.status(1), RecordStatus::Closed(reason));
    assert_eq!(next_deadline(&world.state), None);
}

#[test]
fn expired_consent_closes_even_an_answered_record() {
    let mut world = World::with_record();
    world.match_all(&[("cleo", "south")]);
    let access = world.access(1, "cleo");
    world.ok("south", access);
    world.ok("cleo", report(1));
    world.ok("record 1", acknowledge(1));
    let events = world.block(100_000);
    assert_eq!(
        world.status(1),
        RecordStatus::Closed(CloseReason::ConsentExpired)
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::RecordClosed { .. }))
    );
}

#[test]
fn registration_refuses_other_epochs_used_ids_used_keys_and_bad_co_signatures() {
    let mut world = World::populated();
    let federation = world.federation;
    let mut stale = terms(1, "north", &[]);
    stale.epoch = Epoch::new(2);
    let refusal = Rejection::StaleEpoch {
        given: Epoch::new(2),
        current: Epoch::new(1),
    };
    assert_eq!(
        world.refused("north", co_sign(&federation, 1, stale)),
        refusal
    );
    let mut over = terms(1, "north", &[]);
    over.consent.expiry = BlockTime::new(world.now);
    let refusal = world.refused("north", co_sign(&federation, 1, over));
    assert!(matches!(refusal, Rejection::ExpiryPassed { .. }));
    let strange = terms(1, "north", &["nowhere"]);
    let refusal = Rejection::UnknownHospital {
        hospital: hospital("nowhere"),
    };
    assert_eq!(
        world.refused("north", co_sign(&federation, 1, strange)),
        refusal
    );
    let mut taken = terms(1, "north", &[]);
    taken.record_key = public("ada");
    let forged = taken.clone().co_sign(&federation, &key("ada"));
    let refusal = world.refused("north", Action::RegisterRecord(Box::new(forged)));
    assert_eq!(
        refusal,
        Rejection::KeyTaken {
            key: public("ada").into()
        }
    );
    let forged = terms(1, "north", &[]).co_sign(&federation, &key("north"));
    let refusal = world.refused("north", Action::RegisterRecord(Box::new(forged)));
    assert_eq!(
        refusal,
        Rejection::BadCoSignature {
            record: record_id(1)
        }
    );
    world.ok("north", co_sign(&federation, 1, terms(1, "north", &[])));
    let mut again = terms(1, "north", &[]);
    again.record_key = public("another");
    let again = again.co_sign(&federation, &key("another"));
    let refusal = world.refused("north", Action::RegisterRecord(Box::new(again)));
    assert_eq!(
        refusal,
        Rejection::RecordExists {
            record: record_id(1)
        }
    );
    let mut early = World::new();
    early.block(1);
    let registration = register_record(&early, 1, "north", &[]);
    assert_eq!(early.refused("north", registration), Rejection::NoEpoch);
}

#[test]
fn authorizations_stay_within_consent() {
    let mut world = World::populated();
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let record = record_id(1);
    let base = Authorize {
        id: authorization_id(1),
        to: hospital("south"),
        scope: Scope::Record(record),
        purpose: PurposeOfUse::Treatment,
        expiry: time(90_000),
    };
    let mut try_it = |change: &dyn Fn(&mut Authorize)| {
        let mut action = base.clone();
        change(&mut action);
        world.refused("north", Action::Authorize(action))
    };
    let purpose = PurposeOfUse::Research;
    let refusal = try_it(&|action| action.purpose = purpose);
    assert_eq!(refusal, Rejection::PurposeNotConsented { record, purpose });
    let refusal = try_it(&|action| action.expiry = time(100_001));
    assert!(matches!(refusal, Rejection::BeyondConsent { .. }));
    let refusal = try_it(&|action| action.expiry = time(0));
    assert!(matches!(refusal, Rejection::ExpiryPassed { .. }));
    let refusal = try_it(&|action| action.to = hospital("north"));
    assert!(matches!(refusal, Rejection::SelfAuthorization { .. }));
    let refusal = try_it(&|action| action.scope = Scope::Record(record_id(9)));
    assert_eq!(
        refusal,
        Rejection::UnknownRecord {
            record: record_id(9)
        }
    );
    world.ok("north", Action::Authorize(base.clone()));
    let exists = Rejection::AuthorizationExists {
        id: authorization_id(1),
    };
    assert_eq!(world.refused("north", Action::Authorize(base)), exists);
    // Another purpose than the consent's does not open the record through scope All either.
    world.ok("north", withdraw(1));
    let mut all = authorize(2, "south", Scope::All);
    if let Action::Authorize(action) = &mut all {
        action.purpose = purpose;
    }
    world.ok("north", all);
    let not = Rejection::NotAuthorized {
        hospital: hospital("south"),
        record,
    };
    assert_eq!(world.refused("north", index(1, "south")), not);
}

#[test]
fn a_trapdoor_is_replaced_and_expires() {
    let mut world = World::populated();
    world.ok("ada", trapdoor("north", 1));
    world.ok("ada", trapdoor("north", 3));
    let ada = world.doctor("ada");
    assert_eq!(
        world
            .view()
            .trapdoor(&hospital("north"), &ada)
            .unwrap()
            .interests,
        3
    );
    assert_eq!(world.view().due().count(), 1);
    world.block(80_000);
    assert_eq!(
        world.refused("ada", Action::WithdrawTrapdoor),
        Rejection::NoTrapdoor { doctor: ada }
    );
}

#[test]
fn more_due_things_than_one_block_does_are_left_for_the_next() {
    let mut world = World::populated();
    let many = DUE_PER_BLOCK + 3;
    for number in 0..many {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let record_key = key(&format!("many {number}"));
        let mut one = terms(1, "north", &[]);
        (one.record, one.record_key) = (RecordId::from_bytes(id), record_key.verifying_key());
        let registration = one.co_sign(&world.federation, &record_key);
        world
            .submit("north", Action::RegisterRecord(Box::new(registration)))
            .unwrap();
    }
    assert_eq!(world.block(100_000).len(), DUE_PER_BLOCK);
    assert!(next_deadline(&world.state).unwrap() <= BlockTime::new(world.now));
    assert_eq!(world.block(1).len(), 3);
    assert_eq!(next_deadline(&world.state), None);
}
