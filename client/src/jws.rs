//! JSON Web Signatures (RFC 7515, compact) with EdDSA (RFC 8037), and nothing else.
//!
//! Written out because the libraries for it bring every algorithm of the family: `jsonwebtoken` 11 brings RSA 0.9 (with
//! RUSTSEC-2023-0071 unfixed), P-256, P-384 and an older Ed25519 that does not verify strictly. Here there is one algorithm, so a
//! header cannot choose another, and one strict rule for what a signature is.
//!
//! What is signed is `base64url(header) . base64url(payload)`, as the RFC says, hence without the framing of
//! [`consilium_schemes::signature`]. The two cannot be taken for each other although a device uses one key for both: a token's
//! signing input begins with `eyJ`; a framed message begins with the length of its label and then `CONSILIUM-V1-SIG-`.
//!
//! Trust is in the types: [`Unverified`] gives its claims only to choose a key, [`Unverified::verify`] consumes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consilium_schemes::signature::{SigningKey, VerifyingKey};
use ed25519_dalek::Signer as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// What a token is for; stands in its header, so that one kind is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A principal's assertion about itself (RFC 7523).
    Assertion,
    /// A service's bearer token (RFC 9068).
    Access,
}

impl TokenKind {
    const fn header_type(self) -> &'static str {
        match self {
            Self::Assertion => "JWT",
            Self::Access => "at+jwt",
        }
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts of unpadded base64url with JSON in the first two.
    #[error("the token is not a compact JWS")]
    Malformed,
    /// Another algorithm, another type or a critical extension.
    #[error("the token's header is not that of an EdDSA token of this kind")]
    Header,
    /// The claims are not those of this kind of token.
    #[error("the token's claims are not those that are needed")]
    Claims,
    /// The signature does not hold.
    #[error("the token's signature is not valid")]
    Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

/// Signs `claims` into a compact token.
pub fn sign<C: Serialize>(kind: TokenKind, key: &SigningKey, claims: &C) -> String {
    let header = Header {
        alg: "EdDSA".into(),
        typ: kind.header_type().into(),
        kid: None,
    };
    let input = format!("{}.{}", encode_json(&header), encode_json(claims));
    let signer = ed25519_dalek::SigningKey::from_bytes(&key.expose_secret());
    let signature = signer.sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn encode_json<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_vec(value).expect("claims are plain structs with text keys");
    URL_SAFE_NO_PAD.encode(json)
}

/// A token that was parsed and not yet checked.
pub struct Unverified<'a, C> {
    claims: C,
    signing_input: &'a str,
    signature: ed25519_dalek::Signature,
}

impl<'a, C: DeserializeOwned> Unverified<'a, C> {
    /// Parses a token of this kind.
    ///
    /// # Errors
    /// Every [`JwsError`] but [`JwsError::Signature`].
    pub fn parse(kind: TokenKind, token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Header)?;
        if header.alg != "EdDSA" || !header.typ.eq_ignore_ascii_case(kind.header_type()) {
            return Err(JwsError::Header);
        }
        let claims = serde_json::from_slice(&decode(payload)?).map_err(|_| JwsError::Claims)?;
        let signature: [u8; 64] = decode(signature)?
            .try_into()
            .map_err(|_| JwsError::Malformed)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature);
        Ok(Self {
            claims,
            signing_input,
            signature,
        })
    }

    /// The claims, only to find the key to verify with.
    pub fn claims_before_verification(&self) -> &C {
        &self.claims
    }

    /// The claims, if `key` signed them.
    ///
    /// # Errors
    /// [`JwsError::Signature`].
    pub fn verify(self, key: &VerifyingKey) -> Result<C, JwsError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes())
            .map_err(|_| JwsError::Signature)?;
        key.verify_strict(self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| JwsError::Signature)?;
        Ok(self.claims)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Claims {
        n: u64,
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn open(kind: TokenKind, token: &str, key: &SigningKey) -> Result<Claims, JwsError> {
        Unverified::parse(kind, token)?.verify(&key.verifying_key())
    }

    #[test]
    fn a_token_opens_under_its_own_key_and_kind_only() {
        let token = sign(TokenKind::Access, &key(1), &Claims { n: 7 });
        assert_eq!(
            open(TokenKind::Access, &token, &key(1)),
            Ok(Claims { n: 7 })
        );
        assert_eq!(
            open(TokenKind::Access, &token, &key(2)),
            Err(JwsError::Signature)
        );
        assert_eq!(
            open(TokenKind::Assertion, &token, &key(1)),
            Err(JwsError::Header)
        );
    }

    #[test]
    fn rfc_8037_example_verifies() {
        // RFC 8037, appendix A.4 and A.5: the signature over the RFC's own header and payload.
        let public = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
        let secret = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let secret = SigningKey::from_bytes(&secret.try_into().unwrap());
        assert_eq!(secret.verifying_key(), public);
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let signer = ed25519_dalek::SigningKey::from_bytes(&secret.expose_secret());
        let signature = signer.sign(input.as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(signature.to_bytes()), expected);
        let unverified = Unverified {
            claims: (),
            signing_input: input,
            signature,
        };
        assert_eq!(unverified.verify(&public), Ok(()));
    }

    #[test]
    fn other_algorithms_and_extensions_are_refused() {
        let payload = encode_json(&Claims { n: 7 });
        let signature = URL_SAFE_NO_PAD.encode([0; 64]);
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","crit":["b64"]}"#,
        ] {
            let token = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(
                open(TokenKind::Assertion, &token, &key(1)),
                Err(JwsError::Header)
            );
        }
    }

    #[test]
    fn every_flipped_character_is_refused() {
        let token = sign(TokenKind::Assertion, &key(1), &Claims { n: 7 });
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(
                open(TokenKind::Assertion, &changed, &key(1)).is_err(),
                "{index}"
            );
        }
    }

    #[test]
    fn long_and_malformed_tokens_are_refused() {
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(
            open(TokenKind::Access, &long, &key(1)),
            Err(JwsError::TooLong)
        );
        for token in ["", ".", "..", "a.b", "====.====.====", "eyJ9.e30.AA"] {
            assert!(open(TokenKind::Access, token, &key(1)).is_err(), "{token}");
        }
    }
}
