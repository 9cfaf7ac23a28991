//! What a patient shows about a report: every rule, and every lie.

use crate::common::proofs::rng;
use crate::common::reports::*;
use crate::common::*;
use consilium_contracts::*;
use consilium_schemes::report::{Opening, PostedReport, ReportParts};

const RECORD: RecordId = RecordId::from_bytes([1; 32]);

/// Record 1 with the report that `action` is by cleo; ada is the next best.
fn reported(action: Action) -> World {
    let mut world = World::with_record();
    world.match_all(&[("cleo", "south"), ("ada", "north")]);
    let access = world.access(1, "cleo");
    world.ok("south", access);
    world.ok("cleo", action);
    world
}

/// cleo posts the digest of these parts of hers.
fn posting(change: impl FnOnce(&mut Vec<u8>)) -> (World, ReportParts) {
    let mut world = World::with_record();
    world.match_all(&[("cleo", "south"), ("ada", "north")]);
    let access = world.access(1, "cleo");
    world.ok("south", access);
    let mut encoded = sealed(&world.federation, &RECORD, "cleo").to_bytes();
    change(&mut encoded);
    let parts = ReportParts::from_bytes(&encoded).unwrap();
    let digest = parts.digest().into();
    let report = Report {
        record: RECORD,
        digest,
    };
    world.ok("cleo", Action::Report(report));
    (world, parts)
}

fn true_opening(world: &World) -> Opening {
    let sealed = sealed(&world.federation, &RECORD, "cleo");
    opening(&context(&world.federation, &RECORD), &sealed, "cleo")
}

fn disputing(evidence: EvidenceBytes) -> Action {
    Action::Dispute(Box::new(Dispute {
        record: RECORD,
        key: report_key(),
        evidence,
    }))
}

fn entry(world: &World) -> ReportEntry {
    world.view().report(&RECORD, &world.doctor("cleo")).unwrap()
}

fn status(world: &World) -> AssignmentStatus {
    let assignment = world.view().assignment(&RECORD, &world.doctor("cleo"));
    assignment.unwrap().status
}

/// A lie is refused with the same words when its proof was verified ahead, and changes nothing.
#[track_caller]
fn lie(world: &mut World, action: Action) -> Rejection {
    let signed = world.transaction("record 1", action.clone());
    let mut ahead = signed.sign(&key("record 1")).verify(&world.federation);
    if let Ok(ahead) = &mut ahead {
        ahead.verify_proofs(&world.state);
        assert_ne!(ahead.proofs_hold(), Some(true));
    }
    let outcome = ahead.and_then(|tx| apply(&world.state, &world.context(), &tx));
    let refused = world.refused("record 1", action);
    assert_eq!(outcome.unwrap_err(), refused);
    refused
}

#[test]
fn who_acknowledges_shows_that_the_report_was_decrypted() {
    let mut world = reported(report(1));
    let events = world.ok("record 1", acknowledge(1));
    let digest = entry(&world).digest;
    let acknowledged =
        |event: &Event| matches!(event, Event::Acknowledged { digest: of, .. } if *of == digest);
    assert!(events.iter().any(acknowledged));
    assert_eq!(status(&world), AssignmentStatus::Acknowledged);
    let (record, reason) = (RECORD, CloseReason::Acknowledged);
    assert_eq!(world.status(1), RecordStatus::Closed(reason));
    for again in [acknowledge(1), complain(1), dispute(1)] {
        let closed = Rejection::RecordClosed { record, reason };
        assert_eq!(world.refused("record 1", again), closed);
    }
}

#[test]
fn who_complains_shows_the_same_and_the_reason_stays() {
    let mut world = reported(report(1));
    let events = world.ok("record 1", complain(1));
    let reason = ComplaintReason::Incomplete;
    let complained = |event: &Event| matches!(event, Event::Complained { reason: why, hospital: at, .. } if *why == reason && *at == hospital("south"));
    assert!(events.iter().any(complained));
    assert_eq!(status(&world), AssignmentStatus::Complained(reason));
    let closed = CloseReason::Complained(reason);
    assert_eq!(world.status(1), RecordStatus::Closed(closed));
    assert_eq!(
        closed.to_string(),
        "the patient complained: it is incomplete"
    );
    let entry = entry(&world);
    assert_eq!(entry.complaint.map(|one| one.reason), Some(reason));
    assert_eq!((entry.acknowledged, entry.dispute), (None, None));
    // The patient has the report: nobody follows.
    let ada = world.doctor("ada");
    assert_eq!(world.view().assignment(&RECORD, &ada), None);
}

