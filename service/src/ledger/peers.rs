//! The other services of the federation, as nodes of the ledger: how far each is, and what it has of the past.

use std::sync::Arc;
use std::time::Duration;

use consilium_client::ClientError;
use consilium_client::api::auth::ScopeSet;
use consilium_client::api::ledger::LedgerStatus;
use consilium_client::credentials::Credentials;
use consilium_client::endpoint::Endpoint;
use consilium_client::http::{ClientSettings, HttpClient};
use consilium_client::wire::PublicKey;
use consilium_contracts::{Digest, FederationId, SigningKey, StateRead, VerifiedGenesis, View};
use consilium_node::Peer;
use tokio::task::JoinSet;

/// Where a service gives its newest snapshot.
pub(super) const SNAPSHOT_PATH: &str = "/v1/ledger/snapshots/latest";
const STATUS_PATH: &str = "/v1/ledger/status";
/// A service that does not answer by then is asked no further.
const PATIENCE: Duration = Duration::from_secs(3);

/// The services that genesis names, but this one.
#[derive(Clone, Debug)]
pub struct LedgerPeers {
    federation: FederationId,
    services: Vec<Service>,
}

/// One of them: what anyone may ask, and what only a node may.
#[derive(Clone, Debug)]
struct Service {
    anyones: Arc<HttpClient>,
    nodes: Arc<HttpClient>,
}

/// A service that answered, and what it said.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// To fetch from it, as a node.
    pub(super) client: Arc<HttpClient>,
    pub(super) status: LedgerStatus,
}

impl LedgerPeers {
    /// The peers of the node with this network identity. `kgc_url` is where the KGC answers, if not where genesis says.
    ///
    /// # Errors
    /// [`ClientError`] when a client cannot be set up.
    pub fn new(
        genesis: &VerifiedGenesis,
        peer_key: &SigningKey,
        kgc_url: &str,
    ) -> Result<Self, ClientError> {
        let (own, content) = (peer_key.verifying_key(), genesis.genesis());
        let kgc = &content.kgc;
        let kgc_url = match kgc_url {
            "" => kgc.url.as_str(),
            url => url,
        };
        let hospitals = content.hospitals.iter();
        let hospitals = hospitals.map(|card| (card.peer_key, card.url.as_str(), &card.tls_pin));
        let services = std::iter::once((kgc.peer_key, kgc_url, &kgc.tls_pin)).chain(hospitals);
        let others = services.filter(|(key, _, _)| *key != own);
        let services = others.map(|(_, url, pin)| Service::new(url, pin, peer_key));
        Ok(Self {
            federation: genesis.federation(),
            services: services.collect::<Result<_, _>>()?,
        })
    }

    /// Asks all at once; those that do not answer are left out.
    pub(super) async fn ask(&self) -> Vec<Answered> {
        let mut asked = JoinSet::new();
        for service in self.services.iter().cloned() {
            asked.spawn(async move {
                let status = service.anyones.get(STATUS_PATH);
                let status = tokio::time::timeout(PATIENCE, status).await;
                let status: LedgerStatus = status.ok()?.ok()?;
                let client = service.nodes;
                Some(Answered { client, status })
            });
        }
        let answers = asked.join_all().await.into_iter().flatten();
        answers
            .filter(|answer| answer.status.federation.0 == self.federation)
            .collect()
    }
}

impl Service {
    fn new(url: &str, pin: &Digest, key: &SigningKey) -> Result<Self, ClientError> {
        let endpoint =
            Endpoint::of_card(url, pin).map_err(|error| ClientError::Setup(error.to_string()))?;
        let settings = ClientSettings {
            connect_timeout: PATIENCE,
            retries: 0,
            ..ClientSettings::default()
        };
        let key = SigningKey::from_bytes(&key.expose_secret());
        let key = Some(Credentials::new(key, ScopeSet::none()));
        Ok(Self {
            anyones: Arc::new(HttpClient::new(endpoint.clone(), None, settings.clone())?),
            nodes: Arc::new(HttpClient::new(endpoint, key, settings)?),
        })
    }
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

    use super::*;

    fn answers(of: &[(u64, u64)]) -> Vec<Answered> {
        let key = SigningKey::from_bytes(&[1; 32]);
        let pin = Digest::of(b"pin");
        let service = Service::new("http://127.0.0.1:1", &pin, &key).unwrap();
        let one = |(height, oldest): &(u64, u64)| Answered {
            client: Arc::clone(&service.nodes),
            status: LedgerStatus {
                federation: Text(FederationId::from_bytes([1; 32])),
                height: *height,
                hash: Text(pin),
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
