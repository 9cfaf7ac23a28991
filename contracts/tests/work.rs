//! What transactions cost a block.

use crate::common::*;
use consilium_contracts::*;
use consilium_schemes::matching::IndexSize;
use consilium_schemes::matching::posting::PostedTrapdoor;

fn action(interests: usize, n: u16) -> Action {
    let size = IndexSize::new(n).unwrap();
    Action::PostTrapdoor(PostTrapdoor {
        hospital: hospital("north"),
        trapdoor: vec![0; PostedTrapdoor::length(size, interests)]
            .try_into()
            .unwrap(),
        expiry: time(1),
        filter: None,
    })
}

#[test]
fn a_trapdoor_costs_by_its_interests_and_no_length_makes_it_cost_more_than_it_can() {
    let cost = |interests| action(interests, 16).work(16);
    assert!(cost(1) < cost(2) && cost(8) < cost(9));
    assert_eq!(cost(9), cost(10), "2m - 2 <= n");
    let real = World::populated().transaction("ada", trapdoor("north", 3));
    assert_eq!(real.action.work(4), action(3, 4).work(4));
}

/// Else it could never be committed.
#[test]
fn no_transaction_costs_more_than_the_smallest_limit_of_a_block() {
    let limit = u64::from(Settings::default().max_block_work);
    let below = Settings {
        max_block_work: 1_499_999,
        ..Settings::default()
    };
    assert!(below.validate().is_err());
    assert_eq!(limit, 1_500_000);
    let (record, doctor) = (record_id(1), DoctorId::from_bytes([1; 32]));
    let proof = bytes(&[0; 742]);
    let answer = AnswerChallenge {
        record,
        doctor,
        proof,
    };
    for n in [1, 16, MAX_N] {
        let largest = IndexSize::new(n).unwrap().interests();
        assert!(action(largest, n).work(n) <= limit, "{n}");
        assert!(Action::AnswerChallenge(answer.clone()).work(n) <= limit);
        assert!(index(1, "north").work(n) <= limit);
    }
    let complaint = ComplainTransform {
        record,
        complaint: vec![0; MAX_COMPLAINT].try_into().unwrap(),
    };
    assert!(Action::ComplainTransform(complaint).work(MAX_N) <= limit);
    let dispute = |key: usize| {
        let dispute = Dispute {
            record,
            key: vec![0; key].try_into().unwrap(),
            evidence: bytes(&[0]),
        };
        Action::Dispute(Box::new(dispute)).work(MAX_N)
    };
    assert!(dispute(MAX_REPORT_KEY) <= limit);
    assert!(dispute(MAX_REPORT_KEY) > 3 * dispute(MAX_REPORT_KEY / 2));
}

/// A block beyond its bound is invalid for ever: with other numbers, old blocks might become so.
#[test]
fn the_numbers_are_frozen() {
    let (record, doctor) = (record_id(1), DoctorId::from_bytes([1; 32]));
    let proof = bytes(&[0; 20]);
    let dispute = Dispute {
        record,
        key: vec![0; 9 * 384].try_into().unwrap(),
        evidence: bytes(&[0]),
    };
    let complaint = ComplainTransform {
        record,
        complaint: vec![0; 5_000].try_into().unwrap(),
    };
    let answer = AnswerChallenge {
        record,
        doctor,
        proof,
    };
    for (action, work) in [
        (Action::WithdrawTrapdoor, 200),
        (Action::AdmitHospital(Box::new(card("east"))), 10_200),
        (index(1, "north"), 5_150),
        (action(1, 32), 10_600),
        (action(17, 32), 86_600),
        (World::populated().matched(1, "ada"), 23_300),
        (Action::Challenge(Challenge { record, doctor }), 30_300),
        (Action::AnswerChallenge(answer), 30_300),
        (Action::Dispute(Box::new(dispute)), 20_200),
        (Action::ComplainTransform(complaint), 30_200),
    ] {
        assert_eq!(action.work(32), work, "{}", action.name());
    }
}
