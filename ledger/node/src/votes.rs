//! Who has voted lately, as the certificates of committed blocks show it.

use std::collections::BTreeMap;

use consilium_contracts::Height;
use consilium_ledger::{CommitCertificate, ValidatorAddress, ValidatorSet};

/// How many stored blocks are looked at when a node starts.
pub(crate) const WINDOW: u64 = 64;

/// The last height at which each validator's vote stands in a commit certificate, as far as this node looked.
///
/// More than two thirds of the votes make a certificate; one that comes later does not stand in it. A validator that is up and far
/// away may therefore be missing in many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastVotes {
    since: Height,
    last: BTreeMap<ValidatorAddress, Height>,
}

impl LastVotes {
    /// Nothing is known; blocks from `since` on are looked at.
    pub(crate) const fn since(since: Height) -> Self {
        Self {
            since,
            last: BTreeMap::new(),
        }
    }

    /// Counts the votes of one more block.
    pub(crate) fn count(&mut self, certificate: &CommitCertificate) {
        for signature in certificate.signatures() {
            let last = self.last.entry(signature.voter).or_default();
            *last = certificate.height().max(*last);
        }
    }

    /// Forgets who is no validator any more.
    pub(crate) fn keep(&mut self, validators: &ValidatorSet) {
        self.last.retain(|voter, _| validators.get(voter).is_some());
    }

    /// The last height with a vote of this validator; `None` when there is none since [`LastVotes::looked_since`].
    pub fn of(&self, validator: &ValidatorAddress) -> Option<Height> {
        self.last.get(validator).copied()
    }

    /// The first height whose certificate was looked at.
    pub const fn looked_since(&self) -> Height {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use consilium_ledger::{BlockHash, CommitSignature, Round};
    use consilium_schemes::signature::{Signature, SigningKey};

    use super::*;

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32])
    }

    fn voter(number: u8) -> ValidatorAddress {
        ValidatorAddress::of(&key(number).verifying_key())
    }

    fn certificate(height: u64, voters: &[u8]) -> CommitCertificate {
        let sign = |number: &u8| CommitSignature {
            voter: voter(*number),
            signature: Signature::from_bytes([0; 64]),
        };
        let signatures = voters.iter().map(sign).collect();
        let block = BlockHash::from_bytes([9; 32]);
        CommitCertificate::new(Height::new(height), Round::new(0), block, signatures)
    }

    #[test]
    fn the_last_vote_counts_and_a_former_validator_is_forgotten() {
        let mut votes = LastVotes::since(Height::new(3));
        votes.count(&certificate(3, &[1, 2, 3]));
        votes.count(&certificate(4, &[1, 2, 4]));
        votes.count(&certificate(5, &[1, 3, 4]));
        let seen =
            |votes: &LastVotes| [1, 2, 3, 4, 5].map(|one| votes.of(&voter(one)).map(Height::value));
        assert_eq!(seen(&votes), [Some(5), Some(4), Some(5), Some(5), None]);
        let left = ValidatorSet::new([1, 2, 5].map(|one| key(one).verifying_key())).unwrap();
        votes.keep(&left);
        assert_eq!(seen(&votes), [Some(5), Some(4), None, None, None]);
        assert_eq!(votes.looked_since(), Height::new(3));
    }
}
