//! From the validators of genesis to those of any later height, for whoever holds the genesis alone.
//!
//! A change of the validators stands on the ledger some heights before it is in force. A [`Handover`] shows it: a proof of the
//! schedule, certified by the validators that the change replaces. [`Trust`] begins with the genesis, follows the handovers in order and
//! then says who certifies the block of a height.
//!
//! | what is checked of a handover | against |
//! |---|---|
//! | its header is certified by the validators in force | somebody else's schedule |
//! | the header's height is one of theirs, and before the change | a certificate by keys that are former by then; an old handover |
//! | the schedule's current validators are the ones in force, since the same height | handovers left out, or out of order |
//!
//! # Security
//!
//! What [`Trust`] says is right as long as at most a third of *each* set of validators, present or former, ever signs what it should
//! not. The signatures of a former validator count no more from the stated height on for whoever has followed the handover of that
//! height. Whoever was not given it goes on with the former set: more than two thirds of *former* keys, stolen or misused
//! years later, could show such a verifier another ledger. So hospitals delete former keys, and a verifier asks several sources for
//! handovers, or keeps what it has followed.

use std::io::{self, Read};

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{
    Canonical as _, DecodeError, FederationId, Height, Key, ValidatorSchedule, Validators,
    VerifiedGenesis,
};

use crate::proof::{KeyProof, ProofError};
use crate::validators::ValidatorSet;

/// That the validators change from a height on, certified by those before. Unverified until [`Trust::follow`].
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Handover(KeyProof);

/// Why a handover is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// It is not certified by the validators in force.
    #[error("the handover does not hold under the validators of heights from {since} on: {source}")]
    Proof {
        /// Their first height.
        since: Height,
        /// Why.
        source: ProofError,
    },
    /// It proves something else.
    #[error("the proof is of {found}, not of the validators' schedule")]
    OtherKey {
        /// The key that it speaks of.
        found: Key,
    },
    /// What stands there is no schedule of validators.
    #[error("the proven schedule of the validators is absent or malformed")]
    Schedule,
    /// The schedule names no change.
    #[error("no change of the validators is scheduled in the proven state")]
    NothingScheduled,
    /// The header comes before the validators in force.
    #[error(
        "the handover's header is of height {height}, but the validators that it must be certified by begin at {since}"
    )]
    TooEarly {
        /// Its height.
        height: Height,
        /// Their first height.
        since: Height,
    },
    /// The header comes when the change is in force already.
    #[error(
        "the handover's header is of height {height}, when the former validators certify nothing more: the change holds from {from}"
    )]
    TooLate {
        /// Its height.
        height: Height,
        /// The first height of the new validators.
        from: Height,
    },
    /// The validators that it replaces are not those in force, or are it since another height.
    #[error(
        "the handover replaces other validators than those in force: one is missing before it, or they are out of order"
    )]
    OtherValidators,
}

impl Handover {
    /// The most bytes of an encoded handover.
    pub const MAX_BYTES: usize = KeyProof::MAX_BYTES;

    /// From a proof of [`Key::validators`] whose state has a scheduled change.
    pub const fn new(proof: KeyProof) -> Self {
        Self(proof)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for too many, malformed or trailing bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        KeyProof::from_bytes(bytes).map(Self)
    }

    /// The change that it shows, if `term` are the validators in force.
    fn verify(&self, federation: &FederationId, term: &Term) -> Result<Term, HandoverError> {
        let since = term.since;
        let proven = self
            .0
            .verify(federation, &term.validators)
            .map_err(|source| HandoverError::Proof { since, source })?;
        let height = self.0.header().height;
        if *proven.key != Key::validators() {
            let found = proven.key.clone();
            return Err(HandoverError::OtherKey { found });
        }
        if height < since {
            return Err(HandoverError::TooEarly { height, since });
        }
        let schedule = proven.value.map(ValidatorSchedule::from_canonical_bytes);
        let Some(Ok(schedule)) = schedule else {
            return Err(HandoverError::Schedule);
        };
        if Term::of(schedule.since, &schedule.current) != *term {
            return Err(HandoverError::OtherValidators);
        }
        let next = schedule.next.ok_or(HandoverError::NothingScheduled)?;
        if height >= next.from {
            let from = next.from;
            return Err(HandoverError::TooLate { height, from });
        }
        Ok(Term::of(next.from, &next.validators))
    }
}

/// All changes of the validators since genesis, in order, as they stand in files: their number, then each behind its length (both
/// `u32`, little-endian). Unverified until [`Trust::follow_all`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handovers(Vec<Handover>);

impl Handovers {
    /// The most bytes of all together.
    pub const MAX_BYTES: usize = 64 << 20;

