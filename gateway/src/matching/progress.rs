//! How far a run is, for the log and the metrics.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::operator::Gauges;

/// Between two lines of a long run.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// A run's progress.
pub(super) struct Progress {
    pending: u64,
    done: u64,
    began: Instant,
    said: Instant,
    gauge: Gauge,
}

impl Progress {
    pub(super) fn new(gauges: &Gauges) -> Self {
        let now = Instant::now();
        Self {
            pending: 0,
            done: 0,
            began: now,
            said: now,
            gauge: gauges.pending.clone(),
        }
    }

    /// Pairs are to be compared.
    pub(super) fn more(&mut self, pairs: usize) {
        self.pending += pairs as u64;
        self.show();
    }

    /// Pairs are done: compared, or left out by the filter, or of records that cannot be used now.
    pub(super) fn less(&mut self, pairs: usize) {
        self.done += pairs as u64;
        self.pending = self.pending.saturating_sub(pairs as u64);
        self.show();
        if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            let seconds = self.began.elapsed().as_secs().max(1);
            let (done, pending, per_second) = (self.done, self.pending, self.done / seconds);
            tracing::info!(done, pending, per_second, "pairs are being matched");
        }
    }

    fn show(&self) {
        self.gauge
            .set(i64::try_from(self.pending).unwrap_or(i64::MAX));
    }
}

impl Drop for Progress {
    /// What is left will not be done by this run.
    fn drop(&mut self) {
        self.gauge.set(0);
    }
}
