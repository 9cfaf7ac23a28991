//! Who votes, and how that changes: the honest path, every refusal, and who tries to stay by rotating keys.

use crate::common::*;
use consilium_contracts::*;
use proptest::prelude::*;

/// North, south and west vote; east is admitted and does not.
fn world() -> World {
    let mut world = World::voting(&HOSPITALS);
    world.block(1);
    world.ok("kgc", Action::AdmitHospital(Box::new(card("east"))));
    world
}

/// The KGC's proposal; its height.
fn proposed(world: &mut World, change: ValidatorChange) -> u64 {
    let height = world.height;
    world.ok("kgc", propose(change));
    height
}

fn voting(validators: &Validators) -> Vec<&str> {
    validators.iter().map(|one| one.hospital.as_str()).collect()
}

/// Proposes and has all of these approve; the height from which on it holds.
fn scheduled(world: &mut World, change: ValidatorChange, by: &[&str]) -> u64 {
    let height = proposed(world, change.clone());
    for name in by {
        world.ok(name, approve(change.clone(), height));
    }
    let next = world.view().validator_schedule().next;
    next.expect("a scheduled change").from.value()
}

fn blocks_until(world: &mut World, height: u64) -> Vec<Event> {
    let mut events = Vec::new();
    while world.height < height {
        events.extend(world.block(1));
    }
    events
}

#[test]
fn genesis_says_who_votes_first() {
    let world = world();
    let schedule = world.view().validator_schedule();
    assert_eq!(voting(&schedule.current), ["north", "south", "west"]);
    assert_eq!((schedule.since, schedule.next), (Height::new(1), None));
    let keys: Vec<_> = world.view().validators().map(|one| one.key).collect();
    assert_eq!(keys[0], public("north/validator"));
}

#[test]
fn a_proposal_that_more_than_two_thirds_approve_holds_from_the_stated_height_on() {
    let mut world = world();
    let at = proposed(&mut world, join("east"));
    world.ok("north", approve(join("east"), at));
    let events = world.ok("south", approve(join("east"), at));
    assert!(matches!(
        &events[0],
        Event::ValidatorChangeApproved { approvals: 2, validators: 3, hospital, .. } if hospital.as_str() == "south"
    ));
    assert_eq!(
        world.view().validator_schedule().next,
        None,
        "two of three are no quorum"
    );
    let height = world.height;
    let events = world.ok("west", approve(join("east"), at));
    let from = height + VALIDATOR_DELAY;
    let told = Event::ValidatorsScheduled {
        hospital: hospital("east"),
        from: Height::new(from),
    };
    assert!(events.contains(&told), "{events:?}");
    assert_eq!(world.view().validator_proposal(), None, "closed");

    let schedule = world.view().validator_schedule();
    let in_force = |height| voting(schedule.in_force(Height::new(height)));
    assert_eq!(in_force(from - 1), ["north", "south", "west"]);
    assert_eq!(in_force(from), ["east", "north", "south", "west"]);
    assert_eq!(voting(&schedule.current), ["north", "south", "west"]);
    let events = blocks_until(&mut world, from - 1);
    assert_eq!(events, []);
    let events = world.block(1);
    assert_eq!(
        events,
        [Event::ValidatorsInForce {
            from: Height::new(from)
        }]
    );
    let schedule = world.view().validator_schedule();
    assert_eq!(
        voting(&schedule.current),
        ["east", "north", "south", "west"]
    );
    assert_eq!(schedule.since, Height::new(from));
    assert_eq!(schedule.next, None);

    // Four now: three approve that one leaves, itself not among them.
    let from = scheduled(&mut world, leave("south"), &["east", "north", "west"]);
    blocks_until(&mut world, from);
    let schedule = world.view().validator_schedule();
    assert_eq!(voting(&schedule.current), ["east", "north", "west"]);
}

