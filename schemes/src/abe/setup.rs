//! Setup: the federation's public parameters and the KGC's master secret.

use core::fmt;
use std::sync::Arc;

use consilium_policies::Attribute;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::attribute_tables::AttributeTables;
use super::frame::{self, FRAME, Kind};
use super::labels;
use super::tree::{NodeId, Tree};
use crate::curve::{DecodeError, FixedG1, G1, G2, Gt, InField, SecretScalar, pairing};

const PARAMETERS: Kind = *b"ABPP";
const MASTER: Kind = *b"ABMS";
const NODE_KEY: usize = 32;

/// pp = (Y, tree id, depth).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicParameters {
    tree: Tree,
    y: Gt,
}

impl PublicParameters {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + Tree::BYTES + Gt::BYTES;

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Y = e(g1, g2)^alpha.
    #[must_use]
    pub fn y(&self) -> &Gt {
        &self.y
    }

    /// The canonical encoding: frame, tree id, depth, Y.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = frame::begin(&PARAMETERS);
        self.tree.put(&mut out);
        out.extend_from_slice(&self.y.to_bytes());
        out
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &PARAMETERS, Self::BYTES)?;
        let tree = Tree::read(&mut reader).in_field("tree")?;
        let y = reader.gt().in_field("Y")?;
        reader.finish()?;
        Ok(Self { tree, y })
    }
}

/// msk = (alpha, k_node), with the tree it belongs to. Wiped on drop.
pub struct MasterSecret {
    tree: Tree,
    alpha: SecretScalar,
    node_key: Zeroizing<[u8; NODE_KEY]>,
    /// Nothing secret: what AttKeyGen need not compute again.
    tables: AttributeTables,
}

impl MasterSecret {
    /// Length of the encoding.
    pub const BYTES: usize = FRAME + Tree::BYTES + 32 + NODE_KEY;

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The public parameters that belong to this secret.
    #[must_use]
    pub fn public_parameters(&self) -> PublicParameters {
        let y = pairing(&G1::generator(), &G2::generator()).pow_secret(&self.alpha); // L2
        PublicParameters { tree: self.tree, y }
    }

    /// a_x, computed whenever it is needed and never stored.
    pub(super) fn node_secret(&self, node: NodeId) -> SecretScalar {
        labels::node_secret(&self.node_key, &self.tree, node) // L5
    }

    /// H("attr", A) with its table.
    pub(super) fn hash_table(&self, attribute: &Attribute) -> Arc<FixedG1> {
        self.tables.of(attribute)
    }

    /// alpha − a_x.
    pub(super) fn remainder(&self, node: NodeId) -> SecretScalar {
        &self.alpha - &self.node_secret(node)
    }

    /// The encoding, for a sealed store: frame, tree id, depth, alpha, k_node.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(Self::BYTES));
        out.extend_from_slice(&frame::begin(&MASTER));
        self.tree.put(&mut out);
        out.extend_from_slice(self.alpha.to_bytes().as_ref());
        out.extend_from_slice(self.node_key.as_ref());
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`], naming the field.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = frame::open(bytes, &MASTER, Self::BYTES)?;
        let tree = Tree::read(&mut reader).in_field("tree")?;
        let alpha = SecretScalar::from_bytes(reader.take(32)?).in_field("alpha")?;
        let node_key = Zeroizing::new(reader.array().in_field("k_node")?);
        reader.finish()?;
        Ok(Self {
            tree,
            alpha,
            node_key,
            tables: AttributeTables::default(),
        })
    }
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterSecret(tree {}, ..)", self.tree.id())
    }
}

/// Setup: alpha ← Fr*; Y = e(g1, g2)^alpha; k_node ← 32 bytes.
pub fn setup(tree: Tree, rng: &mut impl CryptoRng) -> (PublicParameters, MasterSecret) {
    let alpha = SecretScalar::random(rng); // L1
    let mut node_key = Zeroizing::new([0u8; NODE_KEY]);
    rng.fill_bytes(node_key.as_mut()); // L3
    let master = MasterSecret {
        tree,
        alpha,
        node_key,
        tables: AttributeTables::default(),
    };
    (master.public_parameters(), master) // L4
}
