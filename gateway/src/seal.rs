//! Encryption of what lies in the gateway's own store: keyword tokens, attribute keys.
//!
//! AES-256-GCM under a key that is derived for each value from the storage key and 32 fresh random bytes, so that no two values share
//! a key or nonce; column and row are bound to it, so that a value moved elsewhere does not open.
//!
//! ```text
//! sealed = version 1 || salt 32 || AES-256-GCM(HKDF-SHA-256(salt, storage key, label || column || row), nonce 0, value)
//! ```

use std::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

const LABEL: &[u8] = b"CONSILIUM-V1-GATEWAY-STORAGE";
const VERSION: u8 = 1;
const SALT: usize = 32;

/// The key of the store. Wiped when dropped, redacted when printed.
pub(crate) struct StorageKey(Zeroizing<[u8; 32]>);

/// The value was changed, belongs elsewhere, or was sealed under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this gateway's storage key")]
pub(crate) struct NotSealedHere;

impl StorageKey {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    pub(crate) fn from_bytes(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    pub(crate) fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn seal(
        &self,
        column: &str,
        row: &[u8],
        value: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        let sealed = self
            .cipher(&salt, column, row)
            .encrypt(
                &Default::default(),
                Payload {
                    msg: value,
                    aad: &[VERSION],
                },
            )
            .expect("AES-GCM takes values of this size");
        [&[VERSION], salt.as_slice(), &sealed].concat()
    }

    pub(crate) fn open(
        &self,
        column: &str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotSealedHere> {
        let (version, rest) = sealed.split_first().ok_or(NotSealedHere)?;
        let (salt, ciphertext) = rest.split_first_chunk::<SALT>().ok_or(NotSealedHere)?;
        let aad = [*version];
        let opened = self.cipher(salt, column, row).decrypt(
            &Default::default(),
            Payload {
                msg: ciphertext,
                aad: &aad,
            },
        );
        opened.map(Zeroizing::new).map_err(|_| NotSealedHere)
    }

    fn cipher(&self, salt: &[u8; SALT], column: &str, row: &[u8]) -> Aes256Gcm {
        let length = [u8::try_from(column.len()).expect("columns have short names")];
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), self.0.as_ref())
            .expand_multi_info(&[LABEL, &length, column.as_bytes(), row], key.as_mut())
            .expect("32 bytes are few");
        Aes256Gcm::new_from_slice(key.as_ref()).expect("AES-256 takes 32 bytes")
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_place_only() {
        let mut rng = rand::rng();
        let key = StorageKey::generate(&mut rng);
        let sealed = key.seal("tokens", b"a", b"value", &mut rng);
        assert_eq!(
            key.open("tokens", b"a", &sealed).unwrap().as_slice(),
            b"value"
        );
        assert_ne!(sealed, key.seal("tokens", b"a", b"value", &mut rng));
        key.open("tokens", b"b", &sealed).unwrap_err();
        key.open("keys", b"a", &sealed).unwrap_err();
        StorageKey::generate(&mut rng)
            .open("tokens", b"a", &sealed)
            .unwrap_err();
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            key.open("tokens", b"a", &changed).unwrap_err();
            key.open("tokens", b"a", &sealed[..byte]).unwrap_err();
        }
    }
}
