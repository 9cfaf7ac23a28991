//! Who the sender must be.

use crate::ids::{DoctorId, HospitalId, RecordId};
use crate::rejection::{Rejection, Role};
use crate::state::{DoctorEntry, Principal};

const fn forbidden<T>(needed: Role) -> Result<T, Rejection> {
    Err(Rejection::Forbidden { needed })
}

pub(super) const fn kgc(sender: &Principal) -> Result<(), Rejection> {
    match sender {
        Principal::Kgc => Ok(()),
        _ => forbidden(Role::Kgc),
    }
}

pub(super) const fn hospital(sender: &Principal) -> Result<&HospitalId, Rejection> {
    match sender {
        Principal::Hospital(id) => Ok(id),
        _ => forbidden(Role::Hospital),
    }
}

pub(super) fn owner(sender: &Principal, owner: &HospitalId) -> Result<(), Rejection> {
    match sender {
        Principal::Hospital(id) if id == owner => Ok(()),
        _ => forbidden(Role::OwnerHospital),
    }
}

pub(super) const fn doctor(sender: &Principal) -> Result<&DoctorId, Rejection> {
    match sender {
        Principal::Doctor(id) => Ok(id),
        _ => forbidden(Role::Doctor),
    }
}

pub(super) fn doctors_hospital(sender: &Principal, doctor: &DoctorEntry) -> Result<(), Rejection> {
    match sender {
        Principal::Hospital(id) if *id == doctor.hospital => Ok(()),
        _ => forbidden(Role::DoctorsHospital),
    }
}

pub(super) fn kgc_or_doctors_hospital(
    sender: &Principal,
    doctor: &DoctorEntry,
) -> Result<(), Rejection> {
    match sender {
        Principal::Kgc => Ok(()),
        Principal::Hospital(id) if *id == doctor.hospital => Ok(()),
        _ => forbidden(Role::KgcOrDoctorsHospital),
    }
}

pub(super) fn doctor_or_hospital(
    sender: &Principal,
    doctor: &DoctorEntry,
) -> Result<(), Rejection> {
    match sender {
        Principal::Doctor(id) if *id == doctor.id => Ok(()),
        Principal::Hospital(id) if *id == doctor.hospital => Ok(()),
        _ => forbidden(Role::DoctorOrHospital),
    }
}

pub(super) fn record_key(sender: &Principal, record: &RecordId) -> Result<(), Rejection> {
    match sender {
        Principal::Record(id) if id == record => Ok(()),
        _ => forbidden(Role::RecordKey),
    }
}
