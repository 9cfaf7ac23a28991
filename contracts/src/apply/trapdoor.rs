//! Trapdoors: one per doctor, encrypted to the doctor's hospital.

use super::step::Step;
use super::{doctor, sender};
use crate::action::PostTrapdoor;
use crate::event::{EndReason, Event};
use crate::ids::{DoctorId, HospitalId};
use crate::parse;
use crate::rejection::Rejection;
use crate::state::{Due, Key, Principal, StateRead, TrapdoorEntry};

/// Action 11. Replaces the doctor's former trapdoor.
pub(super) fn post<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &PostTrapdoor,
) -> Result<(), Rejection> {
    let id = *sender::doctor(sender)?;
    let PostTrapdoor {
        hospital,
        trapdoor,
        interests,
        expiry,
    } = action;
    let expected = doctor::active(step, &id)?.hospital;
    if *hospital != expected {
        return Err(Rejection::WrongHospital {
            given: hospital.clone(),
            expected,
        });
    }
    let n = step.view().settings().n;
    check_interests(*interests, n)?;
    let (expiry, time) = (*expiry, step.time());
    if expiry <= time {
        return Err(Rejection::ExpiryPassed { expiry, time });
    }
    parse::trapdoor_size(trapdoor, n)?;
    let (trapdoor, interests, height) = (trapdoor.clone(), *interests, step.height());
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
        },
    );
    Ok(())
}

/// 1 <= m and 2m - 2 <= n: beyond it no proof of the rank fits in n + 1 points.
fn check_interests(given: u16, n: u16) -> Result<(), Rejection> {
    let limit = n / 2 + 1;
    if (1..=limit).contains(&given) {
        Ok(())
    } else {
        Err(Rejection::BadInterests { given, limit })
    }
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