    /// These, in order.
    pub const fn new(handovers: Vec<Handover>) -> Self {
        Self(handovers)
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Handover> {
        self.0.iter()
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = |count: usize| {
            let count = u32::try_from(count).expect("handovers are fewer, and shorter, than 4 Gi");
            count.to_le_bytes()
        };
        let mut bytes = length(self.0.len()).to_vec();
        for handover in self.iter().map(Handover::to_bytes) {
            bytes.extend(length(handover.len()));
            bytes.extend(handover);
        }
        bytes
    }

    /// Reads the bytes and no more; memory grows with what is there, not with what is claimed.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where the source ends early, [`io::ErrorKind::InvalidData`] for what is no handover or too long,
    /// the source's own.
    pub fn read(source: &mut impl Read) -> io::Result<Self> {
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut left = Self::MAX_BYTES;
        let mut handovers = Vec::new();
        for _ in 0..read_number(source)? {
            let length = read_number(source)? as usize;
            left = left
                .checked_sub(length)
                .filter(|_| length <= Handover::MAX_BYTES)
                .ok_or_else(|| invalid(format!("{length} bytes are too many for a handover")))?;
            let mut bytes = Vec::new();
            let read = source.take(length as u64).read_to_end(&mut bytes)?;
            if read != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let handover = Handover::from_bytes(&bytes);
            handovers.push(handover.map_err(|error| invalid(error.to_string()))?);
        }
        Ok(Self(handovers))
    }
}

fn read_number(source: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    source.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Validators and the first height that they certify.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    since: Height,
    validators: ValidatorSet,
}

impl Term {
    fn of(since: Height, validators: &Validators) -> Self {
        Self {
            since,
            validators: ValidatorSet::from(validators),
        }
    }
}

/// Who certifies the block of a height, as far as genesis and the handovers that were followed say.
///
/// ```no_run
/// # use consilium_contracts::{Height, VerifiedGenesis};
/// # use consilium_ledger::{Handover, KeyProof, Trust};
/// # fn example(genesis: &VerifiedGenesis, handovers: &[Handover], proof: &KeyProof) -> Result<(), Box<dyn std::error::Error>> {
/// let mut trust = Trust::genesis(genesis);
/// trust.follow_all(handovers)?;
/// let validators = trust.validators_at(proof.header().height);
/// let proven = proof.verify(trust.federation(), validators)?;
/// # let _ = proven;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    federation: FederationId,
    /// Those before the last, in order of their first heights.
    former: Vec<Term>,
    last: Term,
}

impl Trust {
    /// Trusts the validators of genesis.
    pub fn genesis(genesis: &VerifiedGenesis) -> Self {
        Self {
            federation: genesis.federation(),
            former: Vec::new(),
            last: Term::of(Height::new(1), &genesis.validators()),
        }
    }

    /// Follows the next change; the first height of the new validators. After an error nothing is changed.
    ///
    /// # Errors
    /// [`HandoverError`].
    pub fn follow(&mut self, handover: &Handover) -> Result<Height, HandoverError> {
        let next = handover.verify(&self.federation, &self.last)?;
        let since = next.since;
        self.former.push(std::mem::replace(&mut self.last, next));
        Ok(since)
    }

    /// Follows all changes in order, as a node keeps them; up to the first that does not hold.
    ///
    /// # Errors
    /// [`HandoverError`] of that one.
    pub fn follow_all<'a>(
        &mut self,
        handovers: impl IntoIterator<Item = &'a Handover>,
    ) -> Result<(), HandoverError> {
        handovers
            .into_iter()
            .try_for_each(|handover| self.follow(handover).map(drop))
    }

    /// The federation.
    pub const fn federation(&self) -> &FederationId {
        &self.federation
    }

    /// Who certifies the block of `height`: the last validators known from a height on that is not after it. See the module about
    /// heights after a handover that was not followed.
    pub fn validators_at(&self, height: Height) -> &ValidatorSet {
        &self.term_at(height).validators
    }

    fn term_at(&self, height: Height) -> &Term {
        let terms = std::iter::once(&self.last).chain(self.former.iter().rev());
        let mut in_force = terms.filter(|term| term.since <= height);
        // Height 0 is genesis, which nobody certifies: it gets the first ones.
        let first = self.former.first().unwrap_or(&self.last);
        in_force.next().unwrap_or(first)
    }

    /// Whether the handovers that were followed lead to the validators that `schedule`, as it stands in the state before the block of
    /// `height`, says are in force at that height: none was left out that holds by then.
    pub fn leads_to(&self, schedule: &ValidatorSchedule, height: Height) -> bool {
        let (since, validators) = schedule.term(height);
        *self.term_at(height) == Term::of(since, validators)
    }

    /// The first height of the last validators known.
    pub const fn since(&self) -> Height {
        self.last.since
    }
}
