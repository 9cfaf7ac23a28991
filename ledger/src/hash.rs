//! SHA-256 with a label per purpose, and the three kinds of digest a header carries.

use consilium_contracts::{FederationId, identifiers};
use sha2::{Digest as _, Sha256};

/// SHA-256 over the label's length, the label and the parts, one after another.
///
/// Callers keep the concatenation unambiguous: every part but the last has a fixed length.
pub(crate) fn labelled(label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let length = u8::try_from(label.len()).expect("labels are constants shorter than 256 bytes");
    let start = Sha256::new().chain_update([length]).chain_update(label);
    parts
        .iter()
        .fold(start, |hasher, part| hasher.chain_update(part))
        .finalize()
        .into()
}

identifiers! {
    /// The hash of a block's header; what validators vote on.
    BlockHash;
    /// The root of the Merkle tree over a block's transactions.
    TransactionRoot;
    /// The root of the Jellyfish Merkle tree over the contracts' keys.
    StateRoot;
}

impl BlockHash {
    /// What the first block names as its predecessor: the federation's genesis.
    pub const fn genesis(federation: &FederationId) -> Self {
        Self(*federation.as_bytes())
    }
}
