//! A doctor asks how she stands.

use actix_web::web;
use consilium_client::api::gateway::{DoctorStatus, InterestsView};
use consilium_client::wire::Text;
use consilium_contracts::View;
use consilium_service::{ApiError, Caller, scope};

use crate::enrolment;
use crate::hospital::Hospital;
use crate::open::cases;

/// How the doctor stands: enrolment, epoch, interests, cases.
#[utoipa::path(get, path = "/v1/doctor", tag = "enrolment", responses((status = 200, body = DoctorStatus)))]
pub(crate) async fn status(
    hospital: web::Data<Hospital>,
    caller: Caller<scope::Doctor>,
) -> Result<web::Json<DoctorStatus>, ApiError> {
    let doctor = hospital.doctor_of(caller.principal());
    let state = hospital.state();
    let view = View::new(&state);
    let trapdoor = view.trapdoor(&hospital.id, &doctor);
    let live = trapdoor.filter(|one| one.expiry > state.time());
    let registered = view.doctor(&doctor);
    let registered = registered.filter(|entry| entry.revocation.is_none());
    Ok(web::Json(DoctorStatus {
        doctor: Text(doctor),
        hospital: Text(hospital.id.clone()),
        height: state.height().value(),
        time_ms: state.time().value(),
        epoch: view.current_epoch().map(|entry| entry.epoch.number()),
        leaf: registered.map(|entry| entry.leaf.value()),
        enrolment: enrolment::of_doctor(&hospital, &doctor)?,
        interests: live.map(|one| InterestsView {
            interests: one.interests,
            expires_ms: one.expiry.value(),
            height: one.height.value(),
        }),
        cases: cases(&state, &doctor),
    }))
}
