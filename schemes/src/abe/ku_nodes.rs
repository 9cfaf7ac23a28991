//! KUNodes, node by node: the tree is never built, only the revoked leaves are held.

use super::tree::{Depth, NodeId};

/// KUNodes(rl, t): the fewest nodes whose subtrees hold exactly the leaves not revoked at or before t, in ascending order (level by
/// level from the root, each from left to right).
///
/// X = all nodes above revoked leaves, these included; Y = children of X outside X. The nodes of X at one level are the
/// revoked leaves' numbers, cut to as many bits as the level is deep: neighbours in the list where the leaves are sorted. So one walk
/// along the list gives one level, and four bytes for each revoked leaf are all that is held. A walk is a shift and a comparison for each
/// leaf; all levels for 10,000 leaves take about a millisecond, where making the keys of the nodes takes many seconds. Nothing is therefore kept
/// from one epoch to the next.
#[derive(Clone, Debug)]
pub struct KuNodes {
    depth: Depth,
    /// Sorted, each once.
    revoked: Vec<u32>,
    /// The level of the children that are looked at now.
    level: u8,
    /// The first revoked leaf whose nodes at this level were not looked at.
    next: usize,
    /// Nobody is revoked, and the root was not given yet.
    root: bool,
}

impl KuNodes {
    /// Of these leaves, which are sorted and in the tree.
    pub(super) fn new(depth: Depth, revoked: Vec<u32>) -> Self {
        Self {
            depth,
            root: revoked.is_empty(), // L15
            revoked,
            level: 1,
            next: 0,
        }
    }

    /// The number of the node of X above this leaf at the current level.
    fn above(&self, leaf: u32) -> u64 {
        (self.depth.leaves() | u64::from(leaf)) >> (self.depth.levels() - self.level)
    }

    /// Goes past all revoked leaves below the next node of X one level higher; gives that of its two children that is outside X.
    fn step(&mut self) -> Option<NodeId> {
        let first = self.above(*self.revoked.get(self.next)?);
        let rest = self.revoked.iter().skip(self.next);
        let below = rest
            .map(|leaf| self.above(*leaf))
            .take_while(|x| x / 2 == first / 2);
        let (leaves, last) = below.fold((0, first), |(leaves, _), x| (leaves + 1, x));
        self.next += leaves;
        // Ascending: both children are in X exactly if the first and the last of the walk differ.
        (first == last).then(|| NodeId::numbered(first ^ 1)) // L16
    }
}

impl Iterator for KuNodes {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if core::mem::take(&mut self.root) {
            return Some(NodeId::ROOT);
        }
        while self.level <= self.depth.levels() {
            while self.next < self.revoked.len() {
                if let Some(node) = self.step() {
                    return Some(node);
                }
            }
            (self.level, self.next) = (self.level + 1, 0);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::abe::tree::Leaf;

    /// The definition, set by set.
    fn defined(depth: Depth, revoked: &[u32]) -> Vec<u64> {
        let leaves = revoked
            .iter()
            .map(|index| Leaf::new(*index, depth).unwrap());
        let x: BTreeSet<u64> = leaves
            .flat_map(|leaf| leaf.path().map(|node| node.number()))
            .collect();
        if x.is_empty() {
            return vec![1];
        }
        let children: BTreeSet<u64> = x
            .iter()
            .flat_map(|node| [2 * node, 2 * node + 1])
            .filter(|child| *child < 2 * depth.leaves() && !x.contains(child))
            .collect();
        children.into_iter().collect()
    }

    fn walked(depth: Depth, revoked: &[u32]) -> Vec<u64> {
        let nodes = KuNodes::new(depth, revoked.to_vec());
        nodes.map(|node| node.number()).collect()
    }

    #[test]
    fn the_walk_gives_what_the_definition_gives_for_every_list_over_8_leaves() {
        let depth = Depth::new(3).unwrap();
        for mask in 0..256u32 {
            let revoked: Vec<u32> = (0..8).filter(|leaf| mask >> leaf & 1 == 1).collect();
            assert_eq!(
                walked(depth, &revoked),
                defined(depth, &revoked),
                "{revoked:?}"
            );
        }
    }

    #[test]
    fn the_walk_gives_what_the_definition_gives_in_the_largest_tree() {
        use rand::{RngExt as _, SeedableRng as _};
        let depth = Depth::new(20).unwrap();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        for count in [1, 2, 3, 10, 1_000, 10_000] {
            // Anywhere, and all within one part of the tree.
            for width in [1 << 20, 1 << 14] {
                let leaves = (0..count).map(|_| rng.random_range(0..width));
                let revoked: Vec<u32> = BTreeSet::from_iter(leaves).into_iter().collect();
                assert_eq!(walked(depth, &revoked), defined(depth, &revoked));
            }
        }
        let all: Vec<u32> = (0..1 << 20).collect();
        assert_eq!(walked(depth, &all), [0u64; 0], "never the root");
        let but_one: Vec<u32> = all.into_iter().filter(|leaf| *leaf != 12_345).collect();
        assert_eq!(walked(depth, &but_one), [(1 << 20) + 12_345]);
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_tree() {
        assert!(
            size_of::<KuNodes>() <= 48,
            "a list and four small fields, and no second list"
        );
        let held = |depth| {
            let mut nodes = KuNodes::new(Depth::new(depth).unwrap(), (0..1_000).collect());
            assert!(nodes.by_ref().count() > 0);
            nodes.revoked.capacity()
        };
        assert_eq!((held(10), held(20)), (1_000, 1_000));
    }
}
