//! PreKeyGen: what the hospital pre-decrypts with, from an attribute key and an epoch's update key.

use core::fmt;
use std::sync::OnceLock;

use super::attribute_keygen::{AttributeKey, KeyAttributes, NodeKey};
use super::error::{PreDecryptError, UpdateReadError};
use super::tree::{Epoch, NodeId, Tree, TreeId};
use super::update_key::{UpdateKey, UpdateKeyHeader, UpdatePart};
use super::update_reading::find_on_path;
use crate::curve::{Gt, PreparedG2};

/// prek = (attkey_x, updkey_x) of the one node x that both have.
///
/// # Security
/// As confidential as the [`AttributeKey`] of which it is a part.
pub struct PreDecryptionKey {
    pub(super) tree: TreeId,
    pub(super) epoch: Epoch,
    pub(super) attributes: KeyAttributes,
    pub(super) node: NodeKey,
    pub(super) update: UpdatePart,
    /// The lines of P1 and of Q2, which every capsule is paired with.
    pub(super) lines: KeyLines,
}

/// The lines of P1 and of Q2.
pub(super) struct KeyLines {
    pub(super) p1: PreparedG2,
    pub(super) q2: PreparedG2,
    /// F of the proof, which depends on the key alone; made when first asked for.
    pub(super) f: OnceLock<Gt>,
}

impl KeyLines {
    pub(super) fn new(node: &NodeKey, update: &UpdatePart) -> Self {
        Self {
            p1: PreparedG2::new(&node.p1),
            q2: PreparedG2::new(&update.q2),
            f: OnceLock::new(),
        }
    }
}

impl PreDecryptionKey {
    /// Bytes in memory, about: its lines, and for each attribute a point and its text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let points = size_of_val(self.node.pa.as_slice());
        size_of::<Self>() + 2 * PreparedG2::BYTES + points + self.attributes.bytes()
    }

    /// t: the epoch whose capsules it fits.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl fmt::Debug for PreDecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreDecryptionKey(epoch {}, ..)", self.epoch)
    }
}

/// PreKeyGen: the one x in Path(theta) ∩ KUNodes(rl, t), or "revoked".
///
/// # Errors
/// [`PreDecryptError::Revoked`], [`PreDecryptError::Tree`].
pub fn pre_keygen(
    key: &AttributeKey,
    update: &UpdateKey,
) -> Result<PreDecryptionKey, PreDecryptError> {
    same_tree(key, update.tree())?;
    let mut nodes = key.leaf().path();
    let found = nodes.find_map(|x| Some((x, update.part(x)?.clone())));
    join(key, update.epoch(), found)
}

/// PreKeyGen from an update key that lies elsewhere and was checked by [`UpdateKeyCheck`](super::UpdateKeyCheck) when it came:
/// `read(at, buffer)` fills the buffer with its bytes from `at` on. Of the key's path, only the node that is there is parsed.
///
/// # Errors
/// [`UpdateReadError`].
pub fn pre_keygen_from<E>(
    key: &AttributeKey,
    update: &UpdateKeyHeader,
    read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<PreDecryptionKey, UpdateReadError<E>> {
    same_tree(key, update.tree())?;
    let found = find_on_path(update, key.leaf(), read)?;
    Ok(join(key, update.epoch(), found)?)
}

fn same_tree(key: &AttributeKey, tree: &Tree) -> Result<(), PreDecryptError> {
    if key.tree() == tree {
        return Ok(());
    }
    let (expected, found) = (key.tree().id(), tree.id());
    Err(PreDecryptError::Tree { expected, found })
}

/// The two keys' parts of the one node.
fn join(
    key: &AttributeKey,
    epoch: Epoch,
    found: Option<(NodeId, UpdatePart)>,
) -> Result<PreDecryptionKey, PreDecryptError> {
    let revoked = PreDecryptError::Revoked {
        leaf: key.leaf(),
        epoch,
    };
    let (node, update) = found
        .and_then(|(x, update)| {
            let (_, part) = key.parts().find(|(node, _)| *node == x)?;
            Some((part.clone(), update))
        }) // L26
        .ok_or(revoked)?;
    let lines = KeyLines::new(&node, &update);
    Ok(PreDecryptionKey {
        tree: key.tree().id(),
        epoch,
        attributes: key.key_attributes().clone(),
        node,
        update,
        lines,
    })
}
