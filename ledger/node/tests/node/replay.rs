//! A node's ledger against an auditor's replay.

use consilium_contracts::{Height, StateRead as _, VerifiedGenesis};
use consilium_ledger::Replay;
use consilium_node::NodeHandle;

/// Replays the ledger, no engine and no database: every block, certificate, event and root is what the node has.
pub fn replay(genesis: &VerifiedGenesis, node: &NodeHandle) {
    let mut ledger = Replay::new(genesis, 2);
    let tip = node.state();
    for height in 1..=tip.height().value() {
        let committed = node.block(Height::new(height)).unwrap().unwrap();
        let events = ledger.apply(&committed.block, &committed.certificate);
        assert_eq!(
            events.unwrap(),
            committed.events,
            "events of block {height}"
        );
    }
    assert_eq!(tip.root(), ledger.parent().state);
    assert!(
        tip.scan(&[]).eq(ledger.state().scan(&[])),
        "the stored state is the replayed one"
    );
}
