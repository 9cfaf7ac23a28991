//! What a node is given when it starts.

use std::path::PathBuf;
use std::time::Duration;

use consilium_contracts::{Height, VerifiedGenesis};
use consilium_schemes::signature::{SigningKey, VerifyingKey};

use crate::store::Owner;

/// Everything a node needs to know.
#[derive(Debug)]
pub struct NodeConfig {
    /// The node's own directory: store, write-ahead log, lock. Made if absent.
    pub data_dir: PathBuf,
    /// The federation. A directory of another federation is refused.
    pub genesis: VerifiedGenesis,
    /// The node's network identity (`peer_key` of the hospital's or KGC's card).
    pub peer_key: SigningKey,
    /// The key that votes (`validator_key` of the hospital's card). It is used only while the
    /// state names it as a validator's; the KGC and auditors give none. One key must never run
    /// on two machines.
    pub validator_key: Option<SigningKey>,
    /// Where [`crate::NeverVoted`] may say that it never voted: outside `data_dir`, and in no backup. A validator that has neither
    /// this nor a log of its votes in `data_dir` watches before it votes.
    pub never_voted: Option<PathBuf>,
    /// The multiaddress to listen on, for example `/ip4/0.0.0.0/tcp/7400`.
    pub listen: String,
    /// Whom to stay connected with besides the KGC and the hospitals that the state names; an
    /// entry with a key that the state names replaces its address. Nobody else may connect.
    pub peers: Vec<Peer>,
    /// Times and bounds; the defaults suit hospitals on a wide-area network.
    pub tuning: Tuning,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its network identity.
    pub key: VerifyingKey,
    /// Its multiaddress, without the `/p2p/` part.
    pub address: String,
}

/// Times and bounds of a node; what all nodes must agree on stands in the genesis instead.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// How long [`crate::NodeHandle::submit`] waits for a transaction to be committed.
    pub submit_timeout: Duration,
    /// After how long an uncommitted transaction is sent to the validators again.
    pub forward_again: Duration,
    /// The most transactions that wait to be committed.
    pub pool_transactions: usize,
    /// The most bytes of transactions that wait to be committed.
    pub pool_bytes: usize,
    /// How long a round waits for its proposal before it moves on; votes wait half as long.
    pub propose_timeout: Duration,
    /// How many versions of the state tree are kept for proofs.
    pub tree_versions: u64,
    /// What is kept of the past.
    pub history: History,
}

/// What a node keeps of the past. The state and all headers are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Every block: nothing is pruned.
    pub archive: bool,
    /// The blocks that are kept, counted from the last; older ones go once they lie below both snapshots that are kept.
    pub keep_blocks: u64,
    /// A snapshot is made after each block whose height this divides; 0: none, and then nothing is pruned.
    pub snapshot_every: u64,
}

impl History {
    /// Whether a snapshot of this height is to be made.
    pub(crate) fn is_due(self, height: Height) -> bool {
        let divides = height.value().checked_rem(self.snapshot_every) == Some(0);
        height.value() > 0 && divides
    }
}

impl Default for History {
    /// At one block in ten seconds a snapshot is made about once a day, and blocks are kept for a month.
    fn default() -> Self {
        Self {
            archive: false,
            keep_blocks: 250_000,
            snapshot_every: 10_000,
        }
    }
}

/// A node's directory and whose it is, without secrets: what is needed while the node does not run.
#[derive(Clone, Debug)]
pub struct NodeHome {
    /// The node's own directory.
    pub data_dir: PathBuf,
    /// The federation.
    pub genesis: VerifiedGenesis,
    /// The node's network identity.
    pub peer_key: VerifyingKey,
    /// The key that votes.
    pub validator_key: Option<VerifyingKey>,
}

impl NodeConfig {
    /// Where the node lives.
    pub fn home(&self) -> NodeHome {
        NodeHome {
            data_dir: self.data_dir.clone(),
            genesis: self.genesis.clone(),
            peer_key: self.peer_key.verifying_key(),
            validator_key: self.validator_key.as_ref().map(SigningKey::verifying_key),
        }
    }
}

impl NodeHome {
    /// Whose data directory it is.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            federation: self.genesis.federation(),
            node: self.peer_key,
            validator: self.validator_key,
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            submit_timeout: Duration::from_secs(30),
            forward_again: Duration::from_secs(1),
            pool_transactions: 10_000,
            pool_bytes: 64 << 20,
            propose_timeout: Duration::from_secs(2),
            tree_versions: 128,
            history: History::default(),
        }
    }
}
