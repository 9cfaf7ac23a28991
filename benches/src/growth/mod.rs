//! How the cost of each algorithm grows over its parameters: criterion measures, under names that stay (`abe/pre_dec/rows/10`), and keeps
//! its own records beside ours, so that it says what changed since the last run on the same machine.
//!
//! Criterion wants ten measurements at the least. What takes seconds is timed three times without it.

mod families;

use std::fs;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};

use crate::failure::Failure;
use crate::plot::{Line, Plot};
use crate::report::{Picture, Section, Table};
use crate::statistics::{medians, milliseconds};

use families::{Cost, FAMILIES, Family, Task};

/// How much is measured.
pub struct Scale {
    /// How many of each family's parameters.
    parameters: usize,
    warm_up: Duration,
    measurement: Duration,
    /// Where criterion does not measure.
    repeats: usize,
}

impl Scale {
    /// What the report is made of.
    pub fn full() -> Self {
        Self {
            parameters: usize::MAX,
            warm_up: Duration::from_millis(200),
            measurement: Duration::from_millis(1000),
            repeats: 3,
        }
    }

    /// Just enough to see that everything works.
    pub fn quick() -> Self {
        Self {
            parameters: 1,
            warm_up: Duration::from_millis(1),
            measurement: Duration::from_millis(10),
            repeats: 1,
        }
    }
}

/// Measures everything; criterion's records lie below `dir`.
pub fn measure(dir: &Path, scale: &Scale) -> Result<Section, Failure> {
    let records = dir.join("criterion");
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&records)
        .warm_up_time(scale.warm_up)
        .measurement_time(scale.measurement)
        .sample_size(10)
        .nresamples(2000);
    let (mut tables, mut plots) = (Vec::new(), Vec::new());
    for family in &FAMILIES {
        let grown = Grown::measure(family, &records, &mut criterion, scale)?;
        tables.push(grown.table());
        plots.push(grown.plot());
    }
    Ok(Section {
        title: "How costs grow",
        words: include_str!("words.md"),
        tables,
        bounds: Vec::new(),
        plots,
    })
}

/// The times of one family, by parameter and cost.
struct Grown<'a> {
    family: &'a Family,
    rows: Vec<(usize, Vec<Duration>)>,
}

impl<'a> Grown<'a> {
    fn measure(
        family: &'a Family,
        records: &Path,
        criterion: &mut Criterion,
        scale: &Scale,
    ) -> Result<Self, Failure> {
        let parameters = family.parameters.iter().take(scale.parameters);
        let rows = parameters.map(|parameter| {
            let times = family.costs.iter().map(|cost| {
                eprintln!("growth: {}/{parameter}", cost.id);
                let mut task = (cost.prepare)(*parameter)?;
                match *parameter >= family.slow_from {
                    true => medians(scale.repeats, [&mut task]).map(|[time]| time),
                    false => by_criterion(criterion, records, cost, *parameter, task),
                }
            });
            Ok((*parameter, times.collect::<Result<_, Failure>>()?))
        });
        let rows = rows.collect::<Result<_, Failure>>()?;
        Ok(Self { family, rows })
    }

    fn table(&self) -> Table {
        let row = |(parameter, times): &(usize, Vec<Duration>)| {
            let cells = times
                .iter()
                .map(|time| format!("{:.2}", milliseconds(*time)));
            std::iter::once(parameter.to_string())
                .chain(cells)
                .collect()
        };
        let names = self.family.costs.iter().map(|cost| cost.name);
        Table {
            caption: format!("{}, in ms (median)", self.family.title),
            head: std::iter::once(self.family.x).chain(names).collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    fn plot(&self) -> Picture {
        let line = |(number, cost): (usize, &Cost)| {
            let point = |(parameter, times): &(usize, Vec<Duration>)| {
                let time = times.get(number).copied().unwrap_or_default();
                (*parameter as f64, milliseconds(time))
            };
            Line {
                name: cost.name,
                points: self.rows.iter().map(point).collect(),
            }
        };
        let plot = Plot {
            title: self.family.title,
            x: self.family.x,
            y: "ms",
            lines: self.family.costs.iter().enumerate().map(line).collect(),
        };
        Picture {
            name: self.family.file,
            caption: self.family.title,
            svg: plot.svg(),
        }
    }
}

/// The median that criterion estimates.
fn by_criterion(
    criterion: &mut Criterion,
    records: &Path,
    cost: &Cost,
    parameter: usize,
    mut task: Task,
) -> Result<Duration, Failure> {
    // What fails fails here, and not within a measurement.
    task()?;
    let mut failed = None;
    let mut group = criterion.benchmark_group(cost.id);
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter(parameter), |bencher| {
        bencher.iter(|| failed = task().err());
    });
    group.finish();
    match failed {
        Some(failure) => Err(failure),
        None => median(records, cost.id, parameter),
    }
}

/// What criterion wrote for a name: it takes a group's name for one folder, with `_` for `/`.
fn median(records: &Path, id: &str, parameter: usize) -> Result<Duration, Failure> {
    let folder = records.join(id.replace('/', "_"));
    let file = folder
        .join(parameter.to_string())
        .join("new/estimates.json");
    let text = fs::read_to_string(&file)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    let nanoseconds = estimates.pointer("/median/point_estimate");
    let nanoseconds = nanoseconds.and_then(serde_json::Value::as_f64);
    nanoseconds
        .map(|ns| Duration::from_secs_f64(ns / 1e9))
        .ok_or_else(|| Failure::new(format!("{}: no median", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cost_is_measured_under_its_own_name() {
        let ids: Vec<_> = FAMILIES.iter().flat_map(|family| family.costs).collect();
        let mut names: Vec<_> = ids.iter().map(|cost| cost.id).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ids.len());

        let folder = std::env::temp_dir().join(format!("consilium-growth-{}", std::process::id()));
        let section = measure(&folder, &Scale::quick()).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(section.tables.len(), FAMILIES.len());
        for (table, family) in section.tables.iter().zip(&FAMILIES) {
            let [row] = table.rows.as_slice() else {
                panic!("one parameter in {}", table.caption);
            };
            assert_eq!(row.len(), 1 + family.costs.len());
            assert_eq!(row[0], family.parameters[0].to_string());
        }
    }
}
