//! A ledger in memory: real transactions, applied; blocks certified by all validators.

use std::collections::BTreeMap;

use consilium_contracts::*;
use consilium_ledger::*;

use super::{Plan, key, name};

/// A state as a plain map.
#[derive(Default)]
pub struct Map(BTreeMap<Key, Vec<u8>>);

impl Map {
    fn write(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }
}

impl StateRead for Map {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let prefix = prefix.to_vec();
        let from = Key::from_bytes(prefix.clone());
        let pairs = self.0.range(from..);
        let pairs = pairs.take_while(move |(key, _)| key.starts_with(&prefix));
        Box::new(pairs.map(|(key, value)| (key.clone(), value.clone())))
    }
}

/// The ledger and the state after its last block.
pub struct Chain {
    pub genesis: VerifiedGenesis,
    validators: usize,
    state: Map,
    tree: MemoryTree,
    version: TreeVersion,
    parent: Parent,
}

impl Chain {
    /// At genesis.
    pub fn new(plan: &Plan) -> Self {
        let genesis = plan.genesis();
        let (writes, _) = genesis.initial_state().into_parts();
        let (mut state, mut tree) = (Map::default(), MemoryTree::default());
        state.write(&writes);
        let update = genesis_tree(&tree, &writes).unwrap();
        tree.commit(&update);
        Self {
            parent: Parent::genesis(genesis.federation(), plan.created, update.root),
            validators: plan.validators,
            version: update.version,
            genesis,
            state,
            tree,
        }
    }

    /// The next block, with these transactions.
    pub fn next(&mut self, transactions: Vec<SignedTransaction>) -> ExportEntry {
        let slot = Slot {
            proposer: ValidatorAddress::of(&validator(0).verifying_key()),
            time: self.parent.time.plus(1000),
        };
        let block = Block::new(&self.parent, slot, transactions);
        let federation = self.genesis.federation();
        let verified = verify_transactions(&federation, block.transactions()).unwrap();
        let executed = execute_block(&self.state, block.header().context(), &verified).unwrap();
        self.state.write(&executed.writes);
        let update = update_tree(&self.tree, self.version, &executed.writes).unwrap();
        let root = update.map_or(self.parent.state, |update| {
            self.tree.commit(&update);
            self.version = update.version;
            update.root
        });
        self.parent = Parent::after(block.header(), root);
        let certificate = self.certify(block.header(), 0..self.validators);
        ExportEntry { block, certificate }
    }

    /// Precommits of these validators for a header.
    pub fn certify(
        &self,
        header: &Header,
        voters: impl IntoIterator<Item = usize>,
    ) -> CommitCertificate {
        let (height, round, hash) = (header.height, Round::new(0), header.hash());
        let sign = |i: usize| {
            let key = validator(i);
            let voter = ValidatorAddress::of(&key.verifying_key());
            let block = Some(hash);
            let ballot = Ballot {
                height,
                round,
                block,
                voter,
            };
            let statement = ConsensusStatement::Precommit(ballot);
            let signature = statement.sign(&self.genesis.federation(), &key);
            CommitSignature { voter, signature }
        };
        CommitCertificate::new(height, round, hash, voters.into_iter().map(sign).collect())
    }
}

/// The key that hospital number `i` votes with.
fn validator(i: usize) -> SigningKey {
    key(&format!("{}/validator", name(i)))
}
