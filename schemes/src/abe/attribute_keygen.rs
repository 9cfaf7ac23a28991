//! AttKeyGen: the attribute key that the doctor's hospital holds.

use core::fmt;
use std::sync::Arc;

use consilium_policies::{Attribute, AttributeSet};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::error::IssueError;
use super::frame::{self, FRAME, Kind};
use super::labels;
use super::setup::MasterSecret;
use super::tree::{Leaf, MAX_DEPTH, NodeId, Tree};
use super::user_keygen::{UserId, VerifiedPublicKey};
use crate::curve::{
    DecodeError, FixedG1, FixedG2, G1, G2, InField, Reader, SecretScalar, put_count,
};

const KIND: Kind = *b"ABAK";
/// A set has at most 64 entries, and a number is 32 attributes.
const MAX_ATTRIBUTES: usize = consilium_policies::MAX_ITEMS * 32;
/// Names, values and separators of 64 entries: far below.
const MAX_SET_BYTES: usize = 16 * 1024;

/// A leaf that stands on the ledger as this user's, to be used for one key.
///
/// Neither `Clone` nor `Copy`: issuing consumes it.
#[derive(Debug)]
pub struct LeafGrant {
    leaf: Leaf,
    user: UserId,
}

impl LeafGrant {
    /// States that the registration of `leaf` for `user` **is committed** and has not been used for a key.
    ///
    /// # Security
    /// A leaf given out twice, or before its allocation is durable, makes a revocation of the one user miss
    /// the other.
    #[must_use]
    pub fn from_committed(leaf: Leaf, user: UserId) -> Self {
        Self { leaf, user }
    }
}

/// (P0, P1, P_A for A in S) of one node.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct NodeKey {
    pub(super) p0: G1,
    pub(super) p1: G2,
    /// In the order of the set's attributes.
    pub(super) pa: Vec<G1>,
}

impl NodeKey {
    /// P0 = pk^{a_x} H("w")^r; P_A = H("attr", A)^r; P1 = g2^r.
    pub(super) fn new(
        pk: &FixedG1,
        a_x: &SecretScalar,
        hashes: &[Arc<FixedG1>],
        r: &SecretScalar,
    ) -> Self {
        Self {
            p0: pk * a_x + labels::w() * r,                // L19
            pa: hashes.iter().map(|h| &**h * r).collect(), // L20
            p1: FixedG2::generator() * r,                  // L21
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.p0.to_bytes());
        out.extend_from_slice(&self.p1.to_bytes());
        self.pa
            .iter()
            .for_each(|point| out.extend_from_slice(&point.to_bytes()));
    }

    fn read(reader: &mut Reader<'_>, attributes: usize) -> Result<Self, DecodeError> {
        let p0 = reader.g1().in_field("P0")?;
        let p1 = reader.g2().in_field("P1")?;
        let points = (0..attributes).map(|_| reader.g1().in_field("P_A"));
        Ok(Self {
            p0,
            p1,
            pa: points.collect::<Result<_, _>>()?,
        })
    }
}

impl Drop for NodeKey {
    fn drop(&mut self) {
        self.p0.zeroize();
        self.p1.zeroize();
        self.pa.zeroize();
    }
}

/// The attributes S of a key in their order, to find a point by its attribute.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KeyAttributes {
    set: AttributeSet,
    sorted: Vec<Attribute>,
}

impl KeyAttributes {
    pub(super) fn new(set: AttributeSet) -> Self {
        let sorted = set.attributes().collect();
        Self { set, sorted }
    }

    pub(super) fn set(&self) -> &AttributeSet {
        &self.set
    }

    pub(super) fn sorted(&self) -> &[Attribute] {
        &self.sorted
    }

    /// Bytes in memory, about: each attribute's text, in the set and in the order.
    pub(super) fn bytes(&self) -> usize {
        let text = |attribute: &Attribute| size_of::<Attribute>() + attribute.to_string().len();
        2 * self.sorted.iter().map(text).sum::<usize>()
    }

    /// P_A of this node.
    pub(super) fn point(&self, node: &NodeKey, attribute: &Attribute) -> Option<G1> {
        let index = self.sorted.binary_search(attribute).ok()?;
        node.pa.get(index).copied()
    }
}

