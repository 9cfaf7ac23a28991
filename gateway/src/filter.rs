//! The prefilter, in a federation that has one: which pairs are worth comparing.
//!
//! The bitmap beside an index and the buckets beside a trapdoor are opened once and kept in memory. A pair is left out only if both opened
//! and the bitmap does not cover the buckets. One that does not open or parse (its poster lies, or has a fault) counts as if the federation
//! had no prefilter: the pair is compared, and the log says so once. So is a pair about which a challenge is open, out of turn: the
//! hospital answers for it, whatever owner and doctor encrypted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_contracts::{
    DoctorId, Height, IndexEntry, RecordId, StateRead, TrapdoorEntry, View, index_filter_context,
    trapdoor_filter_context,
};
use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FilterSize, Weight};

use crate::hospital::Hospital;

/// Filters of each kind that are kept in memory, about 190, 220 or 290 bytes each with 256, 512 or 1024 bits; those beyond are opened again, half a millisecond each,
/// whenever a trapdoor is new.
const IN_MEMORY: usize = 1 << 20;

/// What was opened, by what it stands beside and since when; none where it is of no use.
type Opened<K, T> = Mutex<BTreeMap<(K, Height), Option<Arc<T>>>>;

/// Opened filters.
#[derive(Default)]
pub(crate) struct Filters {
    bitmaps: Opened<RecordId, Bitmap>,
    buckets: Opened<DoctorId, Buckets>,
}

/// The filter as it stands in one state.
pub(crate) struct Filter<'a, S> {
    hospital: &'a Hospital,
    view: &'a View<S>,
    /// B and w; none in a federation without.
    setting: Option<(FilterSize, Weight)>,
}

impl<'a, S: StateRead> Filter<'a, S> {
    pub(crate) fn new(hospital: &'a Hospital, view: &'a View<S>) -> Self {
        let setting = view.settings().prefilter;
        Self {
            hospital,
            view,
            setting: setting.and_then(|prefilter| prefilter.parts()),
        }
    }

    /// B; none in a federation without a prefilter.
    pub(crate) fn size(&self) -> Option<FilterSize> {
        self.setting.map(|(size, _)| size)
    }

    /// The bitmap beside an index; none where it is of no use.
    pub(crate) fn bitmap(&self, index: &IndexEntry) -> Option<Arc<Bitmap>> {
        let (size, weight) = self.setting?;
        let bitmaps = &self.hospital.filters.bitmaps;
        kept(bitmaps, (index.record, index.height), || {
            self.open_bitmap(index, size, weight)
        })
    }

    /// The buckets beside a trapdoor; none where they are of no use.
    pub(crate) fn buckets(&self, trapdoor: &TrapdoorEntry) -> Option<Arc<Buckets>> {
        let (size, _) = self.setting?;
        let buckets = &self.hospital.filters.buckets;
        kept(buckets, (trapdoor.doctor, trapdoor.height), || {
            self.open_buckets(trapdoor, size)
        })
    }

    /// Whether the pair may match, or nobody can say that it does not.
    pub(crate) fn covers(&self, index: &IndexEntry, trapdoor: &TrapdoorEntry) -> bool {
        match (self.bitmap(index), self.buckets(trapdoor)) {
            (Some(bitmap), Some(buckets)) => bitmap.covers(&buckets),
            _ => true,
        }
    }

    fn open_bitmap(&self, index: &IndexEntry, size: FilterSize, weight: Weight) -> Option<Bitmap> {
        let (federation, keys) = (&self.hospital.federation, &self.hospital.keys);
        let (record, terms) = (index.record, self.view.record(&index.record)?.terms);
        let owner = self.view.hospital(&terms.owner)?.card.signing_key;
        let context = index_filter_context(federation, &terms, &index.to, &index.index);
        let sealed = index.filter.as_ref()?.as_bytes();
        Bitmap::open(sealed, &context, &owner, &keys.hpke, size, weight)
            .inspect_err(|error| {
                tracing::warn!(%record, owner = %terms.owner, %error, "a record's bitmap is of no use: it is compared with every trapdoor");
            })
            .ok()
    }

    fn open_buckets(&self, trapdoor: &TrapdoorEntry, size: FilterSize) -> Option<Buckets> {
        let TrapdoorEntry {
            doctor,
            hospital,
            interests,
            expiry,
            ..
        } = trapdoor;
        let (federation, keys) = (&self.hospital.federation, &self.hospital.keys);
        let signing = self.view.doctor(doctor)?.signing_key;
        let context =
            trapdoor_filter_context(federation, doctor, hospital, &trapdoor.trapdoor, *expiry);
        let sealed = trapdoor.filter.as_ref()?.as_bytes();
        Buckets::open(sealed, &context, &signing, &keys.hpke, size, *interests)
            .inspect_err(|error| {
                tracing::warn!(%doctor, %error, "a doctor's buckets are of no use: every index is compared with the trapdoor");
            })
            .ok()
    }
}

/// What is kept under this key, or is opened now.
fn kept<K: Ord + Copy, T>(
    opened: &Opened<K, T>,
    key: (K, Height),
    open: impl FnOnce() -> Option<T>,
) -> Option<Arc<T>> {
    let lock = || opened.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().get(&key) {
        return known.clone();
    }
    let new = open().map(Arc::new);
    let mut opened = lock();
    while opened.len() >= IN_MEMORY {
        opened.pop_first();
    }
    opened.insert(key, new.clone());
    new
}
