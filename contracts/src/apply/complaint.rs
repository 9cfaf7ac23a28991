//! A doctor complains about a transform; the verdict stands beside the accesses.

use super::step::Step;
use super::{access, record, sender};
use crate::complaint::{ComplainTransform, ComplaintEntry};
use crate::event::Event;
use crate::proof;
use crate::rejection::Rejection;
use crate::state::{Key, Principal, RecordStatus, StateRead};
use crate::transaction::VerifiedTransaction;

/// Action 25. Once per access; the assignment goes on.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &ComplainTransform,
) -> Result<(), Rejection> {
    let record = action.record;
    let entry = record::open(step, &record)?;
    let doctor = *sender::doctor(sender)?;
    access::check_assigned(step, &entry, &doctor)?;
    match entry.status {
        RecordStatus::Accessed { .. } => {}
        RecordStatus::Reported { .. } => return Err(Rejection::ReportPosted { record }),
        _ => return Err(Rejection::NoAccess { record }),
    }
    let accessed = step.view().access(&record, &doctor);
    let accessed = accessed.ok_or(Rejection::NoAccess { record })?;
    let key = Key::complaint(&record, &doctor, accessed.count);
    let former = step.view().complaint(&record, &doctor, accessed.count);
    if former.is_some() {
        return Err(Rejection::Complained { record, doctor });
    }
    let fault = proof::settled(&step.view(), tx)?;
    let hospital = accessed.hospital;
    let settled = ComplaintEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        access: accessed.count,
        fault,
        height: step.height(),
    };
    step.put(key, &settled);
    let owner = entry.terms.owner;
    step.emit(Event::TransformComplained {
        record,
        owner,
        doctor,
        hospital,
        fault,
    });
    Ok(())
}
