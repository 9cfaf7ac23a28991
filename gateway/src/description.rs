//! The gateway's endpoints: where each is, and their generated description.

use actix_web::web;
use consilium_schemes::abe::Capsule;
use consilium_schemes::report;
use consilium_service::{BodyLimit, ledger};
use utoipa::OpenApi;

use crate::{
    challenges, devices, doctor, enrolment, open, operator, records, reports, sharing, tokens,
};

/// Routes that move large bodies.
pub(crate) const TRANSFER_ROUTES: &[&str] = &[
    "/v1/records/{record}/cthd",
    "/v1/records/{record}/open",
    "/v1/shared/records/{record}/cthd",
];

/// A submission in JSON: CTSym and the RSA key as hexadecimal, registration and tokens beside them.
const SUBMISSION: BodyLimit =
    BodyLimit::bytes(2 * (Capsule::MAX_BYTES + report::PublicKey::LIMIT) + (64 << 10));
/// A report in JSON, with its transaction.
const REPORT: BodyLimit = BodyLimit::bytes(2 * report::SealedReport::LIMIT + (16 << 10));

#[derive(OpenApi)]
#[openapi(
    info(title = "Consilium gateway", description = "A hospital's gateway."),
    paths(
        operator::status,
        operator::revoke,
        operator::authorize,
        operator::authorizations,
        operator::withdraw,
        operator::approve_validators,
        devices::invite,
        devices::register,
        enrolment::proof_nonce,
        enrolment::enrol,
        enrolment::list,
        enrolment::approve,
        enrolment::refuse,
        tokens::evaluate,
        records::submit,
        records::list,
        records::one,
        records::upload::upload,
        reports::fetch,
        reports::submit,
        reports::deliver_here,
        doctor::status,
        open::inbox,
        open::open,
        open::cthd,
        sharing::record,
        sharing::cthd,
        challenges::pairs,
        challenges::challenge,
    )
)]
struct GatewayApi;

/// The gateway's API, the ledger's endpoints included; the frame's are added by the service.
pub fn description() -> utoipa::openapi::OpenApi {
    let mut whole = GatewayApi::openapi();
    whole.info.version = env!("CARGO_PKG_VERSION").to_owned();
    whole.merge(ledger::description());
    whole
}

/// Registers every endpoint of the gateway.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/status").route(web::get().to(operator::status)))
        .service(web::resource("/v1/revocations").route(web::post().to(operator::revoke)))
        .service(
            web::resource("/v1/authorizations")
                .route(web::post().to(operator::authorize))
                .route(web::get().to(operator::authorizations)),
        )
        .service(
            web::resource("/v1/authorizations/{authorization}")
                .route(web::delete().to(operator::withdraw)),
        )
        .service(
            web::resource("/v1/validators/approval")
                .route(web::post().to(operator::approve_validators)),
        )
        .service(web::resource("/v1/invitations").route(web::post().to(devices::invite)))
        .service(web::resource("/v1/registrations").route(web::post().to(devices::register)))
        .service(web::resource("/v1/proof-nonces").route(web::post().to(enrolment::proof_nonce)))
        .service(
            web::resource("/v1/enrolments")
                .route(web::post().to(enrolment::enrol))
                .route(web::get().to(enrolment::list)),
        )
        .service(
            web::resource("/v1/enrolments/{doctor}").route(web::delete().to(enrolment::refuse)),
        )
        .service(
            web::resource("/v1/enrolments/{doctor}/approve")
                .route(web::post().to(enrolment::approve)),
        )
        .service(
            web::resource("/v1/keyword-tokens/evaluate").route(web::post().to(tokens::evaluate)),
        )
        .service(
            web::resource("/v1/records")
                .app_data(SUBMISSION)
                .route(web::post().to(records::submit))
                .route(web::get().to(records::list)),
        )
        .service(web::resource("/v1/records/{record}").route(web::get().to(records::one)))
        .service(
            web::resource("/v1/records/{record}/cthd")
                .route(web::put().to(records::upload::upload))
                .route(web::get().to(open::cthd)),
        )
        .service(web::resource("/v1/records/{record}/report").route(web::get().to(reports::fetch)))
        .service(
            web::resource("/v1/records/{record}/reports")
                .app_data(REPORT)
                .route(web::post().to(reports::submit)),
        )
        .service(
            web::resource("/v1/records/{record}/pairs").route(web::get().to(challenges::pairs)),
        )
        .service(
            web::resource("/v1/records/{record}/challenges")
                .route(web::post().to(challenges::challenge)),
        )
        .service(web::resource("/v1/records/{record}/open").route(web::post().to(open::open)))
        .service(web::resource("/v1/doctor").route(web::get().to(doctor::status)))
        .service(web::resource("/v1/inbox").route(web::get().to(open::inbox)))
        .service(web::resource("/v1/shared/records/{record}").route(web::get().to(sharing::record)))
        .service(
            web::resource("/v1/shared/records/{record}/cthd").route(web::get().to(sharing::cthd)),
        )
        .service(
            web::resource("/v1/shared/reports")
                .app_data(REPORT)
                .route(web::post().to(reports::deliver_here)),
        )
        .service(web::resource("/v1/hospitals").route(web::get().to(ledger::hospitals)))
        .service(web::resource("/v1/epochs").route(web::get().to(ledger::list_epochs)))
        .configure(ledger::routes);
}
