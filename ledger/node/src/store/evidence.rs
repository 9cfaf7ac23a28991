//! Evidence against validators: proven, each lie once, bounded for each validator.

use std::collections::BTreeMap;

use consilium_ledger::{Equivocation, ValidatorAddress};
use rocksdb::WriteBatch;

use super::Store;
use super::columns::{ColumnKey as _, EVIDENCE};
use crate::error::StoreError;

/// The most pieces that are kept of one validator: a liar neither fills the disk nor crowds out what is known of others.
const MAX_OF_VALIDATOR: usize = 100;

impl Store {
    /// Keeps what is new of `found`; how many pieces there are now.
    pub(crate) fn keep_evidence(&self, found: &[Equivocation]) -> Result<u64, StoreError> {
        let mut known = self.evidence(usize::MAX)?;
        let mut of_validator: BTreeMap<ValidatorAddress, usize> = BTreeMap::new();
        for one in &known {
            *of_validator.entry(*one.validator()).or_default() += 1;
        }
        let mut batch = WriteBatch::default();
        for new in found {
            let is_known = |one: &Equivocation| one.evidence().same_as(new.evidence());
            let kept = of_validator.entry(*new.validator()).or_default();
            if *kept >= MAX_OF_VALIDATOR || known.iter().any(is_known) {
                continue;
            }
            EVIDENCE.put(&self.db, &mut batch, &(known.len() as u64), new.evidence());
            known.push(new.clone());
            *kept += 1;
        }
        self.write(batch)?;
        Ok(known.len() as u64)
    }

    /// The last pieces that were kept, the newest first, verified again.
    pub(crate) fn evidence(&self, most: usize) -> Result<Vec<Equivocation>, StoreError> {
        let federation = self.tip()?.parent.federation;
        let total = self.evidence_count()?;
        let skipped = total.saturating_sub(most as u64);
        let mut pieces = Vec::new();
        for pair in EVIDENCE.iter_from(&self.db, &skipped.encode()) {
            let (_, evidence) = pair.map_err(|fault| self.at(fault))?;
            let proven = evidence.verify(&federation);
            pieces.push(proven.map_err(|error| self.damaged(format!("column evidence: {error}")))?);
        }
        pieces.reverse();
        Ok(pieces)
    }

    /// How many pieces of evidence there are.
    pub(crate) fn evidence_count(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for pair in EVIDENCE.iter_from(&self.db, &[]) {
            pair.map_err(|fault| self.at(fault))?;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "the fixtures serve other tests, too")]
#[path = "../../../tests/common/mod.rs"]
mod fixtures;

#[cfg(test)]
mod tests {
    use consilium_contracts::{FederationId, Height};
    use consilium_ledger::{
        Ballot, BlockHash, ConsensusStatement, Evidence, Round, SignedStatement,
    };

    use super::fixtures::{Plan, key, public};
    use super::*;
    use crate::store::{Guard, Owner};

    /// That `name` precommitted to two blocks at a height.
    fn lie(federation: &FederationId, name: &str, height: u64) -> Equivocation {
        let [first, second] = [1, 2].map(|block| {
            let statement = ConsensusStatement::Precommit(Ballot {
                height: Height::new(height),
                round: Round::new(0),
                block: Some(BlockHash::from_bytes([block; 32])),
                voter: ValidatorAddress::of(&public(name)),
            });
            let signature = statement.sign(federation, &key(name));
            SignedStatement {
                statement,
                signature,
            }
        });
        Evidence::new(first, second).verify(federation).unwrap()
    }

    #[test]
    fn each_lie_is_kept_once_and_one_liar_does_not_crowd_out_another() {
        let genesis = Plan::of(2, 1).genesis();
        let federation = genesis.federation();
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let owner = Owner {
                federation,
                node: public("h0/peer"),
                validator: None,
            };
            let guard = Guard::acquire(folder.path(), &owner).unwrap();
            Store::open(folder.path(), guard, &genesis, 8).unwrap()
        };
        let store = open();
        let liar = |height| lie(&federation, "liar", height);
        assert_eq!(store.keep_evidence(&[liar(1), liar(2)]).unwrap(), 2);
        assert_eq!(store.keep_evidence(&[liar(2), liar(1)]).unwrap(), 2);
        let many: Vec<_> = (1..=150).map(liar).collect();
        let most = MAX_OF_VALIDATOR as u64;
        assert_eq!(store.keep_evidence(&many).unwrap(), most);
        let other = lie(&federation, "other", 7);
        assert_eq!(
            store.keep_evidence(std::slice::from_ref(&other)).unwrap(),
            most + 1
        );

        drop(store);
        let store = open();
        assert_eq!(store.evidence_count().unwrap(), most + 1);
        assert_eq!(store.evidence(2).unwrap(), [other, liar(most)]);
        assert_eq!(store.evidence(usize::MAX).unwrap().len(), 101);
    }
}
