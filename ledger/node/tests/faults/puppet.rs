//! A peer of the ledger's network that is no node: it says what the test wants, signed with whatever keys the test wants.
//!
//! It speaks the engine's network and the ledger's wire format, which stands here once more, so that honest nodes meet its lies
//! exactly as they would meet a stranger's program. The engine's own dishonest build is not used: a feature of it would be switched on in
//! the product, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_malachitebft_app_channel::app::metrics::SharedRegistry;
use arc_malachitebft_network as net;
use arc_malachitebft_sync as sync;
use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{FederationId, Height, SigningKey, TransactionHash};
use consilium_ledger::{
    Ballot, Block, BlockHash, CommitCertificate, ConsensusStatement, Parent, Round,
    ValidatorAddress,
};
use consilium_node::NodeHandle;
use consilium_schemes::signature::Purpose;
pub use net::Channel;
use net::handle::{CtrlHandle, RecvHandle};
use tokio::sync::mpsc;

use crate::fixtures::{key, name, public};
use crate::network::{Network, Who, label};

/// The wire format of a vote.
#[derive(Clone, Debug, BorshSerialize)]
pub struct Vote {
    pub precommit: bool,
    pub height: Height,
    pub round: Option<Round>,
    pub block: Option<BlockHash>,
    pub voter: ValidatorAddress,
    signature: [u8; 64],
}

/// The wire format of a proposal.
#[derive(Clone, Debug, BorshSerialize)]
pub struct Proposal {
    pub height: Height,
    pub round: Option<Round>,
    pub block: BlockHash,
    pub polka_round: Option<Round>,
    pub proposer: ValidatorAddress,
    signature: [u8; 64],
}

/// What travels on the consensus channel.
#[derive(Clone, Debug, BorshSerialize)]
pub enum Message {
    Vote(Vote),
    Proposal(Proposal),
}

/// What travels on the channel of proposal parts.
#[derive(Clone, Debug, BorshSerialize)]
pub enum Part {
    Begin(Begin),
    Chunk(Vec<u8>),
    Transactions(Vec<Vec<u8>>),
    Refused {
        transaction: TransactionHash,
        height: Height,
    },
}

#[derive(Clone, Debug, BorshSerialize)]
pub struct Begin {
    pub height: Height,
    pub round: Round,
    pub valid_round: Option<Round>,
    pub proposer: ValidatorAddress,
    pub block: BlockHash,
    pub chunks: u32,
}

#[derive(BorshSerialize)]
struct Streamed {
    stream: Vec<u8>,
    sequence: u64,
    part: Option<Part>,
}

/// What a node says of its tip on the channel for catching up.
#[derive(BorshSerialize)]
struct Tip {
    peer: Vec<u8>,
    tip: Height,
    history: Height,
}

/// A request for missed blocks.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub struct BlockRequest {
    pub from: Height,
    pub to: Height,
    pub key: [u8; 32],
    pub signature: [u8; 64],
}

impl BlockRequest {
    /// Signed by who holds the key of this name.
    pub fn signed(federation: &FederationId, from: u64, to: u64, name: &str) -> Self {
        const PURPOSE: Purpose = Purpose::new("CONSILIUM-V1-SIG-LEDGER-BLOCK-REQUEST");
        let message = [from.to_be_bytes(), to.to_be_bytes()].concat();
        let signature = key(name).sign(PURPOSE, federation.as_bytes(), &message);
        Self {
            from: Height::new(from),
            to: Height::new(to),
            key: *public(name).as_bytes(),
            signature: signature.to_bytes(),
        }
    }
}

/// What answers a request for missed blocks.
#[derive(BorshSerialize)]
pub struct Answer {
    pub start: Height,
    pub values: Vec<(Vec<u8>, CommitCertificate)>,
}

/// A request for the blocks of these heights.
pub struct Asked {
    request: sync::RawMessage,
    pub from: Height,
    pub to: Height,
}

/// The most bytes of a body in one part.
const CHUNK: usize = 256 << 10;

/// The dishonest peer.
pub struct Puppet {
    pub federation: FederationId,
    /// Its own validator key.
    key: SigningKey,
    pub address: ValidatorAddress,
    control: CtrlHandle,
    asked: tokio::sync::Mutex<mpsc::Receiver<Asked>>,
    answered: tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>,
    streams: AtomicU64,
}

fn keypair(name: &str) -> net::Keypair {
    let mut seed = key(name).expose_secret();
    net::Keypair::ed25519_from_bytes(seed.as_mut()).unwrap()
}

fn peer_address(at: &str, who: Who) -> net::Multiaddr {
    let id = keypair(&format!("{}/peer", label(who)))
        .public()
        .to_peer_id();
    format!("{at}/p2p/{id}").parse().unwrap()
}