#[test]
fn a_proof_of_another_report_record_federation_or_key_or_of_nothing_is_refused() {
    let mut world = reported(report(1));
    let federation = world.federation;
    let good = decrypted(&federation, &RECORD, "cleo");
    let try_both = |world: &mut World, shown: Decrypted| {
        let complain = Complain {
            decrypted: shown.clone(),
            reason: ComplaintReason::Other,
        };
        let refused = lie(world, Action::Acknowledge(Box::new(shown)));
        assert_eq!(lie(world, Action::Complain(Box::new(complain))), refused);
        refused
    };
    let posted = entry(&world).digest;
    let other_report = |given| Rejection::WrongReport {
        record: RECORD,
        posted,
        given,
    };
    // Another doctor's report on this record: the patient decrypted that one.
    let other = decrypted(&federation, &RECORD, "ada");
    let given = other.digest();
    assert_eq!(try_both(&mut world, other.clone()), other_report(given));
    // Its c, and its proof, with the digests of the report that was posted.
    let mixed = Decrypted {
        c: other.c.clone(),
        proof: other.proof.clone(),
        ..good.clone()
    };
    let given = mixed.digest();
    assert_eq!(try_both(&mut world, mixed), other_report(given));
    // The right c, with a proof for: another report, another record, another federation.
    let not_proven = Rejection::DecryptionNotProven { record: RECORD };
    assert!(not_proven.is_false_proof());
    let elsewhere = FederationId::from_bytes([9; 32]);
    for proof in [
        other.proof,
        decrypted(&federation, &record_id(2), "cleo").proof,
        decrypted(&elsewhere, &RECORD, "cleo").proof,
    ] {
        let wrong = Decrypted {
            proof,
            ..good.clone()
        };
        assert_eq!(try_both(&mut world, wrong), not_proven);
    }
    // Every part of the proof counts.
    let proof = good.proof.as_bytes();
    for at in (1..proof.len()).step_by(257) {
        let mut changed = proof.to_vec();
        changed[at] ^= 1;
        let wrong = Decrypted {
            proof: bytes(&changed),
            ..good.clone()
        };
        assert_eq!(try_both(&mut world, wrong), not_proven);
    }
    for malformed in [&proof[..proof.len() - 1], &[], &[1; 40]] {
        let wrong = Decrypted {
            proof: bytes(malformed),
            ..good.clone()
        };
        let action = Action::Acknowledge(Box::new(wrong));
        let transaction = Transaction {
            action,
            ..world.transaction("record 1", Action::WithdrawTrapdoor)
        };
        let refused = transaction.sign(&key("record 1")).verify(&federation);
        assert_eq!(refused.unwrap_err(), Rejection::BadDecryptionProof);
    }
    // Another key than the registered one, be it only in its certificate: it must be the one that was agreed on.
    let mut key = report_key().as_bytes().to_vec();
    key[1000] ^= 1;
    let wrong = Decrypted {
        key: bytes(&key),
        ..good.clone()
    };
    let refused = try_both(&mut world, wrong);
    let registered = Digest::of(report_key().as_bytes());
    let given = Digest::of(&key);
    let record = RECORD;
    let other_key = Rejection::WrongReportKey {
        record,
        registered,
        given,
    };
    assert_eq!(refused, other_key);
    // After all that, the truth is taken.
    world.ok("record 1", Action::Acknowledge(Box::new(good)));
}

/// The owner registers a digest; nobody has seen the key by then.
#[test]
fn nothing_is_shown_with_a_registered_key_whose_certificate_does_not_hold() {
    let mut key = report_key().as_bytes().to_vec();
    key[1000] ^= 1;
    let mut world = World::populated();
    let mut terms = terms(1, "north", &[]);
    terms.rsa_key = Digest::of(&key);
    let registration = co_sign(&world.federation, 1, terms);
    world.ok("north", registration);
    world.ok("ada", trapdoor("north", 2));
    world.ok("north", index(1, "north"));
    world.match_all(&[("ada", "north")]);
    let access = world.access(1, "ada");
    world.ok("north", access);
    world.ok("ada", report(1));
    let shown = Decrypted {
        key: bytes(&key),
        ..decrypted(&world.federation, &RECORD, "ada")
    };
    let refused = lie(&mut world, Action::Acknowledge(Box::new(shown)));
    assert_eq!(refused, Rejection::BadReportKey { record: RECORD });
    assert!(refused.is_false_proof());
}

