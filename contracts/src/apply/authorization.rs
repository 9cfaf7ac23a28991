//! A(hi -> hj): the owner lets another hospital match and read, within the patients' consent.

use super::step::Step;
use super::{MAX_AUTHORIZATIONS, assignment, record, sender};
use crate::action::{Authorize, Scope};
use crate::event::{EndReason, Event};
use crate::ids::{AuthorizationId, HospitalId, RecordId};
use crate::rejection::Rejection;
use crate::state::{AssignmentStatus, AuthorizationEntry, Due, Key, Principal, StateRead};

/// Action 7. Scope `Record` is checked against the consent here, scope `All` at every use.
pub(super) fn authorize<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &Authorize,
) -> Result<(), Rejection> {
    let from = sender::hospital(sender)?;
    let Authorize {
        id,
        to,
        scope,
        purpose,
        expiry,
    } = action;
    if step.view().authorization(id).is_some() {
        return Err(Rejection::AuthorizationExists { id: *id });
    }
    if from == to {
        return Err(Rejection::SelfAuthorization {
            hospital: to.clone(),
        });
    }
    if step.view().hospital(to).is_none() {
        return Err(Rejection::UnknownHospital {
            hospital: to.clone(),
        });
    }
    let (expiry, time) = (*expiry, step.time());
    if expiry <= time {
        return Err(Rejection::ExpiryPassed { expiry, time });
    }
    if let Scope::Record(record) = scope {
        check_consent(step, sender, record, action)?;
    }
    let live = step.view().authorizations_of_scope(from, to, scope).count();
    if live >= MAX_AUTHORIZATIONS as usize {
        return Err(Rejection::TooManyAuthorizations {
            limit: MAX_AUTHORIZATIONS,
        });
    }
    let entry = AuthorizationEntry {
        id: *id,
        from: from.clone(),
        to: to.clone(),
        scope: *scope,
        purpose: *purpose,
        expiry,
        height: step.height(),
        given: step.time(),
        ended: None,
    };
    enter(step, &entry);
    Ok(())
}

fn check_consent<S: StateRead>(
    step: &Step<'_, S>,
    sender: &Principal,
    id: &RecordId,
    action: &Authorize,
) -> Result<(), Rejection> {
    let terms = record::open(step, id)?.terms;
    sender::owner(sender, &terms.owner)?;
    let (record, hospital, purpose) = (*id, action.to.clone(), action.purpose);
    if !terms.consent.hospitals.contains(&hospital) {
        return Err(Rejection::HospitalNotConsented { record, hospital });
    }
    if !terms.consent.purposes.contains(&purpose) {
        return Err(Rejection::PurposeNotConsented { record, purpose });
    }
    let (given, consent) = (action.expiry, terms.consent.expiry);
    if given > consent {
        return Err(Rejection::BeyondConsent {
            record,
            given,
            consent,
        });
    }
    Ok(())
}

fn enter<S: StateRead>(step: &mut Step<'_, S>, entry: &AuthorizationEntry) {
    let AuthorizationEntry {
        id,
        from,
        to,
        scope,
        purpose,
        expiry,
        ..
    } = entry;
    step.put(Key::authorization(id), entry);
    step.mark(Key::live(from, to, scope, id));
    if let Scope::Record(record) = scope {
        step.mark(Key::record_authorization(record, id));
    }
    step.schedule(*expiry, &Due::AuthorizationExpiry(*id));
    step.emit(Event::Authorized {
        id: *id,
        from: from.clone(),
        to: to.clone(),
        scope: *scope,
        purpose: *purpose,
        expiry: *expiry,
    });
}

/// Action 8.
pub(super) fn withdraw<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    id: &AuthorizationId,
) -> Result<(), Rejection> {
    let unknown = Rejection::UnknownAuthorization { id: *id };
    let entry = step.view().authorization(id).ok_or(unknown)?;
    sender::owner(sender, &entry.from)?;
    if entry.ended.is_some() {
        return Err(Rejection::AuthorizationOver { id: *id });
    }
    end(step, entry, EndReason::Withdrawn);
    Ok(())
}

/// An authorization is over; open assignments that rested on it pass on at once.
pub(super) fn end<S: StateRead>(
    step: &mut Step<'_, S>,
    mut entry: AuthorizationEntry,
    why: EndReason,
) {
    entry.ended = Some(step.height());
    step.put(Key::authorization(&entry.id), &entry);
    let AuthorizationEntry {
        id,
        from,
        to,
        scope,
        expiry,
        ..
    } = entry;
    step.delete(Key::live(&from, &to, &scope, &id));
    if let Scope::Record(record) = &scope {
        step.delete(Key::record_authorization(record, &id));
    }
    step.cancel(expiry, &Due::AuthorizationExpiry(id));
    let ended = Event::AuthorizationEnded {
        id,
        from: from.clone(),
        to: to.clone(),
        scope,
        why,
    };
    step.emit(ended);
    pass_on_unauthorized(step, &from, &to);
}

fn pass_on_unauthorized<S: StateRead>(step: &mut Step<'_, S>, from: &HospitalId, to: &HospitalId) {
    let open: Vec<RecordId> = step
        .view()
        .open_assignments(to)
        .map(|one| one.record)
        .collect();
    for id in open {
        let entry = step
            .view()
            .record(&id)
            .expect("an assignment's record is registered");
        if entry.terms.owner == *from && !step.view().may_use(&entry, to, step.time()) {
            assignment::pass_on(step, &id, AssignmentStatus::Unauthorized);
        }
    }
}
