//! Tampered copies: by somebody without keys, by a few validators, and by all of them together.

use consilium_contracts::*;
use consilium_ledger::*;
use consilium_schemes::matching::posting::PostedTrapdoor;
use proptest::prelude::*;

use super::honest::{Ledger, MOST, Plain, ledger};
use super::{read, replayed};
use crate::common::certificate;
use crate::contracts::common::proofs::{N, posted_index, posted_trapdoor, unrelated};
use crate::contracts::common::*;

/// The file is refused, and the error names this block and says these words.
#[track_caller]
fn refused_file(what: &str, file: &[u8], height: u64, words: &str) {
    let said = read(ledger(), file).map(drop).expect_err(what).to_string();
    let place = format!("block {height}");
    assert!(
        said.contains(&place) && said.contains(words),
        "{what}, expected at {height} ({words}): {said}"
    );
}

/// The blocks are refused at this one, as blocks and in a file.
#[track_caller]
fn refused(what: &str, entries: &[ExportEntry], height: u64, words: &str) -> ReplayFault {
    let error = replayed(ledger(), entries).map(drop).expect_err(what);
    assert_eq!(error.height.value(), height, "{what}: {error}");
    assert!(error.to_string().contains(words), "{what}: {error}");
    refused_file(what, &ledger().file(entries), height, words);
    error.fault
}

/// All validators signed it, so that chain and certificates are as they should be; only a replay refuses it, and here.
#[track_caller]
fn refused_though_certified(
    what: &str,
    entries: &[ExportEntry],
    height: u64,
    words: &str,
) -> ReplayFault {
    let file = ledger().file(entries);
    let chain = LedgerExport::open(file.as_slice(), &ledger().genesis.federation()).unwrap();
    for entry in chain {
        entry.unwrap_or_else(|error| panic!("{what}: the chain alone refuses it: {error}"));
    }
    refused(what, entries, height, words)
}

/// A transaction of the ledger with another action, signed again by its sender.
fn resigned(
    height: u64,
    index: usize,
    sender: &str,
    change: impl FnOnce(&mut Action),
) -> SignedTransaction {
    let mut transaction = ledger().transaction(height, index).transaction().clone();
    change(&mut transaction.action);
    transaction.sign(&key(sender))
}

/// The sender re-signed a transaction, and all validators certified it: refused there with this code.
#[track_caller]
fn lying_transaction(what: &str, height: u64, index: usize, lie: SignedTransaction, code: &str) {
    let hash = lie.hash();
    let entries = ledger().colluding(height, |plain| plain.transactions[index] = lie);
    let fault = refused_though_certified(what, &entries, height, &hash.to_string());
    assert_eq!(fault.transaction(), Some(&hash));
    let ReplayFault::Transaction {
        rejection,
        index: found,
        ..
    } = fault
    else {
        panic!("{what}: {fault}");
    };
    assert_eq!((rejection.code(), found), (code, index), "{what}");
}

/// The root of a whole state.
fn root_of(state: &MemoryState) -> StateRoot {
    let pairs = state.iter();
    let writes = pairs.map(|(key, value)| (key.clone(), Some(value.to_vec())));
    genesis_tree(&MemoryTree::default(), &writes.collect())
        .unwrap()
        .root
}

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

#[test]
fn no_number_of_validators_makes_a_forged_signature_good() {
    let height = ledger().at.matches;
    let right = ledger().transaction(height, 1);
    let mut signature = right.signature().to_bytes();
    signature[5] ^= 1;
    let signature = Signature::from_bytes(signature);
    let forged = SignedTransaction::new(right.transaction().clone(), signature);
    lying_transaction("a forged signature", height, 1, forged, "bad-signature");
    // In somebody else's name.
    let stolen = right.transaction().clone().sign(&key("north"));
    lying_transaction("another's key", height, 1, stolen, "bad-signature");
    // Of another federation.
    let mut foreign = right.transaction().clone();
    foreign.federation = FederationId::from_bytes([7; 32]);
    let foreign = foreign.sign(&key("south"));
    lying_transaction("another federation", height, 1, foreign, "wrong-federation");
    // A patient's consent.
    let record = ledger().at.record;
    let forged = resigned(record, 0, "north", |action| {
        let Action::RegisterRecord(registration) = action else {
            panic!()
        };
        registration.terms.cthd = digest("another");
    });
    lying_transaction("consent", record, 0, forged, "bad-co-signature");
    // The possession of a new key.
    let height = ledger().last() - 1;
    let forged = resigned(height, 0, "west", |action| {
        let Action::UpdateCard(update) = action else {
            panic!()
        };
        let other = ProvenKey::prove(
            &ledger().genesis.federation(),
            &public("east"),
            KeyUse::Peer,
            &key("west/peer 2"),
        );
        update.peer_key = Some(other);
    });
    lying_transaction("possession", height, 0, forged, "bad-possession");
}

