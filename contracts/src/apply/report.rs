//! The doctor's report.

use super::step::Step;
use super::{access, assignment, record, sender};
use crate::action::Report;
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::{AssignmentStatus, Key, Principal, RecordStatus, ReportEntry, StateRead};

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
        complaint: None,
        dispute: None,
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
