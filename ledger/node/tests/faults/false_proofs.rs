//! A validator proposes a block with a posting whose proof is false.

use std::sync::Arc;
use std::time::Instant;

use consilium_contracts::{
    Action, FederationId, Height, PostIndex, RecordId, Rejection, SignedTransaction,
};
use consilium_ledger::{Block, Parent, Round, Slot};
use consilium_schemes::matching::posting::PostingContext;
use consilium_schemes::matching::{HospitalSecretKeys, IndexSize, index_build};
use consilium_schemes::tokens::KeywordToken;

use crate::fixtures::{name, record_id, transaction};
use crate::network::now;
use crate::puppet::{Puppet, parent};
use crate::stage::{LIAR, Stage};
use crate::times;

/// The first record that a stage registers.
const FIRST: u64 = 1;

/// The liar's own record's index, to its own hospital, under other keys than its card has.
fn false_index(federation: FederationId, record: RecordId, now: Height) -> SignedTransaction {
    let (hospital, expires) = (name(LIAR), now.plus(1_000));
    let context = PostingContext {
        federation: *federation.as_bytes(),
        poster: hospital.as_bytes(),
        subject: *record.as_bytes(),
        hospital: hospital.as_bytes(),
        epoch: 1,
        expires: expires.value(),
    };
    let mut rng = rand::rng();
    let keys = HospitalSecretKeys::generate(&mut rng).public_keys();
    let token = KeywordToken::from_bytes(&[7; 32]).unwrap();
    let index = index_build(IndexSize::new(4).unwrap(), &[token], &mut rng).unwrap();
    let posted = index.post(&keys, &context, &mut rng).to_bytes();
    let action = Action::PostIndex(PostIndex {
        record,
        to: hospital.parse().unwrap(),
        index: posted.try_into().unwrap(),
        filter: None,
    });
    transaction(federation, &hospital, 1 << 40, expires.value(), action)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_proof_in_a_proposed_block_names_who_signed_and_who_proposed_it() {
    let begun = Instant::now();
    let mut stage = Stage::open().await;
    let own = stage.next_record(LIAR);
    stage.submit(0, own).await;
    let seen = stage.eye.clone();
    let registered = stage.honest[0].status().await.unwrap().height;
    seen.reached(Height::new(registered)).await.unwrap();
    let mut told = seen.false_proofs();
    let lie = false_index(stage.federation(), record_id(FIRST), parent(&seen).height);
    let (hash, sender) = (lie.hash(), lie.transaction().sender);
    let propose = move |puppet: Arc<Puppet>, _, parent: Parent| {
        let lie = lie.clone();
        async move {
            let (proposer, time) = (puppet.address, now().max(parent.time.plus(1)));
            let block = Block::new(&parent, Slot { proposer, time }, vec![lie]);
            for round in [0, 1].map(Round::new) {
                puppet.propose_block(&block, round).await;
            }
        }
    };
    // Each turn comes once in four heights.
    stage.commit_while(times(8, 80), propose).await;
    stage.assert_no_block_of_the_liar();
    let heard = told.try_recv().unwrap();
    let why = Rejection::IndexNotProven {
        record: record_id(FIRST),
        hospital: name(LIAR).parse().unwrap(),
    };
    assert_eq!((heard.transaction, heard.sender), (hash, sender));
    assert_eq!(heard.rejection, why);
    assert_eq!(heard.proposer, Some(name(LIAR).parse().unwrap()));
    told.try_recv().unwrap_err();
    drop(seen);
    stage.close("one proposes a false proof", begun).await;
}
