//! `consilium bench match`: what matching many records with many doctors costs on this machine.
//!
//! The prefilter runs over all pairs. Pairings and openings are done for real on samples, whose indexes are made from the seed when
//! they are needed: making all of them would take longer than everything else. The table says of each figure which it is.

use std::fs;
use std::time::{Duration, Instant};

use consilium_gateway::matching::engine::{Capacity, Engine};
use consilium_schemes::matching::IndexSize;
use consilium_schemes::matching::prefilter::FilterSize;
use consilium_schemes::parallel::processors;
use consilium_schemes::tokens::KeywordToken;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::ScaleArgs;
use super::figures::{Figures, How};
use super::pairing::{Compared, Hospital, bare_loop};
use super::population::{Dictionary, Population, Seed, Size};
use super::sealed::opened_per_second;
use crate::cli::answer::{Answer, Failure, Outcome};

/// Pairs of the measurement on one core.
const ON_ONE_CORE: usize = 800;
/// Comparisons of the bare loop for each thread.
const BARE: usize = 400;
/// Indexes that are opened for the rate.
const OPENED: usize = 1000;

/// What all measurements need.
pub struct Bench<'a> {
    pub args: &'a ScaleArgs,
    pub seed: Seed,
    pub capacity: Capacity,
    pub population: &'a Population,
    pub tokens: &'a [KeywordToken],
    /// For each doctor the records that match, by the plain keywords.
    pub truth: &'a [Vec<u32>],
    pub hospital: Hospital<'a>,
    pub figures: Figures,
    /// For each size of bitmaps.
    pub filters: Vec<(u16, Figures)>,
    /// Pairs that were compared without one.
    pub paired: u64,
    /// Pairs that pass a filter, do not match, and were compared.
    pub paired_falsely: u64,
    /// What is not as it must be.
    pub wrong: Vec<String>,
}

/// Rates that later figures are computed from.
pub struct Rates {
    pub opened: f64,
    pub prepared: f64,
    pub pairs: f64,
    pub bitmaps: f64,
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
    let capacity = Capacity::within(args.memory << 20, n).map_err(|error| {
        Failure::Usage(format!(
            "--memory (in bytes, of which 1048576 are one MiB) {error}"
        ))
    })?;
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
        filters: Vec::new(),
        paired: 0,
        paired_falsely: 0,
        wrong: Vec::new(),
    };
    bench.population(start.elapsed());
    let (rates, strict) = bench.strict(n)?;
    for (size, weight) in filters {
        bench.filtered(size, weight, &rates, &strict)?;
    }
    Ok(bench.answer(start.elapsed()))
}

impl Bench<'_> {
    fn population(&mut self, made: Duration) {
        let figures = &mut self.figures;
        let records = self.population.records();
        let pairs = records * self.population.doctors.len();
        let matches: usize = self.truth.iter().map(Vec::len).sum();
        figures.add(
            "input_s",
            "making records, doctors and trapdoors: no part of matching",
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
    pub fn sample(&self, of: usize, count: usize) -> Vec<usize> {
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
            bare_loop(n, 1, BARE, self.seed),
            bare_loop(n, all, BARE, self.seed),
        );
        let few: Vec<usize> = everybody.iter().take(100).copied().collect();
        let works: Vec<_> = self
            .sample(records, ON_ONE_CORE.div_ceil(few.len()))
            .into_iter()
            .map(|record| (record, few.clone()))
            .collect();
        let mut engine = Engine::new(self.capacity, 1);
        let alone = self
            .hospital
            .compare(&mut engine, 1, &works, &ProgressBar::hidden())?;
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
        self.paired = alone.pairs + strict.pairs;
        let bitmaps = opened_per_second(FilterSize::new(1024)?, self.seed)?;
        let openings = self.sample(records, OPENED);
        let rates = Rates {
            opened: self.hospital.opened_per_second(&openings)?,
            prepared: rate(strict.trapdoors, strict.preparing),
            pairs: rate(strict.pairs, strict.pairing),
            bitmaps,
        };
        let figures = &mut self.figures;
        let cores = format!("on {all} cores");
        let of = How::Sample(strict.pairs, pairs);
        figures.add(
            "bare_one",
            "for comparison, the bare pairings of a pair, on one core",
            one,
            "pairs/s",
            How::Measured,
        );
        figures.add(
            "bare_all",
            &format!("the same {cores}"),
            bare,
            "pairs/s",
            How::Measured,
        );
        figures.add(
            "engine_one",
            "pairs compared as the gateway does, on one core",
            rate(alone.pairs, alone.pairing),
            "pairs/s",
            How::Sample(alone.pairs, pairs),
        );
        figures.add(
            "engine_all",
            &format!("pairs compared {cores}"),
            rates.pairs,
            "pairs/s",
            of,
        );
        figures.add(
            "opened_all",
            &format!("indexes opened {cores}"),
            rates.opened,
            "1/s",
            How::Sample(openings.len() as u64, records as u64),
        );
        figures.add(
            "prepared_all",
            &format!("trapdoors opened and prepared {cores}"),
            rates.prepared,
            "1/s",
            How::Sample(strict.trapdoors, doctors as u64),
        );
        figures.add(
            "strict_s",
            "all pairs without a prefilter",
            pairs as f64 / rates.pairs
                + records as f64 / rates.opened
                + doctors as f64 / rates.prepared,
            "s",
            How::Computed,
        );
        figures.add(
            "bitmaps_all",
            &format!("sealed bitmaps opened {cores} ({})", super::sealed::SAMPLE),
            bitmaps,
            "1/s",
            How::Measured,
        );
        Ok((rates, strict))
    }

    /// Notes what is not as it must be.
    pub fn check(&mut self, right: bool, otherwise: &str) {
        if !right {
            self.wrong.push(otherwise.to_owned());
        }
    }

    /// Whether the filters and the pairings say what the plain keywords say.
    fn verdict(&self) -> String {
        let matches: usize = self.truth.iter().map(Vec::len).sum();
        match (self.wrong.is_empty(), matches) {
            (false, _) => format!("WRONG: {}", self.wrong.join("; ")),
            (true, 0) => "No pair matches: there was no match to check.".to_owned(),
            (true, _) => format!(
                "Every match passes every prefilter, and pairing says what the plain keywords say: on {} pairs of all, and on {} that pass and do not match.",
                self.paired, self.paired_falsely
            ),
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
        let cases = self.filters.iter();
        let cases: Vec<_> = cases
            .map(|(bits, figures)| (format!("{bits} bits"), figures))
            .collect();
        let beside = Figures::side_by_side("with a prefilter of", &cases);
        let text = format!(
            "{head}\n\n{}\n\n{beside}\n\n{}",
            self.figures.table(),
            self.verdict()
        );
        let mut figures = self.figures.json("");
        for (bits, of) in &self.filters {
            figures.append(&mut of.json(&format!("bits_{bits}_")));
        }
        let json = json!({
            "records": args.records, "doctors": args.doctors, "n": args.n, "seed": args.seed, "sample": args.sample,
            "memory_mib": args.memory, "codes": args.codes, "cores": processors(), "figures": figures, "wrong": self.wrong,
        });
        let answer = Answer::new(text, json);
        match self.wrong.is_empty() {
            true => answer,
            false => answer.unsuccessful(),
        }
    }
}

/// In seconds.
pub fn seconds(duration: Duration) -> f64 {
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

/// A bar of so many.
pub fn bar(length: usize, of: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    // Hidden where standard error is no terminal. The template is a constant; without it the bar looks plain.
    let bar = ProgressBar::new(length as u64).with_message(of.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