impl Puppet {
    /// Takes the place of a hospital in the network.
    pub async fn connect(network: &Network, hospital: usize) -> Self {
        let plan = &network.plan;
        let others = (0..plan.hospitals.len()).filter(|i| *i != hospital);
        let mut peers: Vec<_> = others
            .map(|i| peer_address(&plan.hospitals[i], Who::Hospital(i)))
            .collect();
        peers.push(peer_address(&plan.kgc, Who::Kgc));
        let own = name(hospital);
        let config = config(&plan.hospitals[hospital], peers);
        let identity =
            net::NetworkIdentity::new(own.clone(), keypair(&format!("{own}/peer")), None);
        let registry = SharedRegistry::global().with_moniker(format!("puppet {own}"));
        let handle = net::spawn(identity, config, registry).await.unwrap();
        let (receiver, control) = handle.split();
        // A test that answers nothing lets them lie.
        let (asks, asked) = mpsc::channel(64);
        let (answers, answered) = mpsc::channel(64);
        tokio::spawn(listen(receiver, asks, answers));
        let voter = format!("{own}/validator");
        let puppet = Self {
            federation: network.genesis.federation(),
            key: key(&voter),
            address: ValidatorAddress::of(&public(&voter)),
            control,
            asked: tokio::sync::Mutex::new(asked),
            answered: tokio::sync::Mutex::new(answered),
            // Two puppets one after the other have different streams.
            streams: AtomicU64::new(rand::random()),
        };
        puppet.connected(plan.validators - 1).await;
        puppet
    }

