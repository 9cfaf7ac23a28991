//! The other services of the federation, as nodes of the ledger: how far each is, and what it has of the past.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use consilium_client::ClientError;
use consilium_client::api::auth::ScopeSet;
use consilium_client::api::ledger::LedgerStatus;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::{Endpoint, EndpointError};
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::wire::PublicKey;
use consilium_contracts::{
    FederationId, HospitalCard, HospitalId, SigningKey, StateRead, VerifiedGenesis, View,
};
use consilium_node::Peer;
use tokio::task::JoinSet;

use super::settings::NamedService;

/// Where a service gives its newest snapshot.
pub(super) const SNAPSHOT_PATH: &str = "/v1/ledger/snapshots/latest";
const STATUS_PATH: &str = "/v1/ledger/status";
/// A service that does not answer by then is asked no further.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the other services are, as far as genesis and the settings say; the ledger's own cards come with each question.
#[derive(Clone, Debug)]
pub struct LedgerPeers {
    federation: FederationId,
    /// Whose service this is; none: the KGC's.
    own: Option<HospitalId>,
    /// As which node this one fetches.
    key: Arc<SigningKey>,
    kgc: Endpoint,
    named: Vec<NamedService>,
    genesis: Vec<NamedService>,
}

/// A service that answered, and what it said.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// Where.
    pub(super) endpoint: Endpoint,
    pub(super) status: LedgerStatus,
}

impl LedgerPeers {
    /// The peers of a hospital's service, or without one of the KGC's, whose node has this network identity. `kgc_url` is where the KGC
    /// answers, if not where genesis says; `named` are services that the settings name.
    ///
    /// # Errors
    /// [`ClientError`] when the genesis or `kgc_url` names what is no service's address.
    pub fn new(
        genesis: &VerifiedGenesis,
        own: Option<HospitalId>,
        peer_key: &SigningKey,
        kgc_url: &str,
        named: Vec<NamedService>,
    ) -> Result<Self, ClientError> {
        let setup = |error: EndpointError| ClientError::Setup(error.to_string());
        let content = genesis.genesis();
        let key = SigningKey::from_bytes(&peer_key.expose_secret());
        let hospitals = content.hospitals.iter().map(service_of);
        Ok(Self {
            federation: genesis.federation(),
            own,
            key: Arc::new(key),
            kgc: Endpoint::of_kgc(&content.kgc, kgc_url).map_err(setup)?,
            named,
            genesis: hospitals.collect::<Result<_, _>>().map_err(setup)?,
        })
    }

    /// Asks all at once; those that do not answer are left out. `cards` are the hospitals' as the ledger has them, as far as this node
    /// knows. Who has several addresses gives one answer: nobody counts twice.
    pub(super) async fn ask(&self, cards: impl IntoIterator<Item = HospitalCard>) -> Vec<Answered> {
        let mut asked = JoinSet::new();
        for endpoints in self.places(cards) {
            asked.spawn(first_answer(endpoints, self.federation));
        }
        asked.join_all().await.into_iter().flatten().collect()
    }

    /// Where each of the others may be, the likeliest first: where the operator says, where the ledger says, where genesis said.
    fn places(&self, cards: impl IntoIterator<Item = HospitalCard>) -> Vec<Vec<Endpoint>> {
        // A card may name anything; what is no address is nobody's.
        let cards = cards.into_iter().flat_map(|card| service_of(&card));
        let hospitals = self.named.iter().cloned().chain(cards);
        let hospitals = hospitals.chain(self.genesis.iter().cloned());
        let mut places = BTreeMap::new();
        if self.own.is_some() {
            places.insert(None, vec![self.kgc.clone()]);
        }
        for NamedService { hospital, endpoint } in hospitals {
            if self.own.as_ref() != Some(&hospital) {
                let known: &mut Vec<_> = places.entry(Some(hospital)).or_default();
                if !known.contains(&endpoint) {
                    known.push(endpoint);
                }
            }
        }
        places.into_values().collect()
    }

    /// To fetch from a service, as a node.
    ///
    /// # Errors
    /// [`ClientError`] when the client cannot be set up.
    pub(super) fn client(&self, endpoint: &Endpoint) -> Result<HttpClient, ClientError> {
        let key = SigningKey::from_bytes(&self.key.expose_secret());
        let credentials = Credentials::new(key, ScopeSet::none());
        HttpClient::new(endpoint.clone(), Some(credentials), patience())
    }
}

fn service_of(card: &HospitalCard) -> Result<NamedService, EndpointError> {
    Ok(NamedService {
        hospital: card.id.clone(),
        endpoint: Endpoint::of_hospital(card)?,
    })
}

