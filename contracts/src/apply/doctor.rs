//! Doctors, their leaves, their revocation.
//!
//! A leaf is given once, in order, and before its key is made. New attributes take a new leaf
//! (`reissue`: the old leaf is revoked, the doctor is not). A revocation is for good: a doctor who
//! returns enrols with new keys under a new pseudonym.

use super::step::Step;
use super::{assignment, hospital, sender, trapdoor};
use crate::action::{RegisterDoctor, ReissueDoctor, RevokeDoctor};
use crate::event::{EndReason, Event};
use crate::ids::{DoctorId, Leaf};
use crate::parse;
use crate::rejection::Rejection;
use crate::state::{
    AssignmentStatus, DoctorEntry, Key, LeafEntry, Principal, Revocation, RevokedLeaf, StateRead,
    View,
};

/// Action 3.
pub(super) fn register<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &RegisterDoctor,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    let RegisterDoctor {
        hospital,
        signing_key,
        abe_key,
        leaf,
    } = action;
    if step.view().hospital(hospital).is_none() {
        return Err(Rejection::UnknownHospital {
            hospital: hospital.clone(),
        });
    }
    hospital::free(step, signing_key)?;
    parse::abe_key(abe_key)?;
    let id = DoctorId::derive(&step.view().federation().id, signing_key);
    give_leaf(step, *leaf, id)?;
    let entry = DoctorEntry {
        id,
        hospital: hospital.clone(),
        signing_key: *signing_key,
        abe_key: abe_key.clone(),
        leaf: *leaf,
        registered: step.height(),
        revocation: None,
    };
    step.put(Key::principal(signing_key), &Principal::Doctor(id));
    step.put(Key::doctor(&id), &entry);
    step.mark(Key::doctor_of(hospital, &id));
    step.emit(Event::DoctorRegistered {
        doctor: id,
        hospital: hospital.clone(),
        leaf: *leaf,
    });
    Ok(())
}

/// Action 4.
pub(super) fn reissue<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &ReissueDoctor,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    let mut entry = active(step, &action.doctor)?;
    parse::abe_key(&action.abe_key)?;
    give_leaf(step, action.leaf, entry.id)?;
    let revoked_leaf = entry.leaf;
    revoke_leaf(step, revoked_leaf);
    entry.leaf = action.leaf;
    entry.abe_key = action.abe_key.clone();
    step.put(Key::doctor(&entry.id), &entry);
    let DoctorEntry {
        id: doctor,
        hospital,
        leaf,
        ..
    } = entry;
    step.emit(Event::DoctorReissued {
        doctor,
        hospital,
        revoked_leaf,
        leaf,
    });
    Ok(())
}

/// Action 5. The doctor's trapdoor goes, the open assignments pass on at once.
pub(super) fn revoke<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &RevokeDoctor,
) -> Result<(), Rejection> {
    let mut entry = known(step, &action.doctor)?;
    sender::kgc_or_doctors_hospital(sender, &entry)?;
    active(step, &action.doctor)?;
    let (reason, by, height) = (action.reason, sender.clone(), step.height());
    entry.revocation = Some(Revocation { reason, by, height });
    step.put(Key::doctor(&entry.id), &entry);
    revoke_leaf(step, entry.leaf);
    let DoctorEntry {
        id: doctor,
        hospital,
        leaf,
        ..
    } = entry;
    step.emit(Event::DoctorRevoked {
        doctor,
        hospital: hospital.clone(),
        leaf,
        reason,
    });
    trapdoor::remove(step, &hospital, &doctor, EndReason::Revoked);
    let open: Vec<_> = step
        .view()
        .open_assignments_of(&hospital, &doctor)
        .collect();
    for one in open {
        assignment::pass_on(step, &one.record, AssignmentStatus::Revoked);
    }
    Ok(())
}

/// A doctor, revoked or not.
pub(super) fn known<S: StateRead>(
    step: &Step<'_, S>,
    doctor: &DoctorId,
) -> Result<DoctorEntry, Rejection> {
    known_in(&step.view(), doctor)
}

fn known_in<S: StateRead>(view: &View<S>, doctor: &DoctorId) -> Result<DoctorEntry, Rejection> {
    view.doctor(doctor)
        .ok_or(Rejection::UnknownDoctor { doctor: *doctor })
}

/// A doctor who is not revoked.
pub(super) fn active<S: StateRead>(
    step: &Step<'_, S>,
    doctor: &DoctorId,
) -> Result<DoctorEntry, Rejection> {
    active_in(&step.view(), doctor)
}

/// The same in a state without a step.
pub(super) fn active_in<S: StateRead>(
    view: &View<S>,
    doctor: &DoctorId,
) -> Result<DoctorEntry, Rejection> {
    let entry = known_in(view, doctor)?;
    match entry.revocation {
        None => Ok(entry),
        Some(_) => Err(Rejection::DoctorRevoked { doctor: *doctor }),
    }
}

fn give_leaf<S: StateRead>(
    step: &mut Step<'_, S>,
    leaf: Leaf,
    doctor: DoctorId,
) -> Result<(), Rejection> {
    let next = step.view().next_leaf();
    let capacity = step.view().federation().leaves;
    if next.value() >= capacity {
        return Err(Rejection::TreeFull { capacity });
    }
    if leaf != next {
        return Err(Rejection::WrongLeaf { given: leaf, next });
    }
    let given = step.height();
    step.put(
        Key::leaf(leaf),
        &LeafEntry {
            leaf,
            doctor,
            given,
            revoked: None,
        },
    );
    step.put(Key::next_leaf(), &next.plus(1));
    Ok(())
}

fn revoke_leaf<S: StateRead>(step: &mut Step<'_, S>, leaf: Leaf) {
    let mut entry = step.view().leaf(leaf).expect("a doctor's leaf was given");
    entry.revoked = Some(RevokedLeaf {
        height: step.height(),
    });
    step.put(Key::leaf(leaf), &entry);
}