#[test]
fn what_cannot_be_is_refused_when_it_is_proposed() {
    let mut world = world();
    let unknown = hospital("nowhere");
    for change in [join("nowhere"), leave("nowhere")] {
        assert_eq!(
            world.refused("kgc", propose(change)),
            Rejection::UnknownHospital {
                hospital: unknown.clone()
            }
        );
    }
    assert_eq!(
        world.refused("kgc", propose(join("north"))),
        Rejection::AlreadyValidator {
            hospital: hospital("north")
        }
    );
    assert_eq!(
        world.refused("kgc", propose(leave("east"))),
        Rejection::NotValidator {
            hospital: hospital("east")
        }
    );
    let mut alone = World::new();
    alone.block(1);
    assert_eq!(
        alone.refused("kgc", propose(leave("north"))),
        Rejection::LastValidator {
            hospital: hospital("north")
        }
    );
    // A change that is scheduled counts as done.
    let from = scheduled(&mut world, join("east"), &HOSPITALS);
    assert!(world.height < from);
    assert_eq!(
        world.refused("kgc", propose(join("east"))),
        Rejection::AlreadyValidator {
            hospital: hospital("east")
        }
    );
}

#[test]
fn only_the_kgc_proposes_and_only_validators_approve_once() {
    let mut world = world();
    for sender in ["north", "east"] {
        let refused = world.refused(sender, propose(join("east")));
        assert_eq!(refused, Rejection::Forbidden { needed: Role::Kgc });
    }
    assert_eq!(
        world.refused("north", approve(join("east"), 1)),
        Rejection::NoProposal
    );
    let at = proposed(&mut world, join("east"));
    assert_eq!(
        world.refused("east", approve(join("east"), at)),
        Rejection::NotValidator {
            hospital: hospital("east")
        }
    );
    assert_eq!(
        world.refused("kgc", approve(join("east"), at)),
        Rejection::Forbidden {
            needed: Role::Hospital
        }
    );
    world.ok("north", approve(join("east"), at));
    assert_eq!(
        world.refused("north", approve(join("east"), at)),
        Rejection::AlreadyApproved {
            hospital: hospital("north")
        }
    );
}

#[test]
fn an_approval_counts_for_the_proposal_that_it_names_alone() {
    let mut world = world();
    let first = proposed(&mut world, join("east"));
    world.ok("north", approve(join("east"), first));
    let second = proposed(&mut world, leave("west"));
    let refused = world.refused("south", approve(join("east"), first));
    assert!(
        matches!(&refused, Rejection::OtherProposal { change, .. } if *change == leave("west")),
        "{refused}"
    );
    // The same once more is another proposal: what north approved before is not carried over.
    let third = proposed(&mut world, join("east"));
    assert!(third > second);
    let refused = world.refused("south", approve(join("east"), first));
    assert!(
        matches!(refused, Rejection::OtherProposal { .. }),
        "{refused}"
    );
    world.ok("south", approve(join("east"), third));
    world.ok("west", approve(join("east"), third));
    assert_eq!(world.view().validator_schedule().next, None);
    world.ok("north", approve(join("east"), third));
    assert!(world.view().validator_schedule().next.is_some());
}

#[test]
fn a_proposal_expires() {
    let mut world = world();
    let at = proposed(&mut world, join("east"));
    world.ok("north", approve(join("east"), at));
    world.block(PROPOSAL_LIFETIME_MS);
    let refused = world.refused("south", approve(join("east"), at));
    assert!(
        matches!(refused, Rejection::ProposalExpired { .. }),
        "{refused}"
    );
    let from = scheduled(&mut world, join("east"), &HOSPITALS);
    assert!(from > world.height);
}

