//! Whether a time depends on a secret: the test of Reparaz, Balasch and Verbauwhede, *Dude, is my code constant time?*, DATE 2017.
//!
//! Two classes of secrets, one fixed and one random, in random order; every input is made and copied to its place before its time is
//! taken, by the same steps for both. Welch's t-test compares the classes, over all times and over those below each of a hundred
//! thresholds, because interruptions make long times long; the largest |t| counts. The fixed secret is one that a careless
//! implementation is fast with: the exponent is 3, all zeros but for two bits.

use std::time::Instant;

use consilium_schemes::abe::{SemiCiphertext, UserSecretKey, dec};
use consilium_schemes::curve::{FixedG2, G1, G2, Gt, Scalar, SecretScalar, pairing};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::power::leaking_power;
use super::raw::{Lines, affine_g1, affine_g2, g1, g2, miller_loop, reduce};
use super::setting::{Record, Setting, random};
use super::{BOUND_ROWS, SMALL_DEPTH, Scale};
use crate::failure::Failure;
use crate::report::{Bound, Table};
use crate::statistics::done;

/// |t| above which a difference is taken for certain.
const BOUND: f64 = 10.0;
/// Thresholds below which times are compared.
const THRESHOLDS: u32 = 100;
/// Fewer times than one in so many say nothing.
const ENOUGH: usize = 10;
/// Secrets of each class that are there ahead: those of the fixed one are equal, and lie as far apart in memory as the others.
const POOL: usize = 256;
/// Of the control, one measurement for so many of the others.
const CONTROL_SHARE: usize = 10;

/// What is known of one operation.
struct Finding {
    what: &'static str,
    measurements: usize,
    /// Means of the classes, in ns: fixed, random.
    means: [f64; 2],
    t: f64,
}

impl Finding {
    /// Measures `run` on what `input` makes of a secret's place in the pool.
    fn measure<I>(
        what: &'static str,
        measurements: usize,
        mut input: impl FnMut(usize) -> Result<I, Failure>,
        mut run: impl FnMut(&I) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        eprintln!("schemes: constant time, {what}");
        let order = &mut random("classes");
        let mut times = Vec::with_capacity(measurements);
        for _ in 0..measurements {
            let (class, place) = draw(order);
            let input = input(place)?;
            let begun = Instant::now();
            run(&input)?;
            times.push((class, begun.elapsed().as_nanos() as f64));
        }
        let all = Classes::below(&times, f64::INFINITY);
        Ok(Self {
            what,
            measurements,
            means: all.0.map(|class| class.mean),
            t: largest_t(&times),
        })
    }

    fn row(&self) -> Vec<String> {
        let [fixed, random] = self.means.map(|ns| format!("{:.2}", ns / 1000.0));
        vec![
            self.what.to_owned(),
            self.measurements.to_string(),
            fixed,
            random,
            format!("{:.1}", self.t),
        ]
    }
}

/// A class, 0 for the fixed secret, and the place of one of its secrets in the pool.
fn draw(rng: &mut StdRng) -> (usize, usize) {
    let bits = rng.next_u32() as usize;
    let class = bits & 1;
    (class, class * POOL + (bits >> 1) % POOL)
}

/// Mean and sum of squared deviations of the times of one class (Welford).
#[derive(Clone, Copy, Default)]
struct Class {
    count: f64,
    mean: f64,
    squares: f64,
}

/// Both classes.
struct Classes([Class; 2]);

impl Classes {
    /// Of the times up to this.
    fn below(times: &[(usize, f64)], threshold: f64) -> Self {
        let mut classes = [Class::default(); 2];
        for (class, time) in times.iter().filter(|(_, time)| *time <= threshold) {
            let Some(class) = classes.get_mut(*class) else {
                continue;
            };
            class.count += 1.0;
            let delta = time - class.mean;
            class.mean += delta / class.count;
            class.squares += delta * (time - class.mean);
        }
        Self(classes)
    }

    /// |t|, if there are enough of both.
    fn t(&self, enough: f64) -> Option<f64> {
        let [a, b] = self.0;
        if a.count + b.count < enough || a.count < 2.0 || b.count < 2.0 {
            return None;
        }
        let of = |class: Class| class.squares / (class.count - 1.0) / class.count;
        let error = (of(a) + of(b)).sqrt();
        (error > 0.0).then(|| (a.mean - b.mean).abs() / error)
    }
}

