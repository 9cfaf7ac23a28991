//! Whose turn it is to propose.
//!
//! Validators take turns. One that proposed none of the last blocks is missing: it is asked first
//! only at every [`MISSING_EVERY`]th height, so that its timeouts cost little, and is back in the
//! rotation once a block of its own is committed. Everything follows from committed headers, so
//! all nodes agree.

use std::collections::BTreeSet;

use consilium_contracts::Height;
use consilium_ledger::{Round, ValidatorAddress, ValidatorSet};

/// A missing validator is asked first at each height that this divides.
const MISSING_EVERY: u64 = 16;
/// How many rotations of silence make a validator missing.
const ROTATIONS: u64 = 4;

/// The order in which validators are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    present: Vec<ValidatorAddress>,
    missing: Vec<ValidatorAddress>,
}

impl Turns {
    /// How many of the last blocks count.
    pub(crate) fn window(validators: &ValidatorSet) -> u64 {
        ROTATIONS * u64::try_from(validators.as_slice().len()).unwrap_or(u64::MAX)
    }

    /// The order that follows from who proposed the last [`Turns::window`] blocks.
    pub(crate) fn new(validators: &ValidatorSet, recent: &[ValidatorAddress]) -> Self {
        let seen: BTreeSet<_> = recent.iter().collect();
        let young = (recent.len() as u64) < Self::window(validators);
        let all = validators
            .as_slice()
            .iter()
            .map(|validator| *validator.address());
        let (present, missing) = all.partition(|address| young || seen.contains(address));
        Self { present, missing }
    }

    /// Who proposes at a height and round: everybody comes within as many rounds as there are
    /// validators.
    pub(crate) fn proposer(&self, height: Height, round: Round) -> ValidatorAddress {
        let (height, round) = (height.value(), u64::from(round.value()));
        let (first, second) = if height % MISSING_EVERY == 0 && !self.missing.is_empty() {
            (
                rotated(&self.missing, height / MISSING_EVERY),
                rotated(&self.present, height),
            )
        } else {
            (
                rotated(&self.present, height),
                rotated(&self.missing, height),
            )
        };
        let order: Vec<_> = first.chain(second).collect();
        let turn = round % (order.len() as u64).max(1);
        let found = usize::try_from(turn).ok().and_then(|turn| order.get(turn));
        **found.expect("a validator set is not empty, and the turn is below its length")
    }
}

fn rotated(list: &[ValidatorAddress], by: u64) -> impl Iterator<Item = &ValidatorAddress> {
    let by = by
        .checked_rem(list.len() as u64)
        .and_then(|by| usize::try_from(by).ok());
    let (end, begin) = list.split_at(by.unwrap_or(0));
    begin.iter().chain(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_schemes::signature::SigningKey;

    fn validators(n: u8) -> ValidatorSet {
        let keys = (0..n).map(|seed| SigningKey::from_bytes(&[seed; 32]).verifying_key());
        ValidatorSet::new(keys).unwrap()
    }

    fn order(turns: &Turns, height: u64, rounds: u32) -> Vec<ValidatorAddress> {
        (0..rounds)
            .map(|r| turns.proposer(Height::new(height), Round::new(r)))
            .collect()
    }

    #[test]
    fn each_validator_is_asked_first_equally_often() {
        let set = validators(4);
        let turns = Turns::new(&set, &[]);
        let first: Vec<_> = (1..=8)
            .map(|h| turns.proposer(Height::new(h), Round::new(0)))
            .collect();
        for validator in set.as_slice() {
            assert_eq!(
                first.iter().filter(|a| *a == validator.address()).count(),
                2
            );
        }
    }

    #[test]
    fn every_validator_comes_within_as_many_rounds_as_there_are() {
        let set = validators(4);
        let one = *set.as_slice()[0].address();
        let turns = Turns::new(&set, &[one; 16]);
        for height in 1..40 {
            let asked: BTreeSet<_> = order(&turns, height, 4).into_iter().collect();
            assert_eq!(asked.len(), 4, "at height {height}");
        }
    }

    #[test]
    fn a_missing_validator_is_asked_first_at_every_sixteenth_height_only() {
        let set = validators(4);
        let missing = *set.as_slice()[2].address();
        let others = [0, 1, 3].map(|i: usize| *set.as_slice()[i].address());
        let recent: Vec<_> = others.into_iter().cycle().take(16).collect();
        let turns = Turns::new(&set, &recent);
        for height in 1..=64 {
            let first = turns.proposer(Height::new(height), Round::new(0));
            assert_eq!(first == missing, height % 16 == 0, "at height {height}");
        }
    }

    #[test]
    fn a_young_ledger_misses_nobody() {
        let set = validators(4);
        let one = *set.as_slice()[0].address();
        assert_eq!(Turns::new(&set, &[one; 15]), Turns::new(&set, &[]));
    }
}
