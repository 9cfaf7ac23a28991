//! Epochs: UpdKeyGen once per epoch, its body durable before its digest is committed.
//!
//! rl(t) is the ledger's list at one height; the transaction names that height (`as_of`), so that everybody knows which revocations the
//! key excludes. A revocation that is committed while the key is being made is not lost: its height is above `as_of`, the epoch does
//! not count as covering it, and the next one does.

use consilium_contracts::{Digest, Epoch, PublishEpoch, StateRead};
use consilium_schemes::abe::{EpochTicket, MasterSecret, RevocationList, upd_keygen};
use rand_core::CryptoRng;

use super::{Ledger, scheme_leaf};
use crate::error::KgcError;
use crate::store::{Store, UpdateKeyEntry};

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
        return Ok(made);
    }
    let fault = |error: consilium_schemes::abe::IssueError| KgcError::Fault(error.to_string());
    let current = ledger.view.current_epoch().map(|entry| entry.epoch);
    let made = store
        .last_update_key()?
        .map(|entry| Epoch::new(entry.epoch));
    let ticket = EpochTicket::after(current.max(made), epoch).map_err(fault)?;
    let key = upd_keygen(master, ticket, &revoked(master, ledger, epoch)?, rng).map_err(fault)?;
    let body = key.to_bytes();
    let digest = Digest::of(&body);
    let entry = UpdateKeyEntry {
        epoch: epoch.number(),
        as_of: ledger.height,
        digest,
        body,
    };
    store.put_update_key(&entry)?;
    Ok(entry)
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
