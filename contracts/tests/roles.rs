//! Who may do what: every action, tried by everybody.

use crate::common::*;
use consilium_contracts::*;

const EVERYBODY: [&str; 10] = [
    "kgc", "north", "south", "west", "ada", "cleo", "eve", "record 1", "record 2", "nobody",
];

/// Tries the action as everybody, each on a copy; exactly `allowed` may.
#[track_caller]
fn only(world: &World, action: &Action, allowed: &[&str]) {
    for sender in EVERYBODY {
        let result = world.clone().submit(sender, action.clone());
        assert_eq!(
            result.is_ok(),
            allowed.contains(&sender),
            "{sender}: {action:?}: {result:?}"
        );
        let known = world.view().principal(&public(sender)).is_some();
        match result {
            Err(rejection) if !known => {
                assert!(
                    matches!(rejection, Rejection::UnknownSender { .. }),
                    "{rejection}"
                );
            }
            Err(rejection) => assert!(
                matches!(rejection, Rejection::Forbidden { .. }),
                "{sender} was refused for another reason: {rejection}"
            ),
            Ok(_) => {}
        }
    }
}

/// Record 1 with matches of ada (north) and cleo (south); record 2 of the south.
fn world() -> World {
    let mut world = World::with_record();
    let second = register_record(&world, 2, "south", &[]);
    world.ok("south", second);
    world
}

#[test]
fn the_kgc_alone_admits_hospitals_publishes_epochs_and_registers_doctors() {
    let world = world();
    only(
        &world,
        &Action::AdmitHospital(Box::new(card("east"))),
        &["kgc"],
    );
    only(&world, &epoch(2, 1), &["kgc"]);
    only(&world, &register_doctor("gus", "north", 6), &["kgc"]);
    let reissue = ReissueDoctor {
        doctor: world.doctor("ada"),
        abe_key: made().abe_key.clone(),
        leaf: Leaf::new(6),
    };
    only(&world, &Action::ReissueDoctor(reissue), &["kgc"]);
}

#[test]
fn the_kgc_and_the_doctors_hospital_revoke() {
    let world = world();
    only(&world, &world.revoke("ada"), &["kgc", "north"]);
    only(&world, &world.revoke("cleo"), &["kgc", "south"]);
}

#[test]
fn the_owner_alone_registers_authorizes_withdraws_and_posts_indexes() {
    let mut world = World::populated();
    only(
        &world,
        &register_record(&world, 3, "north", &["south"]),
        &["north"],
    );
    let registration = register_record(&world, 1, "north", &["south"]);
    world.ok("north", registration);
    let second = register_record(&world, 2, "south", &[]);
    world.ok("south", second);
    only(&world, &index(1, "north"), &["north"]);
    let of_record = authorize(1, "south", Scope::Record(record_id(1)));
    let mut others = world.clone();
    world.ok("north", of_record.clone());
    for other in ["kgc", "west", "ada", "record 1"] {
        let rejection = others.refused(other, of_record.clone());
        assert!(
            matches!(rejection, Rejection::Forbidden { .. }),
            "{other}: {rejection}"
        );
    }
    only(&world, &index(1, "south"), &["north"]);
    only(&world, &withdraw(1), &["north"]);
}

#[test]
fn the_records_key_alone_withdraws_consent() {
    only(&world(), &withdraw_consent(1), &["record 1"]);
}

#[test]
fn a_doctor_posts_and_withdraws_only_the_own_trapdoor() {
    let world = world();
    only(&world, &Action::WithdrawTrapdoor, &["ada", "cleo", "eve"]);
    let mut by_hospital = world.clone();
    assert_eq!(
        by_hospital.refused("cleo", trapdoor("north", 1)),
        Rejection::WrongHospital {
            given: hospital("north"),
            expected: hospital("south")
        }
    );
    for other in ["kgc", "north", "record 1"] {
        let needed = Role::Doctor;
        assert_eq!(
            by_hospital.refused(other, trapdoor("north", 1)),
            Rejection::Forbidden { needed }
        );
    }
}

#[test]
fn the_doctors_hospital_alone_posts_matches_and_accesses() {
    let mut world = world();
    let action = world.matched(1, "cleo");
    only(&world, &action, &["south"]);
    world.match_all(&[("cleo", "south")]);
    only(&world, &world.access(1, "cleo"), &["south"]);
    only(&world, &world.decline(1, "cleo"), &["south", "cleo"]);
}

#[test]
fn the_assigned_doctor_alone_reports_and_the_records_key_alone_answers() {
    let mut world = world();
    world.match_all(&[("cleo", "south")]);
    let access = world.access(1, "cleo");
    world.ok("south", access);
    for other in ["kgc", "north", "south", "record 1"] {
        let needed = Role::Doctor;
        assert_eq!(
            world.refused(other, report(1)),
            Rejection::Forbidden { needed }
        );
    }
    let (record, doctor) = (record_id(1), world.doctor("ada"));
    assert_eq!(
        world.refused("ada", report(1)),
        Rejection::NotAssigned { record, doctor }
    );
    world.ok("cleo", report(1));
    for action in [acknowledge(1), complain(1), dispute(1)] {
        only(&world, &action, &["record 1"]);
    }
}

#[test]
fn the_kgc_alone_proposes_who_votes_and_hospitals_alone_change_their_cards() {
    let world = world();
    only(&world, &propose(join("south")), &["kgc"]);
    let moved = UpdateCard {
        url: Some("https://elsewhere.example".parse().unwrap()),
        ..UpdateCard::default()
    };
    only(&world, &update(moved), &["north", "south", "west"]);
}

#[test]
fn an_unauthorized_hospital_gets_no_index_posts_no_match_and_reads_nothing() {
    let mut world = world();
    let (record, west) = (record_id(1), hospital("west"));
    let not = Rejection::NotAuthorized {
        hospital: west.clone(),
        record,
    };
    assert_eq!(world.refused("north", index(1, "west")), not);
    let matched = world.matched(1, "eve");
    assert_eq!(world.refused("west", matched), not);
    let beyond = authorize(2, "west", Scope::Record(record));
    let refusal = Rejection::HospitalNotConsented {
        record,
        hospital: west,
    };
    assert_eq!(world.refused("north", beyond), refusal);
    // An authorization for everything does not reach beyond the consent either.
    world.ok("north", authorize(3, "west", Scope::All));
    assert_eq!(world.refused("north", index(1, "west")), not);
    let matched = world.matched(1, "eve");
    assert_eq!(world.refused("west", matched), not);
}

#[test]
fn a_revoked_doctor_can_do_nothing_and_is_not_matched_or_read_for() {
    let mut world = world();
    world.match_all(&[("cleo", "south")]);
    let access = world.access(1, "cleo");
    world.ok("south", access.clone());
    let revoke = world.revoke("cleo");
    world.ok("kgc", revoke.clone());
    let gone = Rejection::DoctorRevoked {
        doctor: world.doctor("cleo"),
    };
    assert_eq!(world.refused("cleo", trapdoor("south", 1)), gone);
    assert_eq!(world.refused("cleo", Action::WithdrawTrapdoor), gone);
    assert_eq!(world.refused("cleo", report(1)), gone);
    assert_eq!(world.refused("south", revoke), gone);
    let mut before = self::world();
    let revoke = before.revoke("cleo");
    before.ok("south", revoke);
    let matched = before.matched(1, "cleo");
    assert_eq!(before.refused("south", matched), gone);
    assert_eq!(
        before
            .view()
            .trapdoor(&hospital("south"), &before.doctor("cleo")),
        None
    );
}
