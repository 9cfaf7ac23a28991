//! Trapdoors: one per doctor, encrypted to the doctor's hospital.

use super::step::Step;
use super::{doctor, sender};
use crate::action::PostTrapdoor;
use crate::codec::Blob;
use crate::event::{EndReason, Event};
use crate::filter;
use crate::ids::{DoctorId, HospitalId};
use crate::parse;
use crate::proof;
use crate::rejection::Rejection;
use crate::state::{Due, Key, Principal, StateRead, TrapdoorEntry};
use crate::transaction::VerifiedTransaction;

/// Action 11. Replaces the doctor's former trapdoor.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    tx: &VerifiedTransaction,
    action: &PostTrapdoor,
) -> Result<(), Rejection> {
    let id = *sender::doctor(sender)?;
    let PostTrapdoor {
        hospital, expiry, ..
    } = action;
    let expected = doctor::active(step, &id)?.hospital;
    if *hospital != expected {
        return Err(Rejection::WrongHospital {
            given: hospital.clone(),
            expected,
        });
    }
    let (expiry, time) = (*expiry, step.time());
    if expiry <= time {
        return Err(Rejection::ExpiryPassed { expiry, time });
    }
    let posted = tx.posted_trapdoor().ok_or(Rejection::BadTrapdoor)?;
    let (trapdoor, interests) = (posted.trapdoor(), posted.claimed_interests());
    let settings = step.view().settings();
    parse::size(trapdoor.size(), settings.n)?;
    filter::check(settings.prefilter.as_ref(), action.filter.as_ref())?;
    proof::check(&step.view(), tx)?;
    let trapdoor = Blob::try_from(trapdoor.to_bytes()).expect("it is shorter than with its proofs");
    let height = step.height();
    if let Some(former) = step.view().trapdoor(hospital, &id) {
        step.cancel(former.expiry, &Due::TrapdoorExpiry(id));
    }
    let hospital = hospital.clone();
    let key = Key::trapdoor(&hospital, &id);
    step.emit(Event::TrapdoorPosted {
        doctor: id,
        hospital: hospital.clone(),
        interests,
    });
    step.schedule(expiry, &Due::TrapdoorExpiry(id));
    step.put(
        key,
        &TrapdoorEntry {
            doctor: id,
            hospital,
            trapdoor,
            interests,
            expiry,
            height,
            posted: time,
            filter: action.filter.clone(),
        },
    );
    Ok(())
}

/// Action 12.
pub(super) fn withdraw<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
) -> Result<(), Rejection> {
    let id = *sender::doctor(sender)?;
    let hospital = doctor::active(step, &id)?.hospital;
    if step.view().trapdoor(&hospital, &id).is_none() {
        return Err(Rejection::NoTrapdoor { doctor: id });
    }
    remove(step, &hospital, &id, EndReason::Withdrawn);
    Ok(())
}

/// Removes a doctor's trapdoor, if there is one.
pub(super) fn remove<S: StateRead>(
    step: &mut Step<'_, S>,
    hospital: &HospitalId,
    doctor: &DoctorId,
    why: EndReason,
) {
    let Some(entry) = step.view().trapdoor(hospital, doctor) else {
        return;
    };
    step.cancel(entry.expiry, &Due::TrapdoorExpiry(*doctor));
    step.delete(Key::trapdoor(hospital, doctor));
    step.emit(Event::TrapdoorRemoved {
        doctor: *doctor,
        hospital: hospital.clone(),
        why,
    });
}
