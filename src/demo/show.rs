//! What the demo shows while it runs: one line for each step in plain words, a bar for what takes longer.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows, and keeps the time.
pub struct Show {
    quiet: bool,
    seconds: BTreeMap<&'static str, f64>,
}

/// A step that runs.
pub struct Step {
    name: &'static str,
    started: Instant,
    bar: ProgressBar,
}

impl Step {
    /// One more thing is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// The bar, for tasks that advance it.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

impl Show {
    /// `quiet`: only the time is kept.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            seconds: BTreeMap::new(),
        }
    }

    /// A line.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            // Nobody watches a closed terminal; the summary's own writing reports that.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// Begins a step of `length` things.
    pub fn begin(&self, name: &'static str, line: &str, length: usize) -> Step {
        self.say(line);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let bar = match self.quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(length),
        };
        if let Ok(style) = ProgressStyle::with_template("     {bar:32} {pos}/{len}  {elapsed}") {
            bar.set_style(style);
        }
        Step {
            name,
            started: Instant::now(),
            bar,
        }
    }

    /// Ends a step, with what came of it.
    pub fn end(&mut self, step: &Step, line: &str) {
        step.bar.finish_and_clear();
        let seconds = step.started.elapsed().as_secs_f64();
        *self.seconds.entry(step.name).or_default() += seconds;
        self.say(&format!("     {line}  [{seconds:.1} s]"));
    }

    /// Seconds per step.
    pub fn seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.seconds
    }
}
