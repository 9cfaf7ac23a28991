//! What was found, as a section of the report.

use super::limits::{BLOCK, Bare, Synced};
use super::load::Run;
use super::{BOUND_AT, bound};
use crate::machine::cores;
use crate::plot::{Line, Plot};
use crate::report::{Bound, Picture, Section, Table};
use crate::statistics::milliseconds;

/// At rest, half of the transactions are final within this.
const REST_MS: f64 = 150.0;
/// At saturation, this share of what the bare work allows.
const SHARE: f64 = 0.4;
/// An idle node uses less than this of a core.
const IDLE: f64 = 0.05;

/// Everything that was measured.
pub struct Findings {
    pub bare: Bare,
    /// Verifications in a second.
    pub ed25519: f64,
    pub synced: Synced,
    pub runs: Vec<Run>,
    /// Transactions in flight at saturation.
    pub in_flight: usize,
}

impl Findings {
    /// As a section.
    pub fn section(&self) -> Section {
        Section {
            title: "The ledger",
            words: include_str!("words.md"),
            bounds: self.bounds(),
            tables: vec![self.run_table(), self.work_table(), self.limit_table()],
            plots: vec![self.rate_plot(), self.latency_plot()],
        }
    }

    /// What the bare work allows `run`'s nodes together.
    fn allowed(&self, run: &Run) -> f64 {
        bound(self.bare.rate(), run.validators)
    }

    fn bounds(&self) -> Vec<Bound> {
        let Some(run) = self.runs.iter().find(|run| run.validators == BOUND_AT) else {
            return Vec::new();
        };
        let (p50, allowed, rate) = (
            milliseconds(run.rest.p50),
            self.allowed(run),
            run.saturation.rate,
        );
        let share = rate / allowed;
        let mut bounds = vec![
            Bound {
                asked: format!(
                    "{BOUND_AT} validators at rest: submitted to committed within {REST_MS} ms (p50)"
                ),
                found: format!("{p50:.1} ms"),
                holds: p50 < REST_MS,
            },
            Bound {
                asked: format!(
                    "{BOUND_AT} validators at saturation: at least {:.0} % of the {allowed:.0} transactions/s that the bare \
                     verify-and-apply of every node allows on {} cores",
                    SHARE * 100.0,
                    cores()
                ),
                found: format!("{rate:.0}/s, {:.0} %", share * 100.0),
                holds: share >= SHARE,
            },
        ];
        if let Some(idle) = &run.idle {
            bounds.push(Bound {
                asked: format!(
                    "{BOUND_AT} validators idle: below {:.0} % of a core each",
                    IDLE * 100.0
                ),
                found: format!("{:.1} %, {} MiB", idle.processor * 100.0, idle.resident_mib),
                holds: idle.processor < IDLE,
            });
        }
        bounds
    }

    fn run_table(&self) -> Table {
        let row = |run: &Run| {
            let (rest, latency) = (run.rest, run.saturation.latency);
            let allowed = self.allowed(run);
            vec![
                run.validators.to_string(),
                format!("{:.1}", milliseconds(rest.p50)),
                format!("{:.1}", milliseconds(rest.p95)),
                format!("{:.0}", run.saturation.rate),
                format!("{allowed:.0}"),
                format!("{:.0} %", 100.0 * run.saturation.rate / allowed),
                format!("{:.0}", milliseconds(latency.p50)),
                format!("{:.0}", milliseconds(latency.p95)),
            ]
        };
        Table {
            caption: format!(
                "Index posts of n = {}; latencies in ms from submission until committed and applied where it was submitted; \
                 {} in flight at saturation",
                super::federation::N,
                self.in_flight
            ),
            head: vec![
                "validators",
                "at rest p50",
                "p95",
                "saturated: committed/s",
                "bare work allows",
                "share",
                "p50",
                "p95",
            ],
            rows: self.runs.iter().map(row).collect(),
        }
    }

    fn work_table(&self) -> Table {
        let bare = &self.bare;
        let bare_ms = milliseconds(bare.each(bare.verify + bare.apply + bare.tree));
        let row = |run: &Run| {
            let saturation = &run.saturation;
            let each = milliseconds(saturation.processor);
            vec![
                run.validators.to_string(),
                saturation.transactions.to_string(),
                saturation.blocks.to_string(),
                format!(
                    "{:.1}",
                    saturation.transactions as f64 / saturation.blocks.max(1) as f64
                ),
                format!("{each:.2}"),
                format!("{:.2}", each - bare_ms),
                saturation.resident_mib.to_string(),
            ]
        };
        Table {
            caption: format!(
                "Where the work goes at saturation: processor time of one node for one transaction, in ms; the bare work is {bare_ms:.2}"
            ),
            head: vec![
                "validators",
                "transactions",
                "blocks",
                "per block",
                "a node's work",
                "beyond the bare",
                "MiB of a node",
            ],
            rows: self.runs.iter().map(row).collect(),
        }
    }

    fn limit_table(&self) -> Table {
        let bare = &self.bare;
        let row = |what: String, rate: f64| {
            vec![what, format!("{rate:.0}"), format!("{:.3}", 1000.0 / rate)]
        };
        let part = |what: &str, time| {
            row(
                format!("of that: {what}"),
                bare.transactions as f64 / time_or_tick(time),
            )
        };
        Table {
            caption: "The machine's raw limits, one thread, in the same run".into(),
            head: vec!["what", "per second", "ms each"],
            rows: vec![
                row(
                    format!(
                        "Ed25519 strict verification of {} bytes",
                        bare.transaction_bytes
                    ),
                    self.ed25519,
                ),
                row(
                    format!(
                        "synced RocksDB batch of {} bytes, a mean block",
                        self.synced.bytes
                    ),
                    self.synced.rate,
                ),
                row(
                    format!("bare verify-and-apply in blocks of {BLOCK}"),
                    bare.rate(),
                ),
                part(
                    "reading and verifying, every point of the index and its proof checked",
                    bare.verify,
                ),
                part("the contracts", bare.apply),
                part("the state tree", bare.tree),
            ],
        }
    }

    fn rate_plot(&self) -> Picture {
        let share = |run: &Run| SHARE * self.allowed(run);
        let plot = Plot {
            title: "Committed transactions at saturation",
            x: "validators",
            y: "per second",
            lines: vec![
                self.line("committed", |run| run.saturation.rate),
                self.line("bare work allows", |run| self.allowed(run)),
                self.line("40 % of that", share),
            ],
        };
        Picture {
            name: "ledger-rate",
            caption: "Committed transactions a second over the number of validators",
            svg: plot.svg(),
        }
    }

    fn latency_plot(&self) -> Picture {
        let plot = Plot {
            title: "From submission to committed and applied, at rest",
            x: "validators",
            y: "ms",
            lines: vec![
                self.line("p50", |run| milliseconds(run.rest.p50)),
                self.line("p95", |run| milliseconds(run.rest.p95)),
            ],
        };
        Picture {
            name: "ledger-latency",
            caption: "Latency at rest over the number of validators",
            svg: plot.svg(),
        }
    }

    fn line(&self, name: &'static str, y: impl Fn(&Run) -> f64) -> Line {
        let points = self.runs.iter().map(|run| (run.validators as f64, y(run)));
        Line {
            name,
            points: points.collect(),
        }
    }
}

/// In seconds, and never nothing.
fn time_or_tick(time: std::time::Duration) -> f64 {
    time.as_secs_f64().max(1e-9)
}
