//! Verifying ahead: the outcome, and above all which fault is named, is that of one block after the other (`read` compares them).

use std::cell::Cell;

use consilium_contracts::*;
use consilium_ledger::*;

use super::honest::{Ledger, Plain, ledger, replaced};
use super::{THREADS, is_same, read};
use crate::common::chain::Chain;
use crate::common::{Plan, first_epoch, record};
use crate::contracts::common::proofs::unrelated;
use crate::contracts::common::*;

/// What somebody does to a block of the ledger; all validators sign it then.
type Lie = fn(&mut Plain);

fn with_forged_signature(plain: &mut Plain) {
    let right = plain.transactions[0].transaction().clone();
    plain.transactions[0] = right.sign(&key("nobody"));
}

fn with_false_proof(plain: &mut Plain) {
    let mut transaction = plain.transactions[0].transaction().clone();
    if let Action::PostMatch(action) = &mut transaction.action {
        action.proof = unrelated(&transaction.federation);
    }
    plain.transactions[0] = transaction.sign(&key("south"));
}

fn with_used_nonce(plain: &mut Plain) {
    plain.transactions.push(plain.transactions[0].clone());
}

fn with_another_root(plain: &mut Plain) {
    plain.parent.state = StateRoot::from_bytes([7; 32]);
}

fn with_too_many(plain: &mut Plain) {
    plain.transactions = vec![plain.transactions[0].clone(); 9];
}

/// The ledger with these lies in it.
fn lying(lies: &[(u64, Lie)]) -> Ledger {
    let mut made = ledger().clone();
    for (height, lie) in lies {
        made.entries = made.colluding(*height, lie);
    }
    made
}

/// Why a file is refused.
#[track_caller]
fn refused(ledger: &Ledger, file: &[u8]) -> String {
    read(ledger, file).map(drop).unwrap_err().to_string()
}

#[test]
fn of_two_faults_in_a_window_the_earlier_is_named() {
    let at = ledger().at;
    let faults: [(u64, Lie, &str); 5] = [
        (at.record, with_used_nonce, "(number 3 of the block"),
        (
            at.trapdoors,
            with_forged_signature,
            "(number 0 of the block",
        ),
        (at.matches, with_false_proof, "(number 0 of the block"),
        (at.access, with_another_root, "the parent led to"),
        (at.access + 1, with_too_many, "at most 8 are allowed"),
    ];
    for (number, (height, first, words)) in faults.into_iter().enumerate() {
        let lie = lying(&[(height, first)]);
        let file = lie.file(&lie.entries);
        let alone = refused(&lie, &file);
        let named = alone.starts_with(&format!("block {height}: "));
        assert!(named && alone.contains(words), "{alone}");
        for (later, second, _) in &faults[number + 1..] {
            let both = lying(&[(*later, *second), (height, first)]);
            let found = refused(&both, &both.file(&both.entries));
            assert_eq!(found, alone, "with another at {later}");
        }
        // Nor does it matter that the file is cut off, or unreadable, behind it.
        let behind = lie.entries[height as usize..].iter();
        let behind = behind.map(|one| export_entry(&one.block, &one.certificate).len());
        let end = file.len() - behind.sum::<usize>();
        let mut garbage = file.clone();
        garbage[end..].fill(0xff);
        for file in [&file[..end], &file[..end + 5], &garbage] {
            assert_eq!(refused(&lie, file), alone);
        }
    }
}

