//! Copies that somebody without keys tampered with, or too few validators, or others.

use consilium_ledger::*;
use proptest::prelude::*;

use super::honest::{Plain, ledger};
use super::{read, refused, refused_file, replayed};
use crate::common::certificate;
use crate::contracts::common::*;

#[test]
fn bytes_that_somebody_changed_are_refused() {
    let ledger = ledger();
    let height = ledger.at.matches;
    // One byte of a transaction's signature: the last of the block.
    let entries = &ledger.entries;
    let mut file = ledger.file(&entries[..height as usize]);
    let certificate = entries[height as usize - 1].certificate.to_bytes().len() + 4;
    let last = file.len() - certificate - 1;
    file[last] ^= 1;
    refused_file("a transaction's signature", &file, height, "transactions");
    // One byte of a vote's signature: the last of the certificate.
    let mut file = ledger.file(&entries[..height as usize]);
    let last = file.len() - 1;
    file[last] ^= 1;
    refused_file("a vote's signature", &file, height, "does not verify");
    for (what, cut) in [("cut in a block", 1), ("cut before a block", certificate)] {
        let file = ledger.file(&entries[..height as usize]);
        refused_file(what, &file[..file.len() - cut], height, "cut off");
    }
    let more = [ledger.file(entries), vec![0]].concat();
    refused_file("trailing bytes", &more, ledger.last(), "goes on");
}

#[test]
fn blocks_that_are_missing_repeated_or_exchanged_are_refused() {
    let ledger = ledger();
    let mut missing = ledger.entries.clone();
    missing.remove(4);
    refused("a block is missing", &missing, 5, "height 6");
    let mut repeated = ledger.entries.clone();
    repeated.insert(5, repeated[4].clone());
    refused("a block is repeated", &repeated, 6, "height 5");
    let mut exchanged = ledger.entries.clone();
    exchanged.swap(4, 5);
    refused("two blocks are exchanged", &exchanged, 5, "height 6");
    let mut exchanged = ledger.entries.clone();
    exchanged[5].certificate = exchanged[4].certificate.clone();
    refused(
        "the certificate of another block",
        &exchanged,
        6,
        "not for this one",
    );
    let dropped = ledger.entries[1..].to_vec();
    refused("the first is missing", &dropped, 1, "height 2");
}

#[test]
fn a_block_that_too_few_or_others_certified_is_refused() {
    let ledger = ledger();
    let certified = |height: u64, by: &[&str]| {
        let mut entries = ledger.entries.clone();
        let entry = &mut entries[height as usize - 1];
        let names = by.iter().map(|name| format!("{name}/validator"));
        entry.certificate = certificate(entry.block.header(), Round::new(0), names);
        entries
    };
    let (joined, left) = (ledger.at.joined, ledger.at.left);
    // Three vote before east joins: two are too few, and so are none.
    refused(
        "two of three",
        &certified(3, &["north", "south"]),
        3,
        "2 of 3",
    );
    refused("nobody", &certified(3, &[]), 3, "0 of 3");
    let strangers = certified(3, &["north", "south", "west", "stranger"]);
    refused("a stranger more", &strangers, 3, "not a validator");
    let strangers = certified(3, &["x", "y", "z"]);
    refused("strangers", &strangers, 3, "not a validator");
    // Validators of later heights, and of former ones.
    let four = ["north", "south", "west", "east"];
    let early = certified(joined - 1, &four);
    refused("before she joins", &early, joined - 1, "not a validator");
    let late = certified(left, &["north", "south", "west"]);
    refused("after north left", &late, left, "not a validator");
    // North is still one of four before that.
    let right = certified(left - 1, &["north", "south", "west"]);
    replayed(ledger, &right).unwrap();
    // Nor does the proposer come from elsewhere.
    let proposer = |height: u64, name: &str| {
        let proposer = ValidatorAddress::of(&public(&format!("{name}/validator")));
        ledger.colluding(height, |plain| plain.slot.proposer = proposer)
    };
    refused("a stranger's block", &proposer(3, "x"), 3, "was built by");
    refused(
        "north's block",
        &proposer(left, "north"),
        left,
        "was built by",
    );
}

#[test]
fn former_validators_cannot_go_on_by_themselves() {
    let ledger = ledger();
    // The three of genesis go on as if nothing had changed since, at the first height that is no longer theirs alone.
    let left = ledger.at.left;
    let mut entries = ledger.entries[..left as usize - 1].to_vec();
    let mut plain = Plain::of(&ledger.entry(left).block);
    plain.slot.proposer = ValidatorAddress::of(&public("north/validator"));
    let block = plain.block();
    let former = HOSPITALS.map(|name| format!("{name}/validator"));
    let certificate = certificate(block.header(), Round::new(0), former);
    entries.push(ExportEntry { block, certificate });
    refused("former validators", &entries, left, "not a validator");
}

#[test]
fn an_export_without_a_handover_or_with_another_is_refused() {
    let ledger = ledger();
    let [first, second] = &ledger.handovers[..] else {
        panic!("two changes");
    };
    let with = |handovers: &[&Handover]| {
        let handovers = handovers.iter().map(|one| (*one).clone()).collect();
        ledger.file_with(&Handovers::new(handovers), &ledger.entries)
    };
    let (joined, left) = (ledger.at.joined, ledger.at.left);
    let words = "changes of the validators";
    refused_file("no handover", &with(&[]), joined, words);
    refused_file("the last is left out", &with(&[first]), left, words);
    for (what, handovers) in [
        ("the first is left out", vec![second]),
        ("out of order", vec![second, first]),
        ("one twice", vec![first, first]),
    ] {
        assert!(
            matches!(
                read(ledger, &with(&handovers)),
                Err(ExportError::Handover(_))
            ),
            "{what}"
        );
    }
    read(ledger, &with(&[first, second])).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_bit_changed_anywhere_in_the_file_is_refused(place in any::<prop::sample::Index>(), bit in 0..8u32) {
        let ledger = ledger();
        let mut file = ledger.file(&ledger.entries);
        let place = place.index(file.len());
        file[place] ^= 1 << bit;
        prop_assert!(read(ledger, &file).is_err(), "bit {bit} of byte {place}");
    }
}
