//! Starting the engine with settings that suit a small, fixed set of known peers.

use std::path::PathBuf;
use std::time::Duration;

use arc_malachitebft_app_channel::app::config::{
    ConsensusConfig, DiscoveryConfig, GossipSubConfig, NodeConfig, P2pConfig, PubSubProtocol,
    ValuePayload, ValueSyncConfig,
};
use arc_malachitebft_app_channel::app::net::Multiaddr;
use arc_malachitebft_app_channel::app::types::codec::Codec as _;
use arc_malachitebft_app_channel::app::types::{Keypair, PeerId};
use arc_malachitebft_app_channel::{
    Channels, ConsensusContext, EngineHandle, NetworkContext, NetworkIdentity, RequestContext,
    SyncContext, WalContext, start_engine,
};
use arc_malachitebft_signing::Signer;
use bytesize::ByteSize;
use consilium_contracts::FederationId;
use consilium_ledger::ValidatorAddress;
use consilium_schemes::signature::{SigningKey, VerifyingKey};

use super::codec::Wire;
use super::context::{Address, LedgerContext};
use super::members::{Members, MembersWire};
use super::signing::{FederationSigner, FederationVerifier};
use crate::config::Peer;
use crate::error::StartError;

/// The protobuf that libp2p hashes into a peer id: type 1 (Ed25519), 32 bytes.
const KEY_PREFIX: [u8; 4] = [0x08, 0x01, 0x12, 0x20];
/// The identity multihash of 36 bytes.
const IDENTITY_HASH: [u8; 2] = [0x00, 0x24];
/// Up to this many peers, everything goes to everybody at once; above, along gossip's mesh.
const EXPLICIT_PEERS: usize = 8;
/// A peer may have a few connections while one replaces another.
const CONNECTIONS_PER_PEER: usize = 5;

/// What the engine is started with.
pub(crate) struct Launch {
    pub(crate) federation: FederationId,
    /// Distinguishes nodes of one process in logs and metrics.
    pub(crate) name: String,
    pub(crate) peer_key: SigningKey,
    pub(crate) validator_key: Option<SigningKey>,
    pub(crate) listen: String,
    pub(crate) peers: Vec<Peer>,
    /// Who is given committed blocks.
    pub(crate) members: Members,
    pub(crate) log: PathBuf,
    /// The most bytes of a block.
    pub(crate) block_bytes: usize,
}

/// The engine's name of the peer with this key.
pub(crate) fn peer_id(key: &VerifyingKey) -> PeerId {
    let bytes = [IDENTITY_HASH.as_slice(), &KEY_PREFIX, key.as_bytes()].concat();
    PeerId::from_bytes(&bytes).expect("an identity multihash of an Ed25519 key is a peer id")
}

/// The address of a peer, with the key that must answer there.
pub(crate) fn peer_address(peer: &Peer) -> Result<Multiaddr, StartError> {
    let address = format!("{}/p2p/{}", peer.address, peer_id(&peer.key));
    tcp_address("peer address", &address)
}

fn tcp_address(what: &'static str, address: &str) -> Result<Multiaddr, StartError> {
    let parsed: Option<Multiaddr> = address.parse().ok();
    parsed
        .filter(|address| address.protocol_stack().any(|protocol| protocol == "tcp"))
        .ok_or_else(|| StartError::Address {
            what,
            address: address.to_owned(),
        })
}

