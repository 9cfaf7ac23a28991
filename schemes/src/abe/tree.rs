//! The binary tree over users: its nodes, the revocation list, and KUNodes.
//!
//! Boldyreva, Goyal, Kumar, *Identity-based encryption with efficient revocation*, CCS 2008, section 3.
//! Nodes are numbered as in a heap: the root is 1, the children of x are 2x and 2x + 1, the leaves of a
//! tree of depth D are 2^D to 2^(D+1) − 1.

use core::fmt;
use std::collections::BTreeMap;

use super::error::IssueError;
use super::ku_nodes::KuNodes;
use crate::curve::{DecodeError, Reader};

/// The largest depth: 2^20 leaves, a million keys ever issued by one federation's tree.
pub const MAX_DEPTH: u8 = 20;

/// Which tree: random, so that two set-ups never share node secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId([u8; 32]);

impl TreeId {
    /// Takes the identifier; any 32 bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The identifier's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// D: the levels below the root; the tree has 2^D leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(u8);

impl Depth {
    /// A depth from 1 to [`MAX_DEPTH`].
    ///
    /// # Errors
    /// [`IssueError::Depth`].
    pub fn new(levels: u8) -> Result<Self, IssueError> {
        match levels {
            1..=MAX_DEPTH => Ok(Self(levels)),
            _ => Err(IssueError::Depth {
                levels,
                max: MAX_DEPTH,
            }),
        }
    }

    /// The number of levels below the root.
    #[must_use]
    pub fn levels(&self) -> u8 {
        self.0
    }

    /// The number of leaves.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        1 << self.0
    }
}

/// The tree of a federation: its identifier and depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    id: TreeId,
    depth: Depth,
}

impl Tree {
    /// Length of the encoding.
    pub(super) const BYTES: usize = 33;

    /// A tree.
    #[must_use]
    pub fn new(id: TreeId, depth: Depth) -> Self {
        Self { id, depth }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> TreeId {
        self.id
    }

    /// Its depth.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        out.push(self.depth.0);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = TreeId(reader.array()?);
        let depth = Depth::new(reader.u8()?)
            .map_err(|_| DecodeError::Rule("the depth of a tree is from 1 to 20"))?;
        Ok(Self { id, depth })
    }
}

/// A node x, by its number in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

impl NodeId {
    /// The root.
    pub const ROOT: Self = Self(1);

    /// The node's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0
    }

    /// The node above; none above the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        (self.0 > 1).then_some(Self(self.0 / 2))
    }

    /// The node with this number, which is one of a tree.
    pub(super) fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Whether the node exists in a tree of this depth.
    fn is_within(self, depth: Depth) -> bool {
        (1..2 * depth.leaves()).contains(&self.0)
    }

    pub(super) fn read(reader: &mut Reader<'_>, depth: Depth) -> Result<Self, DecodeError> {
        let node = Self(reader.u64()?);
        if node.is_within(depth) {
            Ok(node)
        } else {
            Err(DecodeError::Rule("no node of the tree"))
        }
    }
}

/// theta: the leaf of one issued key, numbered from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    index: u32,
    depth: Depth,
}

impl Leaf {
    /// The leaf with this number in a tree of this depth.
    ///
    /// # Errors
    /// [`IssueError::NoSuchLeaf`]: the tree is full.
    pub fn new(index: u32, depth: Depth) -> Result<Self, IssueError> {
        let leaves = depth.leaves();
        if u64::from(index) < leaves {
            Ok(Self { index, depth })
        } else {
            Err(IssueError::NoSuchLeaf {
                index: index.into(),
                leaves,
            })
        }
    }

    /// The leaf's number.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The depth of its tree.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// The leaf as a node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(self.depth.leaves() + u64::from(self.index))
    }

    /// Path(theta): the nodes from the leaf to the root, D + 1 of them.
    pub fn path(&self) -> impl Iterator<Item = NodeId> + use<> {
        core::iter::successors(Some(self.node()), NodeId::parent)
    }

    pub(super) fn read(reader: &mut Reader<'_>, depth: Depth) -> Result<Self, DecodeError> {
        Self::new(reader.u32()?, depth).map_err(|_| DecodeError::Rule("no leaf of the tree"))
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf {}", self.index)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({} of {})", self.index, self.depth.leaves())
    }
}

/// t: numbers the update keys, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// rl: which leaves are revoked, and from which epoch on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    depth: Depth,
    revoked: BTreeMap<Leaf, Epoch>,
}

