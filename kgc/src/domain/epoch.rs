//! Epochs: UpdKeyGen once per epoch, its body durable before its digest is committed.
//!
//! The update key is written in pieces, each of which is forgotten before the next is made: what is held depends on the number of revocations,
//! never on that of leaves. Until the last piece is on disk the epoch has no update key; a crash before that leaves nothing, and the
//! next attempt makes a new one from the list as it is then. From then on it is the epoch's only one, whether or not it is published yet.
//!
//! rl(t) is the ledger's list at one height; the transaction names that height (`as_of`), so that everybody knows which revocations the
//! key excludes. A revocation that is committed while the key is being made is not lost: its height is above `as_of`, the epoch does
//! not count as covering it, and the next one does.

use consilium_contracts::{Epoch, PublishEpoch, StateRead};
use consilium_schemes::abe::{
    EpochTicket, MasterSecret, PIECE_NODES, RevocationList, UpdateKeyPieces,
};
use rand_core::CryptoRng;

use super::{Ledger, scheme_leaf};
use crate::error::KgcError;
use crate::store::{Store, StoreError, UpdateKeyEntry};

/// After so many nodes a line in the log says how far a long epoch is: every few seconds.
const NODES_PER_LINE: u32 = 16 * PIECE_NODES as u32;

/// The epoch after the current one.
pub(crate) fn next<S: StateRead>(ledger: &Ledger<S>) -> Epoch {
    let current = ledger
        .view
        .current_epoch()
        .map_or(0, |entry| entry.epoch.number());
    Epoch::new(current.saturating_add(1))
}

/// The update key of the next epoch: the one that was made before a crash, or a new one, durable when this returns.
pub(crate) fn prepare<S: StateRead>(
    master: &MasterSecret,
    store: &Store,
    ledger: &Ledger<S>,
    rng: &mut impl CryptoRng,
) -> Result<UpdateKeyEntry, KgcError> {
    let epoch = next(ledger);
    if let Some(made) = store.update_key(epoch)? {
        return match store.update_key_file(&made)? {
            Some(_) => Ok(made),
            // Never a second one for the epoch.
            None => Err(KgcError::Fault(format!(
                "the update key of epoch {epoch} was made, and its file {epoch}.key in update-keys/ is damaged or gone: restore a backup"
            ))),
        };
    }
    let fault = |error: consilium_schemes::abe::IssueError| KgcError::Fault(error.to_string());
    let current = ledger.view.current_epoch().map(|entry| entry.epoch);
    let made = store
        .last_update_key()?
        .map(|entry| Epoch::new(entry.epoch));
    let ticket = EpochTicket::after(current.max(made), epoch).map_err(fault)?;
    let revoked = revoked(master, ledger, epoch)?;
    let mut pieces = UpdateKeyPieces::new(master, ticket, &revoked).map_err(fault)?;
    drop(revoked);
    let header = *pieces.header();
    let mut part = store.begin_update_key(epoch)?;
    while let Some(piece) = pieces.next_piece(rng) {
        part.write(&piece).map_err(StoreError::from)?;
        log_progress(epoch, header.nodes(), pieces.left());
    }
    let unfinished = || KgcError::Fault(format!("the update key of epoch {epoch} is not whole"));
    let entry = UpdateKeyEntry {
        epoch: epoch.number(),
        as_of: ledger.height,
        digest: pieces.digest().ok_or_else(unfinished)?.into(),
        length: header.update_key_bytes(),
    };
    store.keep_update_key(part, &entry)?;
    Ok(entry)
}

fn log_progress(epoch: Epoch, nodes: u32, left: u32) {
    let made = nodes.saturating_sub(left);
    if nodes > NODES_PER_LINE && (left == 0 || made.is_multiple_of(NODES_PER_LINE)) {
        tracing::info!(%epoch, made, nodes, "the update key is being made");
    }
}

/// rl(t), from the ledger.
fn revoked<S: StateRead>(
    master: &MasterSecret,
    ledger: &Ledger<S>,
    epoch: Epoch,
) -> Result<RevocationList, KgcError> {
    let depth = master.tree().depth();
    let mut list = RevocationList::new(depth);
    let revoked = ledger.view.leaves().filter(|leaf| leaf.revoked.is_some());
    let leaves: Result<Vec<_>, _> = revoked
        .map(|entry| scheme_leaf(entry.leaf, depth))
        .collect();
    list.revoke(leaves?, epoch)
        .map_err(|error| KgcError::Fault(error.to_string()))?;
    Ok(list)
}

/// What is committed for it.
pub(crate) fn action(entry: &UpdateKeyEntry) -> PublishEpoch {
    PublishEpoch {
        epoch: Epoch::new(entry.epoch),
        update_key: entry.digest,
        as_of: entry.as_of,
    }
}
