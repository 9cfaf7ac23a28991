//! What holds for every transaction: federation, length, lifetime, nonce, sender.

use super::step::Step;
use crate::rejection::Rejection;
use crate::state::{Key, Principal, StateRead, View};
use crate::transaction::{Transaction, VerifiedTransaction};

/// Checks the envelope and finds out who the sender is.
pub(super) fn open<S: StateRead>(
    step: &Step<'_, S>,
    tx: &VerifiedTransaction,
) -> Result<Principal, Rejection> {
    let (expires, height) = (tx.transaction().expires, step.height());
    if expires < height {
        return Err(Rejection::Expired { expires, height });
    }
    let latest = height.plus(step.view().settings().max_transaction_lifetime);
    if expires > latest {
        return Err(Rejection::ExpiresTooLate { expires, latest });
    }
    known_sender(&step.view(), tx)
}

/// As much of it as can be checked without a block. A revoked doctor is nobody's sender.
pub(crate) fn known_sender<S: StateRead>(
    view: &View<S>,
    tx: &VerifiedTransaction,
) -> Result<Principal, Rejection> {
    let transaction = tx.transaction();
    let (named, expected) = (transaction.federation, view.federation().id);
    if named != expected {
        return Err(Rejection::WrongFederation { named, expected });
    }
    let settings = view.settings();
    let (found, limit) = (
        tx.length() as u64,
        u64::from(settings.max_transaction_bytes),
    );
    if found > limit {
        return Err(Rejection::TooLong { found, limit });
    }
    let (sender, nonce) = (transaction.sender, transaction.nonce);
    let principal = view.principal(&sender).ok_or(Rejection::UnknownSender {
        sender: sender.into(),
    })?;
    if view.nonce_used(&sender, nonce) {
        return Err(Rejection::NonceUsed { nonce });
    }
    if let Principal::Doctor(id) = &principal {
        super::doctor::active_in(view, id)?;
    }
    Ok(principal)
}

/// Remembers the nonce until the transaction expires.
pub(super) fn remember<S: StateRead>(step: &mut Step<'_, S>, transaction: &Transaction) {
    let Transaction {
        sender,
        nonce,
        expires,
        ..
    } = transaction;
    step.mark(Key::nonce(sender, *nonce));
    step.mark(Key::nonce_expiry(*expires, sender, *nonce));
}
