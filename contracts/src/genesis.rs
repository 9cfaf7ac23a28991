//! Genesis: what a federation begins with, and the identity that follows from it.

use std::collections::BTreeSet;
use std::io::{self, Read};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::signature::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::codec::{Blob, BoundError, Canonical, DecodeError, OrderedSet, malformed};
use crate::crypto::{GENESIS, read_signature, write_signature};
use crate::hospital::{CardError, DisplayName, HospitalCard, KgcCard};
use crate::ids::{BlockTime, FederationId, HospitalId, KeyName};
use crate::parse;
use crate::settings::{Settings, SettingsError};
use crate::state::{Validator, Validators};

/// The most hospitals at genesis; later ones join by transaction.
pub const MAX_GENESIS_HOSPITALS: usize = 256;
/// The most validators.
pub const MAX_VALIDATORS: usize = 128;
/// The most bytes of a signed genesis file.
pub const MAX_GENESIS_BYTES: usize = 2 * 1024 * 1024;

/// The ABE public parameters (Y, tree id, depth), in the encoding of `schemes::abe`.
pub type ParameterBytes = Blob<2048>;

/// What a federation begins with.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Genesis {
    /// The federation's name for people.
    pub name: DisplayName,
    /// When it was made; the first block is later.
    pub created: BlockTime,
    /// The ABE public parameters.
    pub parameters: ParameterBytes,
    /// The VOPRF public key of keyword tokens (ristretto255).
    pub token_key: [u8; 32],
    /// What every node agrees on.
    pub settings: Settings,
    /// The KGC.
    pub kgc: KgcCard,
    /// The first hospitals, by id.
    pub hospitals: Hospitals,
    /// Those of them that vote; their validator keys stand in their cards.
    pub validators: OrderedSet<HospitalId, MAX_VALIDATORS>,
}

impl Genesis {
    /// SHA-256 of the canonical genesis: the federation's identity.
    pub fn federation(&self) -> FederationId {
        FederationId::from_bytes(Sha256::digest(self.to_canonical_bytes()).into())
    }

    /// Signs it with the KGC's signing key.
    pub fn sign(self, key: &SigningKey) -> SignedGenesis {
        let signature = key.sign(GENESIS, &[], &self.to_canonical_bytes());
        SignedGenesis {
            genesis: self,
            signature,
        }
    }
}

/// Hospitals in strictly increasing order of their ids.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize)]
pub struct Hospitals(Vec<HospitalCard>);

impl Hospitals {
    /// Sorts the cards by id.
    ///
    /// # Errors
    /// [`BoundError`] for more than [`MAX_GENESIS_HOSPITALS`]. Equal ids are found by
    /// [`SignedGenesis::verify`].
    pub fn collect(cards: impl IntoIterator<Item = HospitalCard>) -> Result<Self, BoundError> {
        let mut cards: Vec<HospitalCard> = cards.into_iter().collect();
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        match cards.len() {
            found if found > MAX_GENESIS_HOSPITALS => Err(BoundError::TooLong {
                found,
                limit: MAX_GENESIS_HOSPITALS,
            }),
            _ => Ok(Self(cards)),
        }
    }

    /// The cards in order.
    pub fn iter(&self) -> impl Iterator<Item = &HospitalCard> {
        self.0.iter()
    }
}

impl BorshDeserialize for Hospitals {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let length = u32::deserialize_reader(reader)? as usize;
        if length > MAX_GENESIS_HOSPITALS {
            return Err(malformed("too many hospitals"));
        }
        let mut cards: Vec<HospitalCard> = Vec::new();
        for _ in 0..length {
            let card = HospitalCard::deserialize_reader(reader)?;
            if cards.last().is_some_and(|last| last.id >= card.id) {
                return Err(malformed("hospitals are not strictly increasing"));
            }
            cards.push(card);
        }
        Ok(Self(cards))
    }
}

/// Genesis with the KGC's signature, unchecked.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct SignedGenesis {
    genesis: Genesis,
    #[borsh(
        serialize_with = "write_signature",
        deserialize_with = "read_signature"
    )]
    signature: Signature,
}

