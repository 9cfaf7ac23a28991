//! Which assertions were seen: each is used once.

use std::collections::{BTreeSet, HashSet};

use consilium_client::wire::PublicKey;

/// Why an assertion is not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was used.
    Replayed,
    /// There is no room to remember it.
    Full,
}

/// The identifiers of unexpired assertions, so many at most. Full, it refuses: forgetting one would let it be used again.
#[derive(Debug)]
pub(super) struct ReplayCache {
    limit: usize,
    seen: HashSet<(PublicKey, String)>,
    by_expiry: BTreeSet<(u64, PublicKey, String)>,
}

impl ReplayCache {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: HashSet::new(),
            by_expiry: BTreeSet::new(),
        }
    }

    /// Notes an assertion that is good until `expires_s`.
    pub(super) fn note(
        &mut self,
        issuer: PublicKey,
        id: String,
        expires_s: u64,
        now_s: u64,
    ) -> Result<(), NotNew> {
        self.forget_expired(now_s);
        if self.seen.contains(&(issuer, id.clone())) {
            return Err(NotNew::Replayed);
        }
        if self.seen.len() >= self.limit {
            return Err(NotNew::Full);
        }
        self.seen.insert((issuer, id.clone()));
        self.by_expiry.insert((expires_s, issuer, id));
        Ok(())
    }

    fn forget_expired(&mut self, now_s: u64) {
        while self
            .by_expiry
            .first()
            .is_some_and(|(expires_s, ..)| *expires_s < now_s)
        {
            if let Some((_, issuer, id)) = self.by_expiry.pop_first() {
                self.seen.remove(&(issuer, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use consilium_schemes::signature::SigningKey;

    use super::*;

    #[test]
    fn an_identifier_is_used_once_per_issuer_and_forgotten_when_expired() {
        let key = |seed| PublicKey::from(SigningKey::from_bytes(&[seed; 32]).verifying_key());
        let mut cache = ReplayCache::new(2);
        assert_eq!(cache.note(key(1), "a".into(), 100, 50), Ok(()));
        assert_eq!(
            cache.note(key(1), "a".into(), 100, 100),
            Err(NotNew::Replayed)
        );
        assert_eq!(cache.note(key(2), "a".into(), 200, 100), Ok(()));
        assert_eq!(cache.note(key(1), "b".into(), 200, 100), Err(NotNew::Full));
        assert_eq!(
            cache.note(key(1), "b".into(), 200, 101),
            Ok(()),
            "the first has expired"
        );
    }
}
