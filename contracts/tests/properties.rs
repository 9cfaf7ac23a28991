//! Random sequences of transactions: never a panic, equal results, and what must always hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::*;
use crate::random::{Happens, arb_happens, happen};
use consilium_contracts::*;
use proptest::prelude::*;

/// What must hold in every state that can be reached.
fn check(world: &World) {
    let view = world.view();
    let mut open = BTreeSet::new();
    for at in HOSPITALS.map(hospital) {
        for one in view.open_assignments(&at) {
            assert!(
                open.insert(one.record),
                "two open assignments of one record"
            );
            assert_eq!(view.doctor(&one.doctor).unwrap().revocation, None);
            assert_eq!(view.assignment(&one.record, &one.doctor).unwrap(), one);
            assert!(view.matched(&one.record, &one.doctor).is_some());
            let entry = view.record(&one.record).unwrap();
            assert!(
                view.may_use(&entry, &at, BlockTime::new(world.now)),
                "{at} reads unauthorized"
            );
        }
    }
    for entry in view.records() {
        let record = entry.terms.record;
        let is_open = match entry.status {
            RecordStatus::Assigned { .. } | RecordStatus::Accessed { .. } => true,
            RecordStatus::Closed(CloseReason::Unmatched(_)) => false,
            RecordStatus::Closed(_) => {
                assert_eq!(view.indexes(&record).count(), 0);
                false
            }
            _ => false,
        };
        for one in view.indexes(&record) {
            check_filter(&view, one.filter.as_ref());
        }
        assert_eq!(is_open, open.contains(&record));
        assert_eq!(entry.matches as usize, view.matches(&record).count());
        for one in view.matches(&record) {
            let owner = one.hospital == entry.terms.owner;
            assert!(owner || entry.terms.consent.hospitals.contains(&one.hospital));
            assert_eq!(owner, one.authorization.is_none());
        }
        let mut refuted = 0;
        for reported in view.reports(&record) {
            assert!(view.access(&record, &reported.doctor).is_some());
            let assignment = view.assignment(&record, &reported.doctor).unwrap();
            let shown = reported.dispute.map(|dispute| dispute.settled);
            let is_refuted = matches!(assignment.status, AssignmentStatus::Refuted(_));
            assert_eq!(
                matches!(shown, Some(Settlement::DoesNotOpen(_))),
                is_refuted
            );
            refuted += u32::from(is_refuted);
            let complained = matches!(assignment.status, AssignmentStatus::Complained(_));
            assert_eq!(reported.complaint.is_some(), complained);
            assert!(reported.acknowledged.is_none() || reported.complaint.is_none());
        }
        assert_eq!(entry.refuted, refuted);
    }
    for at in HOSPITALS.map(hospital) {
        for one in view.trapdoors(&at) {
            check_filter(&view, one.filter.as_ref());
        }
        let open: Vec<_> = view.open_challenges(&at).collect();
        assert_eq!(view.conduct(&at).open, open.len() as u64);
        for one in open {
            let challenged = view.challenge(&one.record, &one.doctor).unwrap();
            assert_eq!(challenged.status, ChallengeStatus::Open);
            assert_eq!(challenged.about, one.digest());
            assert!(BlockTime::new(world.now) < challenged.until);
        }
    }
    let leaves: Vec<_> = view.leaves().map(|leaf| leaf.leaf.value()).collect();
    assert_eq!(leaves, (0..view.next_leaf().value()).collect::<Vec<_>>());
    assert!(view.due().all(|(due, _)| due > BlockTime::new(world.now)));
}

/// There is a filter exactly where the federation has the setting, of its length.
fn check_filter(view: &View<&MemoryState>, filter: Option<&FilterBytes>) {
    let setting = view.settings().prefilter;
    let length = setting.map(|setting| setting.sealed_length());
    assert_eq!(filter.map(|one| one.as_bytes().len()), length);
}

/// A state that keeps its pairs in the order they were written and sorts only to scan.
struct Unsorted(Vec<(Key, Vec<u8>)>);

impl StateRead for Unsorted {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.0
            .iter()
            .find(|(one, _)| one == key)
            .map(|(_, value)| value.clone())
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let found = self
            .0
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .cloned();
        Box::new(found.collect::<BTreeMap<_, _>>().into_iter())
    }
}

