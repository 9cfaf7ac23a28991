//! A validator whose log is lost watches before it votes.
//!
//! The log says what this validator signed. Without it, after a directory was lost, the validator could sign something else at a
//! height at which it voted before: it would equivocate, or forget a block that it was locked on. So a node without a log abstains,
//! unless its key never voted ([`NeverVoted`]). Nobody is asked: peers may be away, or lie.
//!
//! **When it ends.** Let m be the highest height that it voted at, and T the time on its clock when it began to abstain. It began m
//! only when block m-1 was decided, which was before T. A block is decided only if a validator that does not lie found its time at
//! most the federation's `max_clock_skew_ms` ahead of its clock; with that clock at most as much ahead of ours, no block up to m-1 is
//! later than T and twice that. A block that is later is m or a later one, and above that nothing was voted on. Block time is signed
//! in the header: votes of old blocks, sent again, do not make them later.
//!
//! This assumes that this machine's clock was not further behind the others' when it began, and that block time was not further
//! ahead of theirs. Where it was, a second reason is left. The first block that this node sees decided by votes, not fetched
//! afterwards nor while it is known to be behind, is block m-1 or a later one unless somebody sends old votes again, because a quorum
//! had begun m-1; the second is m or later. That is why two blocks are watched, and fetched ones do not count.
//!
//! A federation that cannot go on without this validator needs a person's word that the old machine is gone and did not vote in the
//! height that stands still: then the file is removed by hand.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use consilium_contracts::BlockTime;
use consilium_ledger::ValidatorAddress;

use crate::clock;
use crate::disk;
use crate::error::StoreError;
use crate::log;
use crate::never_voted::NeverVoted;

/// While this file is there, the node does not vote.
const FILE: &str = "abstains";
/// Blocks that are watched.
const BLOCKS: u32 = 2;
/// Before the time at which it began, in milliseconds since 1970.
const SINCE: &str = "since ";
const TEXT: &str = "The log of this validator's votes is lost. It watches two blocks that the others decide from now on before it votes, \
and then removes this file. If the federation cannot go on without it, and it is certain that this validator did not vote in the height \
that stands still, stop the node, remove this file and start again.";

/// The key that a node votes with, and whether it may.
#[derive(Debug)]
pub(crate) struct Voter {
    pub(crate) address: ValidatorAddress,
    /// Why it does not vote yet.
    pub(crate) abstention: Option<Abstention>,
    /// That it never voted.
    pub(crate) never_voted: Option<NeverVoted>,
}

impl Voter {
    /// As the directory of a node that is about to start says, before the engine opens the log.
    pub(crate) fn of(
        dir: &Path,
        address: ValidatorAddress,
        never_voted: Option<&Path>,
    ) -> Result<Self, StoreError> {
        let never_voted = never_voted.map(|path| NeverVoted::of(path, &address));
        let never_voted = never_voted.transpose()?.flatten();
        let knows = never_voted.is_some() || log::sequence(dir)?.is_some();
        Ok(Self {
            address,
            abstention: Abstention::of(dir, knows)?,
            never_voted,
        })
    }

    /// The engine is about to begin a height that this node votes in.
    pub(crate) fn votes(&mut self, dir: &Path) -> Result<(), StoreError> {
        self.never_voted.take().map_or(Ok(()), |word| word.end(dir))
    }
}

/// What is left to be watched.
#[derive(Debug)]
pub(crate) struct Abstention {
    path: PathBuf,
    /// When it began, by this machine's clock.
    since: BlockTime,
    left: u32,
}

impl Abstention {
    /// What a directory's file says. Where there is none it begins now, unless the node `knows` what it voted for.
    fn of(dir: &Path, knows: bool) -> Result<Option<Self>, StoreError> {
        let path = dir.join(FILE);
        let since = match fs::read_to_string(&path) {
            Ok(text) => since(&text),
            Err(error) if error.kind() == ErrorKind::NotFound && knows => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(disk::failed(&path, &error)),
        };
        let left = BLOCKS;
        match since {
            Some(since) => Ok(Some(Self { path, since, left })),
            // None yet, one that was cut off, or one of a program that did not write the time.
            None => Self::begin(path).map(Some),
        }
    }

    fn begin(path: PathBuf) -> Result<Self, StoreError> {
        let since = clock::now();
        disk::replace(&path, &format!("{SINCE}{}\n{TEXT}\n", since.value()))?;
        let left = BLOCKS;
        Ok(Self { path, since, left })
    }

    /// A block of this time was decided by votes that were seen. Whether it was the last to be watched.
    pub(crate) fn watched(&mut self, time: BlockTime, skew_ms: u64) -> Result<bool, StoreError> {
        if time <= self.since.plus(skew_ms.saturating_mul(2)) {
            return Ok(false);
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return Ok(false);
        }
        disk::remove(&self.path)?;
        Ok(true)
    }
}

/// The whole first line's time.
fn since(text: &str) -> Option<BlockTime> {
    let (first, _) = text.split_once('\n')?;
    let since = first.strip_prefix(SINCE)?.parse().ok()?;
    Some(BlockTime::new(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: u64 = 10_000;

    #[test]
    fn blocks_that_may_be_older_than_its_beginning_are_not_watched() {
        let dir = tempfile::tempdir().unwrap();
        let mut one = Abstention::of(dir.path(), false).unwrap().unwrap();
        let since = one.since;
        for time in [BlockTime::new(0), since, since.plus(2 * SKEW)] {
            for _ in 0..BLOCKS {
                assert!(!one.watched(time, SKEW).unwrap());
            }
        }
        // A restart forgets what was watched, not since when.
        assert!(!one.watched(since.plus(2 * SKEW + 1), SKEW).unwrap());
        let mut one = Abstention::of(dir.path(), true).unwrap().unwrap();
        assert_eq!(one.since, since);
        assert!(!one.watched(since.plus(2 * SKEW + 1), SKEW).unwrap());
        assert!(one.watched(since.plus(2 * SKEW + 2), SKEW).unwrap());
        assert!(Abstention::of(dir.path(), true).unwrap().is_none());
    }

    #[test]
    fn a_file_that_does_not_say_since_when_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "since 12", "since \n", "The log was lost.\n"] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let before = clock::now();
            let one = Abstention::of(dir.path(), true).unwrap().unwrap();
            assert!(one.since >= before, "{text:?}");
            let again = Abstention::of(dir.path(), true).unwrap().unwrap();
            assert_eq!(again.since, one.since);
        }
    }
}
