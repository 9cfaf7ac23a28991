//! `consilium bench match`: what matching many records with many doctors costs on this machine.
//!
//! The prefilter runs over all pairs. Pairings and openings are done for real on samples, whose indexes are made from the seed when
//! they are needed: making all of them would take longer than everything else. The table says of each figure which it is.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;
use consilium_contracts::Prefilter;
use consilium_gateway::matching::engine::{Capacity, Engine};
use consilium_gateway::matching::parallel::processors;
use consilium_schemes::matching::IndexSize;
use consilium_schemes::matching::prefilter::{FilterSize, Weight};
use consilium_schemes::tokens::KeywordToken;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::figures::{Figures, How};
use super::pairing::{Compared, Hospital, bare_loop};
use super::population::{Dictionary, Population, Seed, Size};
use super::sealed::opened_per_second;
use super::table::{Filtered, filter};
use crate::cli::answer::{Answer, Failure, Outcome};

/// Pairs of the measurement on one core.
const ON_ONE_CORE: usize = 800;
/// Comparisons of the bare loop for each thread.
const BARE: usize = 400;
/// Records with false candidates that are paired, for each record of the sample.
const FALSE_FOR_EACH: usize = 10;

/// How many of what.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Records; each draws 1 to N codes, each number as likely, and each code with its frequency; repeated codes count once
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    records: u32,
    /// Doctors, with 3 to 6 different interests each (at most N / 2 + 1), drawn with the same frequencies
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    doctors: u32,
    /// The most keywords of a record
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(4..=128))]
    n: u16,
    /// Bits of the prefilter's bitmaps
    #[arg(long, default_value = "all", value_parser = PossibleValuesParser::new(["256", "512", "1024", "all"]))]
    bits: String,
    /// Bits set in every bitmap, from N to half of the bitmap; by default twice N
    #[arg(long)]
    weight: Option<u16>,
    /// Equal seeds make equal records, doctors, indexes and trapdoors
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder with condition-codes.csv and other-codes.csv (system,code,display,count): codes with these frequencies. By default 1000 codes,
    /// of which the k-th has frequency 1 / k
    #[arg(long, value_name = "DIR")]
    codes: Option<PathBuf>,
    /// Records that are compared with all doctors by pairing; ten times as many with the doctors that the prefilter lets pass falsely
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sample: u32,
    /// MiB for prepared trapdoors and opened indexes, as the gateway's matching_memory_bytes
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: u64,
}

/// What all measurements need.
struct Bench<'a> {
    args: &'a ScaleArgs,
    seed: Seed,
    capacity: Capacity,
    population: &'a Population,
    tokens: &'a [KeywordToken],
    /// For each doctor the records that match, by the plain keywords.
    truth: &'a [Vec<u32>],
    hospital: Hospital<'a>,
    figures: Figures,
    /// What is not as it must be.
    wrong: Vec<String>,
}

/// Rates that later figures are computed from.
struct Rates {
    opened: f64,
    pairs: f64,
    bitmaps: f64,
}

/// Measures.
pub fn run(args: &ScaleArgs) -> Outcome {
    let start = Instant::now();
    let n = IndexSize::new(args.n)?;
    let size = Size {
        records: args.records as usize,
        doctors: args.doctors as usize,
        n,
    };
    let filters = args.filters()?;
    let seed = Seed(args.seed);
    let capacity = Capacity::within(args.memory << 20, n)
        .map_err(|error| Failure::Usage(format!("--memory in bytes {error}")))?;
    let dictionary = match &args.codes {
        Some(folder) => Dictionary::read(folder)?,
        None => Dictionary::built_in(),
    };
    let tokens = dictionary.tokens()?;
    let population = Population::draw(size, &dictionary, seed);
    let truth = population.truth(dictionary.len());
    let hospital = Hospital::new(n, &population, &tokens, seed)?;
    let mut bench = Bench {
        args,
        seed,
        capacity,
        population: &population,
        tokens: &tokens,
        truth: &truth,
        hospital,
        figures: Figures::default(),
        wrong: Vec::new(),
    };
    bench.population(start.elapsed());
    let (rates, strict) = bench.strict(n)?;
    for (size, weight) in filters {
        bench.filtered(size, weight, &rates, &strict)?;
    }
    Ok(bench.answer(start.elapsed()))
}

