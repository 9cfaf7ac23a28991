//! One run of the engine: records with the trapdoors that they were not compared with, batch by batch.
//!
//! Of each record the store has the position of the last trapdoor that it was compared with. Positions are the ledger's order, a trapdoor
//! that is posted later comes later, and one that is replaced or over never comes back; so all that is left to do for a record is what
//! comes behind its position. Which records come when is the queue's, see [`super::queue`]: a record is advanced only with what follows
//! upon its position. The position and the matches that were found are written in one step, before any match is posted: a crash
//! repeats a batch or nothing, and skips nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::PoisonError;

use consilium_contracts::{BlockTime, IndexEntry, RecordId, StateRead, View};
use consilium_schemes::matching::PreparedIndex;
use consilium_schemes::parallel::{in_parallel, processors};
use consilium_service::ApiError;

use super::candidates::Candidates;
use super::engine::Work;
use super::live::{Live, live};
use super::progress::Progress;
use super::queue::{Queue, Urgent};
use super::todo::New;
use super::{erase, takes_matches, window};
use crate::filter::Filter;
use crate::hospital::Hospital;
use crate::store::{COMPARED, Changes, TO_POST};

/// Pairs that are compared between two writes to the store, before what matches is posted: half a second, or one with n = 32.
const PAIRS_AT_ONCE: usize = 512;
/// Records that are read between two writes to the store.
const RECORDS_AT_ONCE: usize = 1024;
/// With a prefilter, pairs of a batch that may be candidates, should it leave out none: 16 bytes of memory each.
const CANDIDATES_AT_ONCE: usize = 1 << 20;

/// What is left of a run.
pub(super) struct Run {
    live: Vec<Live>,
    queue: Queue,
    progress: Progress,
}

/// A record of a batch.
struct Entry {
    record: Urgent,
    index: IndexEntry,
    /// Which of `live`.
    trapdoors: Range<usize>,
}

impl Run {
    /// What is to be compared after what is new.
    pub(super) fn begin(hospital: &Hospital, new: New) -> Result<Self, ApiError> {
        let state = hospital.state();
        let view = View::new(&state);
        let live = live(&view, &hospital.id, state.time());
        let mut run = Self {
            queue: Queue::new(live.len()),
            live,
            progress: Progress::new(&hospital.gauges),
        };
        match new.all {
            true => run.add(hospital, view.records_indexed_to(&hospital.id))?,
            false => run.add(hospital, new.records)?,
        }
        Ok(run)
    }

    /// Those of the records that take matches and were not compared with everything.
    fn add(
        &mut self,
        hospital: &Hospital,
        records: impl IntoIterator<Item = RecordId>,
    ) -> Result<(), ApiError> {
        let state = hospital.state();
        let (view, time) = (View::new(&state), state.time());
        for record in records {
            let first = self.first(hospital, &record)?;
            if first < self.live.len()
                && let Some(until) = window(&view, &record, time)
            {
                self.progress.more(self.queue.add((until, record), first));
            }
        }
        Ok(())
    }

    /// The first trapdoor that the record was not compared with.
    fn first(&self, hospital: &Hospital, record: &RecordId) -> Result<usize, ApiError> {
        let Some(last) = hospital.store.get(&COMPARED, record)? else {
            return Ok(0);
        };
        Ok(self.live.partition_point(|one| one.position <= last))
    }

    /// Compares the next batch, with the records that are new among the others, and writes down the matches; whether there was one.
    pub(super) fn step(&mut self, hospital: &Hospital) -> Result<bool, ApiError> {
        let todo = &hospital.prepared.todo;
        erase(hospital, todo.take_closed())?;
        self.add(hospital, todo.take_records())?;
        if self.queue.next(1).is_empty() {
            let Some(from) = self.queue.next_round() else {
                return Ok(false);
            };
            self.hold(hospital, from);
        }
        self.batch(hospital)?;
        Ok(true)
    }

    /// Holds the trapdoors from a place on, as many as fit.
    fn hold(&mut self, hospital: &Hospital, from: usize) {
        let left = self.live.get(from..).unwrap_or_default();
        let by_hash: BTreeMap<[u8; 32], &Live> = left.iter().map(|one| (one.hash, one)).collect();
        let wanted: Vec<[u8; 32]> = left.iter().map(|one| one.hash).collect();
        let open = |hash: &[u8; 32]| by_hash.get(hash).and_then(|one| one.open(hospital));
        let engine = &hospital.prepared.engine;
        let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        self.queue.hold(from..from + engine.hold(&wanted, open));
    }

