//! Matches, while a record's window is open.

use super::step::Step;
use super::{MAX_MATCHES, doctor, record, sender};
use crate::action::PostMatch;
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::{
    DoctorEntry, Key, MatchEntry, Principal, RecordEntry, RecordStatus, StateRead, TrapdoorEntry,
};

/// Action 13.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &PostMatch,
) -> Result<(), Rejection> {
    if action.proof.is_some() {
        return Err(Rejection::ProofNotSupported);
    }
    let record = record::open(step, &action.record)?;
    let doctor = doctor::known(step, &action.doctor)?;
    sender::doctors_hospital(sender, &doctor)?;
    doctor::active(step, &action.doctor)?;
    check_allowed(step, &record, &doctor)?;
    let trapdoor = check_posted(step, &record, &doctor)?;
    check_count(step, &record, &doctor)?;
    enter(step, record, &trapdoor);
    Ok(())
}

/// The hospital is the owner or authorized, and the window is open.
fn check_allowed<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    doctor: &DoctorEntry,
) -> Result<(), Rejection> {
    let (record, hospital) = (entry.terms.record, doctor.hospital.clone());
    if !step.view().may_use(entry, &hospital, step.time()) {
        return Err(Rejection::NotAuthorized { hospital, record });
    }
    match entry.status {
        RecordStatus::Matching { until } if step.time() < until => Ok(()),
        RecordStatus::Registered => Err(Rejection::NoIndex { record, hospital }),
        _ => Err(Rejection::WindowClosed { record }),
    }
}

/// Index and trapdoor are there, and of earlier blocks.
fn check_posted<S: StateRead>(
    step: &Step<'_, S>,
    entry: &RecordEntry,
    doctor: &DoctorEntry,
) -> Result<TrapdoorEntry, Rejection> {
    let (record, hospital) = (entry.terms.record, doctor.hospital.clone());
    let index = step.view().index(&record, &hospital);
    let index = index.ok_or(Rejection::NoIndex { record, hospital })?;
    let trapdoor = step.view().trapdoor(&doctor.hospital, &doctor.id);
    let live = trapdoor.filter(|trapdoor| step.time() < trapdoor.expiry);
    let trapdoor = live.ok_or(Rejection::NoTrapdoor { doctor: doctor.id })?;
    if index.height >= step.height() || trapdoor.height >= step.height() {
        return Err(Rejection::TooEarly);
    }
    Ok(trapdoor)
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

fn enter<S: StateRead>(step: &mut Step<'_, S>, mut entry: RecordEntry, trapdoor: &TrapdoorEntry) {
    let (record, owner) = (entry.terms.record, entry.terms.owner.clone());
    let TrapdoorEntry {
        doctor,
        hospital,
        interests,
        ..
    } = trapdoor.clone();
    let authorization = step
        .view()
        .authorization_for(&entry, &hospital, step.time());
    let order = step.view().match_count();
    let matched = MatchEntry {
        record,
        doctor,
        hospital: hospital.clone(),
        interests,
        order,
        height: step.height(),
        authorization: authorization.map(|authorization| authorization.id),
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
