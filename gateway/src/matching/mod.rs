//! The match engine: every index that is posted to this hospital with every live trapdoor of its doctors, each pair once.
//!
//! | file | what |
//! |---|---|
//! | [`engine`], [`candidates`] | the core: comparisons on every core within a bound of memory, and the prefilter's table; no store, no ledger |
//! | `todo` | what is new since the last run |
//! | `run`, `queue` | what of it was not compared, in batches, by urgency; how far each record is |
//! | `challenged` | pairs that are challenged and that the prefilter left out, or a run has not come to |
//! | `post` | matches, with their proofs, to the ledger |
//!
//! A run may take days. So comparing what is challenged and posting what was found are tasks of their own, which never wait for a run; new
//! records join the one that is under way; and when a trapdoor is posted it ends after a while, and the next one has it, too.
//!
//! A run costs what is new: a posted index is compared with all trapdoors, a posted trapdoor with all indexes, and nothing is done when
//! nothing is new. How far a record is stands in the store as one position among the trapdoors, not as a row for each pair;
//! matches that were found and not yet posted have rows. Races (the window closed, the doctor was revoked) are the contracts' to decide.

pub mod candidates;
mod challenged;
pub mod engine;
mod live;
mod post;
mod progress;
mod queue;
mod run;
mod todo;

use std::sync::{Arc, Mutex, PoisonError};

use consilium_contracts::{BlockTime, HospitalId, RecordId, RecordStatus, StateRead, View};
use consilium_schemes::parallel::processors;
use consilium_service::ApiError;
use consilium_service::pool::WorkPool;

use crate::hospital::Hospital;
use crate::store::{COMPARED, CURSOR, Changes, PAIRS, TO_POST};
use engine::{Capacity, Engine};
pub(crate) use post::{post_found, proof};
use run::Run;
use todo::{New, Todo};

/// Batches of a run, half a second each, before it ends for the sake of a new trapdoor: beginning one reads the position of each record.
const BATCHES: u64 = 128;
/// Matches that are posted at once.
const AT_ONCE: usize = 64;
/// Work that may wait for a thread; the tasks above bound it.
const QUEUE: usize = 1 << 16;

/// What the engine keeps in memory between its runs.
pub(crate) struct Prepared {
    pool: WorkPool,
    pub(crate) todo: Todo,
    engine: Mutex<Engine<RecordId, [u8; 32]>>,
}

impl Prepared {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self {
            pool: WorkPool::new(0, QUEUE),
            todo: Todo::default(),
            engine: Mutex::new(Engine::new(capacity, processors())),
        }
    }

    /// Where the engine, and IndexBuild, compute: every processor, apart from the requests' threads.
    pub(crate) fn pool(&self) -> &WorkPool {
        &self.pool
    }
}

/// Compares whatever is new.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    not_behind(hospital)?;
    loop {
        let new = hospital.prepared.todo.take();
        if new == New::default() {
            return Ok(());
        }
        let compared = compare(hospital, new).await;
        // What was taken is lost: look at everything again.
        compared.inspect_err(|_| hospital.prepared.todo.everything())?;
    }
}

/// One run, to its end; or, where everything is to be looked at anew, for a while: the next goes on where it ended.
async fn compare(hospital: &Arc<Hospital>, new: New) -> Result<(), ApiError> {
    let (at, pool) = (Arc::clone(hospital), hospital.prepared.pool());
    let mut run = pool
        .run(move || {
            erase(&at, new.closed.iter().copied())?;
            Run::begin(&at, new)
        })
        .await??;
    for batch in 1_u64.. {
        let at = Arc::clone(hospital);
        let step = move || {
            let stepped = run.step(&at);
            (run, stepped)
        };
        let (back, more) = pool.run(step).await?;
        run = back;
        let anew = batch >= BATCHES && hospital.prepared.todo.is_everything();
        if !more? || anew {
            break;
        }
    }
    Ok(())
}

/// Compares the pairs that are challenged and that nobody compared.
pub(crate) async fn compare_challenged(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let at = Arc::clone(hospital);
    let pool = hospital.prepared.pool();
    pool.run(move || challenged::compare(&at)).await?
}

/// Refuses while the node knows less than what this gateway acted on: its folder was lost, and it reads the ledger again. What was found
/// stands on what it does not know yet.
fn not_behind(hospital: &Hospital) -> Result<(), ApiError> {
    let acted_on = hospital.store.get(&CURSOR, &())?.unwrap_or_default();
    match hospital.state().height() < acted_on {
        true => Err(ApiError::busy()),
        false => Ok(()),
    }
}

/// Until when the record takes matches, while its window is open.
fn window<S: StateRead>(view: &View<S>, record: &RecordId, time: BlockTime) -> Option<BlockTime> {
    match view.record(record)?.status {
        RecordStatus::Matching { until } if time < until => Some(until),
        _ => None,
    }
}

/// The window is open, and this hospital may use the record; where its authorization is over it may be given another.
fn takes_matches<S: StateRead>(
    view: &View<S>,
    hospital: &HospitalId,
    record: &RecordId,
    time: BlockTime,
) -> bool {
    view.record(record).is_some_and(|entry| {
        let open = matches!(entry.status, RecordStatus::Matching { until } if time < until);
        open && view.may_use(&entry, hospital, time)
    })
}

/// Forgets what is kept of a closed record.
pub(crate) fn forget(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    // Once more before the next batch: one under way may be about to write.
    hospital.prepared.todo.closed(*record);
    erase_rows(hospital, record)
}

/// The rows, the opened index and the opened bitmap.
fn erase(hospital: &Hospital, records: impl IntoIterator<Item = RecordId>) -> Result<(), ApiError> {
    for record in records {
        erase_rows(hospital, &record)?;
        hospital.filters.forget_record(&record);
        let engine = &hospital.prepared.engine;
        let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.forget(&record);
    }
    Ok(())
}

fn erase_rows(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    let prefix = || record.as_bytes().to_vec();
    let mut changes = Changes::new().delete(&COMPARED, record);
    for row in hospital.store.rows_from(PAIRS, prefix()) {
        changes = changes.delete(&PAIRS, &row?.0);
    }
    for row in hospital.store.rows_from(TO_POST, prefix()) {
        changes = changes.delete(&TO_POST, &row?.0);
    }
    Ok(hospital.store.commit(changes)?)
}

/// Forgets every record that is closed.
pub(crate) fn forget_closed(hospital: &Hospital, state: &impl StateRead) -> Result<(), ApiError> {
    let view = View::new(state);
    let pairs = hospital
        .store
        .keys(PAIRS)
        .chain(hospital.store.keys(TO_POST));
    let of_pairs = pairs.map(|pair| pair.map(|pair| pair.record));
    for record in hospital.store.keys(COMPARED).chain(of_pairs) {
        let record = record?;
        let status = view.record(&record).map(|entry| entry.status);
        if matches!(status, Some(RecordStatus::Closed(_))) {
            forget(hospital, &record)?;
        }
    }
    Ok(())
}