    fn batch(&mut self, hospital: &Hospital) -> Result<(), ApiError> {
        let state = hospital.state();
        let view = View::new(&state);
        let filter = Filter::new(hospital, &view);
        let (mut entries, mut pairs, held) = (Vec::new(), 0, self.queue.held());
        let most = CANDIDATES_AT_ONCE / held.len().max(1);
        let most = most.clamp(1, RECORDS_AT_ONCE);
        for (record, first) in self.queue.next(most) {
            if pairs >= PAIRS_AT_ONCE {
                break;
            }
            let Some(index) = usable(hospital, (&view, state.time()), &record.1) else {
                self.progress.less(self.queue.leave_out(&record));
                continue;
            };
            let trapdoors = first..held.end;
            // With a filter few of them are compared.
            pairs += match filter.size() {
                None => trapdoors.len(),
                Some(_) => 0,
            };
            entries.push(Entry {
                record,
                index,
                trapdoors,
            });
        }
        if entries.is_empty() {
            return Ok(());
        }
        let mut chosen = self.chosen(&filter, &entries);
        let mut pairs = 0;
        let enough = chosen.iter().position(|trapdoors| {
            pairs += trapdoors.len();
            pairs >= PAIRS_AT_ONCE
        });
        if let Some(last) = enough {
            entries.truncate(last + 1);
            chosen.truncate(last + 1);
        }
        self.compare(hospital, &entries, &chosen)?;
        for entry in &entries {
            self.progress.less(self.queue.compared(&entry.record));
        }
        Ok(())
    }

    /// Of each record's trapdoors those that the filter does not exclude, as places in `live`.
    fn chosen<S: StateRead + Sync>(
        &self,
        filter: &Filter<'_, S>,
        entries: &[Entry],
    ) -> Vec<Vec<usize>> {
        let Some(size) = filter.size() else {
            let all = entries.iter().map(|entry| entry.trapdoors.clone());
            return all.map(Iterator::collect).collect();
        };
        let bitmaps = in_parallel(processors(), entries, |entry| filter.bitmap(&entry.index));
        let mut table = Candidates::new(size);
        bitmaps.iter().for_each(|one| table.push(one.as_deref()));
        let first = entries.iter().map(|entry| entry.trapdoors.start).min();
        let first = first.unwrap_or_default();
        let live = self.live.get(first..self.queue.held().end);
        let live = live.unwrap_or_default();
        let candidates = in_parallel(processors(), live, |one| {
            table.of(filter.buckets(&one.entry).as_deref())
        });
        let mut chosen = vec![Vec::new(); entries.len()];
        for (at, records) in (first..).zip(candidates) {
            for number in records {
                let wanted = entries.get(number);
                if wanted.is_some_and(|entry| entry.trapdoors.contains(&at))
                    && let Some(chosen) = chosen.get_mut(number)
                {
                    chosen.push(at);
                }
            }
        }
        chosen
    }

    /// Compares, and writes down how far that brought each record, and what matched.
    fn compare(
        &self,
        hospital: &Hospital,
        entries: &[Entry],
        chosen: &[Vec<usize>],
    ) -> Result<(), ApiError> {
        let last = self.queue.held().end.checked_sub(1);
        let Some(last) = last.and_then(|at| self.live.get(at)) else {
            return Ok(());
        };
        let at = |place: &usize| self.live.get(*place);
        let works = entries.iter().zip(chosen).map(|(entry, chosen)| Work {
            index: entry.index.record,
            trapdoors: chosen.iter().filter_map(at).map(|one| one.hash).collect(),
        });
        let works: Vec<_> = works.collect();
        let indexes: BTreeMap<_, _> = entries
            .iter()
            .map(|entry| (entry.index.record, &entry.index))
            .collect();
        let open = |record: &RecordId| indexes.get(record).and_then(|one| opened(hospital, one));
        let engine = &hospital.prepared.engine;
        let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        let compared = engine.compare(&works, open).map_err(ApiError::internal)?;
        drop(engine);
        let (mut changes, mut found, mut pairs) = (Changes::new(), false, 0);
        for ((entry, chosen), compared) in entries.iter().zip(chosen).zip(compared) {
            let record = entry.index.record;
            pairs += compared.len();
            changes = changes.put(&COMPARED, &record, &last.position);
            let both = chosen.iter().filter_map(at).zip(compared);
            for (live, _) in both.filter(|(_, matched)| *matched) {
                changes = changes.put(&TO_POST, &live.pair(record), &());
                found = true;
            }
        }
        hospital.store.commit(changes)?;
        hospital.gauges.compared.inc_by(pairs as u64);
        if found {
            hospital.wake.posting.notify_one();
        }
        Ok(())
    }
}

/// The record's index, if it takes matches now.
fn usable<S: StateRead>(
    hospital: &Hospital,
    (view, time): (&View<S>, BlockTime),
    record: &RecordId,
) -> Option<IndexEntry> {
    takes_matches(view, &hospital.id, record, time).then(|| view.index(record, &hospital.id))?
}

/// The index, decrypted; none for one that does not parse.
pub(super) fn opened(hospital: &Hospital, entry: &IndexEntry) -> Option<PreparedIndex> {
    let opened = PreparedIndex::open(entry.index.as_bytes(), hospital.n, &hospital.keys.matching);
    opened
        .inspect_err(|error| {
            // The contracts parse what is posted; should that ever change, it matches nobody.
            tracing::warn!(record = %entry.record, %error, "a posted index does not parse");
        })
        .ok()
}