fn patience() -> ClientSettings {
    ClientSettings {
        connect_timeout: PATIENCE,
        retries: 0,
        ..ClientSettings::default()
    }
}

/// Asks all places of one service at once; the answer of the likeliest.
async fn first_answer(endpoints: Vec<Endpoint>, federation: FederationId) -> Option<Answered> {
    let mut asked = JoinSet::new();
    for (place, endpoint) in endpoints.into_iter().enumerate() {
        asked.spawn(async move {
            let client = HttpClient::new(endpoint.clone(), None, patience()).ok()?;
            let status = tokio::time::timeout(PATIENCE, client.get(STATUS_PATH)).await;
            let status: LedgerStatus = status.ok()?.ok()?;
            let of_this = status.federation.0 == federation;
            of_this.then_some((place, Answered { endpoint, status }))
        });
    }
    let answers = asked.join_all().await.into_iter().flatten();
    answers
        .min_by_key(|(place, _)| *place)
        .map(|(_, answer)| answer)
}

/// Whether a node at `tip` needs a snapshot, by what its peers say: some are ahead, and of these so few can give the next block that
/// all of them may be lying (at most a third, less one).
pub(super) fn needs_snapshot(tip: u64, answers: &[Answered]) -> bool {
    let ahead = answers.iter().filter(|one| one.status.height > tip);
    let ahead: Vec<_> = ahead.map(|one| one.status.oldest_block).collect();
    let next = tip.saturating_add(1);
    let able = ahead.iter().filter(|oldest| **oldest <= next).count();
    !ahead.is_empty() && able <= ahead.len().saturating_sub(1) / 3
}

/// Whether a key is the network identity of a node of this ledger: the KGC's, a hospital's, or that of a further peer in the settings.
pub fn is_node(state: impl StateRead, further: &[Peer], key: &PublicKey) -> bool {
    let (view, key) = (View::new(state), key.verifying_key());
    view.federation().kgc.peer_key == *key
        || further.iter().any(|peer| peer.key == *key)
        || view.hospitals().any(|entry| entry.card.peer_key == *key)
}

#[cfg(test)]
mod tests {
    use consilium_client::api::ledger::{PoolStatus, SyncState};
    use consilium_client::wire::Text;
    use consilium_contracts::Digest;

    use super::*;

    fn answers(of: &[(u64, u64)]) -> Vec<Answered> {
        let endpoint = Endpoint::new("http://127.0.0.1:1".parse().unwrap(), None).unwrap();
        let one = |(height, oldest): &(u64, u64)| Answered {
            endpoint: endpoint.clone(),
            status: LedgerStatus {
                federation: Text(FederationId::from_bytes([1; 32])),
                height: *height,
                hash: Text(Digest::of(b"block")),
                state_root: [0; 32].as_slice().into(),
                tip_time_ms: 0,
                tip_age_ms: 0,
                max_tip_age_ms: 0,
                heartbeat_ms: 0,
                validators: Vec::new(),
                votes_since: 0,
                peers: 0,
                pool: PoolStatus {
                    transactions: 0,
                    bytes: 0,
                    max_transactions: 0,
                    max_bytes: 0,
                },
                evidence: 0,
                sync: SyncState::Following,
                abstains: None,
                oldest_block: *oldest,
                snapshot: None,
                failure: None,
                challenges: Vec::new(),
                prefilter: None,
                keywords: 32,
            },
        };
        of.iter().map(one).collect()
    }

    #[test]
    fn a_snapshot_is_needed_where_the_next_block_is_pruned() {
        let needs = |tip, of: &[(u64, u64)]| needs_snapshot(tip, &answers(of));
        assert!(!needs(0, &[]), "nobody says anything");
        assert!(!needs(10, &[(10, 5), (9, 8)]), "nobody is ahead");
        assert!(!needs(10, &[(100, 11)]), "the next block is there");
        assert!(needs(10, &[(100, 12)]));
        assert!(needs(0, &[(100, 50), (100, 60), (100, 70)]));
        assert!(!needs(0, &[(100, 50), (100, 60), (100, 1)]), "one of three");
        // One of four may lie, and a snapshot is right in any case.
        assert!(needs(0, &[(100, 50), (100, 60), (100, 1), (100, 70)]));
        assert!(!needs(0, &[(100, 50), (100, 1), (100, 1), (100, 70)]));
        assert!(!needs(99, &[(100, 50), (5, 4)]), "who is behind has no say");
    }
}
