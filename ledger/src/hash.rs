//! SHA-256 with a label per purpose, and the three kinds of digest a header carries.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::FederationId;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the label's length, the label and the parts, one after another.
///
/// Callers keep the concatenation unambiguous: every part but the last has a fixed length.
pub(crate) fn labelled(label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let length = u8::try_from(label.len()).expect("labels are constants shorter than 256 bytes");
    let start = Sha256::new().chain_update([length]).chain_update(label);
    parts
        .iter()
        .fold(start, |hasher, part| hasher.chain_update(part))
        .finalize()
        .into()
}

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hexadecimal digits")]
pub struct ParseHashError;

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
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

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseHashError)?;
                let hash = Self(bytes);
                if hash.to_string() == text { Ok(hash) } else { Err(ParseHashError) }
            }
        }
    };
}

hash! {
    /// The hash of a block's header; what validators vote on.
    BlockHash
}
hash! {
    /// The root of the Merkle tree over a block's transactions.
    TransactionRoot
}
hash! {
    /// The root of the Jellyfish Merkle tree over the contracts' keys.
    StateRoot
}

impl BlockHash {
    /// What the first block names as its predecessor: the federation's genesis.
    pub const fn genesis(federation: &FederationId) -> Self {
        Self(*federation.as_bytes())
    }
}