    /// Waits until it is connected to so many peers.
    async fn connected(&self, peers: usize) {
        let begun = std::time::Instant::now();
        while self.control.dump_state().await.unwrap().peers.len() < peers {
            assert!(
                begun.elapsed() < crate::network::PATIENCE,
                "the puppet is not let in"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Gossip tells its topics after that.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Leaves the network.
    pub async fn leave(self) {
        self.control.wait_shutdown().await.unwrap();
    }

    /// Publishes any bytes.
    pub async fn publish(&self, channel: Channel, bytes: Vec<u8>) {
        self.control.publish(channel, bytes.into()).await.unwrap();
    }

    /// Tells everybody directly; the channel for catching up works so.
    pub async fn broadcast(&self, channel: Channel, bytes: Vec<u8>) {
        self.control.broadcast(channel, bytes.into()).await.unwrap();
    }

    /// Asks a node for something, in any bytes.
    pub async fn request(&self, who: Who, bytes: Vec<u8>) {
        let id = keypair(&format!("{}/peer", label(who)))
            .public()
            .to_peer_id();
        let id = net::PeerId::from_bytes(&id.to_bytes()).unwrap();
        self.control.sync_request(id, bytes.into()).await.unwrap();
    }

    /// The next request for missed blocks.
    pub async fn asked(&self) -> Asked {
        self.asked.lock().await.recv().await.expect("it listens")
    }

    /// Asks for committed blocks, signed with these keys in this federation; whether they come before `patience` ends.
    pub async fn asks_for(&self, who: Who, request: &BlockRequest, patience: Duration) -> bool {
        let mut answered = self.answered.lock().await;
        self.request(who, borsh::to_vec(request).unwrap()).await;
        let answer = tokio::time::timeout(patience, answered.recv()).await;
        // No blocks: the start and the number of none.
        answer.is_ok_and(|bytes| bytes.expect("it listens").len() > 12)
    }

    /// Answers one, with any bytes.
    pub async fn answer(&self, asked: Asked, bytes: Vec<u8>) {
        let sync::RawMessage::Request { request_id, .. } = asked.request else {
            unreachable!("only requests are kept");
        };
        self.control
            .sync_reply(request_id, bytes.into())
            .await
            .unwrap();
    }

    /// Says that its tip is at a height.
    pub async fn claim_tip(&self, tip: u64) {
        let told = Tip {
            peer: self.control.peer_id().to_bytes(),
            tip: Height::new(tip),
            history: Height::new(1),
        };
        self.broadcast(Channel::Sync, borsh::to_vec(&told).unwrap())
            .await;
    }

    /// Votes with its own key.
    pub async fn vote(
        &self,
        precommit: bool,
        height: Height,
        round: Round,
        block: Option<BlockHash>,
    ) {
        let ballot = Ballot {
            height,
            round,
            block,
            voter: self.address,
        };
        let statement = match precommit {
            true => ConsensusStatement::Precommit(ballot),
            false => ConsensusStatement::Prevote(ballot),
        };
        let signature = statement.sign(&self.federation, &self.key).to_bytes();
        let (round, voter) = (Some(round), self.address);
        let vote = Vote {
            precommit,
            height,
            round,
            block,
            voter,
            signature,
        };
        self.consensus(&Message::Vote(vote)).await;
    }

    /// Sends again what validators precommitted to, as a certificate shows it.
    pub async fn send_again(&self, certificate: &CommitCertificate) {
        for one in certificate.signatures() {
            let vote = Vote {
                precommit: true,
                height: certificate.height(),
                round: Some(certificate.round()),
                block: Some(*certificate.block()),
                voter: one.voter,
                signature: one.signature.to_bytes(),
            };
            self.consensus(&Message::Vote(vote)).await;
        }
    }

    /// Proposes with its own key, whether it is its turn or not.
    pub async fn propose(&self, height: Height, round: Round, block: BlockHash) {
        let ballot = Ballot {
            height,
            round,
            block: Some(block),
            voter: self.address,
        };
        let statement = ConsensusStatement::Proposal {
            ballot,
            polka_round: None,
        };
        let proposal = Proposal {
            height,
            round: Some(round),
            block,
            polka_round: None,
            proposer: self.address,
            signature: statement.sign(&self.federation, &self.key).to_bytes(),
        };
        self.consensus(&Message::Proposal(proposal)).await;
    }

    async fn consensus(&self, message: &Message) {
        self.publish(Channel::Consensus, borsh::to_vec(message).unwrap())
            .await;
    }

    /// Publishes one part of a stream.
    pub async fn part(&self, stream: u64, sequence: u64, part: Part) {
        let stream = stream.to_be_bytes().to_vec();
        let streamed = Streamed {
            stream,
            sequence,
            part: Some(part),
        };
        self.publish(Channel::ProposalParts, borsh::to_vec(&streamed).unwrap())
            .await;
    }

    /// A stream that was not used yet.
    pub fn stream(&self) -> u64 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// Publishes a body, as if `proposer` had proposed it in a round.
    pub async fn body(&self, block: &Block, round: Round, proposer: ValidatorAddress) {
        let (stream, bytes) = (self.stream(), block.to_bytes());
        let begin = Begin {
            height: block.header().height,
            round,
            valid_round: None,
            proposer,
            block: block.hash(),
            chunks: bytes.len().div_ceil(CHUNK) as u32,
        };
        self.part(stream, 0, Part::Begin(begin)).await;
        for (sequence, chunk) in (1..).zip(bytes.chunks(CHUNK)) {
            self.part(stream, sequence, Part::Chunk(chunk.to_vec()))
                .await;
        }
    }

    /// Proposes a block in its own name: body and proposal.
    pub async fn propose_block(&self, block: &Block, round: Round) {
        self.body(block, round, self.address).await;
        self.propose(block.header().height, round, block.hash())
            .await;
    }
}

/// Lets what the others say go by, as it must so that they can go on saying it; keeps what they ask for.
async fn listen(
    mut receiver: RecvHandle,
    asked: mpsc::Sender<Asked>,
    answered: mpsc::Sender<Vec<u8>>,
) {
    while let Some(event) = receiver.recv().await {
        match event {
            net::Event::Sync(sync::RawMessage::Response { body, .. }) => {
                let _ = answered.try_send(body.to_vec());
            }
            net::Event::Sync(request) => {
                let sync::RawMessage::Request { body, .. } = &request else {
                    continue;
                };
                let BlockRequest { from, to, .. } = borsh::from_slice(body).unwrap();
                let _ = asked.try_send(Asked { request, from, to });
            }
            _ => {}
        }
    }
}

fn config(listen: &str, persistent_peers: Vec<net::Multiaddr>) -> net::Config {
    net::Config {
        listen_addr: listen.parse().unwrap(),
        persistent_peers,
        persistent_peers_only: true,
        discovery: net::DiscoveryConfig {
            enabled: false,
            persistent_peers_only: true,
            max_connections_per_ip: 1_000,
            ip_throttle_duration: Duration::ZERO,
            dial_max_retries: usize::MAX,
            ..net::DiscoveryConfig::default()
        },
        idle_connection_timeout: Duration::from_secs(900),
        transport: net::TransportProtocol::Tcp,
        gossipsub: net::GossipSubConfig {
            enable_explicit_peering: true,
            ..net::GossipSubConfig::default()
        },
        pubsub_protocol: net::PubSubProtocol::GossipSub,
        channel_names: net::ChannelNames::default(),
        rpc_max_size: 8 << 20,
        pubsub_max_size: 4 << 20,
        pubsub_max_size_per_topic: net::PubSubMaxSizePerTopic::default(),
        sync_request_timeout: Duration::from_secs(5),
        sync_max_request_size: 1 << 20,
        sync_parallel_requests: 5,
        enable_consensus: true,
        enable_sync: true,
        protocol_names: net::ProtocolNames::default(),
    }
}

/// What a block upon a node's tip follows.
pub fn parent(node: &NodeHandle) -> Parent {
    let state = node.state();
    Parent {
        federation: node.status().federation,
        height: state.height(),
        hash: state.hash(),
        time: state.time(),
        state: state.root(),
    }
}
