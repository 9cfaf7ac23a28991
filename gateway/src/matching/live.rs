//! The trapdoors that a run compares with, in the order in which they were posted.

use consilium_contracts::{
    BlockTime, Digest, HospitalId, RecordId, StateRead, TrapdoorEntry, View,
};
use consilium_schemes::matching::{EncryptedTrapdoor, Trapdoor};

use crate::hospital::Hospital;
use crate::store::{Pair, Position};

/// A trapdoor that is not over.
pub(super) struct Live {
    pub(super) position: Position,
    /// By which a pair names it.
    pub(super) hash: [u8; 32],
    pub(super) entry: TrapdoorEntry,
}

impl Live {
    pub(super) fn of(entry: TrapdoorEntry) -> Self {
        Self {
            position: Position {
                height: entry.height,
                doctor: entry.doctor,
            },
            hash: hash(&entry),
            entry,
        }
    }

    /// Decrypted; none for one that would match everything or does not parse.
    pub(super) fn open(&self, hospital: &Hospital) -> Option<Trapdoor> {
        let parsed = EncryptedTrapdoor::from_bytes(self.entry.trapdoor.as_bytes(), hospital.n);
        let opened = parsed.map_err(|error| error.to_string()).and_then(|one| {
            one.decrypt(&hospital.keys.matching)
                .map_err(|error| error.to_string())
        });
        opened
            .inspect_err(|error| {
                tracing::warn!(doctor = %self.entry.doctor, %error, "a posted trapdoor is not used");
            })
            .ok()
    }

    pub(super) fn pair(&self, record: RecordId) -> Pair {
        Pair {
            record,
            doctor: self.entry.doctor,
            trapdoor: self.hash,
        }
    }
}

/// Those of a hospital at `time`, by position.
pub(super) fn live<S: StateRead>(
    view: &View<S>,
    hospital: &HospitalId,
    time: BlockTime,
) -> Vec<Live> {
    let live = view
        .trapdoors(hospital)
        .filter(|trapdoor| time < trapdoor.expiry);
    let mut live: Vec<_> = live.map(Live::of).collect();
    live.sort_unstable_by_key(|one| one.position);
    live
}

/// SHA-256 of a trapdoor, by which a pair names it.
pub(super) fn hash(entry: &TrapdoorEntry) -> [u8; 32] {
    *Digest::of(entry.trapdoor.as_bytes()).as_bytes()
}
