//! One federation under load: at rest, idle, saturated.

use std::path::Path;
use std::time::Duration;

use consilium_contracts::{Canonical as _, SignedTransaction};

use super::federation::{Federation, Indexes};
use super::messages::Timing;
use super::process::Nodes;
use super::{BOUND_AT, Scale};
use crate::failure::Failure;
use crate::statistics::Spread;

/// Transactions in flight while the state is prepared.
const PREPARING: usize = 128;
/// Between two transactions at rest: the ledger has nothing to do when the next one comes.
const PAUSE: Duration = Duration::from_millis(100);
/// After a load, before idleness is measured.
const SETTLE: Duration = Duration::from_secs(3);

/// What one federation showed.
pub struct Run {
    pub validators: usize,
    pub rest: Spread,
    pub saturation: Saturation,
    /// Measured where its bound is asked for.
    pub idle: Option<Idle>,
}

/// A federation with more to do than it can.
pub struct Saturation {
    pub transactions: usize,
    /// Committed in a second, between the first and the last tenth.
    pub rate: f64,
    pub latency: Spread,
    /// Blocks that it took.
    pub blocks: u64,
    /// Bytes of all transactions.
    pub bytes: usize,
    /// Processor time of each node for one transaction, on average.
    pub processor: Duration,
    /// The largest node's memory afterwards.
    pub resident_mib: u64,
}

/// A federation with nothing to do.
pub struct Idle {
    /// The busiest node's share of one core.
    pub processor: f64,
    /// The largest node's memory.
    pub resident_mib: u64,
}

impl Run {
    /// Founds a federation in `folder`, prepares its state, and measures it.
    pub fn make(
        folder: &Path,
        validators: usize,
        indexes: &Indexes,
        saturating: usize,
        scale: &Scale,
    ) -> Result<Self, Failure> {
        let federation = Federation::found(folder, validators)?;
        let total = scale.rest + saturating;
        let mut posts = federation.posts(indexes, 0..total)?;
        let later = posts.split_off(scale.rest);
        let mut nodes = Nodes::start(folder, validators)?;
        prepare(&mut nodes, &federation, total)?;
        let shares = |posts| shares(posts, federation.owners());
        let rest = nodes.submit_in_turn(&shares(posts), PAUSE)?;
        let idle = match validators == BOUND_AT {
            true => Some(idle(&mut nodes, scale.idle)?),
            false => None,
        };
        let bytes = later
            .iter()
            .map(|post| post.to_canonical_bytes().len())
            .sum();
        let saturation = saturate(&mut nodes, &shares(later), bytes, scale.in_flight)?;
        Ok(Self {
            validators,
            rest: spread(&rest)?,
            saturation,
            idle,
        })
    }

    /// The mean size of a block at saturation.
    pub fn block_bytes(&self) -> usize {
        let blocks = usize::try_from(self.saturation.blocks).unwrap_or(usize::MAX);
        self.saturation.bytes / blocks.max(1)
    }
}

/// Everything that index posts need, through the ledger itself.
fn prepare(nodes: &mut Nodes, federation: &Federation, records: usize) -> Result<(), Failure> {
    nodes.submit(&[vec![federation.epoch()]], 1)?;
    let mut transactions = Vec::new();
    for owner in 0..federation.owners() {
        transactions.push(federation.authorization(owner)?);
    }
    for number in 0..records {
        transactions.push(federation.record(number % federation.owners(), number)?);
    }
    nodes.submit(&shares(transactions, federation.owners()), PREPARING)?;
    nodes.agree()?;
    Ok(())
}

/// Deals transactions out to `nodes`: each owner's to its own, because owners take turns, too.
fn shares(transactions: Vec<SignedTransaction>, nodes: usize) -> Vec<Vec<SignedTransaction>> {
    let mut shares = vec![Vec::new(); nodes];
    for (number, transaction) in transactions.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % nodes) {
            share.push(transaction);
        }
    }
    shares
}

fn idle(nodes: &mut Nodes, time: Duration) -> Result<Idle, Failure> {
    nodes.agree()?;
    std::thread::sleep(SETTLE);
    let before = nodes.processor_times()?;
    std::thread::sleep(time);
    let after = nodes.processor_times()?;
    let used = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after.saturating_sub(*before));
    let most = used.max().unwrap_or_default();
    Ok(Idle {
        processor: most.as_secs_f64() / time.as_secs_f64(),
        resident_mib: nodes.resident_mib()?.into_iter().max().unwrap_or_default(),
    })
}

fn saturate(
    nodes: &mut Nodes,
    shares: &[Vec<SignedTransaction>],
    bytes: usize,
    in_flight: usize,
) -> Result<Saturation, Failure> {
    let height = nodes.agree()?;
    let before: Duration = nodes.processor_times()?.iter().sum();
    let timings = nodes.submit(shares, in_flight.div_ceil(shares.len().max(1)))?;
    let blocks = nodes.agree()? - height;
    let times = nodes.processor_times()?;
    let used = times.iter().sum::<Duration>().saturating_sub(before);
    let works = u32::try_from(timings.len() * times.len())?;
    Ok(Saturation {
        transactions: timings.len(),
        rate: rate(&timings).ok_or_else(|| Failure::new("too few transactions for a rate"))?,
        latency: spread(&timings)?,
        blocks,
        bytes,
        processor: used / works.max(1),
        resident_mib: nodes.resident_mib()?.into_iter().max().unwrap_or_default(),
    })
}

/// Answers in a second between the first and the last tenth of them: neither start nor end counts.
fn rate(timings: &[Timing]) -> Option<f64> {
    let mut answered: Vec<u64> = timings.iter().map(|timing| timing.answered).collect();
    answered.sort_unstable();
    let tenth = answered.len() / 10;
    let (first, last) = (tenth, answered.len().checked_sub(tenth + 1)?);
    let time = answered.get(last)?.checked_sub(*answered.get(first)?)?;
    (time > 0).then(|| (last - first) as f64 * 1e6 / time as f64)
}

fn spread(timings: &[Timing]) -> Result<Spread, Failure> {
    let took = timings
        .iter()
        .map(|timing| Duration::from_micros(timing.took));
    Spread::of(took).ok_or_else(|| Failure::new("no transaction was measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_leaves_start_and_end_out() {
        // 100 a second, but for a slow start and a slow end.
        let steady = (0..100).map(|i| 10_000_000 + i * 10_000);
        let answered = [0].into_iter().chain(steady).chain([90_000_000]);
        let timing = |answered| Timing { answered, took: 1 };
        let timings: Vec<Timing> = answered.map(timing).collect();
        assert!((rate(&timings).unwrap() - 100.0).abs() < 0.01);
        assert_eq!(rate(&[]), None);
    }
}
