//! Invitations and the devices that redeem them.

use std::sync::Arc;

use actix_web::web;
use consilium_client::api::gateway::{
    InvitationRequest, Invited, REGISTRATION_PURPOSE, Registration, RegistrationRequest,
};
use consilium_client::endpoint::Endpoint;
use consilium_client::invitation::Invitation;
use consilium_client::wire::Text;
use consilium_schemes::signature::Signature;
use consilium_service::audit::AuditEntry;
use consilium_service::{ApiError, Call, JsonBody, scope};

use crate::codes;
use crate::failures::refused;
use crate::hospital::Hospital;
use crate::store::{Changes, DEVICES, Device, INVITATIONS, InvitationRow, Role, SecretHash};

/// The longest an invitation holds: 30 days.
const MAX_LIFETIME_S: u64 = 30 * 24 * 3600;
/// The longest note.
const MAX_NOTE_BYTES: usize = 512;

/// Makes an invitation.
#[utoipa::path(post, path = "/v1/invitations", tag = "devices", request_body = InvitationRequest,
    responses((status = 200, body = Invited)))]
pub(crate) async fn invite(
    hospital: web::Data<Hospital>,
    call: Call<scope::GatewayOperator, InvitationRequest>,
) -> Result<web::Json<Invited>, ApiError> {
    let hospital = hospital.into_inner();
    let line = call.caller.audit("invite", call.body.role);
    let made = hospital
        .decide_now(line, || make_invitation(&hospital, &call.body))
        .await?;
    Ok(web::Json(made))
}

fn make_invitation(hospital: &Hospital, request: &InvitationRequest) -> Result<Invited, ApiError> {
    if !(1..=MAX_LIFETIME_S).contains(&request.lifetime_s) {
        let rule = format!("must be from 1 to {MAX_LIFETIME_S}");
        return Err(ApiError::malformed("lifetime_s", rule));
    }
    if request.note.len() > MAX_NOTE_BYTES {
        return Err(ApiError::malformed(
            "note",
            format!("must have at most {MAX_NOTE_BYTES} bytes"),
        ));
    }
    let expires_ms = hospital
        .clock()
        .now_ms()
        .saturating_add(request.lifetime_s.saturating_mul(1000));
    let pin = hospital.keys.tls.pin().map_err(ApiError::internal)?;
    let url = hospital.frame.public_url().parse();
    let endpoint = url.and_then(|url| Endpoint::new(url, Some(pin)));
    let endpoint = endpoint.map_err(ApiError::internal)?;
    let invitation = Invitation::new(rand::random(), hospital.federation, endpoint);
    let hash = SecretHash::of(invitation.secret().expose_secret().as_bytes());
    let row = InvitationRow {
        role: request.role.into(),
        note: request.note.clone(),
        expires_ms,
        used_by: None,
    };
    hospital.store.put(&INVITATIONS, &hash, &row)?;
    Ok(Invited {
        code: invitation.to_code(),
        expires_ms,
    })
}

/// Redeems an invitation: the device's key takes the role.
#[utoipa::path(post, path = "/v1/registrations", tag = "devices", request_body = RegistrationRequest,
    responses((status = 200, body = Registration),
        (status = 403, description = "`invitation-invalid`: unknown, used, expired or for another role.")))]
pub(crate) async fn register(
    hospital: web::Data<Hospital>,
    JsonBody(request): JsonBody<RegistrationRequest>,
) -> Result<web::Json<Registration>, ApiError> {
    let hospital: Arc<Hospital> = hospital.into_inner();
    let who = request.signing_key.to_string();
    let line = AuditEntry::by_service(&who, "register-device", request.role);
    let done = hospital
        .decide_now(line, || redeem(&hospital, &request))
        .await?;
    Ok(web::Json(done))
}

fn redeem(hospital: &Hospital, request: &RegistrationRequest) -> Result<Registration, ApiError> {
    let invalid = || {
        let text = "the invitation is unknown, used, expired, or for another role; ask the hospital for a new one";
        refused(codes::INVITATION_INVALID, text)
    };
    check_signature(hospital, request)?;
    let hash = SecretHash::of(request.secret.expose_secret().as_bytes());
    let role = Role::from(request.role);
    // One at a time: an invitation is used once.
    let _held = hospital
        .registering
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut row = hospital
        .store
        .get(&INVITATIONS, &hash)?
        .ok_or_else(invalid)?;
    let key = request.signing_key;
    // The same device again: its first answer was lost.
    let again = row.used_by == Some(*key.as_bytes());
    let expired = hospital.clock().now_ms() >= row.expires_ms;
    if row.role != role || (!again && (row.used_by.is_some() || expired)) {
        return Err(invalid());
    }
    if !again {
        if hospital.store.has(&DEVICES, &key)? || key == hospital.keys.operator {
            return Err(ApiError::conflict(
                "signing_key: this key is registered already; use a fresh one",
            ));
        }
        row.used_by = Some(*key.as_bytes());
        let device = Device {
            role,
            registered_ms: hospital.clock().now_ms(),
        };
        let changes = Changes::new()
            .put(&INVITATIONS, &hash, &row)
            .put(&DEVICES, &key, &device);
        hospital.store.commit(changes)?;
    }
    Ok(Registration {
        hospital: Text(hospital.id.clone()),
        federation: Text(hospital.federation),
        role: request.role,
    })
}

fn check_signature(hospital: &Hospital, request: &RegistrationRequest) -> Result<(), ApiError> {
    let field = "signature";
    let bytes: [u8; Signature::LENGTH] = request
        .signature
        .as_bytes()
        .try_into()
        .map_err(|_| ApiError::malformed(field, "must have 64 bytes"))?;
    let context = hospital.federation.as_bytes();
    request
        .signing_key
        .verifying_key()
        .verify(
            REGISTRATION_PURPOSE,
            context,
            &request.signed_bytes(),
            &Signature::from_bytes(bytes),
        )
        .map_err(|error| ApiError::malformed(field, error))
}
