//! A snapshot from a state that stands still while the ledger goes on.

use std::io::{self, BufWriter};
use std::sync::atomic::{AtomicBool, Ordering};

use consilium_contracts::Key;
use consilium_ledger::{CommitCertificate, Header, SNAPSHOT_HEADERS, SnapshotHead, SnapshotPart};

use super::Shelf;
use super::frames::FrameWriter;
use crate::store::{Snapshot, Store};

/// A snapshot to be made: the state after a block, and the header that names it.
pub(crate) struct Due {
    pub(crate) state: Snapshot,
    pub(crate) header: Header,
    pub(crate) certificate: CommitCertificate,
}

/// Makes the snapshot, a part at a time; ends early when `stop` says so.
pub(crate) fn make(store: &Store, shelf: &Shelf, due: &Due, stop: &AtomicBool) -> io::Result<()> {
    let height = due.state.height();
    let before = store.headers(height, SNAPSHOT_HEADERS);
    let before = before.map_err(io::Error::other)?;
    let handovers = store
        .handovers_until(due.header.height)
        .map_err(io::Error::other)?;
    let count = u32::try_from(handovers.len()).map_err(io::Error::other)?;
    let head = SnapshotHead::new(due.header, due.certificate.clone(), before, count);
    shelf.put(height, |file| {
        let mut frames = FrameWriter::begin(BufWriter::new(file))?;
        frames.frame(&head.to_bytes())?;
        for handover in &handovers {
            frames.frame(&handover.to_bytes())?;
        }
        write_state(&due.state, &mut frames, stop)?;
        let file = frames
            .end()?
            .into_inner()
            .map_err(|error| error.into_error())?;
        file.sync_all()
    })
}

fn write_state(
    state: &Snapshot,
    frames: &mut FrameWriter<impl io::Write>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for pair in state.pairs() {
        let (key, value) = pair.map_err(io::Error::other)?;
        bytes += key.len() + value.len();
        part.push((Key::from_bytes(key.into_vec()), value.into_vec()));
        if bytes >= SnapshotPart::FULL_BYTES {
            frames.frame(&SnapshotPart::new(std::mem::take(&mut part)).to_bytes())?;
            bytes = 0;
            if stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("the node stops"));
            }
        }
    }
    match part.is_empty() {
        true => Ok(()),
        false => frames.frame(&SnapshotPart::new(part).to_bytes()),
    }
}