/// The key of one user's attributes, one part for each node from his leaf to the root.
///
/// # Security
/// Useless without beta, but with beta and an update key it opens records past the gateway: keep it
/// confidential. Wiped on drop, not printed.
#[derive(Clone)]
pub struct AttributeKey {
    tree: Tree,
    leaf: Leaf,
    attributes: KeyAttributes,
    /// From the leaf to the root.
    nodes: Vec<NodeKey>,
}

impl AttributeKey {
    /// No encoding is longer.
    pub const MAX_BYTES: usize = FRAME
        + Tree::BYTES
        + 4
        + 4
        + MAX_SET_BYTES
        + (MAX_DEPTH as usize + 1) * (G1::BYTES * (1 + MAX_ATTRIBUTES) + G2::BYTES);

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// theta.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        self.leaf
    }

    /// S.
    #[must_use]
    pub fn attributes(&self) -> &AttributeSet {
        self.attributes.set()
    }

    pub(super) fn key_attributes(&self) -> &KeyAttributes {
        &self.attributes
    }

    /// Each node of Path(theta) with its part.
    pub(super) fn parts(&self) -> impl Iterator<Item = (NodeId, &NodeKey)> {
        self.leaf.path().zip(&self.nodes)
    }

    /// The canonical encoding: frame, tree, leaf, S, and for each node from the leaf to the root P0, P1
    /// and P_A in the order of S.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let per_node = G1::BYTES * (1 + self.attributes.sorted.len()) + G2::BYTES;
        let set = self.attributes.set.to_bytes();
        let length = FRAME + Tree::BYTES + 4 + set.len() + per_node * self.nodes.len();
        let mut out = Zeroizing::new(Vec::with_capacity(length));
        out.extend_from_slice(&frame::begin(&KIND));
        self.tree.put(&mut out);
        out.extend_from_slice(&self.leaf.index().to_be_bytes());
        out.extend_from_slice(&set);
        self.nodes.iter().for_each(|node| node.put(&mut out));
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &KIND, Self::MAX_BYTES)?;
        let tree = Tree::read(&mut reader).in_field("tree")?;
        let leaf = Leaf::read(&mut reader, tree.depth()).in_field("leaf")?;
        let attributes = read_set(&mut reader).in_field("S")?;
        let count = attributes.sorted.len();
        let nodes = leaf.path().map(|_| NodeKey::read(&mut reader, count));
        let nodes = nodes.collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            tree,
            leaf,
            attributes,
            nodes,
        })
    }
}

impl fmt::Debug for AttributeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttributeKey({}, ..)", self.leaf)
    }
}

fn read_set(reader: &mut Reader<'_>) -> Result<KeyAttributes, DecodeError> {
    let text = reader.variable(MAX_SET_BYTES)?;
    let mut framed = Vec::with_capacity(4 + text.len());
    put_count(&mut framed, text.len());
    framed.extend_from_slice(text);
    AttributeSet::from_bytes(&framed)
        .map(KeyAttributes::new)
        .map_err(|error| DecodeError::Refused(error.to_string()))
}

/// AttKeyGen: for every node x of Path(theta), with r fresh per node and per issue,
/// P0 = pk^{a_x} H("w")^r, P_A = H("attr", A)^r for A in S, P1 = g2^r.
///
/// Hashes are shared between the nodes; randomness never is (`attacks::rules::shared_r…`).
///
/// # Errors
/// [`IssueError::OtherUsersLeaf`], [`IssueError::OtherTree`].
pub fn att_keygen(
    master: &MasterSecret,
    grant: LeafGrant,
    pk: &VerifiedPublicKey,
    attributes: &AttributeSet,
    rng: &mut impl CryptoRng,
) -> Result<AttributeKey, IssueError> {
    let LeafGrant { leaf, user } = grant;
    if user != pk.user() {
        return Err(IssueError::OtherUsersLeaf { leaf }); // L17
    }
    if leaf.depth() != master.tree().depth() {
        return Err(IssueError::OtherTree);
    }
    let attributes = KeyAttributes::new(attributes.clone());
    let pk = FixedG1::new(&pk.point());
    let hashes = attributes.sorted().iter();
    let hashes: Vec<_> = hashes.map(|a| master.hash_table(a)).collect();
    let part = |x: NodeId| {
        let r = SecretScalar::random(rng); // L18
        NodeKey::new(&pk, &master.node_secret(x), &hashes, &r)
    };
    let nodes = leaf.path().map(part).collect();
    Ok(AttributeKey {
        tree: *master.tree(),
        leaf,
        attributes,
        nodes,
    })
}