#[test]
fn no_number_of_validators_makes_a_false_proof_good() {
    let federation = ledger().genesis.federation();
    let (record, trapdoors, matches) = {
        let at = ledger().at;
        (at.record, at.trapdoors, at.matches)
    };
    // A proof of Match about something else.
    let lie = resigned(matches, 0, "south", |action| {
        let Action::PostMatch(action) = action else {
            panic!()
        };
        action.proof = unrelated(&federation);
    });
    lying_transaction("a proof of Match", matches, 0, lie, "match-not-proven");
    // The proof of the other doctor's match.
    let lie = resigned(matches, 0, "south", |action| {
        let Action::PostMatch(other) = &ledger().transaction(matches, 1).transaction().action
        else {
            panic!()
        };
        let Action::PostMatch(action) = action else {
            panic!()
        };
        action.proof = other.proof.clone();
    });
    lying_transaction("another's match", matches, 0, lie, "match-not-proven");
    // An index that was posted for another record.
    let expires = ledger().transaction(record, 2).transaction().expires;
    let lie = resigned(record, 2, "north", |action| {
        let Action::PostIndex(action) = action else {
            panic!()
        };
        let (other, south) = (terms(2, "north", &["south"]), hospital("south"));
        let context = index_context(&federation, &other, &south, expires);
        action.index = posted_index(&south, &context);
    });
    lying_transaction("an index", record, 2, lie, "index-not-proven");
    // A trapdoor that another doctor posted; one with the proof of more interests than it has.
    let expires = ledger().transaction(trapdoors, 0).transaction().expires;
    let south = hospital("south");
    let of = |doctor: &str, interests: u8| {
        let doctor = DoctorId::derive(&federation, &public(doctor));
        let context = trapdoor_context(&federation, &doctor, &south, expires);
        posted_trapdoor(interests, &south, &context)
    };
    let post = |trapdoor: TrapdoorBytes| {
        resigned(trapdoors, 0, "cleo", |action| {
            let Action::PostTrapdoor(action) = action else {
                panic!()
            };
            action.trapdoor = trapdoor;
        })
    };
    let stolen = post(of("dan", 2));
    let code = "trapdoor-not-proven";
    lying_transaction("a stolen trapdoor", trapdoors, 0, stolen, code);
    let rank = PostedTrapdoor::length(*N, 0) - 2 - 32;
    let (one, three) = (of("cleo", 1), of("cleo", 3));
    let more = [&one.as_bytes()[..rank], &three.as_bytes()[rank..]].concat();
    let code = "interests-not-proven";
    lying_transaction("interests", trapdoors, 0, post(bytes(&more)), code);
    // A hospital's matching keys.
    let admitted = ledger().at.access + 2;
    let lie = resigned(admitted, 1, "kgc", |action| {
        let Action::AdmitHospital(card) = action else {
            panic!()
        };
        card.matching_keys = super::super::contracts::common::card("west").matching_keys;
    });
    lying_transaction("matching keys", admitted, 1, lie, "bad-hospital-card");
}

