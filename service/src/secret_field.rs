//! Secret bytes as a field of a sealed bundle.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key of a bundle that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} key is malformed")]
pub struct MalformedKey(pub &'static str);

/// Secret bytes as hexadecimal, wiped on drop.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretField(Zeroizing<String>);

impl SecretField {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(hex::encode(bytes)))
    }

    /// The bytes; `key` names the field.
    ///
    /// # Errors
    /// [`MalformedKey`].
    pub fn bytes(&self, key: &'static str) -> Result<Zeroizing<Vec<u8>>, MalformedKey> {
        hex::decode(self.0.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| MalformedKey(key))
    }

    /// The bytes, 32 of them; `key` names the field.
    ///
    /// # Errors
    /// [`MalformedKey`].
    pub fn array(&self, key: &'static str) -> Result<Zeroizing<[u8; 32]>, MalformedKey> {
        let bytes: [u8; 32] = self
            .bytes(key)?
            .as_slice()
            .try_into()
            .map_err(|_| MalformedKey(key))?;
        Ok(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for SecretField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretField(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_hexadecimal_of_its_length_and_not_printed() {
        let field = SecretField::of(&[0xab; 32]);
        assert_eq!(
            serde_json::to_string(&field).unwrap(),
            format!("\"{}\"", "ab".repeat(32))
        );
        assert_eq!(*field.array("peer").unwrap(), [0xab; 32]);
        assert_eq!(format!("{field:?}"), "SecretField(REDACTED)");
        for text in ["", "ab", "zz", "abc"] {
            let field: SecretField = serde_json::from_value(text.into()).unwrap();
            let refused = field.array("peer").unwrap_err();
            assert_eq!(refused.to_string(), "the peer key is malformed", "{text}");
        }
    }
}
