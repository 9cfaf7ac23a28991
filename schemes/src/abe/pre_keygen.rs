//! PreKeyGen: what the hospital pre-decrypts with, from an attribute key and an epoch's update key.

use core::fmt;

use super::attribute_keygen::{AttributeKey, KeyAttributes, NodeKey};
use super::error::PreDecryptError;
use super::tree::{Epoch, TreeId};
use super::update_keygen::{UpdateKey, UpdatePart};
use crate::curve::PreparedG2;

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
}

impl PreDecryptionKey {
    /// Bytes in memory, about: its lines, and a point for each attribute.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + 2 * PreparedG2::BYTES + size_of_val(self.node.pa.as_slice())
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
    if key.tree() != update.tree() {
        let (expected, found) = (key.tree().id(), update.tree().id());
        return Err(PreDecryptError::Tree { expected, found });
    }
    let epoch = update.epoch();
    let (node, update) = key
        .parts()
        .find_map(|(x, part)| Some((part.clone(), update.part(x)?.clone()))) // L26
        .ok_or(PreDecryptError::Revoked {
            leaf: key.leaf(),
            epoch,
        })?;
    let attributes = key.key_attributes().clone();
    let lines = KeyLines {
        p1: PreparedG2::new(&node.p1),
        q2: PreparedG2::new(&update.q2),
    };
    Ok(PreDecryptionKey {
        tree: key.tree().id(),
        epoch,
        attributes,
        node,
        update,
        lines,
    })
}
