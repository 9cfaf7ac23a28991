//! One run of the engine: records with the trapdoors that they were not compared with, tile by tile, batch by batch.
//!
//! Of each record the store has the position of the last trapdoor that it was compared with. Positions are the ledger's order, a trapdoor
//! that is posted later comes later, and one that is replaced or over never comes back; so all that is left to do for a record is what
//! comes behind its position. A tile advances a record only if nothing between lies in another tile. The position and the matches that were
//! found are written in one step, before any match is posted: a crash repeats a batch or nothing, and skips nothing.

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
use super::todo::New;
use super::{erase, takes_matches};
use crate::filter::Filter;
use crate::hospital::Hospital;
use crate::store::{COMPARED, Changes, Pair, TO_POST};

/// Pairs that are compared between two writes to the store: some seconds.
const PAIRS_AT_ONCE: usize = 4096;
/// Records that are read between two writes to the store.
const RECORDS_AT_ONCE: usize = 1024;

/// What is left of a run.
pub(super) struct Run {
    live: Vec<Live>,
    records: Vec<RecordId>,
    /// Those that came while it ran, done first.
    fresh: Vec<RecordId>,
    /// Trapdoors that are held, of `live`.
    tile: Range<usize>,
    /// How many of `records` are done with them.
    done: usize,
    progress: Progress,
}

/// A record of a batch.
struct Entry {
    index: IndexEntry,
    /// Which of `live`.
    trapdoors: Range<usize>,
    /// How many records of the list are done with it.
    taken: usize,
}

impl Run {
    /// What is to be compared after what is new.
    pub(super) fn begin(hospital: &Hospital, new: New) -> Result<Self, ApiError> {
        let state = hospital.state();
        let (view, time) = (View::new(&state), state.time());
        let live = live(&view, &hospital.id, time);
        let mut run = Self {
            live,
            records: Vec::new(),
            fresh: Vec::new(),
            tile: 0..0,
            done: 0,
            progress: Progress::new(&hospital.gauges),
        };
        match new.all {
            true => {
                for record in view.records_indexed_to(&hospital.id) {
                    run.add(hospital, record)?;
                }
            }
            false => {
                for record in new.records {
                    run.add(hospital, record)?;
                }
            }
        }
        Ok(run)
    }

