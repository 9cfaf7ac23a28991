//! The state: ordered keys and values, how it is read, and what a transition changes.

mod challenge;
mod entries;
mod key;
mod overlay;
mod validators;
mod view;

use std::collections::BTreeMap;

use crate::event::Event;
use crate::ids::{BlockTime, Height};

pub use challenge::{
    ChallengeEntry, ChallengeQuota, ChallengeStatus, Challenger, ConductEntry, OpenChallenge,
};
pub use entries::{
    AccessEntry, AssignmentEntry, AssignmentStatus, AuthorizationEntry, CloseReason, DisputeEntry,
    DoctorEntry, Due, EpochEntry, FederationEntry, FormerPeer, HospitalEntry, IndexEntry,
    LeafEntry, MatchEntry, Principal, RecordEntry, RecordStatus, ReportComplaintEntry, ReportEntry,
    Revocation, RevokedLeaf, TrapdoorEntry, UnmatchedReason,
};
pub use key::Key;
pub(crate) use key::prefix;
pub use overlay::Overlay;
pub use validators::{
    ProposalEntry, ScheduledValidators, Validator, ValidatorSchedule, Validators, ValidatorsError,
};
pub use view::View;

/// Key-value pairs in key order.
pub type Pairs<'a> = Box<dyn Iterator<Item = (Key, Vec<u8>)> + 'a>;

/// Read access to a state at one height.
pub trait StateRead {
    /// The value under `key`.
    fn get(&self, key: &Key) -> Option<Vec<u8>>;

    /// All pairs whose key begins with `prefix`, in key order.
    fn scan(&self, prefix: &[u8]) -> Pairs<'_>;
}

impl<S: StateRead + ?Sized> StateRead for &S {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        (**self).get(key)
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        (**self).scan(prefix)
    }
}

/// The block that transactions are applied in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockContext {
    /// Its height.
    pub height: Height,
    /// Its time, later than its parent's.
    pub time: BlockTime,
}

/// The changes to keys: a new value, or `None` where the key is deleted.
pub type Writes = BTreeMap<Key, Option<Vec<u8>>>;

/// What applying something does: changes to the state and what services are told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Transition {
    pub(crate) writes: Writes,
    pub(crate) events: Vec<Event>,
}

impl Transition {
    /// The changes, in key order.
    pub const fn writes(&self) -> &Writes {
        &self.writes
    }

    /// What happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Takes both.
    pub fn into_parts(self) -> (Writes, Vec<Event>) {
        (self.writes, self.events)
    }
}

/// A state in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryState(BTreeMap<Key, Vec<u8>>);

impl MemoryState {
    /// An empty state.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Makes the changes of a transition.
    pub fn commit(&mut self, transition: &Transition) {
        self.write(transition.writes());
    }

    /// Makes these changes: those of a whole block, for one.
    pub fn write(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }

    /// All pairs in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.0.iter().map(|(key, value)| (key, value.as_slice()))
    }
}

impl StateRead for MemoryState {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&self, prefix: &[u8]) -> Pairs<'_> {
        let prefix = prefix.to_vec();
        let from = Key::from_bytes(prefix.clone());
        let pairs = self
            .0
            .range(from..)
            .take_while(move |(key, _)| key.starts_with(&prefix));
        Box::new(pairs.map(|(key, value)| (key.clone(), value.clone())))
    }
}
