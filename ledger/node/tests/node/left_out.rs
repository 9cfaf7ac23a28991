//! A snapshot whose giver leaves out what its certificate does not need.

use std::fs;

use consilium_contracts::{
    Action, ApproveValidatorChange, Height, SignedTransaction, ValidatorChange, View,
};
use consilium_ledger::Trust;
use consilium_node::{History, NodeHandle, RestoreError, restore, standing, start};

use crate::fixtures::{first_epoch, name, record, transaction};
use crate::network::{Network, Who, eventually, stop};
use crate::snapshots::{frames, together};

const PLENTY: u64 = 1 << 30;

async fn begin(network: &Network, i: usize) -> NodeHandle {
    let mut config = network.config(Who::Hospital(i));
    config.tuning.history = History {
        archive: false,
        keep_blocks: 100,
        snapshot_every: 5,
    };
    start(config).await.unwrap()
}

/// The KGC proposes that hospital 3 leaves, and the others approve; the height from which on they are alone.
async fn leave(network: &Network, at: &NodeHandle) -> Height {
    let sign = |sender: &str, nonce, action| -> SignedTransaction {
        transaction(network.genesis.federation(), sender, nonce, 5_000, action)
    };
    let change = ValidatorChange::Leave {
        hospital: name(3).parse().unwrap(),
    };
    let propose = Action::ProposeValidatorChange(change.clone());
    let proposed = at.submit(sign("kgc", 900, propose)).await.unwrap().height;
    for i in 0..3 {
        let change = change.clone();
        let approve = Action::ApproveValidatorChange(ApproveValidatorChange { change, proposed });
        let approve = sign(&name(i), 901 + i as u64, approve);
        at.submit(approve).await.unwrap();
    }
    let next = View::new(at.state()).validator_schedule().next;
    next.unwrap().from
}

/// After one of four left, all of the other three sign each block: a quorum of the four, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_leaves_out_a_change_which_its_certificate_does_not_show_is_refused() {
    let network = Network::new(4, 4);
    let federation = network.genesis.federation();
    let mut nodes = Vec::new();
    for i in 0..4 {
        nodes.push(begin(&network, i).await);
    }
    nodes[0].submit(first_epoch(federation)).await.unwrap();
    let from = leave(&network, &nodes[0]).await;
    let above = || {
        let snapshot = nodes[0].latest_snapshot().unwrap();
        snapshot.filter(|one| one.height >= from.plus(2))
    };
    for number in 1.. {
        let record = record(federation, 0, number);
        nodes[0].submit(record).await.unwrap();
        if nodes[0].status().height > from.plus(10) {
            break;
        }
    }
    eventually("a snapshot", || above().is_some()).await;
    let snapshot = fs::read(above().unwrap().path).unwrap();

    let empty = network.config(Who::Kgc).home();
    let mut without = frames(&snapshot);
    without.remove(1);
    let count = without[0].len() - 4;
    assert_eq!(without[0][count..], [1, 0, 0, 0]);
    without[0][count] = 0;
    let refused = restore(&empty, together(without).as_slice(), PLENTY).unwrap_err();
    assert!(
        matches!(refused, RestoreError::HandoverLeftOut { height } if height > from),
        "{refused}"
    );
    assert_eq!(standing(&empty).unwrap().height, Height::new(0));

    // As it was made it is taken, and whoever asks its node afterwards follows the change.
    restore(&empty, snapshot.as_slice(), PLENTY).unwrap();
    let kgc = network.start(Who::Kgc).await;
    let mut trust = Trust::genesis(&network.genesis);
    trust.follow_all(&kgc.handovers().unwrap()).unwrap();
    assert_eq!(trust.since(), from);
    for node in nodes.into_iter().chain([kgc]) {
        stop(node).await;
    }
}
