//! A validator whose log is lost watches before it votes.
//!
//! The log says what this validator signed. Without it, after a directory was lost, the validator could sign something else at a
//! height at which it voted before: it would equivocate, or forget a block that it was locked on.
//!
//! Let m be the highest height that it voted at. It began m only when block m-1 was decided, so a quorum had begun m-1 by then, and
//! whoever is up to date now is at m-1 or later. The first block that this node sees decided by votes, not fetched afterwards, is
//! therefore block m-1 or a later one, the second is m or later, and above that nothing was voted on: it votes again after two.
//! Until then it follows as a node that is no validator does.
//!
//! A federation that has lost so many validators that it cannot go on without this one needs a person's word that the old machine is
//! gone and did not vote: then the file is removed by hand.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// While this file is there, the node does not vote.
const FILE: &str = "abstains";
/// Blocks that are watched.
const BLOCKS: u32 = 2;
const TEXT: &str = "The log of this validator's votes was lost with its data directory. It watches two blocks that the others decide \
before it votes, and then removes this file. If the federation cannot go on without it, and it is certain that this validator did not \
vote in the height that stands still, stop the node, remove this file and start again.\n";

/// What is left to be watched.
#[derive(Debug)]
pub(crate) struct Abstention {
    path: PathBuf,
    left: u32,
}

/// Begins to abstain, from the next start of the node on.
pub(crate) fn begin(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(FILE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(TEXT.as_bytes())?;
        file.sync_all()?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error: io::Error| failed(&path, &error))
}

impl Abstention {
    /// Whether the node of this directory abstains.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let path = dir.join(FILE);
        path.exists().then_some(Self { path, left: BLOCKS })
    }

    /// Another block was decided by votes that were seen. Whether it was the last to be watched.
    pub(crate) fn watched(&mut self) -> Result<bool, StoreError> {
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return Ok(false);
        }
        fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))?;
        Ok(true)
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        detail: error.to_string(),
    }
}
