//! Match for many indexes and many trapdoors, on every core, within a bound of memory.
//!
//! What a comparison needs of each side is computed once and held: the lines of a trapdoor, 19,584 (n + 1) bytes, and the opened index,
//! 96 (n + 1) bytes. Where not all trapdoors fit, the caller goes tile by tile: [`Engine::hold`] takes as many as fit, and the
//! records are compared with those before the next ones take their place. So nothing is prepared twice within a tile, and each pair
//! is compared once for as long as the caller asks once.
//!
//! Of the bound, three quarters are for trapdoors, at least one, the rest for indexes: opening a trapdoor costs more than opening an
//! index, and a tile spares opening all indexes again. Of the indexes' part an eighth is for those under way, the rest keeps
//! opened ones for later; when it is full, it keeps what it has, since records are worked through in one order, round after round,
//! and whatever is dropped for a newer one would be wanted before it.
//!
//! The engine knows no store, no ledger and no runtime. It blocks the thread that calls it; threads are scoped ones, not a runtime's:
//! there is one caller, whose work is known in full, so that neither a queue nor another dependency is needed.

use std::collections::{BTreeMap, BTreeSet};

use consilium_schemes::matching::{
    IndexSize, MatchingError, PreparedIndex, PreparedTrapdoor, Trapdoor, matches_prepared,
};
use consilium_schemes::parallel::in_parallel;

/// Pairs that a thread takes at once: a few milliseconds.
const PAIRS_AT_ONCE: usize = 8;

/// How many trapdoors and indexes fit into a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    trapdoors: usize,
    indexes: usize,
    trapdoor_bytes: usize,
    index_bytes: usize,
}

/// The bound does not hold one trapdoor and one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least {least}: one trapdoor and one index of this federation")]
pub struct TooLittle {
    /// The least number of bytes that does.
    pub least: u64,
}

impl Capacity {
    /// What fits into so many bytes.
    ///
    /// # Errors
    /// [`TooLittle`].
    pub fn within(bytes: u64, n: IndexSize) -> Result<Self, TooLittle> {
        let (trapdoor, index) = (PreparedTrapdoor::bytes(n), PreparedIndex::bytes(n));
        let least = (trapdoor + index) as u64;
        if bytes < least {
            return Err(TooLittle { least });
        }
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let trapdoors = (bytes / 4 * 3 / trapdoor).max(1);
        Ok(Self {
            trapdoors,
            indexes: ((bytes - trapdoors * trapdoor) / index).max(1),
            trapdoor_bytes: trapdoor,
            index_bytes: index,
        })
    }

    /// Trapdoors that are held at once.
    #[must_use]
    pub fn trapdoors(&self) -> usize {
        self.trapdoors
    }

    /// Indexes that are held at once.
    #[must_use]
    pub fn indexes(&self) -> usize {
        self.indexes
    }

    /// Of them, those that are under way.
    fn under_way(&self) -> usize {
        self.indexes.div_ceil(8)
    }
}

/// What was done since the engine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs compared.
    pub compared: u64,
    /// Indexes opened.
    pub indexes: u64,
    /// Trapdoors opened and prepared.
    pub trapdoors: u64,
    /// Most bytes that were held at once.
    pub most_bytes: usize,
}

/// An index and the trapdoors to compare it with.
#[derive(Debug, Clone)]
pub struct Work<I, T> {
    /// The index.
    pub index: I,
    /// The trapdoors, of those that are held.
    pub trapdoors: Vec<T>,
}

/// Why nothing is said about a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It asks for a trapdoor that is not held.
    #[error("a trapdoor is asked for that is not held")]
    NotHeld,
    /// Index and trapdoor are of different federations.
    #[error(transparent)]
    Matching(#[from] MatchingError),
}

/// Holds what is prepared; `I` and `T` name indexes and trapdoors, one name for one content.
pub struct Engine<I, T> {
    capacity: Capacity,
    threads: usize,
    /// None: it does not open, and matches nothing.
    trapdoors: BTreeMap<T, Option<PreparedTrapdoor>>,
    kept: BTreeMap<I, Option<PreparedIndex>>,
    counts: Counts,
}

