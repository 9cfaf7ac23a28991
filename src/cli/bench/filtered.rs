//! What the prefilter lets pass, and what that costs.

use std::collections::BTreeMap;

use consilium_gateway::matching::engine::Engine;
use consilium_schemes::matching::prefilter::{FilterSize, Weight};
use consilium_schemes::parallel::processors;

use super::figures::{Figures, How};
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
        let paired = self.pair_falsely_passed(&done)?;
        self.check(
            paired.matches + paired.wrong == 0,
            &format!("with {bits} bits a pair matches that must not"),
        );
        self.paired_falsely += paired.pairs;
        let opened = self.with_pairs_that_pass(&done);
        self.filters
            .push((bits, self.figures_of(&done, weight, rates, opened)));
        Ok(())
    }

    /// Records that have a pair that passes, be it a match or not: their indexes are opened, once.
    fn with_pairs_that_pass(&self, done: &Filtered) -> usize {
        let mut passes = vec![false; self.population.records()];
        let all = self.truth.iter().chain(&done.false_candidates).flatten();
        for record in all {
            let one = passes.get_mut(*record as usize);
            one.into_iter().for_each(|one| *one = true);
        }
        passes.into_iter().filter(|passes| *passes).count()
    }

    /// Opens and pairs some of what passes falsely.
    fn pair_falsely_passed(&self, done: &Filtered) -> Result<Compared, Failure> {
        let mut by_record: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (doctor, records) in done.false_candidates.iter().enumerate() {
            for record in records {
                by_record.entry(*record as usize).or_default().push(doctor);
            }
        }
        let by_record: Vec<(usize, Vec<usize>)> = by_record.into_iter().collect();
        let wanted = self.args.sample as usize * FALSE_FOR_EACH;
        let works = self.sample(by_record.len(), wanted).into_iter();
        let works: Vec<_> = works.filter_map(|at| by_record.get(at).cloned()).collect();
        let pairs = works.iter().map(|(_, doctors)| doctors.len()).sum();
        let bar = bar(pairs, "falsely passed pairs compared");
        let mut engine = Engine::new(self.capacity, processors());
        let paired = self
            .hospital
            .compare(&mut engine, processors(), &works, &bar)?;
        bar.finish_and_clear();
        Ok(paired)
    }

    fn figures_of(&self, done: &Filtered, weight: Weight, rates: &Rates, opened: usize) -> Figures {
        let falsely = (done.passed - done.matches) as f64;
        let matches = done.matches as f64;
        let doctors = self.population.doctors.len() as f64;
        let filters_s = (self.population.records() as f64 + doctors) / rates.bitmaps;
        let trapdoors_s = doctors / rates.prepared;
        let indexes_s = opened as f64 / rates.opened;
        let (fill_s, find_s) = (seconds(done.filled), seconds(done.found));
        let (false_s, matches_s) = (falsely / rates.pairs, matches / rates.pairs);
        let but_matches = filters_s + trapdoors_s + fill_s + find_s + indexes_s + false_s;
        let (measured, computed) = (How::Measured, How::Computed);
        let mut figures = Figures::default();
        for (key, what, value, unit, how) in [
            (
                "weight",
                "bits set in every bitmap",
                f64::from(weight.get()),
                "bits",
                How::Given,
            ),
            (
                "passed",
                "pairs that pass",
                done.passed as f64,
                "pairs",
                measured,
            ),
            (
                "matches",
                "  matches among them",
                matches,
                "pairs",
                measured,
            ),
            (
                "missed",
                "  matches that do not pass",
                done.missed as f64,
                "pairs",
                measured,
            ),
            (
                "false",
                "  pairs that pass and do not match",
                falsely,
                "pairs",
                measured,
            ),
            (
                "records",
                "records with pairs that pass",
                opened as f64,
                "records",
                measured,
            ),
            (
                "made_s",
                "making bitmaps: the owners' work, not counted below",
                seconds(done.made),
                "s",
                measured,
            ),
            (
                "open_filters_s",
                "opening all sealed bitmaps, and the doctors' buckets",
                filters_s,
                "s",
                computed,
            ),
            (
                "prepare_s",
                "opening and preparing all trapdoors, once",
                trapdoors_s,
                "s",
                computed,
            ),
            (
                "fill_s",
                "putting them into the table, on one core",
                fill_s,
                "s",
                measured,
            ),
            ("find_s", "looking up every doctor", find_s, "s", measured),
            (
                "open_indexes_s",
                "opening the indexes of records with pairs that pass",
                indexes_s,
                "s",
                computed,
            ),
            (
                "pair_false_s",
                "comparing pairs that do not match",
                false_s,
                "s",
                computed,
            ),
            (
                "but_matches_s",
                "these six together",
                but_matches,
                "s",
                computed,
            ),
            (
                "pair_matches_s",
                "comparing pairs that match",
                matches_s,
                "s",
                computed,
            ),
            ("all_s", "all of it", but_matches + matches_s, "s", computed),
        ] {
            figures.add(key, what, value, unit, how);
        }
        figures
    }
}
