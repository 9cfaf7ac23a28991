//! What the patient says about the report that waits: acknowledged, complained about, disputed.
//!
//! Nothing here is a judgement: what the patient shows was verified, and decides.

use super::step::Step;
use super::{assignment, record, sender};
use crate::event::Event;
use crate::ids::{DoctorId, RecordId};
use crate::patient::{Complain, Decrypted, Dispute, Settlement};
use crate::proof::{self, Shown};
use crate::rejection::Rejection;
use crate::state::{
    AssignmentStatus, CloseReason, DisputeEntry, Key, Principal, RecordEntry, RecordStatus,
    ReportComplaintEntry, ReportEntry, StateRead,
};
use crate::transaction::VerifiedTransaction;

/// A report that waits for the patient.
struct Waiting {
    entry: RecordEntry,
    doctor: DoctorId,
    posted: ReportEntry,
    /// What the patient shows.
    shown: Shown,
}

/// Action 17.
pub(super) fn acknowledge<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &Decrypted,
) -> Result<(), Rejection> {
    let record = action.record;
    let mut waiting = shown(step, sender, tx, &record)?;
    waiting.posted.acknowledged = Some(step.height());
    let (doctor, digest) = (waiting.doctor, waiting.posted.digest);
    step.put(Key::report(&record, &doctor), &waiting.posted);
    assignment::settle(step, &record, &doctor, AssignmentStatus::Acknowledged);
    let owner = waiting.entry.terms.owner.clone();
    step.emit(Event::Acknowledged {
        record,
        owner,
        doctor,
        digest,
    });
    record::close(step, waiting.entry, CloseReason::Acknowledged);
    Ok(())
}

/// Action 24. The patient has the report: the record is closed as after an acknowledgement, and the complaint stays.
pub(super) fn complain<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &Complain,
) -> Result<(), Rejection> {
    let (record, reason) = (action.decrypted.record, action.reason);
    let mut waiting = shown(step, sender, tx, &record)?;
    let height = step.height();
    waiting.posted.complaint = Some(ReportComplaintEntry { reason, height });
    let (doctor, digest) = (waiting.doctor, waiting.posted.digest);
    step.put(Key::report(&record, &doctor), &waiting.posted);
    let status = AssignmentStatus::Complained(reason);
    let hospital = assignment::settle(step, &record, &doctor, status).hospital;
    let owner = waiting.entry.terms.owner.clone();
    step.emit(Event::Complained {
        record,
        owner,
        doctor,
        hospital,
        digest,
        reason,
    });
    record::close(step, waiting.entry, CloseReason::Complained(reason));
    Ok(())
}

/// Action 18. A report that opens still waits for the patient, who cannot dispute it again; after one that does not the next best
/// doctor follows.
pub(super) fn dispute<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &Dispute,
) -> Result<(), Rejection> {
    let record = action.record;
    let mut waiting = shown(step, sender, tx, &record)?;
    let (doctor, mut posted) = (waiting.doctor, waiting.posted);
    let Shown::Settled(settled) = waiting.shown else {
        return Err(Rejection::BadEvidence);
    };
    let height = step.height();
    posted.dispute = Some(DisputeEntry { settled, height });
    step.put(Key::report(&record, &doctor), &posted);
    let assignment = step.view().assignment(&record, &doctor);
    let assignment = assignment.expect("a report has an assignment");
    let (hospital, owner) = (assignment.hospital, waiting.entry.terms.owner.clone());
    step.emit(Event::Disputed {
        record,
        owner: owner.clone(),
        doctor,
        hospital: hospital.clone(),
        digest: posted.digest,
        settled,
    });
    if let Settlement::DoesNotOpen(defect) = settled {
        let why = AssignmentStatus::Refuted(defect);
        assignment::settle(step, &record, &doctor, why);
        step.emit(Event::AssignmentEnded {
            record,
            owner,
            doctor,
            hospital,
            why,
        });
        waiting.entry.refuted = waiting.entry.refuted.saturating_add(1);
        assignment::assign_next(step, waiting.entry);
    }
    Ok(())
}

/// The report that waits, once everything that the patient shows about it holds.
fn shown<S: StateRead>(
    step: &Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    record: &RecordId,
) -> Result<Waiting, Rejection> {
    let entry = record::open(step, record)?;
    sender::record_key(sender, record)?;
    let missing = Rejection::NoReport { record: *record };
    let RecordStatus::Reported { doctor } = entry.status else {
        return Err(missing);
    };
    let posted = step.view().report(record, &doctor).ok_or(missing)?;
    let shown = proof::check_report(&step.view(), tx)?;
    Ok(Waiting {
        entry,
        doctor,
        posted,
        shown,
    })
}