/// Over all times, and over those below each threshold.
fn largest_t(times: &[(usize, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let threshold = |number: u32| {
        // Denser towards the short times, as in the authors' program.
        let share = 1.0 - 0.5f64.powf(10.0 * f64::from(number) / f64::from(THRESHOLDS));
        sorted.get((share * sorted.len() as f64) as usize).copied()
    };
    let thresholds = (1..=THRESHOLDS).filter_map(threshold);
    let enough = (times.len() / ENOUGH) as f64;
    let of = |threshold| Classes::below(times, threshold).t(enough);
    let all = thresholds.chain([f64::INFINITY]).filter_map(of);
    all.fold(0.0, f64::max)
}

/// The secrets of both classes, as exponents: 3 each time, then random ones.
fn exponents() -> Vec<Scalar> {
    let rng = &mut random("secrets");
    let fixed = std::iter::repeat_n(Scalar::from(3), POOL);
    fixed
        .chain((0..POOL).map(|_| Scalar::random(rng)))
        .collect()
}

/// Doctors with the exponents as 1/beta, each with a transform of the same record that opens it.
struct Doctors(Vec<(Vec<u8>, SemiCiphertext)>);

impl Doctors {
    /// From the transform A for beta: for beta' it is A^{beta'/beta}.
    fn new(setting: &Setting, record: &Record, exponents: &[Scalar]) -> Result<Self, Failure> {
        let key = setting.beta.to_bytes();
        let (frame, beta) = key
            .split_last_chunk::<{ Scalar::BYTES }>()
            .ok_or_else(|| Failure::new("a user's secret is shorter than a scalar"))?;
        let inverse = |scalar: Scalar| {
            let zero = || Failure::new("a secret is zero");
            scalar.invert().ok_or_else(zero)
        };
        let own = inverse(Scalar::from_bytes(beta)?)?;
        let a_begins = record.semi.len() - 2 * Gt::BYTES;
        let (semi_frame, pair) = record.semi.split_at(a_begins);
        let (a, b) = pair.split_at(Gt::BYTES);
        let a = Gt::from_bytes(a)?;
        let doctor = |exponent: &Scalar| {
            let beta = inverse(*exponent)?;
            let key = [frame, &beta.to_bytes()].concat();
            let a = a.pow(&(beta * own)).to_bytes();
            let semi = SemiCiphertext::from_bytes(&[semi_frame, &a, b].concat())?;
            Ok((key, semi))
        };
        Ok(Self(
            exponents
                .iter()
                .map(doctor)
                .collect::<Result<_, Failure>>()?,
        ))
    }

    /// Secret and transform of one, copied.
    fn get(&self, place: usize) -> Result<(UserSecretKey, SemiCiphertext), Failure> {
        let missing = || Failure::new("no such doctor");
        let (key, semi) = self.0.get(place).ok_or_else(missing)?;
        Ok((UserSecretKey::from_bytes(key)?, semi.clone()))
    }
}

/// Everything that a doctor's device does with its secret, and a control that must be found.
pub fn measure(scale: &Scale) -> Result<(Table, Vec<Bound>), Failure> {
    let measurements = scale.measurements;
    let exponents = exponents();
    let at = |place: usize| exponents.get(place).copied().unwrap_or_default();
    let secret = |place| Ok(SecretScalar::new(at(place)));
    let setting = Setting::new(SMALL_DEPTH)?;
    let record = setting.record(BOUND_ROWS)?;
    let doctors = Doctors::new(&setting, &record, &exponents)?;
    let whole = Finding::measure(
        "Dec",
        measurements,
        |place| doctors.get(place),
        |(beta, semi)| done(dec(beta, semi, &record.capsule, &record.digest)?),
    )?;
    let base = pairing(&G1::generator(), &G2::generator());
    let power = Finding::measure("a power in GT", measurements, secret, |k| {
        done(base.pow_secret(k))
    })?;
    let multiple = Finding::measure("a multiple of g2", measurements, secret, |k| {
        done(FixedG2::generator() * k)
    })?;
    let [p] = affine_g1([g1()]);
    let base = miller_loop([(&p, &Lines::of(&affine_g2(&g2())))]).final_exp();
    let control = Finding::measure(
        "control: a power in GT that skips zeros",
        measurements / CONTROL_SHARE,
        |place| Ok(reduce(&at(place).to_bytes())),
        |k| done(leaking_power(&base, k)),
    )?;
    let bound = |finding: &Finding| Bound {
        asked: format!(
            "{}: its time does not depend on the secret, |t| < {BOUND:.0}",
            finding.what
        ),
        found: format!(
            "{:.1} over {} measurements",
            finding.t, finding.measurements
        ),
        holds: finding.t < BOUND,
    };
    let seen = Bound {
        asked: format!("{}: the test sees it, |t| > {BOUND:.0}", control.what),
        found: format!("{:.1}", control.t),
        holds: control.t > BOUND,
    };
    let all = [whole, power, multiple, control];
    let mut bounds: Vec<Bound> = all.iter().take(3).map(bound).collect();
    bounds.push(seen);
    let table = Table {
        caption: "Times with a fixed secret and with random ones, in µs (mean), and Welch's |t| at its largest".into(),
        head: vec!["", "measurements", "fixed", "random", "|t|"],
        rows: all.iter().map(Finding::row).collect(),
    };
    Ok((table, bounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times that alternate between two of each class, `apart` ns more for the random one.
    fn times(apart: f64) -> Vec<(usize, f64)> {
        let time = |number: usize| {
            let class = number & 1;
            (
                class,
                1000.0 + apart * class as f64 + (number >> 1 & 1) as f64,
            )
        };
        (0..4000).map(time).collect()
    }

    #[test]
    fn a_difference_of_the_means_is_found_and_its_absence_too() {
        assert!(largest_t(&times(0.0)) < 1.0);
        assert!(largest_t(&times(1.0)) > BOUND);
    }

    #[test]
    fn a_difference_hidden_by_interruptions_is_found_below_a_threshold() {
        let mut hidden = times(1.0);
        for (number, (_, time)) in hidden.iter_mut().enumerate().skip(3) {
            if number % 7 == 0 {
                *time += 1e6 * (number % 13) as f64;
            }
        }
        let all = Classes::below(&hidden, f64::INFINITY).t(1.0).unwrap();
        assert!(all < BOUND && largest_t(&hidden) > BOUND);
    }

    #[test]
    fn the_control_is_found_and_every_doctor_opens_the_record() {
        let scale = Scale {
            measurements: 2000,
            ..Scale::quick()
        };
        let (table, bounds) = measure(&scale).unwrap();
        assert_eq!((table.rows.len(), bounds.len()), (4, 4));
        assert!(bounds[3].holds, "{}", bounds[3].found);
    }
}
