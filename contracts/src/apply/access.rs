//! What the assigned doctor and the doctor's hospital do: decline, or read.

use super::step::Step;
use super::{assignment, doctor, record, sender};
use crate::action::{Access, Decline};
use crate::event::Event;
use crate::ids::DoctorId;
use crate::rejection::Rejection;
use crate::state::{
    AccessEntry, AssignmentStatus, Due, Key, Principal, RecordEntry, RecordStatus, StateRead,
};

/// Action 14. The next best follows at once.
pub(super) fn decline<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Decline,
) -> Result<(), Rejection> {
    let Decline {
        record,
        doctor,
        reason,
    } = action;
    let entry = record::open(step, record)?;
    sender::doctor_or_hospital(sender, &doctor::known(step, doctor)?)?;
    check_assigned(step, &entry, doctor)?;
    if let RecordStatus::Reported { .. } = entry.status {
        return Err(Rejection::ReportPosted { record: *record });
    }
    assignment::pass_on(step, record, AssignmentStatus::Declined(*reason));
    Ok(())
}

/// Action 15. Committed before SemiCT leaves, every time it leaves; the first starts the time for
/// the report.
pub(super) fn access<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Access,
) -> Result<(), Rejection> {
    let Access { record, doctor } = *action;
    let entry = record::open(step, &record)?;
    let reader = doctor::known(step, &doctor)?;
    sender::doctors_hospital(sender, &reader)?;
    doctor::active(step, &doctor)?;
    check_assigned(step, &entry, &doctor)?;
    let hospital = reader.hospital;
    if !step.view().may_use(&entry, &hospital, step.time()) {
        return Err(Rejection::NotAuthorized { hospital, record });
    }
    let access = count(step, action, &hospital);
    step.put(Key::access(&record, &doctor), &access);
    let owner = entry.terms.owner.clone();
    step.emit(Event::Accessed {
        record,
        owner,
        doctor,
        hospital,
    });
    if let RecordStatus::Assigned { .. } = entry.status {
        await_report(step, entry, doctor);
    }
    Ok(())
}

fn count<S: StateRead>(
    step: &Step<'_, S>,
    action: &Access,
    hospital: &crate::ids::HospitalId,
) -> AccessEntry {
    let Access { record, doctor } = *action;
    let now = step.height();
    let former = step.view().access(&record, &doctor);
    let (first, times) = former.map_or((now, 0), |former| (former.first, former.count));
    let count = times.saturating_add(1);
    AccessEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        first,
        last: now,
        count,
    }
}

fn await_report<S: StateRead>(step: &mut Step<'_, S>, mut entry: RecordEntry, doctor: DoctorId) {
    let record = entry.terms.record;
    assignment::cancel_deadline(step, &entry);
    let until = step.time().plus(step.view().settings().report_deadline_ms);
    entry.status = RecordStatus::Accessed { doctor, until };
    step.put(Key::record(&record), &entry);
    step.schedule(until, &Due::AssignmentLapse(record));
}

/// The doctor is the assigned one and the deadline is not over.
pub(super) fn check_assigned<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    doctor: &DoctorId,
) -> Result<(), Rejection> {
    let assigned = match &entry.status {
        RecordStatus::Assigned { doctor, until } | RecordStatus::Accessed { doctor, until } => {
            (step.time() < *until).then_some(doctor)
        }
        RecordStatus::Reported { doctor } => Some(doctor),
        RecordStatus::Registered | RecordStatus::Matching { .. } | RecordStatus::Closed(_) => None,
    };
    if assigned == Some(doctor) {
        return Ok(());
    }
    Err(Rejection::NotAssigned {
        record: entry.terms.record,
        doctor: *doctor,
    })
}