impl RevocationList {
    /// rl = {}.
    #[must_use]
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            revoked: BTreeMap::new(),
        }
    }

    /// The depth of its tree.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Since when the leaf is revoked, if it is.
    #[must_use]
    pub fn revoked_since(&self, leaf: Leaf) -> Option<Epoch> {
        self.revoked.get(&leaf).copied()
    }

    /// The latest epoch of any entry.
    #[must_use]
    pub fn latest(&self) -> Option<Epoch> {
        self.revoked.values().max().copied()
    }

    /// Revoke(id): revokes **all** leaves of a user from `epoch` on. An earlier revocation of a leaf stays.
    ///
    /// # Errors
    /// [`IssueError::OtherTree`], and nothing is revoked.
    pub fn revoke(
        &mut self,
        leaves: impl IntoIterator<Item = Leaf>,
        epoch: Epoch,
    ) -> Result<(), IssueError> {
        let leaves: Vec<Leaf> = leaves.into_iter().collect();
        if leaves.iter().any(|leaf| leaf.depth != self.depth) {
            return Err(IssueError::OtherTree);
        }
        for leaf in leaves {
            let since = self.revoked.entry(leaf).or_insert(epoch);
            *since = epoch.min(*since); // L13
        }
        Ok(())
    }

    /// KUNodes(rl, t): the fewest nodes whose subtrees hold exactly the leaves not revoked at or before t, ascending.
    ///
    /// If nobody is revoked it is the root; if every leaf is revoked there is no node, **never** the root.
    #[must_use]
    pub fn ku_nodes(&self, epoch: Epoch) -> KuNodes {
        let revoked = self.revoked.iter().filter(|(_, since)| **since <= epoch);
        KuNodes::new(self.depth, revoked.map(|(leaf, _)| leaf.index).collect()) // L14
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(depth: u8, leaves: impl IntoIterator<Item = u32>) -> RevocationList {
        let depth = Depth::new(depth).unwrap();
        let mut list = RevocationList::new(depth);
        let leaves = leaves
            .into_iter()
            .map(|index| Leaf::new(index, depth).unwrap());
        list.revoke(leaves, Epoch::new(1)).unwrap();
        list
    }

    fn numbers(nodes: KuNodes) -> Vec<u64> {
        nodes.map(|node| node.number()).collect()
    }

    #[test]
    fn ku_nodes_of_small_trees() {
        let t = Epoch::new(1);
        assert_eq!(numbers(list(3, []).ku_nodes(t)), [1]);
        assert_eq!(numbers(list(2, [0]).ku_nodes(t)), [3, 5]);
        assert_eq!(
            numbers(list(2, [0]).ku_nodes(Epoch::new(0))),
            [1],
            "revoked later"
        );
    }

    #[test]
    fn all_revoked_leaves_no_node_not_even_the_root() {
        assert!(list(1, [0, 1]).ku_nodes(Epoch::new(1)).count() == 0);
        assert!(list(3, 0..8).ku_nodes(Epoch::new(9)).count() == 0);
    }

    /// Every one of the 256 revocation lists over 8 leaves.
    #[test]
    fn ku_nodes_cover_exactly_the_unrevoked_leaves_each_once() {
        let depth = Depth::new(3).unwrap();
        for mask in 0..256u32 {
            let y = list(3, (0..8).filter(|i| mask >> i & 1 == 1)).ku_nodes(Epoch::new(1));
            let y: Vec<NodeId> = y.collect();
            for index in 0..8 {
                let path = Leaf::new(index, depth).unwrap().path();
                let covered = path.filter(|node| y.contains(node)).count();
                assert_eq!(
                    covered,
                    usize::from(mask >> index & 1 == 0),
                    "mask {mask}, leaf {index}"
                );
            }
        }
    }

    #[test]
    fn the_earliest_revocation_counts_and_another_tree_is_refused() {
        let mut list = list(2, [3]);
        let leaf = Leaf::new(3, list.depth()).unwrap();
        list.revoke([leaf], Epoch::new(7)).unwrap();
        assert_eq!(list.revoked_since(leaf), Some(Epoch::new(1)));
        let other = Leaf::new(3, Depth::new(4).unwrap()).unwrap();
        assert_eq!(
            list.revoke([other], Epoch::new(7)),
            Err(IssueError::OtherTree)
        );
    }

    #[test]
    fn depth_and_leaf_are_bounded() {
        assert!(Depth::new(0).is_err() && Depth::new(MAX_DEPTH + 1).is_err());
        let depth = Depth::new(2).unwrap();
        assert!(Leaf::new(3, depth).is_ok());
        let full = Err(IssueError::NoSuchLeaf {
            index: 4,
            leaves: 4,
        });
        assert_eq!(Leaf::new(4, depth), full);
    }
}
