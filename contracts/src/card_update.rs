//! A hospital replaces parts of its own card: addresses, and keys that may be lost, known to others or simply old.
//!
//! Its id, its signing key and the keys that others encrypt to stay: who a hospital is does not change, and what was encrypted to it
//! would be lost.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};

use crate::crypto::{KEY_POSSESSION, read_key, read_signature, write_key, write_signature};
use crate::hospital::{Address, HospitalCard};
use crate::ids::{Digest, FederationId};
use crate::rejection::Rejection;

/// What a new key is for: a proof for one use is none for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum KeyUse {
    /// Votes.
    Validator = 1,
    /// The node's network identity.
    Peer = 2,
}

/// A new key, and that whoever posts it holds it.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ProvenKey {
    /// The key.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub key: VerifyingKey,
    /// By the key itself, over its use, the hospital's signing key and itself, in the context of the federation.
    #[borsh(
        serialize_with = "write_signature",
        deserialize_with = "read_signature"
    )]
    proof: Signature,
}

impl ProvenKey {
    /// Proves that the hospital with this signing key holds `key`.
    pub fn prove(
        federation: &FederationId,
        hospital: &VerifyingKey,
        usage: KeyUse,
        key: &SigningKey,
    ) -> Self {
        let public = key.verifying_key();
        let message = possession(hospital, usage, &public);
        Self {
            key: public,
            proof: key.sign(KEY_POSSESSION, federation.as_bytes(), &message),
        }
    }

    fn verify(
        &self,
        federation: &FederationId,
        hospital: &VerifyingKey,
        usage: KeyUse,
    ) -> Result<(), Rejection> {
        let message = possession(hospital, usage, &self.key);
        self.key
            .verify(KEY_POSSESSION, federation.as_bytes(), &message, &self.proof)
            .map_err(|_| Rejection::BadPossession {
                key: self.key.into(),
            })
    }
}

fn possession(hospital: &VerifyingKey, usage: KeyUse, key: &VerifyingKey) -> Vec<u8> {
    [
        [usage as u8].as_slice(),
        hospital.as_bytes(),
        key.as_bytes(),
    ]
    .concat()
}

/// Payload of [`Action::UpdateCard`](crate::Action::UpdateCard); the hospital is the sender. What is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct UpdateCard {
    /// Another key to vote with; in force from the scheduled height on where the hospital votes.
    pub validator_key: Option<ProvenKey>,
    /// Another network identity; the former one stays for [`PEER_GRACE_MS`](crate::PEER_GRACE_MS).
    pub peer_key: Option<ProvenKey>,
    /// Another multiaddress of its node.
    pub listen: Option<Address>,
    /// Another URL of its gateway.
    pub url: Option<Address>,
    /// SHA-256 of another TLS key's SubjectPublicKeyInfo.
    pub tls_pin: Option<Digest>,
}

impl UpdateCard {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The keys that it brings.
    pub(crate) fn new_keys(&self) -> impl Iterator<Item = VerifyingKey> + use<> {
        let keys = [&self.validator_key, &self.peer_key];
        keys.map(|proven| proven.as_ref().map(|proven| proven.key))
            .into_iter()
            .flatten()
    }

    /// The checks that need no state: whoever signs with `sender` holds the new keys.
    pub(crate) fn verify(
        &self,
        federation: &FederationId,
        sender: &VerifyingKey,
    ) -> Result<(), Rejection> {
        let keys = [
            (&self.validator_key, KeyUse::Validator),
            (&self.peer_key, KeyUse::Peer),
        ];
        keys.into_iter().try_for_each(|(proven, usage)| {
            proven
                .as_ref()
                .map_or(Ok(()), |proven| proven.verify(federation, sender, usage))
        })
    }

    /// The card with these parts in place of its own.
    pub fn applied(&self, card: &HospitalCard) -> HospitalCard {
        let key = |new: &Option<ProvenKey>, old| new.as_ref().map_or(old, |proven| proven.key);
        let text = |new: &Option<Address>, old: &Address| new.clone().unwrap_or(old.clone());
        HospitalCard {
            validator_key: key(&self.validator_key, card.validator_key),
            peer_key: key(&self.peer_key, card.peer_key),
            listen: text(&self.listen, &card.listen),
            url: text(&self.url, &card.url),
            tls_pin: self.tls_pin.unwrap_or(card.tls_pin),
            ..card.clone()
        }
    }

    /// These parts without those that the card has already.
    pub fn beyond(&self, card: &HospitalCard) -> Self {
        let key = |new: &Option<ProvenKey>, old| new.clone().filter(|proven| proven.key != old);
        let text = |new: &Option<Address>, old: &Address| new.clone().filter(|new| new != old);
        Self {
            validator_key: key(&self.validator_key, card.validator_key),
            peer_key: key(&self.peer_key, card.peer_key),
            listen: text(&self.listen, &card.listen),
            url: text(&self.url, &card.url),
            tls_pin: self.tls_pin.filter(|new| *new != card.tls_pin),
        }
    }
}
