//! Hospitals join; a key belongs to one principal for one use.

use consilium_schemes::signature::VerifyingKey;

use super::sender;
use super::step::Step;
use crate::event::Event;
use crate::hospital::HospitalCard;
use crate::rejection::Rejection;
use crate::state::{HospitalEntry, Key, Principal, StateRead};

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
    step.mark(Key::taken(&card.validator_key));
    step.mark(Key::taken(&card.peer_key));
    step.put(
        Key::hospital(&card.id),
        &HospitalEntry {
            card: card.clone(),
            admitted,
        },
    );
    step.emit(Event::HospitalAdmitted {
        hospital: card.id.clone(),
    });
}

/// Refuses a key that somebody has.
pub(super) fn free<S: StateRead>(step: &Step<'_, S>, key: &VerifyingKey) -> Result<(), Rejection> {
    let taken = step.state().get(&Key::taken(key)).is_some();
    if taken || step.view().principal(key).is_some() {
        return Err(Rejection::KeyTaken { key: (*key).into() });
    }
    Ok(())
}
