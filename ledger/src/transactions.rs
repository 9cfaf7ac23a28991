//! The Merkle tree over a block's transactions (RFC 6962, section 2.1, over transaction hashes).
//!
//! | symbol | here |
//! |---|---|
//! | MTH({}) | SHA-256(label, 0) |
//! | MTH({d(0)}) | SHA-256(label, 1, d(0)) |
//! | MTH(D\[n\]) | SHA-256(label, 2, MTH(D\[0:k\]), MTH(D\[k:n\])), k the largest power of two below n |
//! | PATH(m, D\[n\]) | [`TransactionProof`] |
//!
//! Deviation: a label and the tags 0, 1, 2 in place of the tags 0x00, 0x01.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_contracts::{SignedTransaction, TransactionHash};

use crate::hash::{TransactionRoot, labelled};

/// Domain of the tree's hashes.
const TREE_LABEL: &[u8] = b"CONSILIUM-V1-LEDGER-TRANSACTIONS";

/// A tree of 2^32 leaves has paths of 32 nodes; the count of a block's transactions is a `u32`.
const MAX_PATH: usize = 32;

/// The root over a block's transactions.
pub fn transaction_root(transactions: &[SignedTransaction]) -> TransactionRoot {
    let hashes: Vec<TransactionHash> = transactions.iter().map(SignedTransaction::hash).collect();
    TransactionRoot::from_bytes(subtree(&hashes))
}

fn leaf(hash: &TransactionHash) -> [u8; 32] {
    labelled(TREE_LABEL, &[&[1], hash.as_bytes()])
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    labelled(TREE_LABEL, &[&[2], left, right])
}

/// MTH(D\[n\]).
fn subtree(hashes: &[TransactionHash]) -> [u8; 32] {
    match hashes {
        [] => labelled(TREE_LABEL, &[&[0]]),
        [one] => leaf(one),
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len()));
            node(&subtree(left), &subtree(right))
        }
    }
}

/// k: the largest power of two below n, for n > 1.
const fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// That a transaction stands at an index of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct TransactionProof {
    index: u32,
    count: u32,
    /// From the leaf's sibling up to the root's child.
    path: Vec<[u8; 32]>,
}

impl TransactionProof {
    /// PATH(index, transactions), or `None` when there is no such index.
    pub fn new(transactions: &[SignedTransaction], index: usize) -> Option<Self> {
        let hashes: Vec<_> = transactions.iter().map(SignedTransaction::hash).collect();
        if index >= hashes.len() {
            return None;
        }
        let mut path = Vec::new();
        collect_path(&hashes, index, &mut path);
        Some(Self {
            index: u32::try_from(index).ok()?,
            count: u32::try_from(hashes.len()).ok()?,
            path,
        })
    }

    /// The transaction's index in its block.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Whether `hash` stands at this index under `root`.
    pub fn verify(&self, root: &TransactionRoot, hash: &TransactionHash) -> bool {
        let path = &mut self.path.iter().rev();
        let top = fold_path(hash, self.index as usize, self.count as usize, path);
        path.next().is_none() && top.as_ref() == Some(root.as_bytes())
    }
}

fn collect_path(hashes: &[TransactionHash], index: usize, path: &mut Vec<[u8; 32]>) {
    if hashes.len() < 2 {
        return;
    }
    let k = split(hashes.len());
    let (left, right) = hashes.split_at(k);
    if index < k {
        collect_path(left, index, path);
        path.push(subtree(right));
    } else {
        collect_path(right, index - k, path);
        path.push(subtree(left));
    }
}

/// The root of a subtree of `count` leaves, from its leaf `index` and its siblings, top first.
fn fold_path<'a>(
    hash: &TransactionHash,
    index: usize,
    count: usize,
    path: &mut impl Iterator<Item = &'a [u8; 32]>,
) -> Option<[u8; 32]> {
    if index >= count {
        return None;
    }
    if count == 1 {
        return Some(leaf(hash));
    }
    let sibling = path.next()?;
    let k = split(count);
    if index < k {
        Some(node(&fold_path(hash, index, k, path)?, sibling))
    } else {
        Some(node(sibling, &fold_path(hash, index - k, count - k, path)?))
    }
}

impl BorshDeserialize for TransactionProof {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let index = u32::deserialize_reader(reader)?;
        let count = u32::deserialize_reader(reader)?;
        let path = crate::codec::bounded_vec(reader, "path", MAX_PATH)?;
        Ok(Self { index, count, path })
    }
}
