//! The prefilter, in a federation that has one: which pairs are worth comparing.
//!
//! The bitmap beside an index and the buckets beside a trapdoor are opened once and kept in memory. A pair is left out only if both opened
//! and the bitmap does not cover the buckets. One that does not open or parse (its poster lies, or has a fault) counts as if the federation
//! had no prefilter: the pair is compared, and log and audit log say so once, naming who posted it; whoever floods it gets [`LINES`]
//! audit lines at once and as many a minute. So is a pair about which a challenge is open, out of turn: the hospital answers for it,
//! whatever owner and doctor encrypted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_client::wire::PublicKey;
use consilium_contracts::{
    DoctorId, Height, IndexEntry, RecordId, StateRead, TrapdoorEntry, VerifyingKey, View,
    index_filter_context, trapdoor_filter_context,
};
use consilium_schemes::matching::prefilter::{Bitmap, Buckets, FilterSize, Weight};
use consilium_service::Clock;
use consilium_service::audit::AuditEntry;
use consilium_service::limiter::{Rate, RateLimiter};

use crate::hospital::Hospital;

/// Filters of each kind that are kept in memory, about 190, 220 or 290 bytes each with 256, 512 or 1024 bits; those beyond are opened again, half a millisecond each,
/// whenever a trapdoor is new.
const IN_MEMORY: usize = 1 << 20;

/// Audit lines about one poster at once, and in a minute.
const LINES: u32 = 60;
/// Posters whose rate is remembered at once.
const POSTERS: usize = 10_000;

/// Opened filters.
pub(crate) struct Filters {
    bitmaps: Opened<RecordId, Bitmap>,
    buckets: Opened<DoctorId, Buckets>,
    limiter: RateLimiter<PublicKey>,
}

impl Filters {
    pub(crate) fn new(clock: Clock) -> Self {
        let rate = Rate {
            per_minute: LINES,
            burst: LINES,
        };
        Self {
            bitmaps: Opened::default(),
            buckets: Opened::default(),
            limiter: RateLimiter::new(rate, POSTERS, clock),
        }
    }

    /// A record is closed.
    pub(crate) fn forget_record(&self, record: &RecordId) {
        self.bitmaps.forget(record);
    }

    /// A doctor left.
    pub(crate) fn forget_doctor(&self, doctor: &DoctorId) {
        self.buckets.forget(doctor);
    }
}

/// By what it stands beside and since when; none where it is of no use.
type ByPosting<K, T> = BTreeMap<(K, Height), Option<Arc<T>>>;

/// What was opened.
struct Opened<K, T>(Mutex<ByPosting<K, T>>);

impl<K, T> Default for Opened<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Copy, T> Opened<K, T> {
    fn change<R>(&self, change: impl FnOnce(&mut ByPosting<K, T>) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is kept under this key, or is opened now.
    fn get(&self, key: (K, Height), open: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
        if let Some(known) = self.change(|opened| opened.get(&key).cloned()) {
            return known;
        }
        let new = open().map(Arc::new);
        self.forget(&key.0);
        self.change(|opened| {
            while opened.len() >= IN_MEMORY {
                opened.pop_first();
            }
            opened.insert(key, new.clone());
        });
        new
    }

    /// Drops all that is kept of one.
    fn forget(&self, of: &K) {
        let all = (*of, Height::default())..=(*of, Height::new(u64::MAX));
        self.change(|opened| {
            let keys: Vec<_> = opened.range(all).map(|(key, _)| *key).collect();
            keys.iter().for_each(|key| drop(opened.remove(key)));
        });
    }
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
        bitmaps.get((index.record, index.height), || {
            self.open_bitmap(index, size, weight)
        })
    }

    /// The buckets beside a trapdoor; none where they are of no use.
    pub(crate) fn buckets(&self, trapdoor: &TrapdoorEntry) -> Option<Arc<Buckets>> {
        let (size, _) = self.setting?;
        let buckets = &self.hospital.filters.buckets;
        buckets.get((trapdoor.doctor, trapdoor.height), || {
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
                let why = format!("hospital {}: the bitmap beside its index is of no use: {error}", terms.owner);
                self.tell(&record.to_string(), owner, &why);
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
                let why = format!("doctor {doctor}: the buckets beside the trapdoor are of no use: {error}");
                self.tell(&doctor.to_string(), signing, &why);
            })
            .ok()
    }

    /// An audit line about what is of no use. It is opened again after a restart, and told again.
    fn tell(&self, subject: &str, poster: VerifyingKey, why: &str) {
        let (hospital, poster) = (self.hospital, PublicKey::from(poster));
        if hospital.filters.limiter.take(poster).is_err() {
            return;
        }
        let line = AuditEntry::by_service("gateway", "refuse-filter", subject);
        let line = AuditEntry {
            who: poster.to_string(),
            ..line.height(hospital.height()).refused(why)
        };
        if let Err(error) = hospital.frame.audit().record_blocking(&line) {
            let cause = error.cause().unwrap_or_default();
            tracing::error!(%error, cause, subject, "a filter of no use leaves no audit line");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_or_forgotten_is_not_kept() {
        let opened = Opened::<u8, u8>::default();
        let at = |height| Height::new(height);
        let never = || -> Option<u8> { panic!("it is kept") };
        for (key, value) in [
            ((7, at(1)), Some(1)),
            ((7, at(4)), Some(4)),
            ((8, at(1)), None),
        ] {
            assert_eq!(opened.get(key, || value).as_deref(), value.as_ref());
        }
        assert_eq!(opened.get((7, at(4)), never).as_deref(), Some(&4));
        assert_eq!(opened.get((8, at(1)), never), None);
        assert_eq!(
            opened.change(|opened| opened.len()),
            2,
            "the former is gone"
        );
        opened.forget(&7);
        assert_eq!(opened.get((8, at(1)), never), None);
        assert_eq!(opened.change(|opened| opened.len()), 1);
    }
}
