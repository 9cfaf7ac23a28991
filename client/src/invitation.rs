//! An invitation: what a device needs to find its gateway, know it, and be known.
//!
//! Printed as one word, `consilium1-` and then unpadded base64url of: secret (32 bytes), federation id (32), whether there is a TLS pin
//! (1) and the pin (32), the URL, and the first 4 bytes of SHA-256 of all that, which catch a mistyped character.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consilium_contracts::FederationId;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::endpoint::{Endpoint, EndpointError, ServiceUrl, Whose};
use crate::tls::TlsPin;
use crate::wire::SecretText;

const PREFIX: &str = "consilium1-";
const CHECK_BYTES: usize = 4;
/// The longest code that is looked at.
const MAX_CODE_BYTES: usize = 1024;

/// Why a text is not an invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// Not this format.
    #[error("an invitation is one word that begins with {PREFIX}")]
    Format,
    /// The check does not hold.
    #[error("the invitation is mistyped or cut off: its last characters do not fit the rest")]
    Mistyped,
    /// The address in it is not one to connect to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// An invitation.
#[derive(Clone)]
pub struct Invitation {
    secret: Zeroizing<[u8; 32]>,
    federation: FederationId,
    endpoint: Endpoint,
}

impl Invitation {
    /// An invitation to the gateway at `endpoint`; `secret` is random and used once.
    pub fn new(secret: [u8; 32], federation: FederationId, endpoint: Endpoint) -> Self {
        Self {
            secret: Zeroizing::new(secret),
            federation,
            endpoint: endpoint.named(Whose::Inviting),
        }
    }

    /// The one-time secret, as the registration carries it.
    pub fn secret(&self) -> SecretText {
        SecretText::new(hex::encode(*self.secret))
    }

    /// The federation.
    pub fn federation(&self) -> FederationId {
        self.federation
    }

    /// Where the gateway is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The code, to be handed over out of band.
    pub fn to_code(&self) -> SecretText {
        let pin = self.endpoint.pin();
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        bytes.extend_from_slice(self.secret.as_ref());
        bytes.extend_from_slice(self.federation.as_bytes());
        bytes.push(u8::from(pin.is_some()));
        bytes.extend_from_slice(pin.unwrap_or(TlsPin::from_bytes([0; 32])).as_bytes());
        bytes.extend_from_slice(self.endpoint.url().as_str().as_bytes());
        let check = check_of(&bytes);
        bytes.extend_from_slice(&check);
        SecretText::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&*bytes)))
    }
}

fn check_of(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    *digest
        .first_chunk()
        .expect("a digest is longer than its check")
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(code: &str) -> Result<Self, InvitationError> {
        let encoded = code
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(InvitationError::Format)?;
        if encoded.len() > MAX_CODE_BYTES {
            return Err(InvitationError::Format);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| InvitationError::Mistyped)?;
        let bytes = Zeroizing::new(bytes);
        let (content, check) = bytes
            .split_last_chunk::<CHECK_BYTES>()
            .ok_or(InvitationError::Mistyped)?;
        if *check != check_of(content) {
            return Err(InvitationError::Mistyped);
        }
        Self::parse(content).ok_or(InvitationError::Format)?
    }
}

impl Invitation {
    fn parse(content: &[u8]) -> Option<Result<Self, InvitationError>> {
        let (secret, rest) = content.split_first_chunk::<32>()?;
        let (federation, rest) = rest.split_first_chunk::<32>()?;
        let ([pinned], rest) = rest.split_first_chunk::<1>()?;
        let (pin, url) = rest.split_first_chunk::<32>()?;
        let pin = match pinned {
            0 => None,
            1 => Some(TlsPin::from_bytes(*pin)),
            _ => return None,
        };
        let url = std::str::from_utf8(url).ok()?;
        let endpoint = url
            .parse::<ServiceUrl>()
            .and_then(|url| Endpoint::new(url, pin));
        let federation = FederationId::from_bytes(*federation);
        Some(
            endpoint
                .map(|endpoint| Self::new(*secret, federation, endpoint))
                .map_err(Into::into),
        )
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation(to {}, secret REDACTED)", self.endpoint.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(url: &str, pin: Option<TlsPin>) -> Invitation {
        let endpoint = Endpoint::new(url.parse().unwrap(), pin).unwrap();
        Invitation::new([3; 32], FederationId::from_bytes([5; 32]), endpoint)
    }

    #[test]
    fn a_code_parses_back() {
        let pin = Some(TlsPin::from_bytes([9; 32]));
        for invited in [
            invitation("https://st-mary.example:8443", pin),
            invitation("http://127.0.0.1:8080", None),
        ] {
            let code = invited.to_code();
            let parsed: Invitation = format!(" {}\n", code.expose_secret()).parse().unwrap();
            assert_eq!(parsed.endpoint(), invited.endpoint());
            assert_eq!(parsed.federation(), invited.federation());
            assert_eq!(parsed.secret().expose_secret(), "03".repeat(32));
        }
    }

    #[test]
    fn every_mistyped_or_missing_character_is_noticed() {
        let code = invitation("http://127.0.0.1:8080", None).to_code();
        let code = code.expose_secret();
        for index in 0..code.len() {
            let mut typed = code.to_owned().into_bytes();
            typed[index] = if typed[index] == b'Q' { b'R' } else { b'Q' };
            assert!(
                String::from_utf8(typed)
                    .unwrap()
                    .parse::<Invitation>()
                    .is_err(),
                "{index}"
            );
            assert!(code[..index].parse::<Invitation>().is_err());
        }
    }
}
