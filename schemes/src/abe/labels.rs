//! The hashes of the scheme, each under its own label.
//!
//! The labels must be distinct: H("time", t) = H("w") would let any key open any capsule
//! (`attacks::rules::equal_hash_domains_break_the_policy`).

use std::sync::LazyLock;

use consilium_policies::Attribute;
use zeroize::Zeroizing;

use super::tree::{Epoch, NodeId, Tree};
use crate::curve::{
    FixedG1, G1, Label, SecretScalar, Transcript, hash_to_g1, hash_to_secret_scalar,
};

const NODE: Label = Label::new("CONSILIUM-V1-ABE-NODE");
const ATTRIBUTE: Label = Label::new("CONSILIUM-V1-ABE-ATTR");
const TIME: Label = Label::new("CONSILIUM-V1-ABE-TIME");
const W: Label = Label::new("CONSILIUM-V1-ABE-W");

/// a_x = Fr("NODE", k_node, tree id, D, x).
pub(super) fn node_secret(
    node_key: &Zeroizing<[u8; 32]>,
    tree: &Tree,
    node: NodeId,
) -> SecretScalar {
    let message = Transcript::new()
        .fixed(node_key)
        .fixed(tree.id().as_bytes())
        .u8(tree.depth().levels())
        .u64(node.number());
    hash_to_secret_scalar(NODE, &message)
}

/// H("attr", A), A in the canonical bytes of the policies crate.
pub(super) fn h_attribute(attribute: &Attribute) -> G1 {
    hash_to_g1(
        ATTRIBUTE,
        &Transcript::new().variable(&attribute.to_bytes()),
    )
}

/// H("time", t).
pub(super) fn h_time(epoch: Epoch) -> G1 {
    hash_to_g1(TIME, &Transcript::new().u64(epoch.number()))
}

/// H("w").
pub(super) fn h_w() -> G1 {
    static POINT: LazyLock<G1> = LazyLock::new(|| hash_to_g1(W, &Transcript::new()));
    *POINT
}

/// H("w") with a table of its multiples.
pub(super) fn w() -> &'static FixedG1 {
    static TABLE: LazyLock<FixedG1> = LazyLock::new(|| FixedG1::lasting(&h_w()));
    &TABLE
}
