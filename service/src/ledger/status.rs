//! How a node stands: for those who ask, and for those who decide whether to send it work.

use consilium_client::api::challenges::ConductView;
use consilium_client::api::health::Check;
use consilium_client::api::ledger::{
    LedgerStatus, PoolStatus, PrefilterView, SyncState, ValidatorStatus,
};
use consilium_client::wire::Text;
use consilium_contracts::{ConductEntry, Digest, View};
use consilium_ledger::ValidatorAddress;
use consilium_node::{NodeHandle, Snapshot, Status};

/// Where a node stands, as it stands in answers.
pub fn status(node: &NodeHandle) -> LedgerStatus {
    let state = node.state();
    let settings = View::new(&state).settings();
    let status = node.status();
    LedgerStatus {
        federation: Text(status.federation),
        height: status.height.value(),
        hash: Text(Digest::from_bytes(*status.hash.as_bytes())),
        oldest_block: status.oldest_block.value(),
        // A folder that cannot be read offers nothing.
        snapshot: node
            .latest_snapshot()
            .ok()
            .flatten()
            .map(|one| one.height.value()),
        state_root: status.state_root.as_bytes().as_slice().into(),
        tip_time_ms: status.time.value(),
        tip_age_ms: status.tip_age_ms,
        max_tip_age_ms: settings.max_tip_age_ms,
        heartbeat_ms: settings.heartbeat_ms,
        validators: validators(&state, &status),
        votes_since: status.last_votes.looked_since().value(),
        peers: status.peers,
        pool: PoolStatus {
            transactions: status.pool_transactions,
            bytes: status.pool_bytes,
            max_transactions: status.pool_max_transactions,
            max_bytes: status.pool_max_bytes,
        },
        evidence: status.evidence,
        sync: sync_of(&status),
        abstains: status.abstains.then(|| ABSTAINS.to_owned()),
        failure: status.failure,
        challenges: conducts(&state),
        prefilter: settings.prefilter.map(|one| PrefilterView {
            bits: one.bits,
            weight: one.weight,
        }),
        keywords: settings.n,
    }
}

/// What the hospitals made of the challenges to them, where there were any.
pub(super) fn conducts(state: &Snapshot) -> Vec<ConductView> {
    let view = View::new(state);
    let conducts = view.hospitals().map(|entry| {
        let id = entry.card.id;
        let conduct = view.conduct(&id);
        (id, conduct)
    });
    conducts
        .filter(|(_, conduct)| *conduct != ConductEntry::default())
        .map(|(id, conduct)| ConductView::new(id, &conduct))
        .collect()
}

/// The validators of a state, and when each voted last.
pub(super) fn validators(state: &Snapshot, status: &Status) -> Vec<ValidatorStatus> {
    let view = View::new(state);
    let validators = view.validators().map(|one| {
        let last_vote = status.last_votes.of(&ValidatorAddress::of(&one.key));
        ValidatorStatus {
            hospital: Text(one.hospital),
            key: one.key.into(),
            last_vote: last_vote.map(|height| height.value()),
        }
    });
    validators.collect()
}

fn sync_of(status: &Status) -> SyncState {
    match status.sync {
        consilium_node::SyncState::Following => SyncState::Following,
        consilium_node::SyncState::CatchingUp { .. } => SyncState::CatchingUp,
        _ => SyncState::Halted,
    }
}

/// The readiness check `ledger`: it runs and its tip is as fresh as the federation asks.
pub fn readiness(node: &NodeHandle) -> Check {
    let status = node.status();
    let settings = View::new(node.state()).settings();
    let limit = settings.max_tip_age_ms;
    let halted = status.failure.is_some() || sync_of(&status) == SyncState::Halted;
    let detail = match &status.failure {
        Some(failure) => format!("halted: {failure}"),
        None => format!(
            "height {}, tip {} ms old (at most {limit}), {} peers{}{}",
            status.height,
            status.tip_age_ms,
            status.peers,
            clock_note(&status, settings.max_clock_skew_ms),
            voting_note(&status),
        ),
    };
    Check {
        ok: !halted && status.tip_age_ms <= limit,
        detail,
    }
}

/// What a validator is told that lost the log of its votes.
const ABSTAINS: &str = "the log of this validator's votes is lost, so it does not vote until it saw two new blocks that the others decide; if they cannot without it, and it is certain that it did not vote in the height that stands still, stop it, delete `abstains` in its ledger's folder, and start it again";

/// A word where the node does not vote although it has a validator key.
fn voting_note(status: &Status) -> String {
    match status.abstains {
        true => format!("; {ABSTAINS}"),
        false => String::new(),
    }
}

/// A word where this machine's clock cannot be right, or a validator's was not.
fn clock_note(status: &Status, skew_ms: u64) -> String {
    match status.ahead_ms {
        ahead if ahead > skew_ms => {
            format!("; block time is {ahead} ms ahead of this machine's clock: is it right?")
        }
        _ => String::new(),
    }
}