#[test]
fn a_voting_key_is_replaced_from_the_stated_height_on_and_never_comes_back() {
    let mut world = world();
    let federation = world.federation;
    let height = world.height;
    let new = rotated(
        &federation,
        "south",
        Some("south/validator 2"),
        Some("south/peer 2"),
    );
    let before = world.now;
    let events = world.ok("south", update(new.clone()));
    let from = Height::new(height + VALIDATOR_DELAY);
    let expected = [
        Event::ValidatorsScheduled {
            hospital: hospital("south"),
            from,
        },
        Event::CardUpdated {
            hospital: hospital("south"),
        },
    ];
    assert_eq!(events, expected);
    let entry = world.view().hospital(&hospital("south")).unwrap();
    assert_eq!(entry.card.validator_key, public("south/validator 2"));
    assert_eq!(entry.card.peer_key, public("south/peer 2"));
    assert_eq!(entry.card.signing_key, public("south"));
    let former = entry.former_peer.unwrap();
    assert_eq!(former.key, public("south/peer"));
    assert_eq!(former.until, BlockTime::new(before + PEER_GRACE_MS));
    let key_of = |world: &World| {
        let mut validators = world.view().validators();
        validators
            .find(|one| one.hospital == hospital("south"))
            .unwrap()
            .key
    };
    blocks_until(&mut world, from.value() - 1);
    assert_eq!(key_of(&world), public("south/validator"));
    world.block(1);
    assert_eq!(key_of(&world), public("south/validator 2"));

    // Neither key is free for anybody again, itself included.
    for (name, taken) in [
        ("south", "south/validator"),
        ("east", "south/validator 2"),
        ("east", "south/peer"),
    ] {
        let stolen = rotated(&federation, name, Some(taken), None);
        let refused = world.refused(name, update(stolen));
        assert_eq!(
            refused,
            Rejection::KeyTaken {
                key: public(taken).into()
            },
            "{name} takes {taken}"
        );
    }
    let owner = world.view().key_owner(&public("south/validator"));
    assert_eq!(owner, Some(Principal::Hospital(hospital("south"))));
}

#[test]
fn a_hospital_that_does_not_vote_changes_its_card_at_once_and_joins_with_the_new_key() {
    let mut world = world();
    let federation = world.federation;
    let mut new = rotated(&federation, "east", Some("east/validator 2"), None);
    new.url = Some("https://elsewhere.example".parse().unwrap());
    new.listen = Some("/ip4/127.0.0.2/tcp/4001".parse().unwrap());
    new.tls_pin = Some(digest("another"));
    let events = world.ok("east", update(new));
    assert_eq!(
        events,
        [Event::CardUpdated {
            hospital: hospital("east")
        }]
    );
    let entry = world.view().hospital(&hospital("east")).unwrap();
    assert_eq!(entry.card.url.as_str(), "https://elsewhere.example");
    assert_eq!(entry.card.tls_pin, digest("another"));
    assert_eq!(entry.former_peer, None, "its node is who it was");
    scheduled(&mut world, join("east"), &HOSPITALS);
    let schedule = world.view().validator_schedule();
    let east = schedule.newest().iter().next().unwrap();
    assert_eq!(east.key, public("east/validator 2"));
}

#[test]
fn a_card_changes_by_its_hospital_alone_with_keys_it_holds() {
    let mut world = world();
    let federation = world.federation;
    let nothing = world.refused("south", update(UpdateCard::default()));
    assert_eq!(nothing, Rejection::NothingToChange);
    let moved = UpdateCard {
        url: Some("https://elsewhere.example".parse().unwrap()),
        ..UpdateCard::default()
    };
    let refused = world.refused("kgc", update(moved));
    assert_eq!(
        refused,
        Rejection::Forbidden {
            needed: Role::Hospital
        }
    );
    let good = rotated(&federation, "south", Some("new"), Some("new peer"));
    let twisted = [
        // Another hospital's proof; a proof for another use; for another federation.
        rotated(&federation, "north", Some("new"), None),
        UpdateCard {
            peer_key: good.validator_key.clone(),
            ..UpdateCard::default()
        },
        UpdateCard {
            validator_key: good.peer_key.clone(),
            ..UpdateCard::default()
        },
        rotated(
            &FederationId::from_bytes([1; 32]),
            "south",
            Some("new"),
            None,
        ),
    ];
    for update_card in twisted {
        let refused = world.refused("south", update(update_card));
        assert!(
            matches!(refused, Rejection::BadPossession { .. }),
            "{refused}"
        );
    }
    let same = rotated(&federation, "south", Some("one"), Some("one"));
    let refused = world.refused("south", update(same));
    assert!(
        matches!(
            refused,
            Rejection::BadHospitalCard {
                error: CardError::SameKeys { .. }
            }
        ),
        "{refused}"
    );
    let taken = rotated(&federation, "south", Some("north/peer"), None);
    let refused = world.refused("south", update(taken));
    assert!(matches!(refused, Rejection::KeyTaken { .. }), "{refused}");
}

