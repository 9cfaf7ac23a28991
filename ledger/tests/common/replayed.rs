//! A ledger applied by the contracts and the tree alone: no engine, no database, no clock.

use std::collections::BTreeMap;

use consilium_contracts::{Key, Pairs, StateRead, VerifiedGenesis, Writes};
use consilium_ledger::{
    Block, BlockEvents, MemoryTree, Parent, StateRoot, TreeUpdate, execute_block, genesis_tree,
    update_tree, verify_transactions,
};

/// The contracts' state, as a plain map.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Pairwise(BTreeMap<Key, Vec<u8>>);

impl Pairwise {
    fn commit(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }
}

impl StateRead for Pairwise {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let prefix = prefix.to_vec();
        let from = Key::from_bytes(prefix.clone());
        let pairs = self
            .0
            .range(from..)
            .take_while(move |(key, _)| key.starts_with(&prefix));
        Box::new(pairs.map(|(key, value)| (key.clone(), value.clone())))
    }
}

/// A ledger up to some block.
pub struct Replayed {
    pub state: Pairwise,
    tree: MemoryTree,
    update: TreeUpdate,
    parent: Parent,
}

impl Replayed {
    /// At genesis.
    pub fn genesis(genesis: &VerifiedGenesis) -> Self {
        let (mut state, mut tree) = (Pairwise::default(), MemoryTree::default());
        let (initial, _) = genesis.initial_state().into_parts();
        state.commit(&initial);
        let update = genesis_tree(&tree, &initial).unwrap();
        tree.commit(&update);
        let parent = Parent::genesis(genesis.federation(), genesis.genesis().created, update.root);
        Self {
            state,
            tree,
            update,
            parent,
        }
    }

    /// Applies the next block, which must name the root of the state before it; what it did.
    pub fn apply(&mut self, block: &Block) -> Result<BlockEvents, String> {
        let header = block.header();
        let height = header.height;
        if (header.previous, header.state) != (self.parent.hash, self.update.root) {
            return Err(format!(
                "block {height} does not follow upon {:?}",
                self.parent
            ));
        }
        let failed = |error| format!("block {height}: {error}");
        let transactions = verify_transactions(&header.federation, block.transactions());
        let transactions = transactions.map_err(|error| failed(error.to_string()))?;
        let executed = execute_block(&self.state, header.context(), &transactions);
        let executed = executed.map_err(|error| failed(error.to_string()))?;
        self.state.commit(&executed.writes);
        let update = update_tree(&self.tree, self.update.version, &executed.writes);
        if let Some(update) = update.map_err(|error| failed(error.to_string()))? {
            self.tree.commit(&update);
            self.update = update;
        }
        self.parent = Parent::after(header, self.update.root);
        Ok(executed.events)
    }

    /// The last block, and the state after it.
    pub fn parent(&self) -> &Parent {
        &self.parent
    }

    /// The root of the state.
    pub fn root(&self) -> StateRoot {
        self.update.root
    }
}