#[test]
fn who_disputes_a_report_that_opens_is_shown_at_fault_and_may_still_acknowledge_it() {
    let mut world = reported(report(1));
    let events = world.ok("record 1", dispute(1));
    let settled = Settlement::Opens;
    let lost = |event: &Event| {
        matches!(
            event,
            Event::Disputed {
                settled: Settlement::Opens,
                ..
            }
        )
    };
    assert_eq!(events.len(), 1);
    assert!(lost(&events[0]));
    assert_eq!(entry(&world).dispute.map(|one| one.settled), Some(settled));
    let doctor = world.doctor("cleo");
    assert_eq!(world.status(1), RecordStatus::Reported { doctor });
    assert_eq!(status(&world), AssignmentStatus::Reported);
    let again = Rejection::AlreadyDisputed { record: RECORD };
    assert_eq!(world.refused("record 1", dispute(1)), again);
    world.ok("record 1", acknowledge(1));
    let closed = RecordStatus::Closed(CloseReason::Acknowledged);
    assert_eq!(world.status(1), closed);
    let after = entry(&world);
    assert_eq!(after.dispute.map(|one| one.settled), Some(settled));
    assert!(after.acknowledged.is_some());
}

#[test]
fn every_defect_shows_the_doctor_at_fault_and_the_next_best_follows() {
    let other = *public("ben").as_bytes();
    for (change, defect) in [
        (
            Box::new(|bytes: &mut Vec<u8>| bytes[0] ^= 1) as Box<dyn FnOnce(&mut Vec<u8>)>,
            ReportDefect::Header,
        ),
        (
            Box::new(|bytes: &mut Vec<u8>| bytes[10] ^= 1),
            ReportDefect::Context,
        ),
        (
            Box::new(move |bytes: &mut Vec<u8>| bytes[70..102].copy_from_slice(&other)),
            ReportDefect::Context,
        ),
        (
            Box::new(|bytes: &mut Vec<u8>| bytes[170..554].fill(0)),
            ReportDefect::Encapsulation,
        ),
        (
            Box::new(|bytes: &mut Vec<u8>| bytes[140] ^= 1),
            ReportDefect::Commitment,
        ),
        (
            Box::new(|bytes: &mut Vec<u8>| bytes[560] ^= 1),
            ReportDefect::Ciphertext,
        ),
    ] {
        let (mut world, parts) = posting(change);
        // What the patient's device posts has a z exactly where others can then read the report.
        let doctor = public("cleo");
        let posted = PostedReport {
            context: context(&world.federation, &RECORD),
            doctor,
            key: patient().public_key().digest(),
            digest: parts.digest(),
        };
        let shown = patient().dispute(&parts, &posted, &mut rng("dispute"));
        let shown = shown.unwrap().0.expose_secret();
        let nothing = shown[1..5] == [0; 4];
        assert_eq!(defect.is_shown_with_z(), !nothing, "{defect}");
        let evidence = evidence(true_opening(&world), parts);
        let events = world.ok("record 1", disputing(evidence));
        let settled = Settlement::DoesNotOpen(defect);
        let why = AssignmentStatus::Refuted(defect);
        assert!(matches!(&events[0], Event::Disputed { settled: found, .. } if *found == settled));
        assert!(matches!(&events[1], Event::AssignmentEnded { why: found, .. } if *found == why));
        assert!(
            matches!(&events[2], Event::Assigned { doctor, .. } if *doctor == world.doctor("ada"))
        );
        assert_eq!(entry(&world).dispute.map(|one| one.settled), Some(settled));
        assert_eq!(status(&world), why);
        assert_eq!(world.view().record(&RECORD).unwrap().refuted, 1);
        // The doctor at fault is out; the next one's report counts.
        let (record, doctor) = (RECORD, world.doctor("cleo"));
        let out = Rejection::NotAssigned { record, doctor };
        assert_eq!(world.refused("cleo", report(1)), out);
        let access = world.access(1, "cleo");
        assert_eq!(world.refused("south", access), out);
        let access = world.access(1, "ada");
        world.ok("north", access);
        world.ok("ada", report(1));
        world.ok("record 1", acknowledge(1));
        let closed = RecordStatus::Closed(CloseReason::Acknowledged);
        assert_eq!(world.status(1), closed);
    }
}

#[test]
fn when_nobody_follows_a_refuted_report_the_record_is_closed_as_exhausted() {
    let mut world = World::with_record();
    world.match_all(&[("cleo", "south")]);
    let access = world.access(1, "cleo");
    world.ok("south", access);
    world.ok("cleo", broken_report(1));
    world.ok("record 1", dispute(1));
    let reason = CloseReason::Unmatched(UnmatchedReason::Exhausted);
    assert_eq!(world.status(1), RecordStatus::Closed(reason));
}

