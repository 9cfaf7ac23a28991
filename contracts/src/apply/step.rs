//! One step of the state machine under construction.

use crate::codec::Canonical;
use crate::event::Event;
use crate::ids::{BlockTime, Height};
use crate::state::{BlockContext, Due, Key, Overlay, StateRead, Transition, View};

/// Changes and events so far, over the state that the step began with.
pub(super) struct Step<'a, S> {
    state: Overlay<&'a S>,
    block: BlockContext,
    events: Vec<Event>,
}

impl<'a, S: StateRead> Step<'a, S> {
    pub(super) const fn new(state: &'a S, block: BlockContext) -> Self {
        Self {
            state: Overlay::new(state),
            block,
            events: Vec::new(),
        }
    }

    /// The state with the changes so far.
    pub(super) const fn view(&self) -> View<&Overlay<&'a S>> {
        View::new(&self.state)
    }

    pub(super) const fn state(&self) -> &Overlay<&'a S> {
        &self.state
    }

    pub(super) const fn height(&self) -> Height {
        self.block.height
    }

    pub(super) const fn time(&self) -> BlockTime {
        self.block.time
    }

    pub(super) fn put(&mut self, key: Key, value: &impl Canonical) {
        self.state.put(key, value.to_canonical_bytes());
    }

    /// Writes a key whose existence says everything.
    pub(super) fn mark(&mut self, key: Key) {
        self.put(key, &());
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.state.delete(key);
    }

    pub(super) fn schedule(&mut self, time: BlockTime, due: &Due) {
        self.put(Key::due(time, due), due);
    }

    pub(super) fn cancel(&mut self, time: BlockTime, due: &Due) {
        self.delete(Key::due(time, due));
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn finish(self) -> Transition {
        Transition {
            writes: self.state.into_writes(),
            events: self.events,
        }
    }
}
