//! The clocks as an argument, so that tests can move them.
//!
//! The wall clock says when; it can be set at any moment, and wrongly. The steady clock says how long ago; nobody sets it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

type Reading = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Gives the time in milliseconds since the Unix epoch, and steady milliseconds for durations.
#[derive(Clone)]
pub struct Clock {
    wall: Reading,
    steady: Reading,
}

impl Clock {
    /// The machine's clocks; the wall clock reads 0 while that is before 1970.
    pub fn system() -> Self {
        let start = Instant::now();
        Self {
            wall: Arc::new(|| {
                let elapsed = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
            }),
            steady: Arc::new(move || {
                u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
            }),
        }
    }

    /// Clocks that stand where `time_ms` says, for tests and replays.
    pub fn manual(time_ms: Arc<AtomicU64>) -> Self {
        let reading: Reading = Arc::new(move || time_ms.load(Ordering::SeqCst));
        Self {
            wall: Arc::clone(&reading),
            steady: reading,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        (self.wall)()
    }

    /// Seconds since the Unix epoch.
    pub fn now_s(&self) -> u64 {
        self.now_ms() / 1000
    }

    /// Milliseconds since some moment before: for how long something lasted.
    pub fn steady_ms(&self) -> u64 {
        (self.steady)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} ms)", self.now_ms())
    }
}
