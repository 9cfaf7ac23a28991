//! The state tree's nodes, and forgetting those that no kept version needs.

use std::sync::atomic::Ordering;

use consilium_ledger::{StateProof, TreeKey, TreeStore, TreeUpdate, TreeVersion};
use rocksdb::WriteBatch;

use super::columns::{ColumnKey as _, STALE, TREE};
use super::{Fault, Raw, Snapshot, Store};
use crate::error::StoreError;

impl Store {
    pub(super) fn put_tree(&self, batch: &mut WriteBatch, update: &TreeUpdate) {
        for (key, node) in &update.nodes {
            TREE.put(&self.db, batch, key, &Raw(node.clone()));
        }
        for key in &update.stale {
            STALE.put(
                &self.db,
                batch,
                &(update.version, key.clone()),
                &Raw(Vec::new()),
            );
        }
    }

    /// Forgets the tree nodes that only versions older than those kept need.
    pub(super) fn prune_tree(
        &self,
        batch: &mut WriteBatch,
        version: TreeVersion,
    ) -> Result<(), StoreError> {
        let Some(oldest) = version.value().checked_sub(self.tree_versions) else {
            return Ok(());
        };
        // Begin where the last pruning ended: what lies before is deleted, and slow to skip.
        let begin = self.pruned.load(Ordering::Relaxed).encode();
        for pair in STALE.iter_from(&self.db, &begin) {
            let (key, _) = pair.map_err(|fault| self.at(fault))?;
            let Some((since, node)) = key.split_first_chunk::<8>() else {
                continue;
            };
            if u64::from_be_bytes(*since) > oldest {
                break;
            }
            TREE.delete(&self.db, batch, &TreeKey::from_bytes(node.to_vec()));
            batch.delete_cf(STALE.handle(&self.db), &key);
        }
        self.pruned.store(oldest, Ordering::Relaxed);
        Ok(())
    }

    /// Proves what `snapshot` has under a key.
    pub(crate) fn state_proof(
        &self,
        snapshot: &Snapshot,
        key: &consilium_contracts::Key,
    ) -> Result<StateProof, StoreError> {
        let value = consilium_contracts::StateRead::get(snapshot, key);
        StateProof::new(self, snapshot.tree_version(), key.clone(), value)
            .map_err(|error| self.damaged(error))
    }
}

impl TreeStore for Store {
    type Error = Fault;

    fn node(&self, key: &TreeKey) -> Result<Option<Vec<u8>>, Fault> {
        Ok(TREE.get(&self.db, key)?.map(|raw| raw.0))
    }
}
