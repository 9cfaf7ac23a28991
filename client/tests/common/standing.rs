//! What a ledger would prove of its state, certified by its validators, without its blocks.

use consilium_client::ledger_proof::{LedgerProof, Subject};
use consilium_contracts::{
    BlockTime, Canonical as _, DoctorId, Height, Key, MemoryState, RecordEntry, RecordStatus,
    RecordTerms, StateRead as _, VerifiedGenesis,
};
use consilium_ledger::{
    BlockHash, Handovers, Header, KeyProof, MemoryTree, Round, StateProof, StateRoot,
    ValidatorAddress, genesis_tree, transaction_root,
};

use super::certified::certificate;
use super::fixture;

/// What stands under a key of a state.
pub fn state_proof(state: &MemoryState, of: &Key) -> (StateProof, StateRoot) {
    let pairs = state.iter();
    let writes = pairs.map(|(key, value)| (key.clone(), Some(value.to_vec())));
    let mut tree = MemoryTree::default();
    let update = genesis_tree(&tree, &writes.collect()).unwrap();
    tree.commit(&update);
    let value = state.get(of);
    let proof = StateProof::new(&tree, update.version, of.clone(), value).unwrap();
    (proof, update.root)
}

/// That a record with these terms, assigned to this doctor, stands on a ledger whose only validator is the north; nothing else happened
/// there.
pub fn record_proof(
    genesis: &VerifiedGenesis,
    terms: &RecordTerms,
    doctor: DoctorId,
) -> LedgerProof {
    let (subject, key) = (Subject::Record(terms.record), Key::record(&terms.record));
    let entry = RecordEntry {
        terms: terms.clone(),
        registered: Height::new(1),
        matches: 1,
        window: None,
        refuted: 0,
        status: RecordStatus::Assigned {
            doctor,
            until: BlockTime::new(fixture::START + 1_000),
        },
    };
    let mut state = MemoryState::new();
    state.commit(&genesis.initial_state());
    state.write(&[(key.clone(), Some(entry.to_canonical_bytes()))].into());
    let (path, root) = state_proof(&state, &key);
    let header = Header {
        federation: genesis.federation(),
        height: Height::new(2),
        previous: BlockHash::from_bytes([1; 32]),
        proposer: ValidatorAddress::of(&fixture::public("north/validator")),
        time: BlockTime::new(fixture::START + 1),
        transactions: transaction_root(&[]),
        state: root,
    };
    let certificate = certificate(&header, Round::new(0), [fixture::key("north/validator")]);
    let proof = KeyProof::new(header, certificate, path);
    LedgerProof::new(subject, Handovers::default(), proof)
}
