//! Percentiles, and medians of what is measured by turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The two numbers that a reader wants of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half were faster.
    pub p50: Duration,
    /// Nineteen of twenty were faster.
    pub p95: Duration,
}

impl Spread {
    /// Of at least one duration.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort();
        Some(Self {
            p50: rank(&sorted, 50)?,
            p95: rank(&sorted, 95)?,
        })
    }
}

/// The nearest-rank percentile of sorted durations.
fn rank(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Medians over alternating runs, so that what else happens on the machine meets all of them alike.
pub fn medians<const K: usize>(
    repeats: usize,
    tasks: [&mut dyn FnMut() -> Result<(), Failure>; K],
) -> Result<[Duration; K], Failure> {
    by_turns(repeats, tasks, |task| timed(task))
}

/// Likewise, where each says itself how long it took.
pub fn medians_of<const K: usize>(
    repeats: usize,
    tasks: [&mut dyn FnMut() -> Result<Duration, Failure>; K],
) -> Result<[Duration; K], Failure> {
    by_turns(repeats, tasks, |task| task())
}

fn by_turns<T, const K: usize>(
    repeats: usize,
    mut tasks: [T; K],
    measure: impl Fn(&mut T) -> Result<Duration, Failure>,
) -> Result<[Duration; K], Failure> {
    let mut times = [const { Vec::new() }; K];
    for _ in 0..repeats {
        for (task, times) in tasks.iter_mut().zip(&mut times) {
            times.push(measure(task)?);
        }
    }
    Ok(times.map(|times| Spread::of(times).map_or(Duration::ZERO, |spread| spread.p50)))
}

/// How long it takes.
pub fn timed(task: impl FnOnce() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let begun = Instant::now();
    task()?;
    Ok(begun.elapsed())
}

/// So that nothing is left out because nobody looks at it.
pub fn done<T>(result: T) -> Result<(), Failure> {
    black_box(result);
    Ok(())
}

/// In milliseconds.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let of = |numbers: &[u64]| Spread::of(numbers.iter().map(|n| Duration::from_millis(*n)));
        let spread = of(&(1..=100).rev().collect::<Vec<_>>()).unwrap();
        assert_eq!(spread.p50, Duration::from_millis(50));
        assert_eq!(spread.p95, Duration::from_millis(95));
        let one = of(&[7]).unwrap();
        assert_eq!((one.p50, one.p95), (one.p95, Duration::from_millis(7)));
        assert_eq!(of(&[]), None);
    }
}
