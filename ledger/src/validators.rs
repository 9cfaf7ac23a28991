//! Validators, their voting power, and what a quorum of them is.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{MAX_VALIDATORS, Validators};
use consilium_schemes::signature::VerifyingKey;

/// A validator as blocks and votes name it: its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct ValidatorAddress([u8; 32]);

impl ValidatorAddress {
    /// The address of a validator with this key.
    pub fn of(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }

    /// From its 32 bytes; whether they are a validator's shows when its set is asked.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ValidatorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValidatorAddress({self})")
    }
}

/// How much a validator's vote weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VotingPower(u32);

impl VotingPower {
    /// One hospital, one vote.
    pub const ONE: Self = Self(1);

    /// As a number.
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// A validator: its key and its power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    address: ValidatorAddress,
    key: VerifyingKey,
    power: VotingPower,
}

impl Validator {
    /// A validator with one vote.
    pub fn new(key: VerifyingKey) -> Self {
        Self {
            address: ValidatorAddress::of(&key),
            key,
            power: VotingPower::ONE,
        }
    }

    /// What blocks and votes call it.
    pub const fn address(&self) -> &ValidatorAddress {
        &self.address
    }

    /// The key that its votes verify with.
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// How much its vote weighs.
    pub const fn power(&self) -> VotingPower {
        self.power
    }
}

/// The set of validators of a height: not empty, ordered by address, without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Vec<Validator>);

/// Why keys are not a validator set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorSetError {
    /// No validator at all.
    #[error("a ledger needs at least one validator")]
    Empty,
    /// The same key twice.
    #[error("a validator key stands twice in the set")]
    Duplicate,
    /// Too many.
    #[error("{found} validators, at most {MAX_VALIDATORS} are allowed")]
    TooMany {
        /// How many were given.
        found: usize,
    },
}

impl From<&Validators> for ValidatorSet {
    /// The validators that the contracts' state names: the same rules, ordered by key.
    fn from(validators: &Validators) -> Self {
        let mut members: Vec<Validator> = validators
            .iter()
            .map(|one| Validator::new(one.key))
            .collect();
        members.sort_by_key(|validator| validator.address);
        Self(members)
    }
}

impl ValidatorSet {
    /// A set of validators with one vote each.
    ///
    /// # Errors
    /// [`ValidatorSetError`] when there is none, too many, or one twice.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ValidatorSetError> {
        let mut validators: Vec<Validator> = keys.into_iter().map(Validator::new).collect();
        validators.sort_by_key(|validator| validator.address);
        let found = validators.len();
        let distinct = validators.windows(2).all(|pair| match pair {
            [a, b] => a.address != b.address,
            _ => true,
        });
        match found {
            0 => Err(ValidatorSetError::Empty),
            _ if found > MAX_VALIDATORS => Err(ValidatorSetError::TooMany { found }),
            _ if !distinct => Err(ValidatorSetError::Duplicate),
            _ => Ok(Self(validators)),
        }
    }

    /// The validators in order.
    pub fn as_slice(&self) -> &[Validator] {
        &self.0
    }

    /// The validator with this address.
    pub fn get(&self, address: &ValidatorAddress) -> Option<&Validator> {
        let found = self
            .0
            .binary_search_by_key(address, |validator| validator.address)
            .ok()?;
        self.0.get(found)
    }

    /// The sum of all powers.
    pub fn total_power(&self) -> u64 {
        self.0
            .iter()
            .map(|validator| u64::from(validator.power.0))
            .sum()
    }

    /// Whether `power` is more than two thirds of the total: 2f+1 of 3f+1.
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.total_power()) * 2
    }
}
