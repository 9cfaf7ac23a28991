//! What comes in: the records of a folder, and the keys that each of them gets.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consilium_client::device::patient::RecordKeys;
use consilium_records::{Choice, Keyword, Limits, Records, SourceRecord, choose};
use consilium_schemes::parallel::{in_parallel, processors};

use super::show::Show;
use super::summary::{Skipped, Summary};
use crate::cli::{Failure, keywords};

/// Keywords of a record: the federation's default.
const N: usize = 32;

/// A record of the input and the keywords that it is found by.
pub struct Input {
    /// The record.
    pub source: Arc<SourceRecord>,
    /// What it is found by.
    pub keywords: Vec<Keyword>,
}

/// Stops the search for primes when nobody waits for the keys any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads the input: what becomes a record, and what does not.
pub fn read(show: &mut Show, path: &Path, summary: &mut Summary) -> Result<Vec<Input>, Failure> {
    let line = format!("Reading records from {}", path.display());
    let mut records = Records::open(path, &Limits::default())?;
    let step = show.begin("read", &line, records.patients());
    summary.read = records.patients();
    let mut inputs = Vec::new();
    let mut distinct = BTreeSet::new();
    for source in &mut records {
        let chosen = choose(source.candidates(), N, &Choice::Default)?;
        let dropped = keywords::convert(&chosen).dropped;
        let label = source.patient().id().to_owned();
        summary.skipped.extend(dropped.iter().map(|one| Skipped {
            what: format!("keyword {} of {label}", one.keyword),
            reason: one.reason.clone(),
        }));
        let usable = chosen
            .into_iter()
            .filter(|keyword| dropped.iter().all(|one| one.keyword != keyword.as_str()));
        let keywords: Vec<Keyword> = usable.collect();
        distinct.extend(keywords.iter().cloned());
        inputs.push(Input {
            source: Arc::new(source),
            keywords,
        });
        step.advance();
    }
    summary
        .skipped
        .extend(records.skipped().iter().map(|one| Skipped {
            what: shown(one.path(), path),
            reason: one.reason().to_string(),
        }));
    summary.keywords = distinct.len();
    show.end(
        &step,
        &format!(
            "{} patients, {} keywords, {} parts skipped",
            inputs.len(),
            distinct.len(),
            summary.skipped.len()
        ),
    );
    match inputs.is_empty() {
        true => Err(nothing(path, &summary.skipped)),
        false => Ok(inputs),
    }
}

fn nothing(path: &Path, skipped: &[Skipped]) -> Failure {
    let reasons = skipped.iter().take(5);
    let reasons: String = reasons
        .map(|one| format!("\n  {}: {}", one.what, one.reason))
        .collect();
    Failure::said(format!(
        "{}: there is no record in it; FHIR R4 (JSON, NDJSON, gzip) and DICOM files are taken{reasons}",
        path.display()
    ))
}

/// A file's place in the input.
fn shown(file: &Path, input: &Path) -> String {
    let within = file.strip_prefix(input).unwrap_or(file);
    let within = if within.as_os_str().is_empty() {
        file
    } else {
        within
    };
    within.display().to_string()
}

/// Each record's keys on the patient's device; finding primes takes seconds, so every processor does.
pub async fn make_keys(show: &mut Show, count: usize) -> Result<Vec<RecordKeys>, Failure> {
    let step = show.begin(
        "rsa keys",
        "Every record gets keys of its own, an RSA key for the report among them",
        count,
    );
    let bar = step.bar();
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let made = tokio::task::spawn_blocking(move || {
        let wanted = (0..count).take_while(|_| !stopped.load(Ordering::Relaxed));
        in_parallel(processors(), wanted, |_| {
            let made = RecordKeys::generate(&mut rand::rng());
            bar.inc(1);
            made
        })
    });
    let keys = made.await?.into_iter().collect::<Result<Vec<_>, _>>()?;
    show.end(&step, &format!("{} keys", keys.len()));
    Ok(keys)
}
