//! What the node of a service says to Prometheus, read when it is asked.

use std::fmt;
use std::sync::atomic::AtomicI64;

use consilium_client::api::challenges::ConductView;
use consilium_client::wire::Text;
use consilium_node::{NodeHandle, NodeWatch, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

use super::status::{conducts, validators};
use crate::metrics::Metrics;

/// Adds the node's metrics. They do not keep the node alive, and are absent once it is gone.
pub fn register(metrics: &Metrics, node: &NodeHandle) {
    let collector = Box::new(LedgerCollector(node.watch()));
    metrics.register(|registry| registry.register_collector(collector));
}

#[derive(Debug)]
struct LedgerCollector(NodeWatch);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HospitalLabel {
    hospital: String,
}

impl Collector for LedgerCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (Some(status), Some(state)) = (self.0.status(), self.0.state()) else {
            return Ok(());
        };
        for (name, help, value) in numbers(&status) {
            put(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        let age = ConstGauge::new(status.tip_age_ms as f64 / 1000.0);
        let help = "Seconds since the last block";
        put(&mut encoder, "ledger_tip_age_seconds", help, &age)?;
        let ages: Family<HospitalLabel, Gauge<i64, AtomicI64>> = Family::default();
        for validator in validators(&state, &status) {
            let Text(hospital) = validator.hospital;
            let hospital = hospital.to_string();
            let missed = blocks_without_vote(&status, validator.last_vote);
            ages.get_or_create(&HospitalLabel { hospital }).set(missed);
        }
        let help = "Blocks since the last one whose certificate carries the validator's vote; if none was seen, blocks looked at";
        put(
            &mut encoder,
            "ledger_validator_last_vote_age_blocks",
            help,
            &ages,
        )?;
        put_conducts(&mut encoder, &conducts(&state))
    }
}

/// What the challenged hospitals made of their challenges, a gauge for each outcome.
fn put_conducts(
    encoder: &mut DescriptorEncoder,
    conducts: &[ConductView],
) -> Result<(), fmt::Error> {
    type Read = fn(&ConductView) -> u64;
    let gauges: [(&str, &str, Read); 5] = [
        (
            "ledger_challenges_open",
            "Challenges that wait for the hospital's answer",
            |one| one.open,
        ),
        (
            "ledger_challenges_matched",
            "Challenges that the hospital answered by a match",
            |one| one.matched,
        ),
        (
            "ledger_challenges_unmatched",
            "Challenges that the hospital answered by a proof of no match",
            |one| one.unmatched,
        ),
        (
            "ledger_challenges_contradicted",
            "Challenges that the hospital answered by a proof of a match that it had kept silent about",
            |one| one.contradicted,
        ),
        (
            "ledger_challenges_overdue",
            "Challenges that the hospital did not answer in time",
            |one| one.overdue,
        ),
    ];
    for (name, help, read) in gauges {
        let family: Family<HospitalLabel, Gauge<i64, AtomicI64>> = Family::default();
        for one in conducts {
            let hospital = one.hospital.to_string();
            family
                .get_or_create(&HospitalLabel { hospital })
                .set(number(read(one)));
        }
        put(encoder, name, help, &family)?;
    }
    Ok(())
}

/// Name, help and value of each whole number.
fn numbers(status: &Status) -> [(&'static str, &'static str, i64); 8] {
    let validators = status.validators.as_slice().len();
    [
        (
            "ledger_height",
            "The last applied block",
            number(status.height.value()),
        ),
        ("ledger_peers", "Connected peers", size(status.peers)),
        (
            "ledger_pool_transactions",
            "Transactions that wait for a block",
            size(status.pool_transactions),
        ),
        ("ledger_pool_bytes", "Their bytes", size(status.pool_bytes)),
        (
            "ledger_evidence",
            "Pieces of evidence against validators that signed two different things",
            number(status.evidence),
        ),
        ("ledger_validators", "Validators", size(validators)),
        (
            "ledger_votes",
            "1 while this node votes",
            i64::from(status.votes),
        ),
        (
            "ledger_halted",
            "1 when the node has halted",
            i64::from(status.failure.is_some()),
        ),
    ]
}

fn put(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn blocks_without_vote(status: &Status, last_vote: Option<u64>) -> i64 {
    let height = status.height.value();
    let looked_since = status.last_votes.looked_since().value();
    let last = last_vote.unwrap_or(looked_since.saturating_sub(1));
    number(height.saturating_sub(last))
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn size(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
