//! Epochs number update keys, one after the other.

use super::sender;
use super::step::Step;
use crate::action::PublishEpoch;
use crate::event::Event;
use crate::ids::Epoch;
use crate::rejection::Rejection;
use crate::state::{EpochEntry, Key, Principal, StateRead};

/// Action 2.
pub(super) fn publish<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &PublishEpoch,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    let PublishEpoch { epoch, update_key } = *action;
    let next = current(step).plus(1);
    if epoch != next {
        return Err(Rejection::WrongEpoch { given: epoch, next });
    }
    let entry = EpochEntry {
        epoch,
        update_key,
        height: step.height(),
        time: step.time(),
    };
    step.put(Key::epoch(epoch), &entry);
    step.put(Key::current_epoch(), &epoch);
    step.emit(Event::EpochPublished { epoch, update_key });
    Ok(())
}

/// The current epoch, 0 before the first.
pub(super) fn current<S: StateRead>(step: &Step<'_, S>) -> Epoch {
    step.view()
        .current_epoch()
        .map_or(Epoch::new(0), |entry| entry.epoch)
}