/// All but the index whose record is registered in the same block.
#[test]
fn proofs_about_what_the_window_brings_are_verified_before_their_block_is_next() {
    let lie = lying(&[(ledger().at.matches, with_false_proof)]);
    let mut replay = Replay::new(&lie.genesis, THREADS);
    let mut ahead = Lookahead::new(lie.entries.iter().map(|entry| Ok::<_, ()>(entry.clone())));
    let mut seen = Vec::new();
    let refused = loop {
        let next = ahead.next(&replay).unwrap().unwrap();
        for transaction in next.verified() {
            let action = &transaction.transaction().action;
            if action.proofs().into_iter().any(ProofKind::is_about_state) {
                seen.push((action.name(), transaction.proofs_hold()));
            }
        }
        if let Err(refused) = replay.apply_prepared(next) {
            break refused;
        }
    };
    assert_eq!(refused.height.value(), lie.at.matches);
    let expected = [
        ("post-index", None),
        ("post-trapdoor", Some(true)),
        ("post-trapdoor", Some(true)),
        ("post-match", Some(false)),
        ("post-match", Some(true)),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_was_proven_about_what_the_window_replaces_is_proven_again() {
    let (honest, early) = replaced();
    read(&honest, &honest.file(&honest.entries)).unwrap();
    let height = honest.at.matches;
    let entries = honest.colluding(height, |plain| plain.transactions = vec![early.clone()]);
    let said = refused(&honest, &honest.file(&entries));
    let place = format!("block {height}: transaction {}", early.hash());
    assert!(said.starts_with(&place), "{said}");
    let doctor = DoctorId::derive(&honest.genesis.federation(), &public("cleo"));
    let record = record_id(1);
    let why = Rejection::MatchNotProven { record, doctor };
    assert!(said.ends_with(&why.to_string()), "{said}");
    // It was good as long as her trapdoor stood.
    let replaced = honest.at.trapdoors;
    let mut earlier = Plain::of(&honest.entry(replaced).block);
    earlier.transactions = vec![early];
    let mut entries = honest.entries[..replaced as usize - 1].to_vec();
    entries.push(honest.certified(earlier.block()));
    read(&honest, &honest.file(&entries)).unwrap();
}

/// What is read of these, and how many were.
fn counted<E>(entries: impl Iterator<Item = E>, read: &Cell<usize>) -> impl Iterator<Item = E> {
    entries.inspect(|_| read.set(read.get() + 1))
}

#[test]
fn windows_follow_one_another_up_to_where_the_source_fails() {
    let mut chain = Chain::new(&Plan::of(3, 3));
    let federation = chain.genesis.federation();
    let mut entries = vec![chain.next(vec![first_epoch(federation)])];
    entries.extend((1..100).map(|number| chain.next(vec![record(federation, 0, number)])));

    let read = Cell::new(0);
    let source = entries.iter().cloned().map(Ok).chain([Err("a fault")]);
    let mut ahead = Lookahead::new(counted(source, &read));
    let [mut replay, mut alone] = [THREADS, 1].map(|n| Replay::new(&chain.genesis, n));
    for (applied, expected) in entries.iter().enumerate() {
        let next = ahead.next(&replay).unwrap().unwrap();
        assert!(read.get() - applied <= 64, "as many wait as are read");
        let (entry, events) = replay.apply_prepared(next).unwrap();
        assert_eq!(entry, *expected);
        let expected = alone.apply(&entry.block, &entry.certificate);
        assert_eq!(events, expected.unwrap());
    }
    assert!(matches!(ahead.next(&replay), Err("a fault")));
    assert!(is_same(&replay, &alone));
}

#[test]
fn a_window_takes_no_more_once_it_has_eight_mebibytes() {
    let mut long = Plain::of(&ledger().entry(ledger().at.trapdoors).block);
    long.transactions = vec![long.transactions[0].clone(); 300];
    let long = ledger().certified(long.block());
    let enough = (8_usize << 20).div_ceil(long.block.to_bytes().len());
    assert!(enough < 64);
    let read = Cell::new(0);
    let source = std::iter::repeat(long).map(Ok::<_, ()>);
    let mut ahead = Lookahead::new(counted(source, &read));
    let next = ahead.next(&Replay::new(&ledger().genesis, THREADS));
    assert_eq!(read.get(), enough);
    // More of them than a block may have: none was looked at.
    assert_eq!(next.unwrap().unwrap().verified().count(), 0);
}