#[test]
fn one_change_is_scheduled_at_a_time() {
    let mut world = world();
    let federation = world.federation;
    let from = scheduled(&mut world, join("east"), &HOSPITALS);
    // East will vote: its key is part of what is scheduled already.
    for name in ["north", "east"] {
        let new = rotated(&federation, name, Some("new"), None);
        assert_eq!(
            world.refused(name, update(new)),
            Rejection::ChangeScheduled {
                from: Height::new(from)
            }
        );
    }
    // A network identity has nothing to do with it.
    let new = rotated(&federation, "north", None, Some("north/peer 2"));
    world.ok("north", update(new));
    blocks_until(&mut world, from);
    let new = rotated(&federation, "north", Some("new"), None);
    world.ok("north", update(new));
}

#[test]
fn who_rotates_its_key_again_and_again_delays_its_removal_by_one_change_only() {
    let mut world = world();
    let federation = world.federation;
    let at = proposed(&mut world, leave("west"));
    world.ok("north", approve(leave("west"), at));
    let rotation = world.height;
    let first = rotated(&federation, "west", Some("west 1"), None);
    world.ok("west", update(first));
    // The approvals go on meanwhile; the change waits for the rotated key.
    world.ok("south", approve(leave("west"), at));
    let events = world.ok("west", approve(leave("west"), at));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::ValidatorsScheduled { .. })),
        "{events:?}"
    );
    assert!(world.view().validator_proposal().is_some());
    let from = rotation + VALIDATOR_DELAY;
    blocks_until(&mut world, from - 1);
    let events = world.block(1);
    let next = Height::new(from + VALIDATOR_DELAY);
    assert_eq!(
        events,
        [
            Event::ValidatorsInForce {
                from: Height::new(from)
            },
            Event::ValidatorsScheduled {
                hospital: hospital("west"),
                from: next
            }
        ]
    );
    // In the first transaction of that very block it is too late: until it leaves it votes with the key it has.
    let second = || update(rotated(&federation, "west", Some("west 2"), None));
    let refused = world.submit("west", second()).unwrap_err();
    let removal = Rejection::RemovalScheduled {
        hospital: hospital("west"),
        from: next,
    };
    assert_eq!(refused, removal);
    let words = refused.to_string();
    assert!(
        words.contains(&format!("wait until height {next}")),
        "{words}"
    );
    let entry = world.view().hospital(&hospital("west")).unwrap();
    assert_eq!(entry.card.validator_key, public("west 1"));
    let time = BlockTime::new(world.now);
    let refusal = |name: &str| rekey_refusal(&world.view(), &hospital(name), time);
    assert_eq!(refusal("west"), Some(removal), "known beforehand");
    assert_eq!(
        refusal("north"),
        Some(Rejection::ChangeScheduled { from: next })
    );
    assert_eq!(refusal("east"), None, "it does not vote");
    // Its network identity and its addresses are its own affair.
    let elsewhere = rotated(&federation, "west", None, Some("west/peer 2"));
    world.ok("west", update(elsewhere));
    // Who stays must wait.
    let third = rotated(&federation, "north", Some("north 2"), None);
    assert_eq!(
        world.refused("north", update(third)),
        Rejection::ChangeScheduled { from: next }
    );
    blocks_until(&mut world, next.value());
    let schedule = world.view().validator_schedule();
    assert_eq!(voting(&schedule.current), ["north", "south"]);
    // It votes no more: its key is its own affair, too.
    world.ok("west", second());
}

#[test]
fn a_voting_key_is_replaced_once_a_day() {
    let mut world = world();
    let federation = world.federation;
    let new = |name: &str, number: u32| {
        let key = format!("{name} {number}");
        update(rotated(&federation, name, Some(&key), None))
    };
    let changed = world.now;
    world.ok("north", new("north", 1));
    let height = world.height + VALIDATOR_DELAY;
    blocks_until(&mut world, height);
    let from = changed + REKEY_INTERVAL_MS;
    let lately = |world: &World| Rejection::RekeyedLately {
        hospital: hospital("north"),
        from: BlockTime::new(from),
        time: BlockTime::new(world.now),
    };
    let refused = world.refused("north", new("north", 2));
    assert_eq!(refused, lately(&world));
    let words = refused.to_string();
    assert!(
        words.contains(&from.to_string()) && words.contains("in 1440 minutes"),
        "{words}"
    );
    // Each hospital has its own day, and the rest of a card has none.
    world.ok(
        "north",
        update(rotated(&federation, "north", None, Some("north/peer 2"))),
    );
    world.ok("south", new("south", 1));
    let height = world.height + VALIDATOR_DELAY;
    blocks_until(&mut world, height);
    world.block(from - 1 - world.now);
    assert_eq!(world.refused("north", new("north", 2)), lately(&world));
    world.block(1);
    assert_eq!(world.now, from);
    world.ok("north", new("north", 2));
    let entry = world.view().hospital(&hospital("north")).unwrap();
    assert_eq!(entry.rekeyed, Some(BlockTime::new(from)));
    assert_eq!(entry.card.validator_key, public("north 2"));
}