fn backwards(state: &MemoryState) -> Unsorted {
    let mut pairs: Vec<_> = state
        .iter()
        .map(|(key, value)| (key.clone(), value.to_vec()))
        .collect();
    pairs.reverse();
    Unsorted(pairs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sequence_is_deterministic_and_keeps_the_invariants(
        steps in proptest::collection::vec(arb_happens(), 1..120),
        filtered in any::<bool>(),
    ) {
        let mut world = if filtered { World::filtered() } else { populated().clone() };
        let mut applied: Vec<SignedTransaction> = Vec::new();
        for step in steps {
            match step {
                Happens::Block(later) => {
                    let other = backwards(&world.state);
                    let before = world.state.clone();
                    world.block(later);
                    let transition = begin_block(&other, &world.context());
                    let mut replayed = before;
                    replayed.commit(&transition);
                    prop_assert_eq!(&replayed, &world.state);
                }
                Happens::Replay(choice) if !applied.is_empty() => {
                    let signed = applied[choice % applied.len()].clone();
                    let refused = world.submit_signed(signed).unwrap_err();
                    let replayed = matches!(
                        refused,
                        Rejection::NonceUsed { .. } | Rejection::Expired { .. } | Rejection::DoctorRevoked { .. }
                    );
                    prop_assert!(replayed, "{}", refused);
                }
                Happens::Replay(_) => {}
                Happens::Submit { .. } => {
                    let (sender, action) = happen(&world, &step);
                    let signed = world.transaction(&sender, action).sign(&key(&sender));
                    let verified = signed.clone().verify(&world.federation).unwrap();
                    let one = apply(&world.state, &world.context(), &verified);
                    let two = apply(&backwards(&world.state), &world.context(), &verified);
                    let over = apply(&Overlay::new(&world.state), &world.context(), &verified);
                    prop_assert_eq!(&one, &two);
                    prop_assert_eq!(&one, &over);
                    let mut proven = verified;
                    proven.verify_proofs(&world.state);
                    let ahead = apply(&world.state, &world.context(), &proven);
                    prop_assert_eq!(&one, &ahead);
                    if let Ok(transition) = one {
                        world.state.commit(&transition);
                        applied.push(signed);
                    }
                }
            }
            check(&world);
        }
    }
}

fn populated() -> &'static World {
    static POPULATED: std::sync::OnceLock<World> = std::sync::OnceLock::new();
    POPULATED.get_or_init(World::populated)
}

/// The generator reaches what it must reach: otherwise the properties above say nothing.
#[test]
fn random_sequences_reach_matches_assignments_accesses_and_reports() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let steps = proptest::collection::vec(arb_happens(), 300)
            .new_tree(&mut runner)
            .unwrap();
        let mut world = populated().clone();
        for step in steps.current() {
            let events = match step {
                Happens::Block(later) => world.block(later % 800),
                Happens::Replay(_) => continue,
                Happens::Submit { .. } => {
                    let (sender, action) = happen(&world, &step);
                    world.submit(&sender, action).unwrap_or_default()
                }
            };
            for event in events {
                seen.insert(match event {
                    Event::Matched { .. } => "matched",
                    Event::Assigned { .. } => "assigned",
                    Event::AssignmentEnded { .. } => "ended",
                    Event::Accessed { .. } => "accessed",
                    Event::Reported { .. } => "reported",
                    Event::Complained { .. } => "complained",
                    Event::Disputed {
                        settled: Settlement::Opens,
                        ..
                    } => "lost dispute",
                    Event::Disputed { .. } => "refuted",
                    Event::DoctorRevoked { .. } => "revoked",
                    Event::AuthorizationEnded { .. } => "withdrawn",
                    Event::RecordClosed { .. } => "closed",
                    Event::ChallengeSettled { status, .. } => match status {
                        ChallengeStatus::Overdue => "overdue",
                        _ => "answered",
                    },
                    _ => "other",
                });
            }
        }
    }
    let all = [
        "accessed",
        "answered",
        "assigned",
        "closed",
        "ended",
        "matched",
        "other",
        "overdue",
        "refuted",
        "reported",
        "revoked",
        "withdrawn",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}
