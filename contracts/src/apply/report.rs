//! The doctor's report, and the patient's acknowledgement.

use super::step::Step;
use super::{access, assignment, record, sender};
use crate::action::{Acknowledge, Report};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::{
    AssignmentStatus, CloseReason, Key, Principal, RecordStatus, ReportEntry, StateRead,
};

/// Action 16. Once per assignment, after an access.
pub(super) fn report<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Report,
) -> Result<(), Rejection> {
    let Report { record, digest } = *action;
    let mut entry = record::open(step, &record)?;
    let doctor = *sender::doctor(sender)?;
    access::check_assigned(step, &entry, &doctor)?;
    match entry.status {
        RecordStatus::Accessed { .. } => {}
        RecordStatus::Reported { .. } => return Err(Rejection::ReportPosted { record }),
        _ => return Err(Rejection::NoAccess { record }),
    }
    assignment::cancel_deadline(step, &entry);
    let hospital = assignment::settle(step, &record, &doctor, AssignmentStatus::Reported).hospital;
    let height = step.height();
    let posted = ReportEntry {
        record,
        doctor,
        digest,
        height,
        acknowledged: None,
    };
    step.put(Key::report(&record, &doctor), &posted);
    entry.status = RecordStatus::Reported { doctor };
    step.put(Key::record(&record), &entry);
    let owner = entry.terms.owner;
    step.emit(Event::Reported {
        record,
        owner,
        doctor,
        hospital,
        digest,
    });
    Ok(())
}

/// Action 17.
pub(super) fn acknowledge<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Acknowledge,
) -> Result<(), Rejection> {
    let Acknowledge { record, digest } = *action;
    let entry = record::open(step, &record)?;
    sender::record_key(sender, &record)?;
    let RecordStatus::Reported { doctor } = entry.status else {
        return Err(Rejection::NoReport { record });
    };
    let mut posted = step
        .view()
        .report(&record, &doctor)
        .ok_or(Rejection::NoReport { record })?;
    if posted.digest != digest {
        return Err(Rejection::WrongReport {
            record,
            posted: posted.digest,
            given: digest,
        });
    }
    posted.acknowledged = Some(step.height());
    step.put(Key::report(&record, &doctor), &posted);
    assignment::settle(step, &record, &doctor, AssignmentStatus::Acknowledged);
    let owner = entry.terms.owner.clone();
    step.emit(Event::Acknowledged {
        record,
        owner,
        doctor,
        digest,
    });
    record::close(step, entry, CloseReason::Acknowledged);
    Ok(())
}
