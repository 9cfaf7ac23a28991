//! A ledger applied by the contracts and the tree alone: no engine, no database, no clock.

use consilium_contracts::{Key, MemoryState, StateRead as _, VerifiedGenesis};
use consilium_ledger::{
    Block, BlockEvents, MemoryTree, Parent, StateProof, StateRoot, TreeUpdate, execute_block,
    genesis_tree, update_tree, verify_transactions,
};

/// A ledger up to some block.
#[derive(Clone)]
pub struct Replayed {
    pub state: MemoryState,
    tree: MemoryTree,
    update: TreeUpdate,
    parent: Parent,
}

impl Replayed {
    /// At genesis.
    pub fn genesis(genesis: &VerifiedGenesis) -> Self {
        let (mut state, mut tree) = (MemoryState::new(), MemoryTree::default());
        let initial = genesis.initial_state();
        state.commit(&initial);
        let update = genesis_tree(&tree, initial.writes()).unwrap();
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
        self.state.write(&executed.writes);
        let update = update_tree(&self.tree, self.update.version, &executed.writes);
        if let Some(update) = update.map_err(|error| failed(error.to_string()))? {
            self.tree.commit(&update);
            self.update = update;
        }
        self.parent = Parent::after(header, self.update.root);
        Ok(executed.events)
    }

    /// What the state says of a key, with its path to the root.
    pub fn prove(&self, key: Key) -> StateProof {
        let value = self.state.get(&key);
        self.claim(key, value)
    }

    /// That `key` has this value: a lie where it has another.
    pub fn claim(&self, key: Key, value: Option<Vec<u8>>) -> StateProof {
        StateProof::new(&self.tree, self.update.version, key, value).unwrap()
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
