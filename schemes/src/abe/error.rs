//! Why an operation was refused, one type per family.

use super::tree::{Epoch, Leaf, NodeId, TreeId};
use crate::curve::DecodeError;

/// Why the KGC's side refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The proof of possession does not hold for this key, user, federation and nonce.
    #[error("the proof of possession of the user's secret does not hold")]
    Possession,
    /// The leaf was registered for another user than the key's.
    #[error("{leaf} is registered for another user")]
    OtherUsersLeaf {
        /// The leaf.
        leaf: Leaf,
    },
    /// The leaf number is outside the tree.
    #[error("leaf {index} is outside a tree of {leaves} leaves")]
    NoSuchLeaf {
        /// The number given.
        index: u64,
        /// Leaves of the tree.
        leaves: u64,
    },
    /// The depth is outside what is supported.
    #[error("a tree of {levels} levels: from 1 to {max} are supported")]
    Depth {
        /// The depth given.
        levels: u8,
        /// The largest supported.
        max: u8,
    },
    /// A leaf or list belongs to a tree of another depth.
    #[error("the leaf or revocation list belongs to another tree")]
    OtherTree,
    /// The epoch already has an update key, or a later one has.
    #[error("epoch {epoch} does not follow the last published epoch {last}")]
    EpochNotNew {
        /// The epoch asked for.
        epoch: Epoch,
        /// The last one that has an update key.
        last: Epoch,
    },
    /// A revocation is recorded for a later epoch than the one asked for: the list is not that epoch's.
    #[error("the revocation list already holds epoch {found}, later than {epoch}")]
    ListAhead {
        /// The epoch asked for.
        epoch: Epoch,
        /// The later epoch in the list.
        found: Epoch,
    },
}

/// Why no key for pre-decryption comes of an attribute key and an update key, or a capsule is not
/// pre-decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreDecryptError {
    /// The user's leaf was revoked at or before the epoch.
    #[error("{leaf} is revoked in epoch {epoch}")]
    Revoked {
        /// The revoked leaf.
        leaf: Leaf,
        /// The update key's epoch.
        epoch: Epoch,
    },
    /// The keys, or key and capsule, belong to different trees.
    #[error("of tree {found}, where {expected} is needed")]
    Tree {
        /// The key's tree.
        expected: TreeId,
        /// The other's.
        found: TreeId,
    },
    /// The capsule was made for another epoch than the update key's.
    #[error("the capsule is of epoch {capsule}, the update key of epoch {key}")]
    Epoch {
        /// The capsule's epoch.
        capsule: Epoch,
        /// The update key's epoch.
        key: Epoch,
    },
    /// The key's attributes do not satisfy the capsule's policy.
    #[error("the attributes of the key do not satisfy the policy")]
    Unsatisfied,
}

/// Why an update key that is read at one path gives no key for pre-decryption. `E`: why its bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateReadError<E> {
    /// Its bytes cannot be read.
    #[error("the update key cannot be read: {0}")]
    Read(E),
    /// The node of this path is no pair of points: whoever made the update key is at fault. Other paths are not concerned.
    #[error("the update key is malformed at node {}: {source}", node.number())]
    Malformed {
        /// The node.
        node: NodeId,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Two nodes of this path: whoever made the update key is at fault. Other paths are not concerned.
    #[error("in the update key node {} lies below node {}", lower.number(), upper.number())]
    Nested {
        /// The node nearer to the root.
        upper: NodeId,
        /// The one below.
        lower: NodeId,
    },
    /// The two keys give none.
    #[error(transparent)]
    PreDecrypt(#[from] PreDecryptError),
}

/// Why a capsule is not well formed: its encryptor erred, whatever the hospital does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedCapsule {
    /// e(Ct, g2) ≠ e(H("time", t), C0).
    #[error("Ct does not belong to C0 and the capsule's epoch")]
    Time,
    /// The rows do not share one secret along the policy.
    #[error("the rows do not share the secret of C0 along the policy")]
    Rows,
}

/// Why the doctor's device gives no key. Nothing was decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The capsule is not the one whose digest stands on the ledger.
    #[error("the capsule has another digest than the record on the ledger")]
    Digest,
    /// What came from the hospital does not open the capsule: C0 ≠ g2^s. Hospital or encryptor erred;
    /// [`UserSecretKey::complain`](super::UserSecretKey::complain) tells which.
    #[error("the pre-decryption does not open the capsule")]
    PreDecryption,
}

/// Why there is no key for an encrypted record: its header does not belong to the capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderMismatch {
    /// The header names another record.
    #[error("the encrypted record's header names another record than the capsule")]
    Record,
    /// The header names another epoch.
    #[error("the encrypted record's header is of epoch {header}, the capsule of epoch {capsule}")]
    Epoch {
        /// The capsule's epoch.
        capsule: Epoch,
        /// The header's epoch.
        header: Epoch,
    },
}