impl ScaleArgs {
    fn filters(&self) -> Result<Vec<(FilterSize, Weight)>, Failure> {
        let all = [256_u16, 512, 1024];
        let chosen = all
            .into_iter()
            .filter(|bits| self.bits == "all" || self.bits == bits.to_string());
        let sized = chosen.map(|bits| {
            let default = Prefilter::with_default_weight(bits, self.n);
            let weight = self.weight.unwrap_or(default.weight);
            let size = FilterSize::new(bits)?;
            match Weight::new(weight, size) {
                Ok(weight) if weight.get() >= self.n => Ok((size, weight)),
                _ => Err(Failure::Usage(format!(
                    "--weight must be {} to {} with {bits} bits; it is {weight}",
                    self.n,
                    bits / 2
                ))),
            }
        });
        sized.collect()
    }
}

impl Bench<'_> {
    fn population(&mut self, made: Duration) {
        let figures = &mut self.figures;
        let records = self.population.records();
        let pairs = records * self.population.doctors.len();
        let matches: usize = self.truth.iter().map(Vec::len).sum();
        figures.add(
            "input_s",
            "making records, doctors, trapdoors: not matching",
            seconds(made),
            "s",
            How::Measured,
        );
        figures.add("pairs", "pairs", pairs as f64, "pairs", How::Measured);
        figures.add(
            "matches",
            "pairs that match, by the plain keywords",
            matches as f64,
            "pairs",
            How::Measured,
        );
    }

    /// The records of the sample, spread over all.
    fn sample(&self, of: usize, count: usize) -> Vec<usize> {
        let count = count.min(of);
        (0..count).map(|at| at * of / count).collect()
    }

    /// Without a prefilter: rates on one core and on all, and whether Match says what the plain keywords say.
    fn strict(&mut self, n: IndexSize) -> Result<(Rates, Compared), Failure> {
        let all = processors();
        let (records, doctors) = (self.population.records(), self.population.doctors.len());
        let everybody: Vec<usize> = (0..doctors).collect();
        let pairs = (records * doctors) as u64;
        let (one, bare) = (
            bare_loop(n, NonZeroUsize::MIN, BARE, self.seed),
            bare_loop(n, all, BARE, self.seed),
        );
        let few: Vec<usize> = everybody.iter().take(100).copied().collect();
        let works: Vec<_> = self
            .sample(records, ON_ONE_CORE.div_ceil(few.len()))
            .into_iter()
            .map(|record| (record, few.clone()))
            .collect();
        let mut engine = Engine::new(self.capacity, NonZeroUsize::MIN);
        let alone = self.hospital.compare(
            &mut engine,
            NonZeroUsize::MIN,
            &works,
            &ProgressBar::hidden(),
        )?;
        let works: Vec<_> = self
            .sample(records, self.args.sample as usize)
            .into_iter()
            .map(|record| (record, everybody.clone()))
            .collect();
        let bar = bar(works.len() * doctors, "pairs compared");
        let mut engine = Engine::new(self.capacity, all);
        let strict = self.hospital.compare(&mut engine, all, &works, &bar)?;
        bar.finish_and_clear();
        self.check(
            alone.wrong + strict.wrong == 0,
            "Match does not say what the plain keywords say",
        );
        let bitmaps = opened_per_second(FilterSize::new(1024)?, self.seed)?;
        let rates = Rates {
            opened: rate(strict.indexes, strict.opening),
            pairs: rate(strict.pairs, strict.pairing),
            bitmaps,
        };
        let figures = &mut self.figures;
        let cores = format!("on {all} cores");
        let of = How::Sample(strict.pairs, pairs);
        figures.add(
            "bare_one",
            "bare loop: n + 1 Miller loops, one exponentiation, on one core",
            one,
            "pairs/s",
            How::Measured,
        );
        figures.add(
            "bare_all",
            &format!("bare loop {cores}"),
            bare,
            "pairs/s",
            How::Measured,
        );
        figures.add(
            "engine_one",
            "engine on one core",
            rate(alone.pairs, alone.pairing),
            "pairs/s",
            How::Sample(alone.pairs, pairs),
        );
        figures.add(
            "engine_all",
            &format!("engine {cores}"),
            rates.pairs,
            "pairs/s",
            of,
        );
        figures.add(
            "opened_all",
            &format!("indexes opened {cores}"),
            rates.opened,
            "1/s",
            How::Sample(strict.indexes, records as u64),
        );
        figures.add(
            "prepared_all",
            &format!("trapdoors opened and prepared {cores}"),
            rate(strict.trapdoors, strict.preparing),
            "1/s",
            How::Sample(strict.trapdoors, doctors as u64),
        );
        figures.add(
            "strict_s",
            "all pairs without a prefilter",
            pairs as f64 / rates.pairs + records as f64 / rates.opened,
            "s",
            How::Computed,
        );
        figures.add(
            "bitmaps_all",
            &format!("sealed bitmaps opened {cores}"),
            bitmaps,
            "1/s",
            How::Sample(super::sealed::SAMPLE, records as u64),
        );
        Ok((rates, strict))
    }

    /// With one: what passes, and what that costs.
    fn filtered(
        &mut self,
        size: FilterSize,
        weight: Weight,
        rates: &Rates,
        strict: &Compared,
    ) -> Result<(), Failure> {
        let records = self.population.records();
        let progress = bar(records, "bitmaps");
        let done = filter(
            self.population,
            self.tokens,
            self.truth,
            (size, weight),
            self.seed,
            &progress,
        )?;
        progress.finish_and_clear();
        let bits = size.bits();
        self.check(
            done.missed == 0,
            &format!("with {bits} bits {} matches do not pass", done.missed),
        );
        let lost = strict
            .matched
            .iter()
            .filter(|(record, doctor)| !done.passes(*record, *doctor));
        let lost = lost.count();
        self.check(
            lost == 0,
            &format!(
                "with {bits} bits {lost} pairs of the sample that match by pairing do not pass"
            ),
        );
        let (opened, paired) = self.pair_falsely_passed(&done)?;
        self.check(
            paired.matches + paired.wrong == 0,
            &format!("with {bits} bits a pair matches that must not"),
        );
        self.add_filtered(&done, (bits, weight), rates, (opened, &paired));
        Ok(())
    }

    /// Opens and pairs what passes falsely: how many records that is in all, and what was done.
    fn pair_falsely_passed(&self, done: &Filtered) -> Result<(u64, Compared), Failure> {
        let mut by_record: Vec<Vec<u32>> = vec![Vec::new(); self.population.records()];
        for (doctor, records) in (0_u32..).zip(&done.false_candidates) {
            for record in records {
                let all = by_record.get_mut(*record as usize);
                all.into_iter().for_each(|all| all.push(doctor));
            }
        }
        let mut works: Vec<(usize, Vec<usize>)> = Vec::new();
        let some: Vec<usize> = (0..by_record.len())
            .filter(|record| by_record.get(*record).is_some_and(|all| !all.is_empty()))
            .collect();
        for at in self.sample(some.len(), self.args.sample as usize * FALSE_FOR_EACH) {
            let Some(record) = some.get(at) else { continue };
            let doctors = by_record.get(*record).into_iter().flatten();
            works.push((*record, doctors.map(|doctor| *doctor as usize).collect()));
        }
        let pairs = works.iter().map(|(_, doctors)| doctors.len()).sum();
        let bar = bar(pairs, "falsely passed pairs compared");
        let mut engine = Engine::new(self.capacity, processors());
        let paired = self
            .hospital
            .compare(&mut engine, processors(), &works, &bar)?;
        bar.finish_and_clear();
        Ok((some.len() as u64, paired))
    }

    fn add_filtered(
        &mut self,
        done: &Filtered,
        (bits, weight): (u16, Weight),
        rates: &Rates,
        (opened, paired): (u64, &Compared),
    ) {
        let records = self.population.records() as f64;
        let falsely = done.passed - done.matches;
        let open_bitmaps = records / rates.bitmaps;
        let open_indexes = opened as f64 / rates.opened;
        let pair = falsely as f64 / rates.pairs;
        let (fill, find) = (seconds(done.filled), seconds(done.found));
        let all = open_bitmaps + fill + find + open_indexes + pair;
        let key = |name: &str| format!("bits_{bits}_{name}");
        let what = |text: &str| format!("{bits} bits, {} set: {text}", weight.get());
        let figures = &mut self.figures;
        let mut add = |name: &str, text: &str, value, unit, how| {
            figures.add(&key(name), &what(text), value, unit, how);
        };
        add(
            "made_s",
            "making bitmaps: not matching",
            seconds(done.made),
            "s",
            How::Measured,
        );
        add(
            "passed",
            "pairs that pass",
            done.passed as f64,
            "pairs",
            How::Measured,
        );
        add(
            "matches",
            "of them, matches",
            done.matches as f64,
            "pairs",
            How::Measured,
        );
        add(
            "missed",
            "matches that do not pass",
            done.missed as f64,
            "pairs",
            How::Measured,
        );
        add(
            "false",
            "pairs that pass falsely",
            falsely as f64,
            "pairs",
            How::Measured,
        );
        add(
            "false_records",
            "records with such pairs",
            opened as f64,
            "records",
            How::Measured,
        );
        add(
            "open_bitmaps_s",
            "opening the sealed bitmaps",
            open_bitmaps,
            "s",
            How::Computed,
        );
        add(
            "fill_s",
            "filling the table, on one core",
            fill,
            "s",
            How::Measured,
        );
        add(
            "find_s",
            "candidates of all doctors",
            find,
            "s",
            How::Measured,
        );
        let sampled = How::Sample(paired.pairs, falsely);
        add(
            "false_sample_s",
            "falsely passed pairs: opening and pairing",
            seconds(paired.opening + paired.pairing),
            "s",
            sampled,
        );
        add(
            "open_indexes_s",
            "opening the indexes of falsely passed pairs, once each",
            open_indexes,
            "s",
            How::Computed,
        );
        add("pair_false_s", "pairing them", pair, "s", How::Computed);
        add(
            "all_s",
            "all but the pairings of matches",
            all,
            "s",
            How::Computed,
        );
        add(
            "matches_s",
            "the pairings of matches",
            done.matches as f64 / rates.pairs,
            "s",
            How::Computed,
        );
    }

    fn check(&mut self, right: bool, otherwise: &str) {
        if !right {
            self.wrong.push(otherwise.to_owned());
        }
    }

    fn answer(mut self, took: Duration) -> Answer {
        if let Some(peak) = peak_memory() {
            self.figures.add(
                "peak_mib",
                "most memory of this process",
                (peak >> 20) as f64,
                "MiB",
                How::Measured,
            );
        }
        self.figures.add(
            "took_s",
            "this measurement, input included",
            seconds(took),
            "s",
            How::Measured,
        );
        let recall = match self.wrong.is_empty() {
            true => "Every match passes the prefilter, and Match says what the plain keywords say."
                .to_owned(),
            false => format!("WRONG: {}", self.wrong.join("; ")),
        };
        let args = self.args;
        let head = format!(
            "{} records, {} doctors, n = {}, seed {}, sample of {} records, {} cores",
            args.records,
            args.doctors,
            args.n,
            args.seed,
            args.sample,
            processors()
        );
        let text = format!("{head}\n\n{}\n\n{recall}", self.figures.table());
        let json = json!({
            "records": args.records, "doctors": args.doctors, "n": args.n, "seed": args.seed, "sample": args.sample,
            "cores": processors(), "figures": self.figures.json(), "wrong": self.wrong,
        });
        let answer = Answer::new(text, json);
        match self.wrong.is_empty() {
            true => answer,
            false => answer.unsuccessful(),
        }
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / seconds(time).max(1e-9)
}

/// The most resident memory of this process so far, where the system says it.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn bar(length: usize, of: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    // Hidden where standard error is no terminal. The template is a constant; without it the bar looks plain.
    let bar = ProgressBar::new(length as u64).with_message(of.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
