//! The federation's settings: fixed at genesis, read from the state afterwards.

use borsh::{BorshDeserialize, BorshSerialize};
use consilium_schemes::matching::prefilter::FilterSize;

use crate::patient::{MAX_EVIDENCE, MAX_REPORT_KEY};

/// One day in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Keywords per record: above this a block of postings would not fit the limits below.
pub const MAX_N: u16 = 128;

/// The least that the setting `max_transaction_bytes` may be: the longest dispute fits, with a record's longest RSA key, a report
/// of 64 KiB and 256 bytes for everything else.
pub const MIN_TRANSACTION_BYTES: u32 = 80 * 1024;
const _: () = assert!(MAX_EVIDENCE + MAX_REPORT_KEY + 256 <= MIN_TRANSACTION_BYTES as usize);

/// What every node of the federation agrees on.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// n: the most keywords of a record; 1 to 128, default 32.
    pub n: u16,
    /// How long doctors may match a record; 10 ms to 90 days, default one day.
    pub matching_window_ms: u64,
    /// How long an assigned doctor's hospital has for the first access; 10 ms to 90 days, default
    /// two days.
    pub assignment_deadline_ms: u64,
    /// How long the doctor has for the report after the first access; 10 ms to 365 days, default
    /// 30 days.
    pub report_deadline_ms: u64,
    /// How long a challenged hospital has to answer, and how long a record that nobody suited can be challenged about; 10 ms to 90 days,
    /// default one day.
    pub challenge_window_ms: u64,
    /// How many challenges about a record its patient, and its owner, may make within `challenge_period_ms`: each answer publishes
    /// whether a doctor's interests match; 1 to 1,000, default 10.
    pub challenge_limit: u32,
    /// The period of `challenge_limit`; 10 ms to 365 days, default 30 days.
    pub challenge_period_ms: u64,
    /// A gateway whose tip is older refuses to serve; 100 ms to one day, default one minute.
    pub max_tip_age_ms: u64,
    /// A block is made at least this often; 10 ms to half of `max_tip_age_ms`, default ten seconds.
    pub heartbeat_ms: u64,
    /// Validators refuse blocks further ahead of their clock; 100 ms to a minute, default 10 s.
    pub max_clock_skew_ms: u64,
    /// The most blocks a transaction lives; 1 to 1,000,000, default 10,000.
    pub max_transaction_lifetime: u64,
    /// The most bytes of a signed transaction; 80 KiB to 1 MiB, default 128 KiB.
    pub max_transaction_bytes: u32,
    /// The most bytes of a block's transactions; up to 64 MiB, default 4 MiB.
    pub max_block_bytes: u32,
    /// The most transactions of a block; 1 to 100,000, default 2,000.
    pub max_block_transactions: u32,
    /// The most work of a block: microseconds that verifying it takes one core, about ([`Action::work`](crate::Action::work)); 1,500,000
    /// (no transaction takes more) to 60,000,000, default 1,500,000.
    pub max_block_work: u32,
    /// The prefilter, which spares hospitals comparisons and tells them keyword buckets (`docs/decisions/0009-prefilter.md`); default none.
    pub prefilter: Option<Prefilter>,
}

/// Parameters of the prefilter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Prefilter {
    /// B: bits of a bitmap; 256, 512 or 1024.
    pub bits: u16,
    /// w: bits that are set in each; n to B / 2.
    pub weight: u16,
}

impl Prefilter {
    /// With the default weight, 2n or B / 2 if that is less. With 2n at least half of the bits that are set in any bitmap are filled up, so
    /// that one taken by itself shows little; and a record that lacks k of a doctor's interests is compared in vain with probability
    /// about (2n / B)^k only.
    pub fn with_default_weight(bits: u16, n: u16) -> Self {
        let weight = n.saturating_mul(2).min(bits / 2);
        Self { bits, weight }
    }

    fn validate(self, n: u16) -> Result<(), SettingsError> {
        let Self { bits, weight } = self;
        if FilterSize::new(bits).is_err() {
            return Err(SettingsError::FilterBits { bits });
        }
        // Below n the keywords of some record would not fit.
        let (min, max) = (n, bits / 2);
        match (min..=max).contains(&weight) {
            true => Ok(()),
            false => Err(SettingsError::OutOfRange {
                name: "prefilter.weight",
                value: weight.into(),
                min: min.into(),
                max: max.into(),
            }),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            n: 32,
            matching_window_ms: DAY_MS,
            assignment_deadline_ms: 2 * DAY_MS,
            report_deadline_ms: 30 * DAY_MS,
            challenge_window_ms: DAY_MS,
            challenge_limit: 10,
            challenge_period_ms: 30 * DAY_MS,
            max_tip_age_ms: 60_000,
            heartbeat_ms: 10_000,
            max_clock_skew_ms: 10_000,
            max_transaction_lifetime: 10_000,
            max_transaction_bytes: 128 * 1024,
            max_block_bytes: 4 * 1024 * 1024,
            max_block_transactions: 2_000,
            max_block_work: 1_500_000,
            prefilter: None,
        }
    }
}

/// A setting outside its documented range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A number outside its range.
    #[error("setting {name} is {value}; it must be from {min} to {max}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: u64,
        /// The smallest value allowed.
        min: u64,
        /// The largest value allowed.
        max: u64,
    },
    /// A prefilter of another size.
    #[error("setting prefilter.bits is {bits}; it must be 256, 512 or 1024")]
    FilterBits {
        /// What it was set to.
        bits: u16,
    },
}

impl Settings {
    /// Checks every setting against its documented range.
    ///
    /// # Errors
    /// The first [`SettingsError`] in the order of the fields.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let (transaction, block) = (self.max_transaction_bytes, self.max_block_bytes);
        let ranges = [
            ("n", self.n.into(), 1, MAX_N.into()),
            (
                "matching_window_ms",
                self.matching_window_ms,
                10,
                90 * DAY_MS,
            ),
            (
                "assignment_deadline_ms",
                self.assignment_deadline_ms,
                10,
                90 * DAY_MS,
            ),
            (
                "report_deadline_ms",
                self.report_deadline_ms,
                10,
                365 * DAY_MS,
            ),
            (
                "challenge_window_ms",
                self.challenge_window_ms,
                10,
                90 * DAY_MS,
            ),
            ("challenge_limit", self.challenge_limit.into(), 1, 1_000),
            (
                "challenge_period_ms",
                self.challenge_period_ms,
                10,
                365 * DAY_MS,
            ),
            ("max_tip_age_ms", self.max_tip_age_ms, 100, DAY_MS),
            (
                "heartbeat_ms",
                self.heartbeat_ms,
                10,
                self.max_tip_age_ms / 2,
            ),
            ("max_clock_skew_ms", self.max_clock_skew_ms, 100, 60_000),
            (
                "max_transaction_lifetime",
                self.max_transaction_lifetime,
                1,
                1_000_000,
            ),
            (
                "max_transaction_bytes",
                transaction.into(),
                MIN_TRANSACTION_BYTES.into(),
                1024 * 1024,
            ),
            (
                "max_block_bytes",
                block.into(),
                transaction.into(),
                64 * 1024 * 1024,
            ),
            (
                "max_block_transactions",
                self.max_block_transactions.into(),
                1,
                100_000,
            ),
            (
                "max_block_work",
                self.max_block_work.into(),
                1_500_000,
                60_000_000,
            ),
        ];
        for (name, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(SettingsError::OutOfRange {
                    name,
                    value,
                    min,
                    max,
                });
            }
        }
        self.prefilter
            .map_or(Ok(()), |prefilter| prefilter.validate(self.n))
    }
}
