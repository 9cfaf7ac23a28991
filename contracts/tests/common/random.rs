//! Random sequences of what happens on a ledger, valid and not.

use consilium_contracts::*;
use proptest::prelude::*;

use super::common::*;

const SENDERS: [&str; 8] = [
    "kgc", "north", "south", "west", "record 1", "record 2", "ada", "cleo",
];

/// One thing that happens; numbers choose among few names so that sequences interact.
#[derive(Clone, Debug)]
pub enum Happens {
    Block(u64),
    Submit {
        sender: usize,
        action: usize,
        record: u8,
        doctor: usize,
        hospital: usize,
    },
    Replay(usize),
}

pub fn arb_happens() -> impl Strategy<Value = Happens> {
    let submit = (
        0..SENDERS.len(),
        0..20usize,
        1..3u8,
        0..DOCTORS.len(),
        0..HOSPITALS.len(),
    );
    let submit = submit.prop_map(
        |(sender, action, record, doctor, hospital)| Happens::Submit {
            sender,
            action,
            record,
            doctor,
            hospital,
        },
    );
    let blocks = prop_oneof![4 => 1..10u64, 2 => 500..3_000u64, 1 => 5_000..20_000u64];
    prop_oneof![
        8 => submit,
        4 => blocks.prop_map(Happens::Block),
        1 => any::<usize>().prop_map(Happens::Replay),
    ]
}

/// Mostly the right sender for the action, so that sequences get somewhere.
pub fn happen(world: &World, step: &Happens) -> (String, Action) {
    let Happens::Submit {
        sender,
        action,
        record,
        doctor,
        hospital,
    } = *step
    else {
        unreachable!()
    };
    let ((name, at), to) = (DOCTORS[doctor], HOSPITALS[hospital]);
    let owner = if record == 1 { "north" } else { "south" };
    let scope = if sender % 2 == 0 {
        Scope::All
    } else {
        Scope::Record(record_id(record))
    };
    let id = record * 20 + (sender + hospital) as u8;
    let (name, at) = match world
        .view()
        .record(&record_id(record))
        .map(|entry| entry.status)
    {
        Some(RecordStatus::Assigned { doctor, .. } | RecordStatus::Accessed { doctor, .. })
            if sender < 6 && (12..=14).contains(&action) =>
        {
            *DOCTORS
                .iter()
                .find(|(name, _)| world.doctor(name) == doctor)
                .unwrap()
        }
        _ => (name, at),
    };
    let (right, action) = match action {
        0 => (
            owner,
            register_record(world, record, owner, &["south", "north"]),
        ),
        1..=2 => (owner, authorize(id, to, scope)),
        3 => (owner, withdraw(id)),
        4..=5 => (owner, index(record, to)),
        6..=7 => (name, trapdoor(at, 1 + sender as u8 % 3)),
        8 if sender < 2 => (name, Action::WithdrawTrapdoor),
        8 => (owner, index(record, owner)),
        9..=11 => (at, world.matched(record, name)),
        12 if sender < 2 => (name, world.decline(record, name)),
        12..=13 => (at, world.access(record, name)),
        14 if doctor == 2 || doctor == 5 => (name, broken_report(record)),
        14 => (name, report(record)),
        15 if sender == 0 => (at, world.revoke(name)),
        15 => (name, trapdoor(at, 1)),
        16 => (
            "kgc",
            register_doctor(
                &format!("doctor {id}"),
                to,
                world.view().next_leaf().value(),
            ),
        ),
        18 if sender % 2 == 0 => (owner, world.challenge(record, name)),
        18 => return (record_key(record), world.challenge(record, name)),
        19 => (at, world.answer(record, name)),
        _ => {
            return (
                record_key(record),
                match sender {
                    0 => withdraw_consent(record),
                    1 | 2 => acknowledge(record),
                    3 => complain(record),
                    _ => dispute(record),
                },
            );
        }
    };
    let sender = if sender == 7 {
        SENDERS[hospital + 1]
    } else {
        right
    };
    (sender.to_owned(), action)
}

/// What happens seldom: every kind of action that [`happen`] leaves out.
pub fn rare(world: &World, choice: usize) -> (String, Action) {
    let next = world.view().next_leaf().value();
    match choice % 4 {
        0 => (
            "kgc".to_owned(),
            Action::AdmitHospital(Box::new(card("east"))),
        ),
        1 => {
            let current = world
                .view()
                .current_epoch()
                .map_or(0, |epoch| epoch.epoch.number());
            let (number, as_of) = (current + 1, world.height.saturating_sub(1));
            ("kgc".to_owned(), epoch(number, as_of))
        }
        2 => {
            let (doctor, _) = DOCTORS[choice % DOCTORS.len()];
            let reissue = ReissueDoctor {
                doctor: world.doctor(doctor),
                abe_key: made().abe_key.clone(),
                leaf: Leaf::new(next),
            };
            ("kgc".to_owned(), Action::ReissueDoctor(reissue))
        }
        _ => (record_key(1), dispute(1)),
    }
}