#[test]
fn a_stolen_voting_key_is_removed_at_once_and_comes_back_as_another() {
    let mut world = world();
    let federation = world.federation;
    let new = |number: u32| {
        let key = format!("west {number}");
        update(rotated(&federation, "west", Some(&key), None))
    };
    world.ok("west", new(1));
    let height = world.height + VALIDATOR_DELAY;
    blocks_until(&mut world, height);
    // Stolen the same day: no other key is taken, but the others vote it out, and it joins again with a new one.
    world.refused("west", new(2));
    let from = scheduled(&mut world, leave("west"), &HOSPITALS);
    blocks_until(&mut world, from);
    world.ok("west", new(2));
    let from = scheduled(&mut world, join("west"), &["north", "south"]);
    blocks_until(&mut world, from);
    let last = world.view().validators().last().unwrap();
    assert_eq!(
        (last.hospital, last.key),
        (hospital("west"), public("west 2"))
    );
    assert_eq!(world.view().validator_schedule().since, Height::new(from));
}

#[test]
fn who_is_about_to_leave_approves_until_then_and_counts_no_more_afterwards() {
    let mut world = world();
    let leaving = scheduled(&mut world, leave("west"), &HOSPITALS);
    let at = proposed(&mut world, join("east"));
    world.ok("west", approve(join("east"), at));
    world.ok("north", approve(join("east"), at));
    blocks_until(&mut world, leaving);
    // Two approvals stand, but only north's is a validator's: two of two are needed.
    assert_eq!(world.view().validator_schedule().next, None);
    world.ok("south", approve(join("east"), at));
    assert!(world.view().validator_schedule().next.is_some());
}

#[test]
fn the_number_of_validators_is_bounded() {
    let one = |number: usize| Validator {
        hospital: format!("h{number:03}").parse().unwrap(),
        key: public(&format!("v{number}")),
    };
    let full = Validators::collect((0..MAX_VALIDATORS).map(one)).unwrap();
    assert_eq!(full.count(), MAX_VALIDATORS);
    let found = MAX_VALIDATORS + 1;
    assert_eq!(
        Validators::collect((0..found).map(one)),
        Err(ValidatorsError::TooMany { found })
    );
    assert_eq!(Validators::collect([]), Err(ValidatorsError::Empty));
    assert_eq!(
        Validators::collect([one(1), one(1)]),
        Err(ValidatorsError::Twice)
    );
    let same_key = Validator {
        hospital: hospital("other"),
        ..one(1)
    };
    assert_eq!(
        Validators::collect([one(1), same_key]),
        Err(ValidatorsError::Twice)
    );
}

