//! A node's ledger against the contracts and the tree alone.

use consilium_contracts::{Height, StateRead as _, VerifiedGenesis};
use consilium_node::NodeHandle;

use crate::fixtures::replayed::Replayed;

/// Replays the ledger with the contracts and the tree alone, no engine and no database; every header must name
/// the root of the state before it.
pub fn replay(genesis: &VerifiedGenesis, node: &NodeHandle) {
    let mut ledger = Replayed::genesis(genesis);
    let tip = node.state();
    for height in 1..=tip.height().value() {
        let committed = node.block(Height::new(height)).unwrap().unwrap();
        let events = ledger.apply(&committed.block).unwrap();
        assert_eq!(events, committed.events, "events of block {height}");
    }
    assert_eq!(tip.root(), ledger.root());
    assert!(
        tip.scan(&[]).eq(ledger.state.scan(&[])),
        "the stored state is the replayed one"
    );
}
