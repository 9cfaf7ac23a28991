//! What the prefilter lets pass, and what that costs.

use consilium_gateway::matching::engine::Engine;
use consilium_schemes::matching::prefilter::{FilterSize, Weight};
use consilium_schemes::parallel::processors;

use super::figures::How;
use super::pairing::Compared;
use super::scale::{Bench, Rates, bar, seconds};
use super::table::{Filtered, filter};
use crate::cli::answer::Failure;

/// Records with false candidates that are paired, for each record of the sample.
const FALSE_FOR_EACH: usize = 10;

impl Bench<'_> {
    /// With one: what passes, and what that costs.
    pub fn filtered(
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
}
