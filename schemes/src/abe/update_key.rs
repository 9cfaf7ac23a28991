//! The update key of an epoch and its encoding.

use core::fmt;
use std::collections::BTreeMap;

use super::frame::{self, FRAME, Kind};
use super::tree::{Depth, Epoch, MAX_DEPTH, NodeId, Tree};
use crate::curve::{DecodeError, G1, G2, InField, Reader};
use crate::digest::Digest;

const KIND: Kind = *b"ABUK";
/// (Q1, Q2), encoded.
const PART: usize = G1::BYTES + G2::BYTES;
/// A node's number and its (Q1, Q2), encoded.
pub(super) const ENTRY: usize = 8 + PART;

/// (Q1, Q2) of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UpdatePart {
    pub(super) q1: G1,
    pub(super) q2: G2,
}

impl UpdatePart {
    /// Both points checked for their subgroup.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let q1 = reader.g1().in_field("Q1")?;
        let q2 = reader.g2().in_field("Q2")?;
        Ok(Self { q1, q2 })
    }
}

/// Appends a node as it stands in the encoding: its number, Q1 and Q2.
pub(super) fn put_entry(out: &mut Vec<u8>, node: NodeId, part: &UpdatePart) {
    out.extend_from_slice(&node.number().to_be_bytes());
    out.extend_from_slice(&part.q1.to_bytes());
    out.extend_from_slice(&part.q2.to_bytes());
}

/// What an encoded update key begins with: whose and which epoch's it is, and how many nodes follow. All nodes have the same length, so each
/// one's place is known from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateKeyHeader {
    tree: Tree,
    epoch: Epoch,
    nodes: u32,
}

impl UpdateKeyHeader {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + Tree::BYTES + 8 + 4;

    pub(super) fn new(tree: Tree, epoch: Epoch, nodes: usize) -> Self {
        let nodes = u32::try_from(nodes).expect("at most 2^19, see `max_nodes`");
        Self { tree, epoch, nodes }
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// t.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many nodes KUNodes(rl, t) has.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// How long the whole update key is, in bytes.
    #[must_use]
    pub fn update_key_bytes(&self) -> u64 {
        self.entry_at(self.nodes)
    }

    /// Where in the update key its node with this number in the order begins.
    pub(super) fn entry_at(&self, index: u32) -> u64 {
        Self::BYTES as u64 + u64::from(index) * ENTRY as u64
    }

    /// The canonical encoding: frame, tree, epoch, number of nodes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&KIND);
        self.tree.put(&mut out);
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        out.extend_from_slice(&self.nodes.to_be_bytes());
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &KIND, Self::BYTES)?;
        let header = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(header)
    }

    /// What follows the frame.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tree = Tree::read(reader).in_field("tree")?;
        let epoch = Epoch::new(reader.u64().in_field("epoch")?);
        let nodes = reader.count(max_nodes(tree.depth())).in_field("nodes")?;
        Ok(Self::new(tree, epoch, nodes))
    }
}

/// The update key of an epoch, whole and parsed. Public; its digest stands on the ledger.
///
/// Every point in it was checked, which takes about 0.15 ms for each node. Whoever needs one node of many uses
/// [`pre_keygen_from`](super::pre_keygen_from).
#[derive(Clone, PartialEq, Eq)]
pub struct UpdateKey {
    tree: Tree,
    epoch: Epoch,
    nodes: BTreeMap<NodeId, UpdatePart>,
}

impl UpdateKey {
    pub(super) fn new(tree: Tree, epoch: Epoch, nodes: BTreeMap<NodeId, UpdatePart>) -> Self {
        Self { tree, epoch, nodes }
    }

    /// No encoding is longer for a tree of this depth: KUNodes has at most every second leaf.
    #[must_use]
    pub fn max_bytes(depth: Depth) -> usize {
        UpdateKeyHeader::BYTES + ENTRY * max_nodes(depth)
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// t.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// KUNodes(rl, t).
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// SHA-256 of the encoding, as it stands on the ledger.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    pub(super) fn part(&self, node: NodeId) -> Option<&UpdatePart> {
        self.nodes.get(&node)
    }

    /// The canonical encoding: frame, tree, epoch, count, and for each node in ascending order its
    /// number, Q1 and Q2.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = UpdateKeyHeader::new(self.tree, self.epoch, self.nodes.len());
        let mut out = header.to_bytes();
        for (node, part) in &self.nodes {
            put_entry(&mut out, *node, part);
        }
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field; nodes that are not ascending, or of which one lies below another, too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let largest = Depth::new(MAX_DEPTH).map_or(UpdateKeyHeader::BYTES, Self::max_bytes);
        let mut reader = frame::open(bytes, &KIND, largest)?;
        let header = UpdateKeyHeader::read(&mut reader)?;
        let (tree, epoch) = (header.tree, header.epoch);
        let mut nodes = BTreeMap::new();
        for _ in 0..header.nodes {
            let node = NodeId::read(&mut reader, tree.depth()).in_field("x")?;
            let part = UpdatePart::read(&mut reader)?;
            let last = nodes.last_key_value().map(|(last, _)| *last);
            ascending(last, node)?;
            nodes.insert(node, part);
        }
        reader.finish()?;
        let above = |node: &NodeId| core::iter::successors(node.parent(), NodeId::parent);
        if nodes
            .keys()
            .any(|node| above(node).any(|other| nodes.contains_key(&other)))
        {
            return Err(DecodeError::Rule("a node lies below another").in_field("nodes"));
        }
        Ok(Self { tree, epoch, nodes })
    }
}

impl fmt::Debug for UpdateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "UpdateKey(epoch {}, {} nodes)",
            self.epoch,
            self.nodes.len()
        )
    }
}

/// The nodes of an encoding ascend.
pub(super) fn ascending(last: Option<NodeId>, node: NodeId) -> Result<(), DecodeError> {
    match last {
        Some(last) if last >= node => {
            Err(DecodeError::Rule("the nodes are not ascending").in_field("nodes"))
        }
        _ => Ok(()),
    }
}

fn max_nodes(depth: Depth) -> usize {
    usize::try_from(depth.leaves() / 2).expect("at most 2^19")
}
