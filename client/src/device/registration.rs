//! A device becomes known to its gateway.

use consilium_contracts::SigningKey;

use super::error::DeviceError;
use crate::GatewayClient;
use crate::api::gateway::{DeviceRole, REGISTRATION_PURPOSE, Registration, RegistrationRequest};
use crate::http::ClientSettings;
use crate::invitation::Invitation;
use crate::wire::HexBytes;

/// Redeems an invitation: the device's key takes the role. A code works once.
///
/// # Errors
/// [`DeviceError::Gateway`]; [`DeviceError::Untrusted`] when the gateway is of another federation than the invitation.
pub async fn register(
    invitation: &Invitation,
    role: DeviceRole,
    key: &SigningKey,
    settings: ClientSettings,
) -> Result<Registration, DeviceError> {
    let gateway = GatewayClient::new(invitation.endpoint().clone(), None, settings)?;
    let mut request = RegistrationRequest {
        secret: invitation.secret(),
        role,
        signing_key: key.verifying_key().into(),
        signature: HexBytes::from(Vec::new()),
    };
    let context = invitation.federation();
    let signature = key.sign(
        REGISTRATION_PURPOSE,
        context.as_bytes(),
        &request.signed_bytes(),
    );
    request.signature = signature.to_bytes().to_vec().into();
    let registration = gateway.register(&request).await?;
    if registration.federation.0 != invitation.federation() {
        return Err(DeviceError::Untrusted(
            "it belongs to another federation than the invitation",
        ));
    }
    Ok(registration)
}
