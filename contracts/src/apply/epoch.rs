//! Epochs number update keys, one after the other.

use super::sender;
use super::step::Step;
use crate::action::PublishEpoch;
use crate::event::Event;
use crate::ids::Height;
use crate::rejection::Rejection;
use crate::state::{EpochEntry, Key, Principal, StateRead};
use consilium_schemes::abe::Epoch;

/// Action 2.
pub(super) fn publish<S: StateRead>(
    step: &mut Step<'_, S>,
    sender: &Principal,
    action: &PublishEpoch,
) -> Result<(), Rejection> {
    sender::kgc(sender)?;
    let PublishEpoch {
        epoch,
        update_key,
        as_of,
    } = *action;
    let former = step.view().current_epoch();
    let number = former.as_ref().map_or(0, |entry| entry.epoch.number());
    let next = Epoch::new(number.saturating_add(1));
    if epoch != next {
        return Err(Rejection::WrongEpoch { given: epoch, next });
    }
    let (from, height) = (
        former.map_or(Height::new(0), |entry| entry.as_of),
        step.height(),
    );
    if as_of < from || as_of >= height {
        return Err(Rejection::WrongRevocationHeight {
            given: as_of,
            from,
            height,
        });
    }
    let entry = EpochEntry {
        epoch,
        update_key,
        as_of,
        height,
        time: step.time(),
    };
    step.put(Key::epoch(epoch), &entry);
    step.put(Key::current_epoch(), &entry);
    step.emit(Event::EpochPublished { epoch, update_key });
    Ok(())
}
