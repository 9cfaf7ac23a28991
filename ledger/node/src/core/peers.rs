//! Whom the state names: the nodes of the network, and those of them whose bodies of blocks are taken.
//!
//! A hospital that joins, or whose node gets another key or address, is met without a restart; a key that is over is a stranger's.

use std::collections::HashMap;

use arc_malachitebft_app_channel::NetworkRequest;
use arc_malachitebft_app_channel::app::net::Multiaddr;
use arc_malachitebft_app_channel::app::types::PeerId;
use consilium_contracts::{BlockTime, Event, HospitalEntry, StateRead, View};
use consilium_ledger::{BlockEvents, ValidatorAddress};
use consilium_schemes::signature::VerifyingKey;
use tokio::sync::mpsc;

use crate::config::Peer;
use crate::engine::{Members, peer_address, peer_id};

/// The nodes that the state names, and who of them publishes blocks.
pub(crate) struct Peers {
    /// This node's network identity.
    own: VerifyingKey,
    /// Keys whose addresses the operator gave: they stay as given.
    given: Vec<VerifyingKey>,
    named: Vec<Peer>,
    /// The keys of those who are given blocks: the named and the given.
    members: Members,
    /// When the next former key is over.
    until: Option<BlockTime>,
    /// The peers of validators, with the addresses that each of them speaks for: now, and from a scheduled height on.
    publishers: HashMap<PeerId, Vec<ValidatorAddress>>,
}

impl Peers {
    /// As the state names them at a block time.
    pub(crate) fn new(
        state: &impl StateRead,
        time: BlockTime,
        own: VerifyingKey,
        given: Vec<VerifyingKey>,
    ) -> Self {
        let mut peers = Self {
            own,
            given,
            named: Vec::new(),
            members: Members::default(),
            until: None,
            publishers: HashMap::new(),
        };
        peers.read(state, time);
        peers
    }

    /// The nodes that the state names, this one aside.
    pub(crate) fn named(&self) -> &[Peer] {
        &self.named
    }

    /// Who is given committed blocks: a handle that follows the state.
    pub(crate) fn members(&self) -> Members {
        self.members.clone()
    }

    fn read(&mut self, state: &impl StateRead, time: BlockTime) {
        self.named = peers_of(state, time, &self.own);
        let named = self.named.iter().map(|peer| &peer.key);
        self.members.replace(named.chain(&self.given));
        self.until = first_end(state, time);
        self.publishers = publishers_of(state, time);
    }

    /// Whether bodies of blocks are taken from a peer.
    pub(super) fn publishes(&self, peer: &PeerId) -> bool {
        self.publishers.contains_key(peer)
    }

    /// The validator whose node a peer is, under whichever of its keys.
    pub(super) fn validator_of(&self, peer: &PeerId) -> Option<ValidatorAddress> {
        self.publishers.get(peer)?.first().copied()
    }

    /// Whether a peer is the node of the validator with this address.
    pub(super) fn speaks_for(&self, peer: &PeerId, validator: &ValidatorAddress) -> bool {
        let addresses = self.publishers.get(peer);
        addresses.is_some_and(|addresses| addresses.contains(validator))
    }

    /// Whether a block's events, or its time, may have changed whom the state names.
    pub(super) fn is_stale(&self, events: &BlockEvents, time: BlockTime) -> bool {
        let all = events.transactions.iter().flatten();
        let mut all = all.chain(&events.begin);
        self.until.is_some_and(|until| until <= time)
            || all.any(|event| {
                matches!(
                    event,
                    Event::HospitalAdmitted { .. }
                        | Event::CardUpdated { .. }
                        | Event::ValidatorsScheduled { .. }
                        | Event::ValidatorsInForce { .. }
                )
            })
    }

    /// Reads the state anew; who goes and who comes is told to the engine.
    pub(super) fn renew(
        &mut self,
        state: &impl StateRead,
        time: BlockTime,
        requests: &mpsc::Sender<NetworkRequest>,
    ) {
        let before = std::mem::take(&mut self.named);
        self.read(state, time);
        let gone = before.iter().filter(|peer| !self.named.contains(peer));
        let come = self.named.iter().filter(|peer| !before.contains(peer));
        let ours = |peer: &&Peer| !self.given.contains(&peer.key);
        let (gone, come) = (addresses(gone.filter(ours)), addresses(come.filter(ours)));
        if gone.is_empty() && come.is_empty() {
            return;
        }
        let requests = requests.clone();
        tokio::spawn(async move {
            // First those that go: a node with another address keeps its key, which must be let in again.
            for address in gone {
                let _ = NetworkRequest::remove_persistent_peer(&requests, address).await;
            }
            for address in come {
                // One that is a peer already is refused, which is what we want.
                let _ = NetworkRequest::add_persistent_peer(&requests, address).await;
            }
        });
    }
}

fn addresses<'a>(peers: impl Iterator<Item = &'a Peer>) -> Vec<Multiaddr> {
    peers.filter_map(|peer| peer_address(peer).ok()).collect()
}

/// The nodes that a state names at a block time: the KGC's and every hospital's, under its former key too until that is over. The
/// node with the key `own` is none of them.
fn peers_of(state: &impl StateRead, time: BlockTime, own: &VerifyingKey) -> Vec<Peer> {
    let view = View::new(state);
    let kgc = view.federation().kgc;
    let kgc = Peer {
        key: kgc.peer_key,
        address: kgc.listen.to_string(),
    };
    let hospitals = view.hospitals().map(|entry| nodes_of(&entry, time));
    std::iter::once(vec![kgc])
        .chain(hospitals)
        .filter(|nodes| !nodes.iter().any(|peer| peer.key == *own))
        .flatten()
        .collect()
}

/// A hospital's node under its key and, until that is over, its former one.
fn nodes_of(entry: &HospitalEntry, time: BlockTime) -> Vec<Peer> {
    let former = entry.former_peer.iter().filter(|one| time < one.until);
    let former = former.map(|one| Peer {
        key: one.key,
        address: one.listen.to_string(),
    });
    let now = Peer {
        key: entry.card.peer_key,
        address: entry.card.listen.to_string(),
    };
    std::iter::once(now).chain(former).collect()
}

/// When the first of the former keys that still count is over.
fn first_end(state: &impl StateRead, time: BlockTime) -> Option<BlockTime> {
    let view = View::new(state);
    let formers = view.hospitals().filter_map(|one| one.former_peer);
    let ends = formers.map(|one| one.until).filter(|until| time < *until);
    ends.min()
}

/// The peers of those that vote now or will, and as whom: a body may come ahead of the height at which its proposer begins.
fn publishers_of(
    state: &impl StateRead,
    time: BlockTime,
) -> HashMap<PeerId, Vec<ValidatorAddress>> {
    let view = View::new(state);
    let schedule = view.validator_schedule();
    let next = schedule.next.iter().flat_map(|next| next.validators.iter());
    let mut publishers: HashMap<PeerId, Vec<ValidatorAddress>> = HashMap::new();
    for validator in schedule.current.iter().chain(next) {
        let address = ValidatorAddress::of(&validator.key);
        let entry = view.hospital(&validator.hospital);
        for peer in entry.iter().flat_map(|entry| nodes_of(entry, time)) {
            let speaks_for = publishers.entry(peer_id(&peer.key)).or_default();
            speaks_for.push(address);
        }
    }
    publishers
}
