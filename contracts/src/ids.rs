//! Identifiers and quantities: one type per noun.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

use crate::codec::malformed;
use consilium_schemes::signature::VerifyingKey;

/// Domain of [`DoctorId::derive`].
const DOCTOR_ID_LABEL: &[u8] = b"CONSILIUM-V1-CONTRACTS-DOCTOR-ID";

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// Not 64 hexadecimal digits.
    #[error("expected 64 lower-case hexadecimal digits")]
    NotHex,
    /// Not a hospital's name.
    #[error(
        "a hospital id is 1 to 64 characters of a-z, 0-9 and '-', and does not begin or end with '-'"
    )]
    NotHospital,
}

/// Defines types of 32 bytes, each shown as 64 lower-case hexadecimal digits and encoded as its bytes.
///
/// The crate that uses it depends on `borsh`.
#[macro_export]
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::borsh::BorshSerialize, ::borsh::BorshDeserialize,
        )]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(&$crate::identifier::to_text(&self.0))
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::write!(f, ::core::concat!(::core::stringify!($name), "({})"), self)
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::ParseIdError;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::ParseIdError> {
                $crate::identifier::parse(text).map(Self)
            }
        }
    )+};
}

/// What [`identifiers`](crate::identifiers) expands to calls of.
#[doc(hidden)]
pub mod identifier {
    use super::ParseIdError;

    /// 64 lower-case hexadecimal digits.
    pub fn to_text(bytes: &[u8; 32]) -> String {
        hex::encode(bytes)
    }

    /// # Errors
    /// [`ParseIdError::NotHex`] for anything that [`to_text`] does not write.
    pub fn parse(text: &str) -> Result<[u8; 32], ParseIdError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError::NotHex)?;
        if to_text(&bytes) == text {
            Ok(bytes)
        } else {
            Err(ParseIdError::NotHex)
        }
    }
}

identifiers! {
    /// The federation: SHA-256 of its canonical genesis.
    FederationId;
    /// A doctor's pseudonym: derived from the federation and the doctor's signing key.
    DoctorId;
    /// A record: 32 random bytes, drawn on the patient's device.
    RecordId;
    /// An authorization: 32 random bytes, drawn by the owner hospital.
    AuthorizationId;
    /// A SHA-256 digest.
    Digest;
    /// The SHA-256 of a canonical signed transaction.
    TransactionHash;
    /// The 32 bytes of a signing key, to name it where nothing is verified with it.
    KeyName;
}

impl From<VerifyingKey> for KeyName {
    fn from(key: VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl From<Digest> for consilium_schemes::digest::Digest {
    fn from(digest: Digest) -> Self {
        Self::from_bytes(*digest.as_bytes())
    }
}

impl From<consilium_schemes::digest::Digest> for Digest {
    fn from(digest: consilium_schemes::digest::Digest) -> Self {
        Self(digest.to_bytes())
    }
}

impl DoctorId {
    /// SHA-256(label, federation, signing key).
    ///
    /// Derived, not chosen: nobody can take another doctor's pseudonym, and one key has one
    /// pseudonym. A doctor who was revoked and comes back brings a new key, hence a new pseudonym.
    pub fn derive(federation: &FederationId, signing_key: &VerifyingKey) -> Self {
        let digest = Sha256::new()
            .chain_update(DOCTOR_ID_LABEL)
            .chain_update(federation.as_bytes())
            .chain_update(signing_key.as_bytes())
            .finalize();
        Self(digest.into())
    }
}

/// A hospital: the slug of its name, also the value in the attribute `hospital:st-mary`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct HospitalId(String);

impl HospitalId {
    /// The most characters an id has.
    pub const MAX_LENGTH: usize = 64;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HospitalId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let shaped = !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(allowed);
        match text.len() {
            1..=Self::MAX_LENGTH if shaped => Ok(Self(text.to_owned())),
            _ => Err(ParseIdError::NotHospital),
        }
    }
}

impl fmt::Display for HospitalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HospitalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HospitalId({})", self.0)
    }
}

impl BorshDeserialize for HospitalId {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let text = crate::codec::Text::<{ Self::MAX_LENGTH }>::deserialize_reader(reader)?;
        text.as_str().parse().map_err(malformed)
    }
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default,
            BorshSerialize, BorshDeserialize,
        )]
        pub struct $name(u64);

        impl $name {
            /// From a number.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// As a number.
            pub const fn value(self) -> u64 {
                self.0
            }

            /// Later by `amount`; stays at the largest value instead of overflowing.
            #[must_use]
            pub const fn plus(self, amount: u64) -> Self {
                Self(self.0.saturating_add(amount))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

quantity! {
    /// The number of a block; genesis is 0, the first block 1.
    Height
}
quantity! {
    /// Block time: milliseconds since the Unix epoch, increasing from block to block.
    BlockTime
}
quantity! {
    /// A number chosen by the sender; (sender, nonce) is used once.
    Nonce
}
quantity! {
    /// A leaf of the KGC's tree, counted from 0; never given twice. With the tree's depth it is
    /// an [`abe::Leaf`](consilium_schemes::abe::Leaf).
    Leaf
}
