//! UpdKeyGen: the public key of an epoch, which only unrevoked users' attribute keys fit.

use core::fmt;
use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::error::IssueError;
use super::frame::{self, FRAME, Kind};
use super::labels;
use super::setup::MasterSecret;
use super::tree::{Depth, Epoch, MAX_DEPTH, NodeId, RevocationList, Tree};
use crate::curve::{
    DecodeError, FixedG1, FixedG2, G1, G2, InField, Reader, SecretScalar, put_count,
};
use crate::digest::Digest;

const KIND: Kind = *b"ABUK";
const NODE: usize = 8 + G1::BYTES + G2::BYTES;
const FIXED: usize = FRAME + Tree::BYTES + 8 + 4;

/// The right to make the update key of one epoch, once.
///
/// Neither `Clone` nor `Copy`: [`upd_keygen`] consumes it. Two update keys of one epoch, one before and one
/// after a revocation, let the revoked user go on reading.
#[derive(Debug)]
pub struct EpochTicket {
    pub(super) epoch: Epoch,
}

impl EpochTicket {
    /// The ticket for `epoch`, given the last epoch whose update key stands on the ledger or was ever made
    /// (none before the first).
    ///
    /// # Errors
    /// [`IssueError::EpochNotNew`] unless `epoch` is greater.
    ///
    /// # Security
    /// The caller makes `epoch` the last one durably *before* the update key leaves it.
    pub fn after(last: Option<Epoch>, epoch: Epoch) -> Result<Self, IssueError> {
        match last {
            Some(last) if epoch <= last => Err(IssueError::EpochNotNew { epoch, last }),
            _ => Ok(Self { epoch }), // L22
        }
    }
}

/// (Q1, Q2) of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UpdatePart {
    pub(super) q1: G1,
    pub(super) q2: G2,
}

impl UpdatePart {
    /// Q1 = g1^{alpha − a_x} H("time", t)^{s_x}; Q2 = g2^{s_x}.
    pub(super) fn new(remainder: &SecretScalar, h_time: &FixedG1, s_x: &SecretScalar) -> Self {
        Self {
            q1: FixedG1::generator() * remainder + h_time * s_x, // L24
            q2: FixedG2::generator() * s_x,                      // L25
        }
    }
}

/// The update key of an epoch. Public; its digest stands on the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct UpdateKey {
    tree: Tree,
    epoch: Epoch,
    nodes: BTreeMap<NodeId, UpdatePart>,
}

impl UpdateKey {
    /// No encoding is longer for a tree of this depth: KUNodes has at most every second leaf.
    #[must_use]
    pub fn max_bytes(depth: Depth) -> usize {
        FIXED + NODE * max_nodes(depth)
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
        let mut out = Vec::with_capacity(FIXED + NODE * self.nodes.len());
        out.extend_from_slice(&frame::begin(&KIND));
        self.tree.put(&mut out);
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        put_count(&mut out, self.nodes.len());
        for (node, part) in &self.nodes {
            out.extend_from_slice(&node.number().to_be_bytes());
            out.extend_from_slice(&part.q1.to_bytes());
            out.extend_from_slice(&part.q2.to_bytes());
        }
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field; nodes that are not ascending, or of which one lies below another, too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let largest = Depth::new(MAX_DEPTH).map_or(FIXED, Self::max_bytes);
        let mut reader = frame::open(bytes, &KIND, largest)?;
        let tree = Tree::read(&mut reader).in_field("tree")?;
        let epoch = Epoch::new(reader.u64().in_field("epoch")?);
        let count = reader.count(max_nodes(tree.depth())).in_field("nodes")?;
        let mut nodes = BTreeMap::new();
        for _ in 0..count {
            let (node, part) = read_node(&mut reader, tree.depth())?;
            if nodes
                .last_key_value()
                .is_some_and(|(last, _)| *last >= node)
            {
                return Err(DecodeError::Rule("the nodes are not ascending").in_field("nodes"));
            }
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

fn max_nodes(depth: Depth) -> usize {
    usize::try_from(depth.leaves() / 2).expect("at most 2^19")
}

fn read_node(reader: &mut Reader<'_>, depth: Depth) -> Result<(NodeId, UpdatePart), DecodeError> {
    let node = NodeId::read(reader, depth).in_field("x")?;
    let q1 = reader.g1().in_field("Q1")?;
    let q2 = reader.g2().in_field("Q2")?;
    Ok((node, UpdatePart { q1, q2 }))
}

/// UpdKeyGen: for every node x of KUNodes(rl, t), with s_x fresh,
/// Q1 = g1^{alpha − a_x} H("time", t)^{s_x}, Q2 = g2^{s_x}.
///
/// rl(t) must be final; an entry of a later epoch shows that it is not this epoch's list.
///
/// # Errors
/// [`IssueError::OtherTree`], [`IssueError::ListAhead`].
pub fn upd_keygen(
    master: &MasterSecret,
    ticket: EpochTicket,
    revoked: &RevocationList,
    rng: &mut impl CryptoRng,
) -> Result<UpdateKey, IssueError> {
    let EpochTicket { epoch } = ticket;
    let tree = *master.tree();
    if revoked.depth() != tree.depth() {
        return Err(IssueError::OtherTree);
    }
    if let Some(found) = revoked.latest().filter(|latest| *latest > epoch) {
        return Err(IssueError::ListAhead { epoch, found });
    }
    let h_time = FixedG1::lasting(&labels::h_time(epoch));
    let part = |x: NodeId| {
        let s_x = SecretScalar::random(rng); // L23
        (x, UpdatePart::new(&master.remainder(x), &h_time, &s_x))
    };
    let nodes = revoked.ku_nodes(epoch).into_iter().map(part).collect();
    Ok(UpdateKey { tree, epoch, nodes })
}
