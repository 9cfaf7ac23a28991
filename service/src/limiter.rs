//! How often a principal may call: a token bucket each, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use consilium_client::api::errors::codes;

use crate::clock::Clock;
use crate::error::ApiError;

/// A steady rate, and how much may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls per minute, in the long run.
    pub per_minute: u32,
    /// Calls at once.
    pub burst: u32,
}

/// Token buckets by key. Memory is bounded: a bucket that is full again is forgotten; with `max_keys` busy callers at once a new one
/// is refused.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Rate,
    max_keys: usize,
    clock: Clock,
    buckets: Mutex<HashMap<K, Bucket>>,
}

/// Level in thousandths of a call times 60, so that integer arithmetic per millisecond is exact: a rate of r per minute adds r units per
/// millisecond, and a call costs 60,000 units.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    units: u64,
    at_ms: u64,
}

/// Milliseconds in a minute: the units of one call.
const CALL: u64 = 60_000;

impl<K: Eq + Hash> RateLimiter<K> {
    /// A limiter for at most `max_keys` busy callers.
    pub fn new(rate: Rate, max_keys: usize, clock: Clock) -> Self {
        Self {
            rate,
            max_keys,
            clock,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one call from `key`'s bucket.
    ///
    /// # Errors
    /// As [`RateLimiter::take_many`].
    pub fn take(&self, key: K) -> Result<(), ApiError> {
        self.take_many(key, 1)
    }

    /// Takes `calls` at once: for a batch, its length.
    ///
    /// # Errors
    /// 429 `rate-limited` with the time to wait; 503 `busy` when too many callers are known.
    pub fn take_many(&self, key: K, calls: u32) -> Result<(), ApiError> {
        let full = u64::from(self.rate.burst) * CALL;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // The steady clock: a wall clock that jumped ahead and back would give nothing until it is there again.
        let now = self.clock.steady_ms();
        if !buckets.contains_key(&key) && buckets.len() >= self.max_keys {
            buckets.retain(|_, bucket| self.level(*bucket, now) < full);
            if buckets.len() >= self.max_keys {
                return Err(ApiError::busy());
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket {
            units: full,
            at_ms: now,
        });
        *bucket = Bucket {
            units: self.level(*bucket, now),
            at_ms: bucket.at_ms.max(now),
        };
        let cost = u64::from(calls) * CALL;
        match bucket.units.checked_sub(cost) {
            Some(rest) => {
                bucket.units = rest;
                Ok(())
            }
            None => Err(self.refusal(cost.saturating_sub(bucket.units))),
        }
    }

    /// What is in a bucket now; a clock that went back adds nothing.
    fn level(&self, bucket: Bucket, now: u64) -> u64 {
        let gained = now
            .saturating_sub(bucket.at_ms)
            .saturating_mul(self.rate.per_minute.into());
        bucket
            .units
            .saturating_add(gained)
            .min(u64::from(self.rate.burst) * CALL)
    }

    fn refusal(&self, missing: u64) -> ApiError {
        let wait = Duration::from_millis(missing.div_ceil(u64::from(self.rate.per_minute).max(1)));
        let text = format!(
            "too many requests: at most {} a minute and {} at once",
            self.rate.per_minute, self.rate.burst
        );
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, codes::RATE_LIMITED, text).retry_after(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn limiter(max_keys: usize) -> (RateLimiter<u8>, Arc<AtomicU64>) {
        let time = Arc::new(AtomicU64::new(1_000_000));
        let rate = Rate {
            per_minute: 60,
            burst: 3,
        };
        (
            RateLimiter::new(rate, max_keys, Clock::manual(Arc::clone(&time))),
            time,
        )
    }

    #[test]
    fn a_burst_then_the_steady_rate() {
        let (limiter, time) = limiter(10);
        for _ in 0..3 {
            limiter.take(1).unwrap();
        }
        let refused = limiter.take(1).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        limiter.take(2).expect("another caller has his own bucket");
        time.fetch_add(999, Ordering::SeqCst);
        limiter.take(1).unwrap_err();
        time.fetch_add(1, Ordering::SeqCst);
        limiter.take(1).unwrap();
        limiter.take(1).unwrap_err();
    }

    #[test]
    fn a_batch_costs_its_length_and_a_clock_that_goes_back_gives_nothing() {
        let (limiter, time) = limiter(10);
        limiter.take_many(1, 4).unwrap_err();
        limiter.take_many(1, 3).unwrap();
        time.fetch_sub(500_000, Ordering::SeqCst);
        limiter.take(1).unwrap_err();
        time.fetch_add(500_000, Ordering::SeqCst);
        limiter.take(1).unwrap_err();
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, time) = limiter(2);
        limiter.take(1).unwrap();
        limiter.take(2).unwrap();
        assert_eq!(limiter.take(3).unwrap_err().code(), &codes::BUSY);
        time.fetch_add(60_000, Ordering::SeqCst);
        limiter.take(3).expect("full buckets are forgotten");
        assert!(limiter.buckets.lock().unwrap().len() <= 2);
    }
}
