//! UpdKeyGen: the public key of an epoch, which only unrevoked users' attribute keys fit.
//!
//! It is made in pieces of [`PIECE_NODES`] nodes, so that what is held does not grow with the tree or the epoch: the revoked leaves (four
//! bytes each), the secrets of one piece, and its bytes. The nodes of a piece are computed on all processors; which one computes what changes
//! nothing, because every s_x is drawn before, in the order of the nodes.
//!
//! Nothing of an earlier epoch can be used again: H("time", t) is in every Q1, and s_x must be fresh. Only the list of nodes and the a_x stay
//! the same, and both cost nothing beside the multiplications ([`KuNodes`]; a_x is one hash).

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use super::error::IssueError;
use super::ku_nodes::KuNodes;
use super::labels;
use super::setup::MasterSecret;
use super::tree::{Epoch, NodeId, RevocationList};
use super::update_key::{ENTRY, UpdateKey, UpdateKeyHeader, UpdatePart, put_entry};
use crate::curve::{FixedG1, FixedG2, SecretScalar};
use crate::digest::Digest;
use crate::parallel::{in_parallel, processors};

/// Nodes of one piece: 152 KiB of an update key, a few tenths of a second of work.
pub const PIECE_NODES: usize = 1024;

/// The right to make the update key of one epoch, once.
///
/// Neither `Clone` nor `Copy`: [`upd_keygen`] consumes it. Two update keys of one epoch, one before and one
/// after a revocation, let the revoked user go on reading.
#[derive(Debug)]
pub struct EpochTicket {
    pub(super) epoch: Epoch,
}

impl EpochTicket {
    /// The ticket for `epoch`, given the last epoch whose update key stands on the ledger or was ever made
    /// (none before the first).
    ///
    /// # Errors
    /// [`IssueError::EpochNotNew`] unless `epoch` is greater.
    ///
    /// # Security
    /// The caller makes `epoch` the last one durably *before* the update key leaves it.
    pub fn after(last: Option<Epoch>, epoch: Epoch) -> Result<Self, IssueError> {
        match last {
            Some(last) if epoch <= last => Err(IssueError::EpochNotNew { epoch, last }),
            _ => Ok(Self { epoch }), // L22
        }
    }
}

impl UpdatePart {
    /// Q1 = g1^{alpha − a_x} H("time", t)^{s_x}; Q2 = g2^{s_x}.
    pub(super) fn new(remainder: &SecretScalar, h_time: &FixedG1, s_x: &SecretScalar) -> Self {
        Self {
            q1: FixedG1::generator() * remainder + h_time * s_x, // L24
            q2: FixedG2::generator() * s_x,                      // L25
        }
    }
}

/// UpdKeyGen in pieces: for every node x of KUNodes(rl, t), with s_x fresh,
/// Q1 = g1^{alpha − a_x} H("time", t)^{s_x}, Q2 = g2^{s_x}.
///
/// The pieces one behind the other are the encoding of the [`UpdateKey`].
///
/// # Security
/// As [`EpochTicket::after`] says: no piece leaves the caller before the whole is durable, and what is left of an unfinished one is destroyed.
#[derive(Debug)]
pub struct UpdateKeyPieces<'a> {
    master: &'a MasterSecret,
    header: UpdateKeyHeader,
    h_time: FixedG1,
    nodes: KuNodes,
    /// Of the pieces that were given; none before the first.
    hash: Option<Sha256>,
    left: u32,
}

impl<'a> UpdateKeyPieces<'a> {
    /// Begins the update key of the ticket's epoch.
    ///
    /// rl(t) must be final; an entry of a later epoch shows that it is not this epoch's list.
    ///
    /// # Errors
    /// [`IssueError::OtherTree`], [`IssueError::ListAhead`].
    pub fn new(
        master: &'a MasterSecret,
        ticket: EpochTicket,
        revoked: &RevocationList,
    ) -> Result<Self, IssueError> {
        let EpochTicket { epoch } = ticket;
        let tree = *master.tree();
        if revoked.depth() != tree.depth() {
            return Err(IssueError::OtherTree);
        }
        if let Some(found) = revoked.latest().filter(|latest| *latest > epoch) {
            return Err(IssueError::ListAhead { epoch, found });
        }
        let nodes = revoked.ku_nodes(epoch);
        let header = UpdateKeyHeader::new(tree, epoch, nodes.clone().count());
        Ok(Self {
            master,
            h_time: FixedG1::lasting(&labels::h_time(epoch)),
            nodes,
            hash: None,
            left: header.nodes(),
            header,
        })
    }

    /// What the update key begins with: its epoch, how many nodes and bytes it has.
    #[must_use]
    pub fn header(&self) -> &UpdateKeyHeader {
        &self.header
    }

    /// How many nodes are still to be made.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next piece, of at most [`PIECE_NODES`] nodes; the first begins with the header. None behind the last.
    pub fn next_piece(&mut self, rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let mut piece = match self.hash {
            None => self.header.to_bytes(),
            Some(_) => Vec::new(),
        };
        let parts = self.next_parts(rng);
        piece.reserve_exact(parts.len() * ENTRY);
        for (node, part) in &parts {
            put_entry(&mut piece, *node, part);
        }
        if piece.is_empty() {
            return None;
        }
        self.hash.get_or_insert_default().update(&piece);
        Some(piece)
    }

    /// SHA-256 of the whole; none unless every piece was taken.
    #[must_use]
    pub fn digest(self) -> Option<Digest> {
        self.hash.filter(|_| self.left == 0).map(Digest::finish)
    }

    /// The next nodes with their (Q1, Q2), at most [`PIECE_NODES`] of them.
    fn next_parts(&mut self, rng: &mut impl CryptoRng) -> Vec<(NodeId, UpdatePart)> {
        let nodes = self.nodes.by_ref().take(PIECE_NODES);
        let drawn: Vec<_> = nodes
            .map(|x| (x, SecretScalar::random(rng))) // L23
            .collect();
        let (master, h_time) = (self.master, &self.h_time);
        let made = in_parallel(processors(), &drawn, |(x, s_x)| {
            (*x, UpdatePart::new(&master.remainder(*x), h_time, s_x))
        });
        self.left -= u32::try_from(made.len()).expect("at most PIECE_NODES");
        made
    }
}

/// UpdKeyGen, whole and in memory: for small trees; a service uses [`UpdateKeyPieces`].
///
/// # Errors
/// [`IssueError::OtherTree`], [`IssueError::ListAhead`].
pub fn upd_keygen(
    master: &MasterSecret,
    ticket: EpochTicket,
    revoked: &RevocationList,
    rng: &mut impl CryptoRng,
) -> Result<UpdateKey, IssueError> {
    let mut pieces = UpdateKeyPieces::new(master, ticket, revoked)?;
    let mut nodes = BTreeMap::new();
    while pieces.left() > 0 {
        nodes.extend(pieces.next_parts(rng));
    }
    let header = pieces.header();
    Ok(UpdateKey::new(*header.tree(), header.epoch(), nodes))
}