#[test]
fn a_schedule_reads_back_in_order_only() {
    let validators = |names: &[&str]| {
        Validators::collect(names.iter().map(|name| Validator {
            hospital: hospital(name),
            key: public(name),
        }))
        .unwrap()
    };
    let schedule = ValidatorSchedule {
        since: Height::new(5),
        current: validators(&["a", "b"]),
        next: Some(ScheduledValidators {
            from: Height::new(9),
            validators: validators(&["b"]),
        }),
    };
    let bytes = schedule.to_canonical_bytes();
    assert_eq!(
        ValidatorSchedule::from_canonical_bytes(&bytes).unwrap(),
        schedule
    );
    // Each validator is 4 + 1 + 32 bytes; exchange the first two, after the version, the height and their number.
    let mut swapped = bytes.clone();
    let (first, second) = swapped[13..13 + 2 * 37].split_at_mut(37);
    first.swap_with_slice(second);
    assert!(ValidatorSchedule::from_canonical_bytes(&swapped).is_err());
    let mut none = bytes.clone();
    none[9..13].copy_from_slice(&0u32.to_le_bytes());
    assert!(ValidatorSchedule::from_canonical_bytes(&none).is_err());
    let mut many = bytes;
    many[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(ValidatorSchedule::from_canonical_bytes(&many).is_err());
}

/// One thing that concerns the validators.
#[derive(Clone, Debug)]
enum Happens {
    Blocks(u64),
    Day,
    Propose(bool, usize),
    Approve(usize),
    Rotate(usize, u8),
}

const EVERY: [&str; 4] = ["east", "north", "south", "west"];

fn arb_happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => (1..4u64).prop_map(Happens::Blocks),
        1 => Just(Happens::Day),
        2 => (any::<bool>(), 0..4usize).prop_map(|(join, at)| Happens::Propose(join, at)),
        8 => (0..4usize).prop_map(Happens::Approve),
        1 => (0..4usize, any::<u8>()).prop_map(|(at, number)| Happens::Rotate(at, number)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_somebody_votes_and_each_change_was_announced_and_approved(
        steps in proptest::collection::vec(arb_happens(), 1..80),
    ) {
        let mut world = world();
        let mut rekeyed = std::collections::BTreeMap::new();
        for step in steps {
            let before = world.view().validator_schedule();
            let open = world.view().validator_proposal();
            match step {
                Happens::Blocks(count) => drop((0..count).map(|_| world.block(1)).collect::<Vec<_>>()),
                Happens::Day => drop(world.block(REKEY_INTERVAL_MS)),
                Happens::Propose(is_join, at) => {
                    let change = if is_join { join(EVERY[at]) } else { leave(EVERY[at]) };
                    let _ = world.submit("kgc", propose(change));
                }
                Happens::Approve(at) => if let Some(proposal) = &open {
                    let action = approve(proposal.change.clone(), proposal.proposed.value());
                    let _ = world.submit(EVERY[at], action);
                },
                Happens::Rotate(at, number) => {
                    let new = format!("{} {number}", EVERY[at]);
                    let action = update(rotated(&world.federation, EVERY[at], Some(&new), None));
                    let _ = world.submit(EVERY[at], action);
                }
            }
            let after = world.view().validator_schedule();
            prop_assert!(after.current.count() >= 1 && after.newest().count() >= 1);
            if let Some(next) = &after.next {
                prop_assert!(next.from > Height::new(world.height), "in force already");
                prop_assert!(next.from <= Height::new(world.height + VALIDATOR_DELAY));
            }
            // Nobody has two voting keys in a day, and who is voted out keeps the one it has.
            for one in after.newest().iter() {
                let former = before.newest().iter().find(|former| former.hospital == one.hospital);
                if former.is_some_and(|former| former.key != one.key) {
                    let last = rekeyed.insert(one.hospital.clone(), world.now);
                    prop_assert!(last.is_none_or(|last| world.now >= last + REKEY_INTERVAL_MS));
                }
            }
            for one in after.current.iter().filter(|one| !after.newest().contains(&one.hospital)) {
                let card = world.view().hospital(&one.hospital).unwrap().card;
                prop_assert_eq!(card.validator_key, one.key);
            }
            // Who votes at a height that was stated is never changed again.
            if after.current != before.current {
                prop_assert_eq!(&after.current, before.newest());
            }
            if let (Some(old), Some(new)) = (&before.next, &after.next) {
                prop_assert!(old == new || new.from > old.from);
            }
            // Hospitals join and leave by proposals that a quorum of those in force approved.
            let hospitals = |validators: &Validators| {
                validators.iter().map(|one| one.hospital.clone()).collect::<Vec<_>>()
            };
            if hospitals(after.newest()) != hospitals(before.newest()) {
                prop_assert!(open.is_some());
                prop_assert_eq!(world.view().validator_proposal(), None);
            }
            // Each key that votes is, or was, its hospital's.
            for one in after.current.iter().chain(after.newest().iter()) {
                let owner = world.view().key_owner(&one.key);
                prop_assert_eq!(owner, Some(Principal::Hospital(one.hospital.clone())));
            }
        }
    }
}
