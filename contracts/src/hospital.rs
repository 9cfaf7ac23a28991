//! What a hospital and the KGC show the federation: names, addresses, keys.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalKeys, KeyContext, KeyError};
use consilium_schemes::signature::VerifyingKey;
use consilium_schemes::wrap;

use crate::codec::{Blob, Text};
use crate::crypto::{read_key, write_key};
use crate::ids::{Digest, HospitalId};

/// Bytes of an X-Wing (X25519 + ML-KEM-768) public key.
pub const HPKE_KEY_LENGTH: usize = wrap::PublicKey::LENGTH;
/// The most bytes of a hospital's encoded matching keys with their proofs.
pub const MAX_MATCHING_KEYS: usize = ClaimedHospitalKeys::LENGTH;

/// A name shown to people.
pub type DisplayName = Text<128>;
/// A URL or a multiaddress.
pub type Address = Text<256>;

/// How the KGC is reached and what it signs with.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct KgcCard {
    /// Where its service answers.
    pub url: Address,
    /// SHA-256 of its TLS key's SubjectPublicKeyInfo.
    pub tls_pin: Digest,
    /// Signs genesis, its transactions and what it issues.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub signing_key: VerifyingKey,
    /// Its node's libp2p identity.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub peer_key: VerifyingKey,
    /// The multiaddress its node listens on.
    pub listen: Address,
}

/// A hospital's `hospital.json`: everything the others must know of it.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct HospitalCard {
    /// Its id, also the value of the attribute `hospital:`.
    pub id: HospitalId,
    /// Its name for people.
    pub name: DisplayName,
    /// Where its gateway answers.
    pub url: Address,
    /// SHA-256 of its TLS key's SubjectPublicKeyInfo.
    pub tls_pin: Digest,
    /// Signs its transactions and its requests to others.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub signing_key: VerifyingKey,
    /// Signs its votes, if it is a validator.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub validator_key: VerifyingKey,
    /// Its node's libp2p identity.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub peer_key: VerifyingKey,
    /// The multiaddress its node listens on.
    pub listen: Address,
    /// What others encrypt to it with (X-Wing).
    pub hpke_key: Blob<HPKE_KEY_LENGTH>,
    /// a = g1^x and b = g2^y with their proofs of possession, in the encoding of
    /// `schemes::matching`; checked on admission.
    pub matching_keys: Blob<MAX_MATCHING_KEYS>,
}

/// What is wrong with a hospital's card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
#[non_exhaustive]
pub enum CardError {
    /// The HPKE key does not parse.
    #[error(
        "hospital {hospital}: the HPKE key is not an X-Wing public key of {HPKE_KEY_LENGTH} bytes"
    )]
    HpkeKey {
        /// The hospital.
        hospital: HospitalId,
    },
    /// The matching keys do not parse; a = 1 and b = 1 do not.
    #[error(
        "hospital {hospital}: the matching keys are malformed: both must be canonical, in the group and not the identity; make hospital.json again with `consilium gateway init`"
    )]
    MatchingKeys {
        /// The hospital.
        hospital: HospitalId,
    },
    /// Two of the card's keys are the same.
    #[error("hospital {hospital}: signing, validator and peer key must differ")]
    SameKeys {
        /// The hospital.
        hospital: HospitalId,
    },
    /// A proof of possession fails: the keys may be somebody else's.
    #[error(
        "hospital {hospital}: it is not proven to know the secrets of its matching keys; the proofs hold for one hospital and one HPKE key, make hospital.json again with `consilium gateway init`"
    )]
    NotPossessed {
        /// The hospital.
        hospital: HospitalId,
    },
    /// Both matching keys have one exponent: everybody with a token could test every index.
    #[error(
        "hospital {hospital}: its two matching keys have the same exponent; make hospital.json again with `consilium gateway init`"
    )]
    SameExponent {
        /// The hospital.
        hospital: HospitalId,
    },
}

impl HospitalCard {
    /// Checks what the card can show by itself: lengths, distinct keys, proofs of possession.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn verify(&self) -> Result<(), CardError> {
        let hospital = self.id.clone();
        if wrap::PublicKey::from_bytes(self.hpke_key.as_bytes()).is_err() {
            return Err(CardError::HpkeKey { hospital });
        }
        self.verify_distinct_keys()?;
        self.verify_matching_keys().map(|_| ())
    }

    /// Each of the three signing keys has one use.
    pub(crate) fn verify_distinct_keys(&self) -> Result<(), CardError> {
        if self.signing_key == self.validator_key
            || self.signing_key == self.peer_key
            || self.validator_key == self.peer_key
        {
            let hospital = self.id.clone();
            return Err(CardError::SameKeys { hospital });
        }
        Ok(())
    }

    /// The matching keys, with their proofs of possession checked for this hospital.
    ///
    /// # Errors
    /// [`CardError::MatchingKeys`], [`CardError::NotPossessed`], [`CardError::SameExponent`].
    pub fn verify_matching_keys(&self) -> Result<HospitalKeys, CardError> {
        let hpke_key = self.hpke_key.as_bytes();
        let context = KeyContext {
            hospital: self.id.as_str().as_bytes(),
            hpke_key,
        };
        ClaimedHospitalKeys::from_bytes(self.matching_keys.as_bytes())
            .and_then(|claimed| claimed.verify(&context))
            .map_err(|error| {
                let hospital = self.id.clone();
                match error {
                    KeyError::ProofA | KeyError::ProofB => CardError::NotPossessed { hospital },
                    KeyError::SameExponent => CardError::SameExponent { hospital },
                    _ => CardError::MatchingKeys { hospital },
                }
            })
    }
}