/// Why a genesis is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The file is not a genesis.
    #[error("genesis: {0}")]
    Decode(#[from] DecodeError),
    /// The KGC's signature fails.
    #[error("genesis: the signature is not by the KGC key that it names")]
    BadSignature,
    /// A setting out of range.
    #[error("genesis: {0}")]
    Settings(#[from] SettingsError),
    /// A hospital's card does not hold.
    #[error("genesis: {0}")]
    Card(#[from] CardError),
    /// The ABE public parameters do not parse.
    #[error("genesis: the ABE public parameters are malformed")]
    Parameters,
    /// The VOPRF public key does not parse.
    #[error("genesis: the VOPRF public key is malformed")]
    TokenKey,
    /// Nobody votes.
    #[error("genesis: there must be at least one validator")]
    NoValidator,
    /// A validator without a card.
    #[error("genesis: validator {0} is not among the hospitals")]
    UnknownValidator(HospitalId),
    /// An id twice.
    #[error("genesis: hospital {0} is there twice")]
    HospitalTwice(HospitalId),
    /// A key twice.
    #[error("genesis: key {0} is used twice; every key has one owner and one use")]
    KeyTwice(KeyName),
}

impl SignedGenesis {
    /// Reads the canonical bytes of a genesis file.
    ///
    /// # Errors
    /// [`GenesisError::Decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() > MAX_GENESIS_BYTES {
            let (found, limit) = (bytes.len(), MAX_GENESIS_BYTES);
            return Err(DecodeError::TooLong { found, limit }.into());
        }
        Ok(Self::from_canonical_bytes(bytes)?)
    }

    /// The genesis, unchecked.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Checks everything a genesis must hold.
    ///
    /// # Errors
    /// [`GenesisError`], the first rule broken.
    pub fn verify(self) -> Result<VerifiedGenesis, GenesisError> {
        let genesis = &self.genesis;
        genesis
            .kgc
            .signing_key
            .verify(GENESIS, &[], &genesis.to_canonical_bytes(), &self.signature)
            .map_err(|_| GenesisError::BadSignature)?;
        genesis.settings.validate()?;
        parse::leaf_count(&genesis.parameters).ok_or(GenesisError::Parameters)?;
        if !parse::is_token_key(&genesis.token_key) {
            return Err(GenesisError::TokenKey);
        }
        check_hospitals(genesis)?;
        check_validators(genesis)?;
        let federation = genesis.federation();
        Ok(VerifiedGenesis {
            federation,
            signed: self,
        })
    }
}

fn check_hospitals(genesis: &Genesis) -> Result<(), GenesisError> {
    let mut ids = BTreeSet::new();
    let mut keys = BTreeSet::from([genesis.kgc.signing_key]);
    take(&mut keys, genesis.kgc.peer_key)?;
    for card in genesis.hospitals.iter() {
        card.verify()?;
        if !ids.insert(&card.id) {
            return Err(GenesisError::HospitalTwice(card.id.clone()));
        }
        for key in [card.signing_key, card.validator_key, card.peer_key] {
            take(&mut keys, key)?;
        }
    }
    Ok(())
}

fn take(keys: &mut BTreeSet<VerifyingKey>, key: VerifyingKey) -> Result<(), GenesisError> {
    if keys.insert(key) {
        Ok(())
    } else {
        Err(GenesisError::KeyTwice(key.into()))
    }
}

fn check_validators(genesis: &Genesis) -> Result<(), GenesisError> {
    if genesis.validators.is_empty() {
        return Err(GenesisError::NoValidator);
    }
    let known: BTreeSet<_> = genesis.hospitals.iter().map(|card| &card.id).collect();
    match genesis.validators.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(GenesisError::UnknownValidator(id.clone())),
        None => Ok(()),
    }
}

/// A genesis that was checked: a federation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedGenesis {
    federation: FederationId,
    signed: SignedGenesis,
}

impl VerifiedGenesis {
    /// The federation's identity.
    pub const fn federation(&self) -> FederationId {
        self.federation
    }

    /// What it begins with.
    pub const fn genesis(&self) -> &Genesis {
        &self.signed.genesis
    }

    /// The signed genesis, to hand it on.
    pub const fn signed(&self) -> &SignedGenesis {
        &self.signed
    }

    /// Those that vote from the first block on, with the keys of their cards.
    pub fn validators(&self) -> Validators {
        let genesis = self.genesis();
        let voting = genesis.hospitals.iter();
        let voting = voting.filter(|card| genesis.validators.contains(&card.id));
        Validators::collect(voting.map(|card| Validator {
            hospital: card.id.clone(),
            key: card.validator_key,
        }))
        .expect("a verified genesis has validators, no hospital and no key twice, and no more than there may be")
    }

    /// The writes that make the first state.
    pub fn initial_state(&self) -> crate::state::Transition {
        crate::apply::genesis_state(self)
    }
}
