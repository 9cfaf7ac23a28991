//! A doctor complains about a transform; the verdict stands beside the accesses.

use super::step::Step;
use super::{record, sender};
use crate::complaint::{self, ComplainTransform, ComplaintEntry};
use crate::event::Event;
use crate::proof::{self, Carried};
use crate::rejection::Rejection;
use crate::state::{Key, Principal, StateRead};
use crate::transaction::VerifiedTransaction;

/// Action 25. Once for each transform that the hospital signed, as long as the doctor is not revoked. What became of the assignment and the record since
/// makes no difference, or the hospital, which may decline for its doctor, could end them to have no complaint; nor does the verdict change either.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &ComplainTransform,
) -> Result<(), Rejection> {
    let record = action.record;
    let doctor = *sender::doctor(sender)?;
    let owner = record::known(step, &record)?.terms.owner;
    let accessed = step.view().access(&record, &doctor);
    let hospital = accessed.ok_or(Rejection::NoAccess { record })?.hospital;
    let Carried::Complaint(carried) = tx.carried() else {
        return Err(Rejection::BadComplaint);
    };
    let transform = complaint::transform(carried);
    if step
        .view()
        .complaint(&record, &doctor, &transform)
        .is_some()
    {
        return Err(Rejection::Complained { record, doctor });
    }
    let fault = proof::settled(&step.view(), tx)?;
    let settled = ComplaintEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        transform,
        fault,
        height: step.height(),
    };
    step.put(Key::complaint(&record, &doctor, &transform), &settled);
    step.emit(Event::TransformComplained {
        record,
        owner,
        doctor,
        hospital,
        fault,
    });
    Ok(())
}
