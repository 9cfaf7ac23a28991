//! Records: registration, the end of consent, closing.

use super::step::Step;
use super::{assignment, authorization, hospital, sender};
use crate::action::RecordTerms;
use crate::event::{EndReason, Event};
use crate::ids::RecordId;
use crate::rejection::Rejection;
use crate::state::{
    AssignmentStatus, CloseReason, Due, Key, Principal, RecordEntry, RecordStatus, StateRead,
};
use consilium_schemes::abe::Epoch;

/// Action 6. The co-signature was checked by the transaction's verification.
pub(super) fn register<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    terms: &RecordTerms,
) -> Result<(), Rejection> {
    let RecordTerms {
        record,
        owner,
        consent,
        ..
    } = terms;
    sender::owner(sender, owner)?;
    if step.view().record(record).is_some() {
        return Err(Rejection::RecordExists { record: *record });
    }
    hospital::free(step, &terms.record_key)?;
    check_epoch(step, terms.epoch)?;
    let (expiry, time) = (consent.expiry, step.time());
    if expiry <= time {
        return Err(Rejection::ExpiryPassed { expiry, time });
    }
    for hospital in consent.hospitals.iter() {
        if step.view().hospital(hospital).is_none() {
            return Err(Rejection::UnknownHospital {
                hospital: hospital.clone(),
            });
        }
    }
    let (registered, status) = (step.height(), RecordStatus::Registered);
    let entry = RecordEntry {
        terms: terms.clone(),
        registered,
        matches: 0,
        window: None,
        refuted: 0,
        status,
    };
    step.put(
        Key::principal(&terms.record_key),
        &Principal::Record(*record),
    );
    step.put(Key::record(record), &entry);
    step.mark(Key::record_of(owner, record));
    step.schedule(expiry, &Due::ConsentExpiry(*record));
    let (record, owner) = (*record, owner.clone());
    step.emit(Event::RecordRegistered {
        record,
        owner,
        epoch: terms.epoch,
    });
    Ok(())
}

/// A record must be encrypted to the current epoch.
fn check_epoch<S: StateRead>(step: &Step<'_, S>, given: Epoch) -> Result<(), Rejection> {
    let current = step.view().current_epoch().ok_or(Rejection::NoEpoch)?.epoch;
    if given != current {
        return Err(Rejection::StaleEpoch { given, current });
    }
    Ok(())
}

/// Action 9.
pub(super) fn withdraw_consent<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    record: &RecordId,
) -> Result<(), Rejection> {
    let entry = known(step, record)?;
    sender::record_key(sender, record)?;
    if let RecordStatus::Closed(CloseReason::ConsentWithdrawn | CloseReason::ConsentExpired) =
        entry.status
    {
        return Err(Rejection::ConsentOver { record: *record });
    }
    end_consent(step, record, CloseReason::ConsentWithdrawn);
    Ok(())
}

/// Consent is over: the assignment ends, nobody follows, indexes and the record's own
/// authorizations go, and the record is closed even if it was closed for another reason before.
pub(super) fn end_consent<S: StateRead>(
    step: &mut Step<'_, S>,
    record: &RecordId,
    reason: CloseReason,
) {
    let mut entry = step
        .view()
        .record(record)
        .expect("only a record's own due and action end it");
    step.cancel(entry.terms.consent.expiry, &Due::ConsentExpiry(*record));
    assignment::end(step, &mut entry, AssignmentStatus::ConsentEnded);
    close(step, entry, reason);
    let own: Vec<_> = step.view().authorizations_of_record(record).collect();
    for one in own {
        authorization::end(step, one, EndReason::ConsentEnded);
    }
}

/// Closes a record without an open assignment: nothing is due for it but its consent. Its indexes go, where nobody suited after the time
/// in which somebody may be challenged to prove that.
pub(super) fn close<S: StateRead>(
    step: &mut Step<'_, S>,
    mut entry: RecordEntry,
    reason: CloseReason,
) {
    assignment::cancel_deadline(step, &entry);
    entry.status = RecordStatus::Closed(reason);
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    match reason {
        CloseReason::Unmatched(_) => {
            let until = step.time().plus(step.view().settings().challenge_window_ms);
            step.schedule(until, &Due::IndexesEnd(record));
        }
        _ => drop_indexes(step, &record),
    }
    step.put(Key::record(&record), &entry);
    step.emit(Event::RecordClosed {
        record,
        owner,
        reason,
    });
}

/// Nobody can match the record any more.
pub(super) fn drop_indexes<S: StateRead>(step: &mut Step<'_, S>, record: &RecordId) {
    let hospitals: Vec<_> = step.view().indexes(record).map(|index| index.to).collect();
    for to in hospitals {
        step.delete(Key::index(record, &to));
        step.delete(Key::index_to(&to, record));
    }
}

/// A record, closed or not.
pub(super) fn known<S: StateRead>(
    step: &Step<'_, S>,
    record: &RecordId,
) -> Result<RecordEntry, Rejection> {
    step.view()
        .record(record)
        .ok_or(Rejection::UnknownRecord { record: *record })
}

/// A record that is not closed.
pub(super) fn open<S: StateRead>(
    step: &Step<'_, S>,
    record: &RecordId,
) -> Result<RecordEntry, Rejection> {
    let entry = known(step, record)?;
    match entry.status {
        RecordStatus::Closed(reason) => Err(Rejection::RecordClosed {
            record: *record,
            reason,
        }),
        _ => Ok(entry),
    }
}
