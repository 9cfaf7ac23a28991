//! Who may read a record now: decided on this hospital's own copy of the ledger, the same way for its own doctors and for others.

use consilium_contracts::{
    AssignmentStatus, CloseReason, DoctorId, HospitalId, PurposeOfUse, RecordEntry, RecordId,
    RecordStatus, View,
};
use consilium_node::Snapshot;
use consilium_service::ApiError;

use crate::codes;
use crate::failures::refused;

fn not_assigned() -> ApiError {
    refused(codes::NOT_ASSIGNED, "the record is not assigned here now")
}

fn consent_withdrawn() -> ApiError {
    refused(codes::CONSENT_WITHDRAWN, "the patient's consent is over")
}

fn authorization_withdrawn() -> ApiError {
    refused(
        codes::AUTHORIZATION_WITHDRAWN,
        "the owner hospital's authorization is over",
    )
}

fn doctor_revoked() -> ApiError {
    refused(codes::DOCTOR_REVOKED, "the doctor is revoked")
}

/// The record, if this doctor of this hospital may read it now: assigned, not revoked, consent and authorization live.
pub(crate) fn reading(
    state: &Snapshot,
    hospital: &HospitalId,
    record: &RecordId,
    doctor: &DoctorId,
) -> Result<RecordEntry, ApiError> {
    let (view, time) = (View::new(state), state.time());
    let known = view
        .doctor(doctor)
        .filter(|doctor| doctor.hospital == *hospital);
    if known.ok_or_else(not_assigned)?.revocation.is_some() {
        return Err(doctor_revoked());
    }
    let assignment = view.assignment(record, doctor).ok_or_else(not_assigned)?;
    let entry = view.record(record).ok_or_else(not_assigned)?;
    let consent = &entry.terms.consent;
    let ended = matches!(
        entry.status,
        RecordStatus::Closed(CloseReason::ConsentWithdrawn | CloseReason::ConsentExpired)
    );
    if ended || time >= consent.expiry {
        return Err(consent_withdrawn());
    }
    match assignment.status {
        AssignmentStatus::Open | AssignmentStatus::Reported => {}
        AssignmentStatus::Revoked => return Err(doctor_revoked()),
        AssignmentStatus::ConsentEnded => return Err(consent_withdrawn()),
        AssignmentStatus::Unauthorized => return Err(authorization_withdrawn()),
        AssignmentStatus::Acknowledged
        | AssignmentStatus::Complained(_)
        | AssignmentStatus::Refuted(_)
        | AssignmentStatus::Declined(_)
        | AssignmentStatus::Lapsed => return Err(not_assigned()),
    }
    let assigned = match &entry.status {
        RecordStatus::Assigned { doctor, until } | RecordStatus::Accessed { doctor, until } => {
            (time < *until).then_some(doctor)
        }
        RecordStatus::Reported { doctor } => Some(doctor),
        RecordStatus::Registered | RecordStatus::Matching { .. } | RecordStatus::Closed(_) => None,
    };
    if assigned != Some(doctor) {
        return Err(not_assigned());
    }
    if !view.may_use(&entry, hospital, time) {
        return Err(authorization_withdrawn());
    }
    Ok(entry)
}

/// The record, if a doctor of this hospital may read it now.
pub(crate) fn serving(
    state: &Snapshot,
    owner: &HospitalId,
    hospital: &HospitalId,
    record: &RecordId,
) -> Result<RecordEntry, ApiError> {
    let mut reason = not_assigned();
    for assignment in View::new(state).assignments(record) {
        if assignment.hospital != *hospital {
            continue;
        }
        match reading(state, hospital, record, &assignment.doctor) {
            Ok(entry) if entry.terms.owner == *owner => return Ok(entry),
            Ok(_) => return Err(not_assigned()),
            Err(why) if reason.code() == &codes::NOT_ASSIGNED => reason = why,
            Err(_) => {}
        }
    }
    Err(reason)
}

/// Whether the purpose that the doctor states is one that the consent and, for another hospital's record, an authorization allow.
pub(crate) fn check_purpose(
    state: &Snapshot,
    hospital: &HospitalId,
    entry: &RecordEntry,
    purpose: PurposeOfUse,
) -> Result<(), ApiError> {
    let (view, time, terms) = (View::new(state), state.time(), &entry.terms);
    let allowed = if terms.owner == *hospital {
        terms.consent.purposes.is_empty() || terms.consent.purposes.contains(&purpose)
    } else {
        view.authorizations_between(&terms.owner, hospital)
            .any(|one| {
                let covers = match one.scope {
                    consilium_contracts::Scope::All => true,
                    consilium_contracts::Scope::Record(record) => record == terms.record,
                };
                covers
                    && one.purpose == purpose
                    && time < one.expiry
                    && terms.consent.allows(hospital, purpose, time)
            })
    };
    if allowed {
        return Ok(());
    }
    let text =
        "purpose: neither the patient's consent nor the authorization is for this purpose of use";
    Err(refused(codes::PURPOSE_NOT_ALLOWED, text))
}
