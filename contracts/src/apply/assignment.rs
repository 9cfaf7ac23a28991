//! Of the doctors that match, the one with more interests; then the next.
//!
//! At most one assignment of a record is open. A doctor is assigned a record at most once.

use std::cmp::Reverse;

use super::record;
use super::step::Step;
use crate::event::Event;
use crate::ids::{BlockTime, DoctorId, RecordId};
use crate::state::{
    AssignmentEntry, AssignmentStatus, CloseReason, Due, Key, MatchEntry, RecordEntry,
    RecordStatus, StateRead, UnmatchedReason,
};

/// Ends the open assignment of a record, if there is one, and assigns the next best.
pub(super) fn pass_on<S: StateRead>(
    step: &mut Step<'_, S>,
    record: &RecordId,
    why: AssignmentStatus,
) {
    let mut entry = step
        .view()
        .record(record)
        .expect("an assignment's record is registered");
    end(step, &mut entry, why);
    assign_next(step, entry);
}

/// Assigns the best of the matches that may still be, or closes the record.
pub(super) fn assign_next<S: StateRead>(step: &mut Step<'_, S>, entry: RecordEntry) {
    cancel_deadline(step, &entry);
    match best(step, &entry) {
        Some(best) => assign(step, entry, &best),
        None => {
            let reason = match entry.matches {
                0 => UnmatchedReason::NoMatch,
                _ => UnmatchedReason::Exhausted,
            };
            record::close(step, entry, CloseReason::Unmatched(reason));
        }
    }
}

/// Most interests, then ledger order.
fn best<S: StateRead>(step: &Step<'_, S>, entry: &RecordEntry) -> Option<MatchEntry> {
    let matches = step
        .view()
        .matches(&entry.terms.record)
        .collect::<Vec<_>>()
        .into_iter();
    matches
        .filter(|one| is_eligible(step, entry, one))
        .max_by_key(|one| (one.interests, Reverse(one.order)))
}

/// Not assigned before, not revoked, the hospital may still use the record.
fn is_eligible<S: StateRead>(step: &Step<'_, S>, entry: &RecordEntry, one: &MatchEntry) -> bool {
    let view = step.view();
    view.assignment(&one.record, &one.doctor).is_none()
        && view
            .doctor(&one.doctor)
            .is_some_and(|doctor| doctor.revocation.is_none())
        && view.may_use(entry, &one.hospital, step.time())
}

fn assign<S: StateRead>(step: &mut Step<'_, S>, mut entry: RecordEntry, best: &MatchEntry) {
    let until = step
        .time()
        .plus(step.view().settings().assignment_deadline_ms);
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    let (doctor, hospital, height) = (best.doctor, best.hospital.clone(), step.height());
    let status = AssignmentStatus::Open;
    let assignment = AssignmentEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        height,
        status,
    };
    step.put(Key::assignment(&record, &doctor), &assignment);
    step.put(Key::open(&hospital, &doctor, &record), &assignment);
    step.mark(Key::assignment_of(&doctor, &record));
    entry.status = RecordStatus::Assigned { doctor, until };
    step.put(Key::record(&record), &entry);
    step.schedule(until, &Due::AssignmentLapse(record));
    step.emit(Event::Assigned {
        record,
        owner,
        doctor,
        hospital,
        until,
    });
}

/// Ends the open assignment of a record, if there is one. The caller writes `entry`.
pub(super) fn end<S: StateRead>(
    step: &mut Step<'_, S>,
    entry: &mut RecordEntry,
    why: AssignmentStatus,
) {
    let (RecordStatus::Assigned { doctor, .. } | RecordStatus::Accessed { doctor, .. }) =
        entry.status
    else {
        return;
    };
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    cancel_deadline(step, entry);
    let hospital = settle(step, &record, &doctor, why).hospital;
    step.emit(Event::AssignmentEnded {
        record,
        owner,
        doctor,
        hospital,
        why,
    });
}

/// Writes what became of an assignment; it is no longer open.
pub(super) fn settle<S: StateRead>(
    step: &mut Step<'_, S>,
    record: &RecordId,
    doctor: &DoctorId,
    status: AssignmentStatus,
) -> AssignmentEntry {
    let assignment = step.view().assignment(record, doctor);
    let mut assignment = assignment.expect("an assigned record has an assignment");
    assignment.status = status;
    step.put(Key::assignment(record, doctor), &assignment);
    step.delete(Key::open(&assignment.hospital, doctor, record));
    assignment
}

/// Cancels the deadline that the status of a record carries.
pub(super) fn cancel_deadline<S: StateRead>(step: &mut Step<'_, S>, entry: &RecordEntry) {
    if let Some((until, due)) = deadline(entry) {
        step.cancel(until, &due);
    }
}

/// The deadline that the status of a record carries.
fn deadline(entry: &RecordEntry) -> Option<(BlockTime, Due)> {
    let record = entry.terms.record;
    match entry.status {
        RecordStatus::Matching { until } => Some((until, Due::WindowEnd(record))),
        RecordStatus::Assigned { until, .. } | RecordStatus::Accessed { until, .. } => {
            Some((until, Due::AssignmentLapse(record)))
        }
        RecordStatus::Registered | RecordStatus::Reported { .. } | RecordStatus::Closed(_) => None,
    }
}
