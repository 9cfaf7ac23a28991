//! Hospitals join and keep their cards current; a key belongs to one principal for one use, for ever.

use consilium_schemes::signature::VerifyingKey;

use super::step::Step;
use super::{sender, validators};
use crate::card_update::UpdateCard;
use crate::event::Event;
use crate::hospital::HospitalCard;
use crate::rejection::Rejection;
use crate::state::{FormerPeer, HospitalEntry, Key, Principal, StateRead};

/// How long the other nodes let a node in under its former key: an hour of block time, to restart it with the new one.
pub const PEER_GRACE_MS: u64 = 60 * 60 * 1000;

/// Action 1. The card's proofs of possession were checked by the transaction's verification.
pub(super) fn admit<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    card: &HospitalCard,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    if step.view().hospital(&card.id).is_some() {
        return Err(Rejection::HospitalExists {
            hospital: card.id.clone(),
        });
    }
    for key in [card.signing_key, card.validator_key, card.peer_key] {
        free(step, &key)?;
    }
    enter(step, card);
    Ok(())
}

/// Writes a hospital that was checked.
pub(super) fn enter<S: StateRead>(step: &mut Step<'_, S>, card: &HospitalCard) {
    let admitted = step.height();
    step.put(
        Key::principal(&card.signing_key),
        &Principal::Hospital(card.id.clone()),
    );
    for key in [card.validator_key, card.peer_key] {
        step.put(Key::taken(&key), &Principal::Hospital(card.id.clone()));
    }
    step.put(
        Key::hospital(&card.id),
        &HospitalEntry {
            card: card.clone(),
            admitted,
            former_peer: None,
            rekeyed: None,
        },
    );
    step.emit(Event::HospitalAdmitted {
        hospital: card.id.clone(),
    });
}

/// Action 21. The new keys' proofs of possession were checked by the transaction's verification.
pub(super) fn update<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    update: &UpdateCard,
) -> Result<(), Rejection> {
    let hospital = sender::hospital(sender)?;
    if update.is_empty() {
        return Err(Rejection::NothingToChange);
    }
    let entry = step.view().hospital(hospital);
    let mut entry = entry.expect("a hospital that signs has a card");
    let card = update.applied(&entry.card);
    for key in update.new_keys() {
        free(step, &key)?;
    }
    card.verify_distinct_keys()?;
    if let Some(proven) = &update.validator_key
        && validators::rekey(step, hospital, proven.key)?
    {
        entry.rekeyed = Some(step.time());
    }
    for key in update.new_keys() {
        step.put(Key::taken(&key), sender);
    }
    if update.peer_key.is_some() {
        entry.former_peer = Some(FormerPeer {
            key: entry.card.peer_key,
            listen: entry.card.listen,
            until: step.time().plus(PEER_GRACE_MS),
        });
    }
    entry.card = card;
    step.put(Key::hospital(hospital), &entry);
    step.emit(Event::CardUpdated {
        hospital: hospital.clone(),
    });
    Ok(())
}

/// Refuses a key that somebody has or had.
pub(super) fn free<S: StateRead>(step: &Step<'_, S>, key: &VerifyingKey) -> Result<(), Rejection> {
    let taken = step.state().get(&Key::taken(key)).is_some();
    if taken || step.view().principal(key).is_some() {
        return Err(Rejection::KeyTaken { key: (*key).into() });
    }
    Ok(())
}