impl<I, T> Engine<I, T>
where
    I: Ord + Clone + Sync,
    T: Ord + Clone + Sync,
{
    /// Holds nothing yet.
    #[must_use]
    pub fn new(capacity: Capacity, threads: usize) -> Self {
        Self {
            capacity,
            threads,
            trapdoors: BTreeMap::new(),
            kept: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// What was done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Holds the first of `wanted`, as many as fit, and gives how many. Those that are held already stay so; others make room.
    pub fn hold(&mut self, wanted: &[T], open: impl Fn(&T) -> Option<Trapdoor> + Sync) -> usize {
        let count = wanted.len().min(self.capacity.trapdoors);
        let tile = wanted.iter().take(count).cloned();
        let tile: BTreeSet<T> = tile.collect();
        let missing: Vec<&T> = tile
            .iter()
            .filter(|name| !self.trapdoors.contains_key(name))
            .collect();
        if self.trapdoors.len() + missing.len() > self.capacity.trapdoors {
            self.trapdoors.retain(|name, _| tile.contains(name));
        }
        let prepared = in_parallel(self.threads, &missing, |name| {
            open(name).map(|trapdoor| PreparedTrapdoor::new(&trapdoor))
        });
        self.counts.trapdoors += missing.len() as u64;
        let missing = missing.into_iter().cloned();
        self.trapdoors.extend(missing.zip(prepared));
        count
    }

    /// Whether each trapdoor of each work matches its index, in their order. What does not open matches nothing.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn compare(
        &mut self,
        works: &[Work<I, T>],
        open: impl Fn(&I) -> Option<PreparedIndex> + Sync,
    ) -> Result<Vec<Vec<bool>>, EngineError> {
        let mut matched = Vec::with_capacity(works.len());
        for works in works.chunks(self.capacity.under_way()) {
            matched.extend(self.compare_some(works, &open)?);
        }
        Ok(matched)
    }

    /// As [`Self::compare`], for no more indexes than may be under way.
    fn compare_some(
        &mut self,
        works: &[Work<I, T>],
        open: &(impl Fn(&I) -> Option<PreparedIndex> + Sync),
    ) -> Result<Vec<Vec<bool>>, EngineError> {
        let (threads, kept) = (self.threads, &self.kept);
        let wanted = works.iter().filter(|work| !work.trapdoors.is_empty());
        let missing: BTreeSet<&I> = wanted
            .map(|work| &work.index)
            .filter(|name| !kept.contains_key(name))
            .collect();
        let missing: Vec<&I> = missing.into_iter().collect();
        let opened = in_parallel(threads, &missing, |name| open(name));
        let opened: BTreeMap<&I, Option<PreparedIndex>> = missing.into_iter().zip(opened).collect();
        let held = kept.len() + opened.len();
        let bytes =
            held * self.capacity.index_bytes + self.trapdoors.len() * self.capacity.trapdoor_bytes;
        let (compared, matched) = self.pairs(works, &opened)?;
        let counts = &mut self.counts;
        counts.most_bytes = counts.most_bytes.max(bytes);
        counts.indexes += opened.len() as u64;
        counts.compared += compared;
        let room = (self.capacity.indexes - self.capacity.under_way()).saturating_sub(kept.len());
        let stay = opened.into_iter().take(room);
        let stay: Vec<_> = stay.map(|(name, index)| (name.clone(), index)).collect();
        self.kept.extend(stay);
        Ok(matched)
    }

    /// Compares, with how many pairs that were.
    fn pairs(
        &self,
        works: &[Work<I, T>],
        opened: &BTreeMap<&I, Option<PreparedIndex>>,
    ) -> Result<(u64, Vec<Vec<bool>>), EngineError> {
        let mut pairs = Vec::new();
        for work in works {
            let index = opened.get(&work.index).or(self.kept.get(&work.index));
            let index = index.and_then(Option::as_ref);
            for name in &work.trapdoors {
                let trapdoor = self.trapdoors.get(name).ok_or(EngineError::NotHeld)?;
                pairs.push(index.zip(trapdoor.as_ref()));
            }
        }
        let pieces: Vec<_> = pairs.chunks(PAIRS_AT_ONCE).collect();
        let matched = in_parallel(self.threads, &pieces, |piece| {
            let one = |pair: &Option<(&PreparedIndex, &PreparedTrapdoor)>| {
                pair.map_or(Ok(false), |(index, trapdoor)| {
                    matches_prepared(index, trapdoor)
                })
            };
            piece.iter().map(one).collect::<Result<Vec<_>, _>>()
        });
        let matched: Vec<Vec<bool>> = matched.into_iter().collect::<Result<_, _>>()?;
        let mut matched = matched.into_iter().flatten();
        let by_work = works
            .iter()
            .map(|work| matched.by_ref().take(work.trapdoors.len()).collect());
        Ok((pairs.len() as u64, by_work.collect()))
    }

    /// Drops an opened index that is not needed any more.
    pub fn forget(&mut self, index: &I) {
        self.kept.remove(index);
    }
}

impl<I, T> std::fmt::Debug for Engine<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (trapdoors, indexes) = (self.trapdoors.len(), self.kept.len());
        write!(f, "Engine({trapdoors} trapdoors, {indexes} indexes)")
    }
}
