//! A store from a snapshot: everything is checked before anything of the old one is touched.
//!
//! What a validator must not do is vote twice at one height. Its log says how far it voted: never beyond the block after its store's
//! tip, because it begins a height only when the one before is in the store. A snapshot is taken only where its height is at least
//! that, so the engine begins above every height it voted at; it empties its log by itself when it begins another height. Where the
//! log is gone with the directory, nothing says how far the validator voted: see [`crate::abstain`].

use std::io::Read;
use std::path::Path;

use consilium_contracts::{Height, HospitalCard, View};
use consilium_ledger::{Handover, SnapshotHead, SnapshotPart, Trust};

use super::frames::FrameReader;
use crate::config::NodeHome;
use crate::error::{RestoreError, StoreError};
use crate::log;
use crate::store::{Expected, Guard, Staged, height_of, settle, state_of};

/// How a data directory stands before its node starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last block in its store; 0 without one.
    pub height: Height,
    /// The hospitals' cards as of that block; none without a store.
    pub hospitals: Vec<HospitalCard>,
}

/// What a restore made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The last block whose effects the state shows.
    pub height: Height,
    /// Pairs of the state.
    pub pairs: u64,
}

/// How the data directory of a node that does not run stands. It is made if absent.
///
/// # Errors
/// [`StoreError`] as at a start.
pub fn standing(home: &NodeHome) -> Result<Standing, StoreError> {
    let _guard = enter(home)?;
    let Some(state) = state_of(&home.data_dir)? else {
        return Ok(Standing {
            height: Height::new(0),
            hospitals: Vec::new(),
        });
    };
    let height = state.height();
    let view = View::new(state);
    Ok(Standing {
        height,
        hospitals: view.hospitals().map(|entry| entry.card).collect(),
    })
}

/// Replaces the store of a node that does not run by the state of a snapshot, read from `source`, of which at most `most` bytes are
/// taken. Everything is checked against the genesis before the old store is touched; after a crash at any moment there is the old one
/// or the new.
///
/// # Errors
/// [`RestoreError`]; the old store is as it was then.
pub fn restore(home: &NodeHome, source: impl Read, most: u64) -> Result<Restored, RestoreError> {
    let _guard = enter(home)?;
    let dir = &home.data_dir;
    let mut frames = FrameReader::begin(source, most)?;
    let expected = certified(home, &mut frames)?;
    check_newer(dir, expected.state.parent().height)?;
    let built = build(dir, frames, &expected);
    if built.is_err() {
        // Half of a store is of no use, and big.
        settle(dir)?;
    }
    built
}

fn enter(home: &NodeHome) -> Result<Guard, StoreError> {
    let guard = Guard::acquire(&home.data_dir, &home.owner())?;
    settle(&home.data_dir)?;
    Ok(guard)
}

/// The state that the head vouches for, and the changes of the validators by which that is known, each with its first height. Nothing
/// that the snapshot's giver says is believed for its own sake.
fn certified(
    home: &NodeHome,
    frames: &mut FrameReader<impl Read>,
) -> Result<Expected, RestoreError> {
    let head = frames.frame(SnapshotHead::MAX_BYTES)?;
    let head = SnapshotHead::from_bytes(&head.ok_or(RestoreError::CutOff)?)
        .map_err(|error| RestoreError::Snapshot(error.into()))?;
    let mut trust = Trust::genesis(&home.genesis);
    let mut handovers = Vec::new();
    for _ in 0..head.handovers() {
        let frame = frames.frame(Handover::MAX_BYTES)?;
        let handover = Handover::from_bytes(&frame.ok_or(RestoreError::CutOff)?)
            .map_err(|error| RestoreError::Snapshot(error.into()))?;
        handovers.push((trust.follow(&handover)?, handover));
    }
    let validators = trust.validators_at(head.certified_height());
    let state = head.verify(trust.federation(), validators)?;
    Ok(Expected {
        state,
        handovers,
        trust,
    })
}

/// Whether the snapshot is above everything that this node knows or voted on.
fn check_newer(dir: &Path, snapshot: Height) -> Result<(), RestoreError> {
    let voted = log::sequence(dir)?.unwrap_or_default();
    let reached = voted.max(height_of(dir)?.plus(1));
    match snapshot >= reached {
        true => Ok(()),
        false => Err(RestoreError::Older { snapshot, reached }),
    }
}

fn build(
    dir: &Path,
    mut frames: FrameReader<impl Read>,
    expected: &Expected,
) -> Result<Restored, RestoreError> {
    let mut staged = Staged::begin(dir)?;
    let mut last = None;
    while let Some(part) = frames.frame(SnapshotPart::MAX_BYTES)? {
        let part = SnapshotPart::from_bytes(&part)
            .map_err(|error| RestoreError::Snapshot(error.into()))?;
        let pairs = part.into_pairs(last.as_ref())?;
        last = pairs.last().map(|(key, _)| key.clone());
        staged.add(pairs)?;
    }
    frames.finish()?;
    let pairs = staged.pairs();
    staged.finish(dir, expected)?;
    let height = expected.state.parent().height;
    Ok(Restored { height, pairs })
}
