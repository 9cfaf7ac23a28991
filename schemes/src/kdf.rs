//! HKDF-SHA-256 (RFC 5869) under a label, and HMAC-SHA-256 as a commitment to the key that was
//! used.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::curve::Label;

/// `HKDF(secret, info)`: extracts with the label as salt, expands with `info` to `N` bytes.
pub(crate) fn derive<const N: usize>(
    label: Label,
    secret: &[u8],
    info: &[u8],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0u8; N]);
    derive_into(label, secret, info, out.as_mut());
    out
}

/// As [`derive`], for a length known only at run time.
///
/// # Panics
/// Above 8160 bytes, which no caller asks for.
pub(crate) fn derive_into(label: Label, secret: &[u8], info: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(label.as_bytes()), secret)
        .expand(info, out)
        .expect("RFC 5869 expands to 255 blocks, and callers ask for less");
}

/// An encryption key with the key of its commitment, both from one secret: AES-GCM alone opens one
/// ciphertext under two keys, the HMAC of the header does not.
pub(crate) struct CommittingKeys {
    /// `k_enc`.
    pub(crate) encryption: Zeroizing<[u8; 32]>,
    /// `k_com`.
    commitment: Zeroizing<[u8; 32]>,
}

impl CommittingKeys {
    /// `(k_enc, k_com) = HKDF(secret, header_core)`.
    pub(crate) fn derive(label: Label, secret: &[u8], header_core: &[u8]) -> Self {
        let both = derive::<64>(label, secret, header_core);
        let mut keys = Self {
            encryption: Zeroizing::new([0; 32]),
            commitment: Zeroizing::new([0; 32]),
        };
        let (first, second) = both.split_at(32);
        keys.encryption.copy_from_slice(first);
        keys.commitment.copy_from_slice(second);
        keys
    }

    /// `HMAC(k_com, header_core)`.
    pub(crate) fn commit(&self, header_core: &[u8]) -> [u8; 32] {
        self.mac(header_core).finalize().into_bytes().into()
    }

    /// Whether `tag = HMAC(k_com, header_core)`, in constant time.
    pub(crate) fn is_committed(&self, header_core: &[u8], tag: &[u8; 32]) -> bool {
        self.mac(header_core).verify_slice(tag).is_ok()
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(self.commitment.as_ref())
            .expect("HMAC takes keys of any length")
            .chain_update(message)
    }
}