/// Starts the engine's actors on the current runtime.
pub(crate) async fn launch(
    launch: Launch,
) -> Result<(Channels<LedgerContext>, EngineHandle), StartError> {
    let engine = |error: &dyn std::fmt::Display| StartError::Engine(error.to_string());
    let settings = Settings::new(&launch)?;
    let federation = launch.federation;
    let mut seed = launch.peer_key.expose_secret();
    let keypair = Keypair::ed25519_from_bytes(seed.as_mut()).map_err(|error| engine(&error))?;
    let verifier = Box::new(FederationVerifier(federation));
    let network = MembersWire::new(federation, &launch.peer_key, launch.members);
    let (identity, consensus) = match launch.validator_key {
        Some(key) => {
            let public = key.verifying_key();
            let address = Address::own(ValidatorAddress::of(&public));
            let signer = FederationSigner { federation, key };
            let peer = peer_id(&launch.peer_key.verifying_key()).to_bytes();
            let proof = signer
                .sign_validator_proof(public.to_bytes().to_vec(), peer)
                .await;
            let proof = Wire.encode(&proof.map_err(|error| engine(&error))?);
            let proof = proof.map_err(|error| engine(&error))?;
            let name = launch.name.clone();
            let identity =
                NetworkIdentity::new_validator(name, keypair, address.to_string(), proof);
            (
                identity,
                ConsensusContext::new_validator(address, verifier, Box::new(signer)),
            )
        }
        None => {
            let address = Address::own(ValidatorAddress::of(&launch.peer_key.verifying_key()));
            let identity = NetworkIdentity::new(launch.name.clone(), keypair, None);
            (identity, ConsensusContext::new_full_node(address, verifier))
        }
    };
    start_engine(
        LedgerContext,
        settings,
        WalContext::new(launch.log, Wire),
        NetworkContext::new(identity, network),
        consensus,
        SyncContext::new(Wire),
        RequestContext::new(64),
    )
    .await
    .map_err(|error| StartError::Engine(format!("{error:#}")))
}

/// The engine's own settings.
struct Settings {
    name: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Settings {
    fn moniker(&self) -> &str {
        &self.name
    }

    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }

    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }

    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }

    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

impl Settings {
    fn new(launch: &Launch) -> Result<Self, StartError> {
        let persistent_peers = launch
            .peers
            .iter()
            .map(peer_address)
            .collect::<Result<Vec<_>, StartError>>()?;
        // A response carries at least one whole block and its certificate.
        let response = ByteSize(launch.block_bytes as u64 + (1 << 20));
        let p2p = P2pConfig {
            listen_addr: tcp_address("listen address", &launch.listen)?,
            persistent_peers_only: true,
            discovery: discovery(persistent_peers.len()),
            protocol: gossip(persistent_peers.len()),
            persistent_peers,
            pubsub_max_size: ByteSize::mib(4),
            rpc_max_size: response,
            ..P2pConfig::default()
        };
        let consensus = ConsensusConfig {
            enabled: true,
            p2p,
            value_payload: ValuePayload::ProposalAndParts,
            ..ConsensusConfig::default()
        };
        let sync = ValueSyncConfig {
            enabled: true,
            // The default of ten seconds would be the delay after every short absence.
            status_update_interval: Duration::from_secs(1),
            request_timeout: Duration::from_secs(5),
            max_response_size: response,
            batch_size: 16,
            ..ValueSyncConfig::default()
        };
        Ok(Self {
            name: launch.name.clone(),
            consensus,
            sync,
        })
    }
}

/// Peers are known by key: none is looked for, and the address limits that protect open networks
/// would only keep hospitals behind one address, or a federation on loopback, apart.
fn discovery(peers: usize) -> DiscoveryConfig {
    let room = (2 * peers).max(50);
    DiscoveryConfig {
        enabled: false,
        num_outbound_peers: room,
        num_inbound_peers: room,
        max_connections_per_peer: CONNECTIONS_PER_PEER,
        max_connections_per_ip: CONNECTIONS_PER_PEER * room,
        ip_throttle_duration: Duration::ZERO,
        dial_max_retries: usize::MAX,
        ..DiscoveryConfig::default()
    }
}

fn gossip(peers: usize) -> PubSubProtocol {
    let explicit = peers <= EXPLICIT_PEERS;
    PubSubProtocol::GossipSub(GossipSubConfig::new(6, 12, 4, 2, false, explicit, true))
}
