//! The Merkle tree over the contracts' keys, and proofs of what stands under a key.
//!
//! A Jellyfish Merkle tree (`jmt`) with SHA-256: path = SHA-256(key), leaf = SHA-256(value). A
//! tree has versions: version 0 is genesis, each block that changes the state makes the next one.
//! The values themselves are kept by the state, not by the tree.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{Canonical, DecodeError, Key, Writes};
use jmt::storage::{Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, RootHash, SimpleHasher, Version};
use sha2::{Digest as _, Sha256};

use crate::hash::StateRoot;

/// SHA-256 as the tree uses it.
#[derive(Clone, Debug)]
struct TreeHasher(Sha256);

impl SimpleHasher for TreeHasher {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn path_of(key: &Key) -> KeyHash {
    KeyHash::with::<TreeHasher>(key.as_bytes())
}

/// A version of the tree: the number of blocks that changed the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct TreeVersion(u64);

impl TreeVersion {
    /// The version of genesis.
    pub const GENESIS: Self = Self(0);

    /// From a number.
    pub const fn new(version: u64) -> Self {
        Self(version)
    }

    /// As a number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The name of a tree node in a store: ordered by version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeKey(Vec<u8>);

impl TreeKey {
    fn new(key: &NodeKey) -> Self {
        let mut bytes = key.version().to_be_bytes().to_vec();
        key.nibble_path()
            .serialize(&mut bytes)
            .expect("writing to a vector cannot fail");
        Self(bytes)
    }

    /// From bytes that a store kept.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes under which a store keeps the node.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where tree nodes are kept: their bytes under their names.
pub trait TreeStore {
    /// Why a node could not be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of a node, if it is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn node(&self, key: &TreeKey) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// A tree in memory, for tests and for those who replay a ledger.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree(BTreeMap<TreeKey, Vec<u8>>);

impl MemoryTree {
    /// Keeps the nodes of an update; forgets those that it made stale.
    pub fn commit(&mut self, update: &TreeUpdate) {
        self.0.extend(update.nodes.iter().cloned());
        for key in &update.stale {
            self.0.remove(key);
        }
    }
}

impl TreeStore for MemoryTree {
    type Error = std::convert::Infallible;

    fn node(&self, key: &TreeKey) -> Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.0.get(key).cloned())
    }
}

/// What a block does to the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeUpdate {
    /// The version that the nodes make.
    pub version: TreeVersion,
    /// The root of that version.
    pub root: StateRoot,
    /// The new nodes.
    pub nodes: Vec<(TreeKey, Vec<u8>)>,
    /// Nodes that no later version needs.
    pub stale: Vec<TreeKey>,
}

/// The tree cannot be read or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the state tree is damaged or cannot be read: {0}")]
pub struct TreeError(String);

impl From<anyhow::Error> for TreeError {
    fn from(error: anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// `jmt`'s view of a [`TreeStore`].
struct Reader<'a, S>(&'a S);

impl<S: TreeStore> TreeReader for Reader<'_, S> {
    fn get_node_option(&self, node_key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let bytes = self.0.node(&TreeKey::new(node_key))?;
        bytes
            .map(|bytes| Node::try_from_slice(&bytes).map_err(Into::into))
            .transpose()
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        // The tree is asked for paths only; whoever asks holds the value.
        Ok(Some(OwnedValue::new()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, jmt::storage::LeafNode)>> {
        anyhow::bail!("trees are not restored leaf by leaf")
    }
}

/// The tree of genesis.
///
/// # Errors
/// [`TreeError`] when the store cannot be read.
pub fn genesis_tree(store: &impl TreeStore, writes: &Writes) -> Result<TreeUpdate, TreeError> {
    make_version(store, TreeVersion::GENESIS, writes)
}

/// The tree after `writes` upon `version`; `None` when nothing changes.
///
/// # Errors
/// [`TreeError`] when the store cannot be read.
pub fn update_tree(
    store: &impl TreeStore,
    version: TreeVersion,
    writes: &Writes,
) -> Result<Option<TreeUpdate>, TreeError> {
    if writes.is_empty() {
        return Ok(None);
    }
    make_version(store, version.next(), writes).map(Some)
}

fn make_version(
    store: &impl TreeStore,
    version: TreeVersion,
    writes: &Writes,
) -> Result<TreeUpdate, TreeError> {
    let reader = Reader(store);
    let tree = JellyfishMerkleTree::<_, TreeHasher>::new(&reader);
    let changes = writes
        .iter()
        .map(|(key, value)| (path_of(key), value.clone()));
    let (RootHash(root), batch) = tree.put_value_set(changes, version.value())?;
    let encode = |node: &Node| borsh::to_vec(node).expect("writing to a vector cannot fail");
    let nodes = batch.node_batch.nodes();
    Ok(TreeUpdate {
        version,
        root: StateRoot::from_bytes(root),
        nodes: nodes
            .iter()
            .map(|(key, node)| (TreeKey::new(key), encode(node)))
            .collect(),
        stale: batch
            .stale_node_index_batch
            .iter()
            .map(|i| TreeKey::new(&i.node_key))
            .collect(),
    })
}

/// What stands under a key, or that nothing does, under a state root.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct StateProof {
    key: Key,
    value: Option<Vec<u8>>,
    path: jmt::proof::SparseMerkleProof<TreeHasher>,
}

/// A proof that does not prove what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Merkle proof does not lead to the state root")]
pub struct StateProofError;

impl StateProof {
    /// The most bytes of an encoded proof: a value of a transaction's size and 256 siblings.
    pub const MAX_BYTES: usize = 2 << 20;

    /// Proves `value`, which must be what stands under `key` at `version`.
    ///
    /// # Errors
    /// [`TreeError`] when the store cannot be read or no longer keeps that version.
    pub fn new(
        store: &impl TreeStore,
        version: TreeVersion,
        key: Key,
        value: Option<Vec<u8>>,
    ) -> Result<Self, TreeError> {
        let reader = Reader(store);
        let tree = JellyfishMerkleTree::<_, TreeHasher>::new(&reader);
        let (_, path) = tree.get_with_proof(path_of(&key), version.value())?;
        Ok(Self { key, value, path })
    }

    /// The key. Unverified until [`StateProof::verify`].
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What stands under the key, once checked against a state root.
    ///
    /// # Errors
    /// [`StateProofError`] when the proof does not lead to `root`.
    pub fn verify(&self, root: &StateRoot) -> Result<Option<&[u8]>, StateProofError> {
        self.path
            .verify(
                RootHash(*root.as_bytes()),
                path_of(&self.key),
                self.value.as_deref(),
            )
            .map_err(|_| StateProofError)?;
        Ok(self.value.as_deref())
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical_bytes()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for too many, malformed or trailing bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooLong {
                found: bytes.len(),
                limit: Self::MAX_BYTES,
            });
        }
        Self::from_canonical_bytes(bytes)
    }
}
