//! The one place that reads the machine's clock, and what a proposer makes of it.
//!
//! A clock can be set at any moment, and wrongly. Block time follows it, with two bounds: it is later than the last block's
//! (the ledger's rule), and it never stands still, so that windows and deadlines end while a clock is behind the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use consilium_contracts::BlockTime;

/// Now, as block time. A clock set before 1970 reads 1970: [`next_time`] makes up for it.
pub(crate) fn now() -> BlockTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    BlockTime::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The time of a block built now upon one of time `last` that was committed `ago`.
///
/// The clock's, or, where the ledger is ahead of the clock, half of the real time that has passed since: so block time goes on
/// and the clock catches up. Whoever found the last block within its clock's bound finds this one within it, too.
pub(crate) fn next_time(now: BlockTime, last: BlockTime, ago: Duration) -> BlockTime {
    now.max(last.plus(1).plus(millis(ago) / 2))
}

/// The latest time that a validator accepts upon a block of time `last` that was committed `ago`: its clock's bound, or, where the
/// ledger is ahead of that, what real time has added since.
///
/// So a ledger that is ahead of a quorum's clocks goes on: proposals come at half that pace. A liar can keep the ledger from falling
/// back to the clocks, and cannot carry it further away.
pub(crate) fn latest_time(bound: BlockTime, last: BlockTime, ago: Duration) -> BlockTime {
    bound.max(last.plus(1).plus(millis(ago)))
}

/// How long it takes until [`next_time`] has reached `deadline`.
pub(crate) fn until(deadline: BlockTime, now: BlockTime, next: BlockTime) -> Duration {
    let by_clock = deadline.value().saturating_sub(now.value());
    let at_half_pace = deadline
        .value()
        .saturating_sub(next.value())
        .saturating_mul(2);
    Duration::from_millis(by_clock.min(at_half_pace))
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> BlockTime {
        BlockTime::new(ms)
    }

    #[test]
    fn block_time_is_the_clocks_while_that_is_ahead() {
        let ago = Duration::from_millis(100);
        assert_eq!(next_time(at(5_000), at(4_000), ago), at(5_000));
        assert_eq!(
            until(at(5_300), at(5_000), at(5_000)),
            Duration::from_millis(300)
        );
        assert_eq!(until(at(4_000), at(5_000), at(5_000)), Duration::ZERO);
    }

    #[test]
    fn behind_the_ledger_it_goes_on_at_half_the_pace_until_the_clock_has_caught_up() {
        for clock in [0, 3_000, 4_000] {
            let next = |ago| next_time(at(clock), at(4_000), Duration::from_millis(ago));
            assert_eq!(next(0), at(4_001), "later than the last block's at once");
            assert_eq!(next(600), at(4_301));
        }
        let (clock, ago) = (at(3_000 + 2_000), Duration::from_secs(2));
        assert_eq!(next_time(clock, at(4_000), ago), at(5_001));
        assert_eq!(next_time(at(7_000), at(4_000), ago), at(7_000));
    }

    #[test]
    fn a_window_ends_although_the_clock_is_a_day_behind() {
        let (clock, last) = (at(0), at(86_400_000));
        let next = next_time(clock, last, Duration::ZERO);
        let wait = until(last.plus(1_501), clock, next);
        assert_eq!(wait, Duration::from_secs(3));
        assert!(next_time(clock.plus(3_000), last, wait) >= last.plus(1_501));
    }

    #[test]
    fn a_quorum_whose_clocks_are_behind_the_ledger_accepts_what_is_built_and_nothing_further_ahead()
    {
        let (skew, last) = (10_000, at(3_600_000));
        for (proposers, others) in [(0, 0), (50, 40), (60_000, 59_000)] {
            let now = at(others);
            let (built, seen) = (
                Duration::from_millis(proposers),
                Duration::from_millis(others),
            );
            let next = next_time(at(proposers), last, built);
            let latest = latest_time(now.plus(skew), last, seen);
            assert!(next <= latest, "{next} is not after {latest}");
            assert!(latest.value() <= last.value() + 1 + others);
        }
        let ahead = latest_time(at(5_000).plus(skew), at(4_000), Duration::from_secs(1));
        assert_eq!(
            ahead,
            at(15_000),
            "its own clock's bound, where that is later"
        );
    }

    #[test]
    fn it_never_gets_further_ahead_of_another_clock_than_the_last_block_was() {
        let skew = 10_000;
        for ago in [0, 1, 10, 1_000, 60_000] {
            let other = at(1_000_000);
            let last = other.plus(skew);
            let next = next_time(at(0), last, Duration::from_millis(ago));
            assert!(next <= other.plus(ago).plus(skew).plus(1));
        }
    }
}