    fn add(&mut self, hospital: &Hospital, record: RecordId) -> Result<(), ApiError> {
        let pending = self.live.len() - self.first(hospital, &record)?;
        if pending > 0 {
            self.progress.more(pending);
            self.records.push(record);
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

    /// Compares the next batch, and gives the matches, which are written down; none at the end.
    pub(super) fn step(&mut self, hospital: &Hospital) -> Result<Option<Vec<Pair>>, ApiError> {
        erase(hospital, hospital.prepared.todo.take_closed())?;
        if self.tile == (0..self.live.len()) {
            for record in hospital.prepared.todo.take_records() {
                let pending = self.live.len() - self.first(hospital, &record)?;
                self.progress.more(pending);
                self.fresh.push(record);
            }
        }
        if self.fresh.is_empty() && self.done == self.records.len() && !self.next_tile(hospital) {
            return Ok(None);
        }
        let fresh = !self.fresh.is_empty();
        let (from, list) = match fresh {
            true => (0, &self.fresh),
            false => (self.done, &self.records),
        };
        let list = list.get(from..).unwrap_or_default();
        let (taken, matched, compared) = self.batch(hospital, list)?;
        match fresh {
            true => drop(self.fresh.drain(..taken)),
            false => self.done += taken,
        }
        self.progress.less(compared);
        Ok(Some(matched))
    }

    /// Holds the trapdoors behind those that are held; whether there are any, and records to compare with them.
    fn next_tile(&mut self, hospital: &Hospital) -> bool {
        let from = self.tile.end;
        let left = self.live.get(from..).unwrap_or_default();
        if left.is_empty() || self.records.is_empty() {
            return false;
        }
        let by_hash: BTreeMap<[u8; 32], &Live> = left.iter().map(|one| (one.hash, one)).collect();
        let wanted: Vec<[u8; 32]> = left.iter().map(|one| one.hash).collect();
        let open = |hash: &[u8; 32]| by_hash.get(hash).and_then(|one| one.open(hospital));
        let engine = &hospital.prepared.engine;
        let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        self.tile = from..from + engine.hold(&wanted, open);
        self.done = 0;
        true
    }

    /// How many records of the list are done, the matches among them, and how many pairs that was, those included that were left out.
    fn batch(
        &self,
        hospital: &Hospital,
        list: &[RecordId],
    ) -> Result<(usize, Vec<Pair>, usize), ApiError> {
        let state = hospital.state();
        let view = View::new(&state);
        let filter = Filter::new(hospital, &view);
        let (mut entries, mut pairs, mut pending) = (Vec::new(), 0, Vec::new());
        for record in list.iter().take(RECORDS_AT_ONCE) {
            if pairs >= PAIRS_AT_ONCE {
                break;
            }
            let first = self.first(hospital, record)?;
            pending.push(self.tile.end - first.clamp(self.tile.start, self.tile.end));
            let index = self.wanted(hospital, (&view, state.time()), record, first);
            let Some(index) = index else {
                continue;
            };
            let trapdoors = first..self.tile.end;
            // With a filter few of them are compared.
            pairs += match filter.size() {
                None => trapdoors.len(),
                Some(_) => 0,
            };
            entries.push(Entry {
                index,
                trapdoors,
                taken: pending.len(),
            });
        }
        let mut chosen = self.chosen(&filter, &entries);
        let mut pairs = 0;
        let enough = chosen.iter().position(|trapdoors| {
            pairs += trapdoors.len();
            pairs >= PAIRS_AT_ONCE
        });
        if let Some(last) = enough
            && entries.len() > last + 1
        {
            entries.truncate(last + 1);
            chosen.truncate(last + 1);
            pending.truncate(entries.last().map_or(0, |entry| entry.taken));
        }
        let matched = match entries.is_empty() {
            true => Vec::new(),
            false => self.compare(hospital, &entries, &chosen)?,
        };
        Ok((pending.len(), matched, pending.iter().sum()))
    }

    /// The record's index, if the first trapdoor that it was not compared with is in the tile, and it takes matches.
    fn wanted<S: StateRead>(
        &self,
        hospital: &Hospital,
        (view, time): (&View<S>, BlockTime),
        record: &RecordId,
        first: usize,
    ) -> Option<IndexEntry> {
        let now = self.tile.contains(&first) && takes_matches(view, &hospital.id, record, time);
        now.then(|| view.index(record, &hospital.id))?
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
        let first = first.unwrap_or(self.tile.end);
        let live = self.live.get(first..self.tile.end).unwrap_or_default();
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
    ) -> Result<Vec<Pair>, ApiError> {
        let Some(last) = self
            .tile
            .end
            .checked_sub(1)
            .and_then(|at| self.live.get(at))
        else {
            return Ok(Vec::new());
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
        let (mut changes, mut matched, mut pairs) = (Changes::new(), Vec::new(), 0);
        for ((entry, chosen), compared) in entries.iter().zip(chosen).zip(compared) {
            let record = entry.index.record;
            pairs += compared.len();
            changes = changes.put(&COMPARED, &record, &last.position);
            let found = chosen.iter().filter_map(at).zip(compared);
            for (live, _) in found.filter(|(_, matched)| *matched) {
                let pair = live.pair(record);
                changes = changes.put(&TO_POST, &pair, &());
                matched.push(pair);
            }
        }
        hospital.store.commit(changes)?;
        hospital.gauges.compared.inc_by(pairs as u64);
        Ok(matched)
    }
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
