//! Matches, while a record's window is open.

use super::step::Step;
use super::{MAX_MATCHES, challenge, doctor, record, sender};
use crate::action::PostMatch;
use crate::event::Event;
use crate::ids::{AuthorizationId, DoctorId, HospitalId, RecordId};
use crate::proof;
use crate::rejection::Rejection;
use crate::state::{
    DoctorEntry, IndexEntry, Key, MatchEntry, Principal, RecordEntry, RecordStatus, StateRead,
    TrapdoorEntry,
};
use crate::transaction::VerifiedTransaction;

/// Action 13.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &PostMatch,
) -> Result<(), Rejection> {
    let record = record::open(step, &action.record)?;
    let doctor = doctor::known(step, &action.doctor)?;
    sender::doctors_hospital(sender, &doctor)?;
    doctor::active(step, &action.doctor)?;
    check_allowed(step, &record, &doctor, action.authorization.as_ref())?;
    let (index, trapdoor) = posted(step, &action.record, &doctor.id, &doctor.hospital)?;
    check_count(step, &record, &doctor)?;
    proof::check(&step.view(), tx)?;
    enter(step, record, &trapdoor, action.authorization);
    challenge::answered_by_match(step, &index, &trapdoor);
    Ok(())
}

/// The index and the trapdoor of which a match would be taken now, if it came with its proof.
pub(super) fn takes<S: StateRead>(
    step: &Step<'_, S>,
    record: &RecordId,
    doctor: &DoctorEntry,
) -> Option<(IndexEntry, TrapdoorEntry)> {
    let record = record::open(step, record).ok()?;
    let authorization = step
        .view()
        .authorization_for(&record, &doctor.hospital, step.time())
        .map(|authorization| authorization.id);
    if doctor.revocation.is_some() {
        return None;
    }
    check_allowed(step, &record, doctor, authorization.as_ref()).ok()?;
    check_count(step, &record, doctor).ok()?;
    posted(step, &record.terms.record, &doctor.id, &doctor.hospital).ok()
}

/// The hospital is the owner or authorized, by what it names, and the window is open.
fn check_allowed<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    doctor: &DoctorEntry,
    authorization: Option<&AuthorizationId>,
) -> Result<(), Rejection> {
    let (record, hospital) = (entry.terms.record, doctor.hospital.clone());
    let (view, time) = (step.view(), step.time());
    if !view.may_use(entry, &hospital, time) {
        return Err(Rejection::NotAuthorized { hospital, record });
    }
    let rests = match authorization {
        None => hospital == entry.terms.owner,
        Some(id) => view
            .authorization(id)
            .is_some_and(|named| named.allows(&entry.terms, &hospital, time)),
    };
    if !rests {
        return Err(Rejection::WrongAuthorization { record, hospital });
    }
    match entry.status {
        RecordStatus::Matching { until } if step.time() < until => Ok(()),
        RecordStatus::Registered => Err(Rejection::NoIndex { record, hospital }),
        _ => Err(Rejection::WindowClosed { record }),
    }
}

/// The index and the live trapdoor of a pair, of earlier blocks.
pub(super) fn posted<S: StateRead>(
    step: &Step<'_, S>,
    record: &RecordId,
    doctor: &DoctorId,
    hospital: &HospitalId,
) -> Result<(IndexEntry, TrapdoorEntry), Rejection> {
    let index = step.view().index(record, hospital);
    let index = index.ok_or(Rejection::NoIndex {
        record: *record,
        hospital: hospital.clone(),
    })?;
    let trapdoor = step.view().trapdoor(hospital, doctor);
    let live = trapdoor.filter(|trapdoor| step.time() < trapdoor.expiry);
    let trapdoor = live.ok_or(Rejection::NoTrapdoor { doctor: *doctor })?;
    if index.height >= step.height() || trapdoor.height >= step.height() {
        return Err(Rejection::TooEarly);
    }
    Ok((index, trapdoor))
}

fn check_count<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    doctor: &DoctorEntry,
) -> Result<(), Rejection> {
    let record = entry.terms.record;
    if step.view().matched(&record, &doctor.id).is_some() {
        return Err(Rejection::AlreadyMatched {
            record,
            doctor: doctor.id,
        });
    }
    if entry.matches >= MAX_MATCHES {
        return Err(Rejection::TooManyMatches {
            record,
            limit: MAX_MATCHES,
        });
    }
    Ok(())
}

fn enter<S: StateRead>(
    step: &mut Step<'_, S>,
    mut entry: RecordEntry,
    trapdoor: &TrapdoorEntry,
    authorization: Option<AuthorizationId>,
) {
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    let TrapdoorEntry {
        doctor,
        hospital,
        interests,
        ..
    } = trapdoor.clone();
    let order = step.view().match_count();
    let matched = MatchEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        interests,
        order,
        height: step.height(),
        authorization,
    };
    step.put(Key::match_count(), &order.saturating_add(1));
    step.put(Key::matched(&record, &doctor), &matched);
    entry.matches = entry.matches.saturating_add(1);
    step.put(Key::record(&record), &entry);
    step.emit(Event::Matched {
        record,
        owner,
        doctor,
        hospital,
        interests,
    });
}
