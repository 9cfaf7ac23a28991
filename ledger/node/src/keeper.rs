//! The keeper: a thread that makes snapshots and prunes blocks, so that the core waits for neither.
//!
//! Blocks go when they are older than those to be kept *and* at or below the older of the kept snapshots: whoever restores one finds the
//! blocks after it. A reader of this process that is further behind keeps its blocks, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use consilium_contracts::Height;
use tracing::{debug, info, warn};

use crate::config::History;
use crate::shared::Shared;
use crate::snapshot::{Due, Shelf, make};

/// Blocks that are deleted in one step.
const STEP: u64 = 64;

/// The thread's other end.
pub(crate) struct Keeper {
    work: Arc<Work>,
    history: History,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Work {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    stop: AtomicBool,
}

/// What is to be done; a newer snapshot takes the place of one that was not begun.
#[derive(Default)]
struct Waiting {
    snapshot: Option<Due>,
    prune: bool,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>, history: History) -> std::io::Result<Self> {
        let work = Arc::new(Work::default());
        let at = Arc::clone(&work);
        let thread = std::thread::Builder::new()
            .name("ledger-keeper".into())
            .spawn(move || run(&shared, history, &at))?;
        Ok(Self {
            work,
            history,
            thread: Some(thread),
        })
    }

    /// A block was committed upon `due`'s state.
    pub(crate) fn committed(&self, due: impl FnOnce() -> Due, height_before: Height) {
        let snapshot = self.history.is_due(height_before).then(due);
        let mut waiting = self.work.lock();
        waiting.prune = true;
        if snapshot.is_some() {
            waiting.snapshot = snapshot;
        }
        drop(waiting);
        self.work.arrived.notify_one();
    }
}

impl Drop for Keeper {
    /// The store is not let go before the thread has ended.
    fn drop(&mut self) {
        // Under the lock, or the thread could miss it between looking and waiting.
        let waiting = self.work.lock();
        self.work.stop.store(true, Ordering::Relaxed);
        drop(waiting);
        self.work.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the ledger's keeper panicked; see the log");
        }
    }
}

impl Work {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What is to be done next; none when the node stops.
    fn next(&self) -> Option<Waiting> {
        let idle =
            |waiting: &mut Waiting| waiting.snapshot.is_none() && !waiting.prune && !self.stopped();
        let waiting = self.arrived.wait_while(self.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        (!self.stopped()).then(|| std::mem::take(&mut *waiting))
    }
}

fn run(shared: &Shared, history: History, work: &Work) {
    let shelf = &shared.snapshots;
    if let Err(error) = shelf.tidy(shared.store.oldest()) {
        warn!(%error, "the folder of snapshots cannot be used");
    }
    while let Some(Waiting { snapshot, prune }) = work.next() {
        if let Some(due) = snapshot {
            let height = due.state.height();
            match make(&shared.store, shelf, &due, &work.stop) {
                Ok(()) => info!(%height, "made a snapshot"),
                Err(_) if work.stopped() => {}
                Err(error) => warn!(%height, %error, "a snapshot cannot be made"),
            }
        }
        if prune && !history.archive {
            prune_blocks(shared, history, shelf, work);
        }
    }
}

fn prune_blocks(shared: &Shared, history: History, shelf: &Shelf, work: &Work) {
    let tip = shared.snapshot().height();
    let by_age = Height::new(tip.value().saturating_sub(history.keep_blocks)).plus(1);
    if by_age <= shared.store.oldest() {
        return;
    }
    let snapshots = match shelf.list() {
        Ok(snapshots) => snapshots,
        Err(error) => return warn!(%error, "the folder of snapshots cannot be read"),
    };
    let Some(oldest_snapshot) = snapshots.first() else {
        return;
    };
    let floor = by_age
        .min(oldest_snapshot.height.plus(1))
        .min(shared.readers.lowest());
    loop {
        match shared.store.prune(floor, STEP) {
            Ok(true) if !work.stopped() => {}
            Ok(_) => break,
            // The core meets the same and says so.
            Err(error) => return warn!(%error, "old blocks cannot be deleted"),
        }
    }
    debug!(oldest = %shared.store.oldest(), "blocks are kept from here on");
}
