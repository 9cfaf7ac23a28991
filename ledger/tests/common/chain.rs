//! A ledger in memory: real transactions, applied; blocks certified by all validators.

use std::ops::Range;

use consilium_contracts::*;
use consilium_ledger::*;

use super::replayed::Replayed;
use super::{Plan, certificate, name, public};

/// The ledger and the state after its last block.
pub struct Chain {
    pub genesis: VerifiedGenesis,
    validators: usize,
    ledger: Replayed,
}

impl Chain {
    /// At genesis.
    pub fn new(plan: &Plan) -> Self {
        let genesis = plan.genesis();
        Self {
            ledger: Replayed::genesis(&genesis),
            validators: plan.validators,
            genesis,
        }
    }

    /// The next block, with these transactions.
    pub fn next(&mut self, transactions: Vec<SignedTransaction>) -> ExportEntry {
        let parent = self.ledger.parent();
        let slot = Slot {
            proposer: ValidatorAddress::of(&public(&validator(0))),
            time: parent.time.plus(1000),
        };
        let block = Block::new(parent, slot, transactions);
        self.ledger.apply(&block).unwrap();
        let certificate = self.certify(block.header(), 0..self.validators);
        ExportEntry { block, certificate }
    }

    /// Precommits of these validators for a header.
    pub fn certify(&self, header: &Header, voters: Range<usize>) -> CommitCertificate {
        certificate(header, Round::new(0), voters.map(validator))
    }
}

/// The name of the key that hospital number `i` votes with.
fn validator(i: usize) -> String {
    format!("{}/validator", name(i))
}
