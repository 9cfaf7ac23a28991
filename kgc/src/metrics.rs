//! What is counted besides requests.

use std::sync::atomic::{AtomicI64, AtomicU64};

use consilium_service::metrics::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The KGC's own metrics.
pub(crate) struct KgcMetrics {
    /// 1 while the keys are sealed.
    pub(crate) sealed: Gauge<i64, AtomicI64>,
    /// The current epoch.
    pub(crate) epoch: Gauge<i64, AtomicI64>,
    /// Attribute keys made since the start.
    pub(crate) issued: Counter<u64, AtomicU64>,
    /// Keyword tokens evaluated since the start.
    pub(crate) evaluations: Counter<u64, AtomicU64>,
}

impl KgcMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self {
            sealed: Gauge::default(),
            epoch: Gauge::default(),
            issued: Counter::default(),
            evaluations: Counter::default(),
        };
        own.sealed.set(1);
        metrics.register(|registry| {
            registry.register(
                "kgc_sealed",
                "1 while the keys are sealed",
                own.sealed.clone(),
            );
            registry.register("kgc_epoch", "The current epoch", own.epoch.clone());
            registry.register("kgc_keys_issued", "Attribute keys made", own.issued.clone());
            let evaluations = own.evaluations.clone();
            registry.register(
                "kgc_token_evaluations",
                "Keyword tokens evaluated",
                evaluations,
            );
        });
        own
    }
}