#[test]
fn no_number_of_validators_makes_a_broken_rule_good() {
    let ledger = ledger();
    let Ledger { at, .. } = ledger;
    // Applied once more: the nonce is used.
    let again = ledger.transaction(at.matches, 0).clone();
    let entries = ledger.colluding(at.matches + 1, |plain| plain.transactions.push(again));
    let fault = refused_though_certified("again", &entries, at.matches + 1, "not valid");
    let ReplayFault::Transaction { rejection, .. } = fault else {
        panic!()
    };
    assert_eq!(rejection.code(), "nonce-used");
    // Two exchanged: the index comes before its record.
    let swapped = ledger.colluding(at.record, |plain| plain.transactions.swap(0, 2));
    let words = ledger.transaction(at.record, 2).hash().to_string();
    refused_though_certified("two exchanged", &swapped, at.record, &words);
    // One left out: what rests on it is refused in the same block, or in a later one.
    let dropped = ledger.colluding(at.record, |plain| drop(plain.transactions.remove(1)));
    refused_though_certified("dropped", &dropped, at.record, "not valid");
    let dropped = ledger.colluding(at.matches, |plain| drop(plain.transactions.remove(1)));
    let words = "the parent led to";
    refused_though_certified("dropped", &dropped, at.matches + 1, words);
    // Access by a hospital whose doctor was not assigned.
    let dan = DoctorId::derive(&ledger.genesis.federation(), &public("dan"));
    let lie = resigned(at.access, 0, "south", |action| {
        let Action::Access(action) = action else {
            panic!()
        };
        action.doctor = dan;
    });
    lying_transaction("access", at.access, 0, lie, "not-assigned");
    // Time goes back, or stands.
    for back in [0, 1] {
        let parent = ledger.entry(2).block.header().time;
        let time = BlockTime::new(parent.value() - back);
        let entries = ledger.colluding(3, |plain| plain.slot.time = time);
        refused("time", &entries, 3, "not later than its parent's");
    }
    // More transactions than there may be.
    let many = ledger.colluding(3, |plain| {
        let one = plain.transactions[0].clone();
        plain.transactions = vec![one; MOST as usize + 1];
    });
    refused("too many transactions", &many, 3, "at most 8 are allowed");
}

#[test]
fn no_number_of_validators_makes_a_state_root_good() {
    let ledger = ledger();
    let words = "the parent led to";
    let lie = StateRoot::from_bytes([7; 32]);
    refused(
        "genesis' root",
        &ledger.colluding(1, |plain| plain.parent.state = lie),
        1,
        words,
    );
    for height in [2, ledger.at.matches + 1, ledger.last()] {
        let entries = ledger.colluding(height, |plain| plain.parent.state = lie);
        refused_though_certified("a state root", &entries, height, words);
    }
    // The honest state has the honest root, computed in another way.
    let after = ledger.at.access;
    let honest = &ledger.states[after as usize - 1];
    assert_eq!(root_of(honest), ledger.entry(after).block.header().state);
    // The validators assigned another doctor than the contracts do, and their next header says so.
    let federation = ledger.genesis.federation();
    let [cleo, dan] = ["cleo", "dan"].map(|name| DoctorId::derive(&federation, &public(name)));
    let record = record_id(1);
    let mut state = honest.clone();
    let moved = state.get(&Key::assignment(&record, &cleo));
    assert!(moved.is_some());
    state.write(&Writes::from([
        (Key::assignment(&record, &cleo), None),
        (Key::assignment(&record, &dan), moved),
    ]));
    let root = root_of(&state);
    let entries = ledger.colluding(after, |plain| plain.parent.state = root);
    refused_though_certified("an assignment", &entries, after, words);
}

#[test]
fn a_block_with_too_many_bytes_is_refused() {
    let block = &ledger().entry(3).block;
    let length = block.to_bytes().len();
    let settings = |max_block_bytes: usize| Settings {
        max_block_bytes: max_block_bytes as u32,
        ..Settings::default()
    };
    // Beyond its transactions a block may have 1,024 bytes.
    let limit = length - 1024;
    block.within(&settings(limit)).unwrap();
    let refused = block.within(&settings(limit - 1)).unwrap_err();
    let (found, limit) = (length, length - 1);
    assert_eq!(refused, ChainError::Bytes { found, limit });
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
