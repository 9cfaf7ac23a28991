//! How far validators say that they are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use consilium_contracts::Height;
use consilium_ledger::{ValidatorAddress, ValidatorSet};

/// How long a claim counts. Who is ahead makes blocks and claims more with each; who is not is believed no longer than this.
const HOLDS: Duration = Duration::from_secs(20);

/// The last claim of each validator: the block that it says it builds upon, and when it said so.
#[derive(Default)]
pub(super) struct Claims(HashMap<ValidatorAddress, (Height, Instant)>);

impl Claims {
    /// Takes the place of what it said before: a lie ends when it is taken back.
    pub(super) fn make(&mut self, validator: ValidatorAddress, decided: Height, now: Instant) {
        self.0.insert(validator, (decided, now));
    }

    /// Forgets who is no validator any more.
    pub(super) fn keep(&mut self, validators: &ValidatorSet) {
        self.0.retain(|one, _| validators.get(one).is_some());
    }

    /// The highest block that more than a third of so many validators say is decided.
    pub(super) fn believed(&self, validators: usize, now: Instant) -> Option<Height> {
        let recent = |(_, made): &&(Height, Instant)| now.saturating_duration_since(*made) < HOLDS;
        let claims = self.0.values().filter(recent);
        let mut heights: Vec<_> = claims.map(|(decided, _)| *decided).collect();
        heights.sort_unstable_by(|one, other| other.cmp(one));
        let liars = validators.saturating_sub(1) / 3;
        heights.get(liars).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(number: u8) -> ValidatorAddress {
        ValidatorAddress::from_bytes([number; 32])
    }

    #[test]
    fn a_claim_is_believed_of_more_than_a_third_and_not_for_ever() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut claims = Claims::default();
        let believed =
            |claims: &Claims, of, seconds| claims.believed(of, at(seconds)).map(Height::value);
        claims.make(validator(1), Height::new(u64::MAX), at(0));
        assert_eq!(believed(&claims, 4, 0), None, "one of four");
        assert_eq!(believed(&claims, 3, 0), Some(u64::MAX), "one of three");
        claims.make(validator(2), Height::new(9), at(5));
        assert_eq!(believed(&claims, 4, 5), Some(9));
        assert_eq!(believed(&claims, 3, 19), Some(u64::MAX));
        assert_eq!(believed(&claims, 3, 20), Some(9), "the first is forgotten");
        assert_eq!(believed(&claims, 3, 25), None, "and the second");
        claims.make(validator(1), Height::new(u64::MAX), at(30));
        claims.make(validator(1), Height::new(7), at(31));
        assert_eq!(believed(&claims, 3, 31), Some(7), "it took it back");
    }
}
