//! Which assertions were seen: each is used once.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use consilium_client::wire::PublicKey;

/// Why an assertion is not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was used.
    Replayed,
    /// There is no room to remember it.
    Full,
}

/// Now, by the wall clock and by one that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Seconds since the Unix epoch.
    pub(super) clock_s: u64,
    /// The steady clock.
    pub(super) steady_ms: u64,
}

/// The identifiers of unexpired assertions, so many at most. Full, it refuses: forgetting one would let it be used again.
///
/// One is forgotten when it has expired by the wall clock *and* the longest lifetime has passed by a clock that nobody sets: a
/// wall clock that jumps ahead and back again must not make a used assertion new. One that was noted while the clock was ahead therefore
/// stays until the clock gets there: it would be good once more then.
#[derive(Debug)]
pub(super) struct ReplayCache {
    limit: usize,
    longest_ms: u64,
    seen: HashMap<(PublicKey, String), u64>,
    by_expiry: BTreeSet<(u64, PublicKey, String)>,
}

impl ReplayCache {
    /// For so many assertions, none of which is good for longer than `longest`.
    pub(super) fn new(limit: usize, longest: Duration) -> Self {
        Self {
            limit,
            longest_ms: u64::try_from(longest.as_millis()).unwrap_or(u64::MAX),
            seen: HashMap::new(),
            by_expiry: BTreeSet::new(),
        }
    }

    /// Notes an assertion that is good until `expires_s`.
    pub(super) fn note(
        &mut self,
        issuer: PublicKey,
        id: String,
        expires_s: u64,
        now: Moment,
    ) -> Result<(), NotNew> {
        self.forget_expired(now);
        if self.seen.contains_key(&(issuer, id.clone())) {
            return Err(NotNew::Replayed);
        }
        if self.seen.len() >= self.limit {
            return Err(NotNew::Full);
        }
        self.seen.insert((issuer, id.clone()), now.steady_ms);
        self.by_expiry.insert((expires_s, issuer, id));
        Ok(())
    }

    fn forget_expired(&mut self, now: Moment) {
        while let Some((expires_s, issuer, id)) = self.by_expiry.pop_first() {
            let key = (issuer, id);
            let noted = self.seen.get(&key).copied().unwrap_or(now.steady_ms);
            let passed = now.steady_ms.saturating_sub(noted) > self.longest_ms;
            if expires_s >= now.clock_s || !passed {
                self.by_expiry.insert((expires_s, key.0, key.1));
                return;
            }
            self.seen.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use consilium_schemes::signature::SigningKey;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    fn key(seed: u8) -> PublicKey {
        PublicKey::from(SigningKey::from_bytes(&[seed; 32]).verifying_key())
    }

    /// The wall clock's seconds, and the seconds that really passed.
    fn at(clock_s: u64, passed_s: u64) -> Moment {
        let steady_ms = passed_s * 1000;
        Moment { clock_s, steady_ms }
    }

    #[test]
    fn an_identifier_is_used_once_per_issuer_and_forgotten_when_expired() {
        let mut cache = ReplayCache::new(2, LONGEST);
        let one = cache.note(key(1), "a".into(), 100, at(50, 0));
        assert_eq!(one, Ok(()));
        let again = cache.note(key(1), "a".into(), 100, at(100, 50));
        assert_eq!(again, Err(NotNew::Replayed));
        let other = cache.note(key(2), "a".into(), 200, at(100, 50));
        assert_eq!(other, Ok(()));
        let full = cache.note(key(1), "b".into(), 200, at(110, 60));
        assert_eq!(full, Err(NotNew::Full));
        let room = cache.note(key(1), "b".into(), 200, at(111, 61));
        assert_eq!(room, Ok(()), "the first has expired");
    }

    #[test]
    fn a_clock_that_jumps_ahead_and_back_makes_nothing_new() {
        let mut cache = ReplayCache::new(9, LONGEST);
        let used = cache.note(key(1), "a".into(), 1_060, at(1_000, 0));
        assert_eq!(used, Ok(()));
        let ahead = cache.note(key(2), "b".into(), 4_660, at(4_600, 1));
        assert_eq!(ahead, Ok(()));
        let back = cache.note(key(1), "a".into(), 1_060, at(1_002, 2));
        assert_eq!(back, Err(NotNew::Replayed));
    }
}