#[test]
fn a_forged_opening_settles_nothing_and_the_patient_may_come_with_the_true_one() {
    let forged = |world: &World| {
        let mut z = true_opening(world).expose_secret().to_vec();
        let last = z.len() - 1;
        z[last] ^= 1;
        z
    };
    let wrong = Rejection::WrongOpening { record: RECORD };
    assert!(wrong.is_false_proof());
    for (mut world, parts) in [posting(|_| {}), posting(|bytes| bytes[560] ^= 1)] {
        for z in [forged(&world), Vec::new(), vec![0xff; 384]] {
            let opening = Opening::from_bytes(z.into());
            let action = disputing(evidence(opening, parts.clone()));
            assert_eq!(lie(&mut world, action), wrong);
        }
        assert_eq!(entry(&world).dispute, None);
        let action = disputing(evidence(true_opening(&world), parts));
        world.ok("record 1", action);
        assert!(entry(&world).dispute.is_some());
    }
}

#[test]
fn evidence_about_another_report_or_with_another_key_is_refused() {
    let (mut world, parts) = posting(|bytes| bytes[560] ^= 1);
    let (record, posted) = (RECORD, entry(&world).digest);
    let good = ReportParts::from(&sealed(&world.federation, &RECORD, "cleo"));
    let given = good.digest().into();
    let action = disputing(evidence(true_opening(&world), good));
    let refused = Rejection::WrongReport {
        record,
        posted,
        given,
    };
    assert_eq!(lie(&mut world, action), refused);
    let mut key = report_key().as_bytes().to_vec();
    key[1000] ^= 1;
    let evidence = evidence(true_opening(&world), parts);
    let dispute = Dispute {
        record,
        key: bytes(&key),
        evidence: evidence.clone(),
    };
    let refused = lie(&mut world, Action::Dispute(Box::new(dispute)));
    assert!(matches!(refused, Rejection::WrongReportKey { .. }));
    let cut = bytes(&evidence.as_bytes()[..600]);
    assert_eq!(lie(&mut world, disputing(cut)), Rejection::BadEvidence);
}

#[test]
fn what_was_verified_ahead_counts_as_long_as_the_state_says_the_same() {
    for (action, answer) in [
        (report(1), acknowledge(1)),
        (report(1), complain(1)),
        (report(1), dispute(1)),
        (broken_report(1), dispute(1)),
    ] {
        let mut world = reported(action);
        let signed = world.transaction("record 1", answer).sign(&key("record 1"));
        let fresh = signed.verify(&world.federation).unwrap();
        let mut ahead = fresh.clone();
        ahead.verify_proofs(&world.state);
        assert_eq!(ahead.proofs_hold(), Some(true));
        let outcome = apply(&world.state, &world.context(), &fresh);
        assert_eq!(apply(&world.state, &world.context(), &ahead), outcome);
        // Where another report waits by then, the verdict is not about it.
        let mut other = World::with_record();
        other.match_all(&[("ada", "north")]);
        let access = other.access(1, "ada");
        other.ok("north", access);
        other.ok("ada", report(1));
        assert_eq!(other.federation, world.federation);
        let refused = apply(&other.state, &other.context(), &ahead).unwrap_err();
        assert!(
            matches!(refused, Rejection::WrongReport { .. }),
            "{refused}"
        );
    }
}

/// Whoever floods a node with what is refused at once gets no RSA work out of it.
#[test]
fn nothing_is_verified_ahead_for_who_may_not_post_it_or_where_nothing_waits() {
    let mut world = reported(report(1));
    let ahead = |world: &mut World, sender: &str, action: Action| {
        let signed = world.transaction(sender, action).sign(&key(sender));
        let mut tx = signed.verify(&world.federation).unwrap();
        tx.verify_proofs(&world.state);
        tx.proofs_hold()
    };
    for sender in ["cleo", "north", "record 2", "nobody"] {
        for action in [acknowledge(1), complain(1), dispute(1)] {
            assert_eq!(ahead(&mut world, sender, action), None, "{sender}");
        }
    }
    world.ok("record 1", dispute(1));
    assert_eq!(ahead(&mut world, "record 1", dispute(1)), None);
    world.ok("record 1", acknowledge(1));
    assert_eq!(ahead(&mut world, "record 1", acknowledge(1)), None);
}

#[test]
fn the_longest_dispute_fits_the_least_setting() {
    let mut world = World::new();
    let longest = Dispute {
        record: RECORD,
        key: bytes(&[0; MAX_REPORT_KEY]),
        evidence: bytes(&[0; MAX_EVIDENCE]),
    };
    let action = Action::Dispute(Box::new(longest));
    let signed = world.transaction("record 1", action).sign(&key("record 1"));
    let length = signed.to_canonical_bytes().len();
    assert!(length <= MIN_TRANSACTION_BYTES as usize, "{length}");
    let of = |max_transaction_bytes| Settings {
        max_transaction_bytes,
        ..Settings::default()
    };
    assert_eq!(of(MIN_TRANSACTION_BYTES).validate(), Ok(()));
    assert!(of(MIN_TRANSACTION_BYTES - 1).validate().is_err());
}
