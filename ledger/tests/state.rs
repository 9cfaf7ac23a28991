//! The state tree and proofs, against a plain map.

use std::collections::BTreeMap;

use crate::common::{Plan, first_epoch, record};
use consilium_contracts::{
    BlockContext, BlockTime, Height, Key, MemoryState, StateRead as _, Writes,
};
use consilium_ledger::*;
use proptest::prelude::*;

fn key(number: u8) -> Key {
    Key::from_bytes(vec![b'k', number])
}

fn writes(changes: &[(u8, Option<u8>)]) -> Writes {
    changes
        .iter()
        .map(|(k, v)| (key(*k), v.map(|v| vec![v; 3])))
        .collect()
}

/// A tree kept through batches of changes, and the map it stands for.
struct Kept {
    tree: MemoryTree,
    update: TreeUpdate,
    map: BTreeMap<Key, Vec<u8>>,
}

impl Kept {
    fn new() -> Self {
        let first = writes(&[(0, Some(0))]);
        let mut tree = MemoryTree::default();
        let update = genesis_tree(&tree, &first).unwrap();
        tree.commit(&update);
        let map = first.into_iter().map(|(k, v)| (k, v.unwrap())).collect();
        Self { tree, update, map }
    }

    fn apply(&mut self, changes: &Writes) {
        if let Some(update) = update_tree(&self.tree, self.update.version, changes).unwrap() {
            self.tree.commit(&update);
            self.update = update;
        }
        for (key, value) in changes {
            match value {
                Some(value) => self.map.insert(key.clone(), value.clone()),
                None => self.map.remove(key),
            };
        }
    }

    fn proof(&self, of: &Key) -> StateProof {
        let value = self.map.get(of).cloned();
        StateProof::new(&self.tree, self.update.version, of.clone(), value).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_root_follows_from_the_map_alone_and_every_key_is_provable(
        batches in prop::collection::vec(
            prop::collection::vec((1u8..24, prop::option::of(any::<u8>())), 0..8), 1..8),
    ) {
        let mut kept = Kept::new();
        for batch in &batches {
            kept.apply(&writes(batch));
        }
        // The same map in one step, in a tree of its own.
        let at_once: Writes = kept.map.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
        let fresh = genesis_tree(&MemoryTree::default(), &at_once).unwrap();
        prop_assert_eq!(fresh.root, kept.update.root);
        for number in 0..24 {
            let proof = StateProof::from_bytes(&kept.proof(&key(number)).to_bytes()).unwrap();
            let expected = kept.map.get(&key(number)).map(Vec::as_slice);
            prop_assert_eq!(proof.verify(&kept.update.root).unwrap(), expected);
            let other = StateRoot::from_bytes([1; 32]);
            prop_assert!(proof.verify(&other).is_err());
        }
    }
}

#[test]
fn a_proof_with_another_value_or_none_fails() {
    let mut kept = Kept::new();
    kept.apply(&writes(&[(1, Some(1)), (2, Some(2)), (3, Some(3))]));
    for lie in [None, Some(vec![9; 3]), Some(vec![])] {
        let version = kept.update.version;
        let forged = StateProof::new(&kept.tree, version, key(2), lie).unwrap();
        assert_eq!(forged.verify(&kept.update.root), Err(StateProofError));
    }
    let absent = StateProof::new(&kept.tree, kept.update.version, key(9), Some(vec![1])).unwrap();
    assert_eq!(absent.verify(&kept.update.root), Err(StateProofError));
}

#[test]
fn proof_bytes_are_bounded_and_end_where_they_end() {
    let proof = Kept::new().proof(&key(0));
    let mut bytes = proof.to_bytes();
    bytes.push(0);
    assert!(StateProof::from_bytes(&bytes).is_err());
    assert!(StateProof::from_bytes(&vec![0; StateProof::MAX_BYTES + 1]).is_err());
}

#[test]
fn an_unchanged_state_keeps_its_version() {
    let kept = Kept::new();
    assert_eq!(
        update_tree(&kept.tree, kept.update.version, &Writes::new()).unwrap(),
        None
    );
}

/// One block upon genesis, by the executor.
fn one_block(time: u64) -> (MemoryState, Executed) {
    let genesis = Plan::of(2, 1).genesis();
    let federation = genesis.federation();
    let mut state = MemoryState::new();
    state.commit(&genesis.initial_state());
    let transactions = [
        first_epoch(federation),
        record(federation, 0, 1),
        record(federation, 1, 2),
    ];
    let verified = verify_transactions(&federation, &transactions).unwrap();
    let context = BlockContext {
        height: Height::new(1),
        time: BlockTime::new(time),
    };
    let executed = execute_block(&state, context, &verified).unwrap();
    (state, executed)
}

#[test]
fn a_block_applies_the_same_way_every_time() {
    let (state, first) = one_block(2_000_000);
    assert_eq!(one_block(2_000_000).1, first);
    assert_eq!(first.events.transactions.len(), 3);
    assert!(first.writes.keys().any(|key| state.get(key).is_none()));
}

#[test]
fn a_rejected_transaction_leaves_no_trace_and_makes_a_block_invalid() {
    let genesis = Plan::of(2, 1).genesis();
    let federation = genesis.federation();
    let mut state = MemoryState::new();
    state.commit(&genesis.initial_state());
    let context = BlockContext {
        height: Height::new(1),
        time: BlockTime::new(2_000_000),
    };
    let verify = |list: &[_]| verify_transactions(&federation, list).unwrap();
    let good = verify(&[first_epoch(federation), record(federation, 0, 1)]);
    // A record twice: the second is rejected.
    let mut with_bad = good.clone();
    with_bad.push(good[1].clone());
    let error = execute_block(&state, context, &with_bad).unwrap_err();
    assert_eq!(error.index, 2);
    let mut execution = Execution::begin(&state, context);
    execution.apply(&good[0]).unwrap();
    execution.apply(&good[1]).unwrap();
    execution.apply(&good[1]).unwrap_err();
    assert_eq!(
        execution.finish(),
        execute_block(&state, context, &good).unwrap()
    );
}

#[test]
fn a_transaction_that_does_not_verify_is_named() {
    let genesis = Plan::of(2, 1).genesis();
    let federation = genesis.federation();
    let stranger = consilium_contracts::FederationId::from_bytes([1; 32]);
    let list = [first_epoch(federation), first_epoch(stranger)];
    assert_eq!(
        verify_transactions(&federation, &list).unwrap_err().index,
        1
    );
}
