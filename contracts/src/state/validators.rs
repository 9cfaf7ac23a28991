//! Who votes, and who will: one entry of the state, so that one proof shows the whole set.

use std::io::{self, Read};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::signature::VerifyingKey;

use crate::action::ValidatorChange;
use crate::codec::{OrderedSet, malformed};
use crate::crypto::{read_key, write_key};
use crate::genesis::MAX_VALIDATORS;
use crate::ids::{BlockTime, Height, HospitalId};

/// A validator of the federation.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Validator {
    /// The hospital that votes.
    pub hospital: HospitalId,
    /// The key it votes with.
    #[borsh(serialize_with = "write_key", deserialize_with = "read_key")]
    pub key: VerifyingKey,
}

/// The validators of a height: 1 to [`MAX_VALIDATORS`], strictly increasing by hospital, no key twice.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize)]
pub struct Validators(Vec<Validator>);

/// Why validators are not a set of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorsError {
    /// Nobody votes.
    #[error("there must be at least one validator")]
    Empty,
    /// Too many.
    #[error("{found} validators, at most {MAX_VALIDATORS} are allowed")]
    TooMany {
        /// How many were given.
        found: usize,
    },
    /// A hospital or a key twice.
    #[error("a hospital or a key stands twice among the validators")]
    Twice,
}

impl Validators {
    /// Sorts validators by hospital.
    ///
    /// # Errors
    /// [`ValidatorsError`].
    pub fn collect(
        validators: impl IntoIterator<Item = Validator>,
    ) -> Result<Self, ValidatorsError> {
        let mut validators: Vec<Validator> = validators.into_iter().collect();
        validators.sort_by(|a, b| a.hospital.cmp(&b.hospital));
        Self::ordered(validators)
    }

    /// Validators that must be in order already.
    fn ordered(validators: Vec<Validator>) -> Result<Self, ValidatorsError> {
        let found = validators.len();
        let mut keys: Vec<_> = validators.iter().map(|one| one.key).collect();
        keys.sort();
        keys.dedup();
        let increasing = validators.windows(2).all(|pair| match pair {
            [a, b] => a.hospital < b.hospital,
            _ => true,
        });
        match found {
            0 => Err(ValidatorsError::Empty),
            _ if found > MAX_VALIDATORS => Err(ValidatorsError::TooMany { found }),
            _ if !increasing || keys.len() != found => Err(ValidatorsError::Twice),
            _ => Ok(Self(validators)),
        }
    }

    /// The validators, by hospital.
    pub fn iter(&self) -> impl Iterator<Item = &Validator> {
        self.0.iter()
    }

    /// How many they are; at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a hospital is among them.
    pub fn contains(&self, hospital: &HospitalId) -> bool {
        self.0.iter().any(|one| one.hospital == *hospital)
    }

    /// Whether `approvals` of them are more than two thirds: 2f+1 of 3f+1.
    pub fn is_quorum(&self, approvals: usize) -> bool {
        approvals.saturating_mul(3) > self.count().saturating_mul(2)
    }

    /// With one more.
    ///
    /// # Errors
    /// [`ValidatorsError::TooMany`], or [`ValidatorsError::Twice`] where it is among them.
    pub(crate) fn joined(&self, validator: Validator) -> Result<Self, ValidatorsError> {
        Self::collect(self.0.iter().cloned().chain([validator]))
    }

    /// With all but one.
    ///
    /// # Errors
    /// [`ValidatorsError::Empty`].
    pub(crate) fn left(&self, hospital: &HospitalId) -> Result<Self, ValidatorsError> {
        let stay = self.0.iter().filter(|one| one.hospital != *hospital);
        Self::collect(stay.cloned())
    }

    /// With another key for one of them.
    ///
    /// # Errors
    /// [`ValidatorsError::Twice`] where another has this key.
    pub(crate) fn rekeyed(
        &self,
        hospital: &HospitalId,
        key: VerifyingKey,
    ) -> Result<Self, ValidatorsError> {
        Self::collect(self.0.iter().cloned().map(|mut one| {
            if one.hospital == *hospital {
                one.key = key;
            }
            one
        }))
    }
}

impl IntoIterator for Validators {
    type Item = Validator;
    type IntoIter = std::vec::IntoIter<Validator>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl BorshDeserialize for Validators {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let length = u32::deserialize_reader(reader)? as usize;
        if length > MAX_VALIDATORS {
            return Err(malformed(ValidatorsError::TooMany { found: length }));
        }
        let validators = (0..length).map(|_| Validator::deserialize_reader(reader));
        Self::ordered(validators.collect::<io::Result<_>>()?).map_err(malformed)
    }
}

/// Who votes now and, where a change is scheduled, from which height on who else.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ValidatorSchedule {
    /// The first height that the current ones certify; 1 for those of genesis. With it a change that somebody leaves out is noticed even
    /// where the same validators are back.
    pub since: Height,
    /// In force since then.
    pub current: Validators,
    /// In force later; the first block from that height on makes it the current one.
    pub next: Option<ScheduledValidators>,
}

/// Validators that are not in force yet.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ScheduledValidators {
    /// The first height that they certify.
    pub from: Height,
    /// Who they are.
    pub validators: Validators,
}

impl ValidatorSchedule {
    /// Who certifies the block of a height, as far as this schedule says: one that comes after the block it is read from.
    pub fn in_force(&self, height: Height) -> &Validators {
        self.term(height).1
    }

    /// As [`ValidatorSchedule::in_force`], with the first height that they certify.
    pub fn term(&self, height: Height) -> (Height, &Validators) {
        match &self.next {
            Some(next) if next.from <= height => (next.from, &next.validators),
            _ => (self.since, &self.current),
        }
    }

    /// Those that no scheduled change comes after.
    pub fn newest(&self) -> &Validators {
        self.next
            .as_ref()
            .map_or(&self.current, |next| &next.validators)
    }
}

/// The open proposal to change the validators.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct ProposalEntry {
    /// What the KGC proposes.
    pub change: ValidatorChange,
    /// When; with the change, what an approval names.
    pub proposed: Height,
    /// From this block time on it takes no approvals.
    pub expires: BlockTime,
    /// Who approved it so far.
    pub approvals: OrderedSet<HospitalId, MAX_VALIDATORS>,
}
