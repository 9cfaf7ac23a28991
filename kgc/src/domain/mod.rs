//! What the KGC does, one module per step: plain functions over the opened secrets, the ledger's state and the store.
//!
//! | module | step of the paper |
//! |---|---|
//! | [`enrol`] | registration of a doctor's keys and attributes |
//! | [`issue`] | AttKeyGen, after the leaf is committed |
//! | [`epoch`] | UpdKeyGen, once per epoch, before its digest is committed |
//! | [`evaluate`] | keyword tokens |

pub(crate) mod enrol;
pub(crate) mod epoch;
pub(crate) mod evaluate;
pub(crate) mod issue;
#[cfg(test)]
mod tests;

use consilium_contracts::{DoctorId, Height, Leaf, StateRead, View};
use consilium_node::Snapshot;

use crate::store::Intent;

/// The ledger's state at one height: the authority on leaves, revocations and epochs.
pub(crate) struct Ledger<S> {
    /// By nouns.
    pub(crate) view: View<S>,
    /// The last block it shows.
    pub(crate) height: Height,
}

impl From<Snapshot> for Ledger<Snapshot> {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            height: snapshot.height(),
            view: View::new(snapshot),
        }
    }
}

impl<S: StateRead> Ledger<S> {
    /// Whether the transaction of an intent may still be committed: not expired, and its leaf is free.
    pub(crate) fn may_commit(&self, intent: &Intent) -> bool {
        intent.transaction.transaction().expires > self.height
            && intent.leaf == self.view.next_leaf()
    }

    /// When the last of a doctor's leaves was revoked that the current epoch's update key does not exclude.
    pub(crate) fn uncovered(&self, doctor: &DoctorId) -> Option<Height> {
        let covered = self.view.current_epoch().map(|entry| entry.as_of);
        let leaves = self.view.leaves().filter(|leaf| leaf.doctor == *doctor);
        let revoked = leaves
            .filter_map(|leaf| leaf.revoked.map(|revoked| revoked.height))
            .max();
        revoked.filter(|height| covered.is_none_or(|covered| *height > covered))
    }
}

/// A leaf of the ledger as the scheme has it.
pub(crate) fn scheme_leaf(
    leaf: Leaf,
    depth: consilium_schemes::abe::Depth,
) -> Result<consilium_schemes::abe::Leaf, crate::error::KgcError> {
    let fault = |text: String| crate::error::KgcError::Fault(format!("leaf {leaf}: {text}"));
    let index = u32::try_from(leaf.value()).map_err(|error| fault(error.to_string()))?;
    consilium_schemes::abe::Leaf::new(index, depth).map_err(|error| fault(error.to_string()))
}
