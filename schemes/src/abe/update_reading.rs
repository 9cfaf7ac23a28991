//! An update key that is not held: checked piece by piece as it arrives, and read at the nodes of one path.
//!
//! A federation of a million leaves has update keys of tens of thousands of nodes; to check every point of one takes many seconds, and a
//! doctor's record needs one node. So what a hospital does is divided:
//!
//! - When the update key arrives, [`UpdateKeyCheck`] sees each byte once: frame, tree, epoch, length, ascending nodes. It holds
//!   less than a piece and a node.
//! - When a doctor opens a record, [`pre_keygen_from`](super::pre_keygen_from) finds the nodes of his path by binary search and
//!   parses, with every check on its points, the one that is there. A malformed node thus concerns the doctors under it only, and the error
//!   names it. That no node lies below another is checked here, too: two such nodes are on one path.
//!
//! Neither sees a digest: whoever receives the bytes compares theirs with the ledger's before believing anything.

use super::error::UpdateReadError;
use super::tree::{Epoch, Leaf, NodeId, Tree};
use super::update_key::{ENTRY, UpdateKeyHeader, UpdatePart, ascending};
use crate::curve::{DecodeError, InField, Reader};

/// The check of an update key that arrives in pieces, up to its points.
#[derive(Debug)]
pub struct UpdateKeyCheck {
    tree: Tree,
    epoch: Epoch,
    header: Option<UpdateKeyHeader>,
    /// What came behind the last whole node.
    pending: Vec<u8>,
    last: Option<NodeId>,
    left: u32,
}

impl UpdateKeyCheck {
    /// Of the update key of this tree and epoch.
    #[must_use]
    pub fn new(tree: Tree, epoch: Epoch) -> Self {
        Self {
            tree,
            epoch,
            header: None,
            pending: Vec::new(),
            last: None,
            left: 0,
        }
    }

    /// Takes the next bytes, of any length.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field; what came until then is no update key of this tree and epoch.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.pending.extend_from_slice(bytes);
        let pending = core::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        if self.header.is_none() {
            let Some((header, behind)) = rest.split_first_chunk::<{ UpdateKeyHeader::BYTES }>()
            else {
                self.pending = pending;
                return Ok(());
            };
            self.begin(UpdateKeyHeader::from_bytes(header)?)?;
            rest = behind;
        }
        while let Some((entry, behind)) = rest.split_first_chunk::<ENTRY>() {
            self.entry(entry)?;
            rest = behind;
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    fn begin(&mut self, header: UpdateKeyHeader) -> Result<(), DecodeError> {
        if *header.tree() != self.tree {
            return Err(DecodeError::Rule("another federation's tree").in_field("tree"));
        }
        if header.epoch() != self.epoch {
            return Err(DecodeError::Rule("another epoch").in_field("epoch"));
        }
        self.left = header.nodes();
        self.header = Some(header);
        Ok(())
    }

    fn entry(&mut self, entry: &[u8; ENTRY]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(entry, ENTRY)?;
        let trailing = DecodeError::TrailingBytes(ENTRY);
        self.left = self.left.checked_sub(1).ok_or(trailing)?;
        let node = NodeId::read(&mut reader, self.tree.depth()).in_field("x")?;
        ascending(self.last, node)?;
        self.last = Some(node);
        Ok(())
    }

    /// Ends the check: the bytes were as long as their header says.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::TrailingBytes`].
    pub fn finish(self) -> Result<UpdateKeyHeader, DecodeError> {
        let header = self.header.ok_or(DecodeError::Truncated)?;
        match (self.left, self.pending.len()) {
            (0, 0) => Ok(header),
            (0, trailing) => Err(DecodeError::TrailingBytes(trailing)),
            _ => Err(DecodeError::Truncated),
        }
    }
}

/// The one node of Path(theta) that the update key has; none if theta is revoked.
///
/// `read(at, buffer)` fills the buffer with the update key's bytes from `at` on.
pub(super) fn find_on_path<E>(
    header: &UpdateKeyHeader,
    leaf: Leaf,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Option<(NodeId, UpdatePart)>, UpdateReadError<E>> {
    let mut found: Option<(NodeId, u32)> = None;
    for node in leaf.path() {
        let index = find(header, node, &mut read).map_err(UpdateReadError::Read)?;
        match (index, found) {
            (Some(_), Some((lower, _))) => {
                return Err(UpdateReadError::Nested { upper: node, lower });
            }
            (Some(index), None) => found = Some((node, index)),
            (None, _) => {}
        }
    }
    let Some((node, index)) = found else {
        return Ok(None);
    };
    let mut entry = [0; ENTRY];
    read(header.entry_at(index), &mut entry).map_err(UpdateReadError::Read)?;
    let part = part_of(&entry).map_err(|source| UpdateReadError::Malformed { node, source })?;
    Ok(Some((node, part)))
}

/// Where in the order a node is, by binary search.
fn find<E>(
    header: &UpdateKeyHeader,
    node: NodeId,
    read: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Option<u32>, E> {
    let (mut from, mut to) = (0, header.nodes());
    while from < to {
        let middle = from.midpoint(to);
        let mut number = [0; 8];
        read(header.entry_at(middle), &mut number)?;
        match u64::from_be_bytes(number).cmp(&node.number()) {
            core::cmp::Ordering::Less => from = middle + 1,
            core::cmp::Ordering::Equal => return Ok(Some(middle)),
            core::cmp::Ordering::Greater => to = middle,
        }
    }
    Ok(None)
}

/// What stands behind the node's number.
fn part_of(entry: &[u8; ENTRY]) -> Result<UpdatePart, DecodeError> {
    let mut reader = Reader::new(entry, ENTRY)?;
    reader.u64()?;
    let part = UpdatePart::read(&mut reader)?;
    reader.finish()?;
    Ok(part)
}
