//! What all validators sign together against the rules.

use consilium_contracts::*;
use consilium_ledger::*;
use consilium_schemes::matching::posting::PostedTrapdoor;

use super::honest::{Ledger, MOST, ledger};
use super::refused;
use crate::contracts::common::proofs::{N, posted_index, posted_trapdoor, unrelated};
use crate::contracts::common::*;

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
