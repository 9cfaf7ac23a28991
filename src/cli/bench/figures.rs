//! What came out: figures, each with how it was come by.

use serde_json::{Map, Value, json};

use crate::cli::table as shown;

/// Fewer than this say little of a rate.
const FEW: u64 = 50;

/// How a figure was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Chosen, not found.
    Given,
    /// All of it was done and timed, or counted.
    Measured,
    /// Done and timed on a part, so many of so many; the figure is of the part.
    Sample(u64, u64),
    /// From other figures of the table.
    Computed,
}

impl How {
    fn said(self) -> String {
        match self {
            Self::Given => "given".to_owned(),
            Self::Measured => "measured".to_owned(),
            Self::Sample(part, all) if part == all => "measured".to_owned(),
            Self::Sample(part, all) if part < FEW => {
                format!("measured on {part} of {all}: too few to rely on")
            }
            Self::Sample(part, all) => format!("measured on {part} of {all}"),
            Self::Computed => "computed".to_owned(),
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
struct Figure {
    key: String,
    what: String,
    value: f64,
    unit: &'static str,
    how: How,
}

/// All lines, in order.
#[derive(Debug, Clone, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    pub fn add(&mut self, key: &str, what: &str, value: f64, unit: &'static str, how: How) {
        self.0.push(Figure {
            key: key.to_owned(),
            what: what.to_owned(),
            value,
            unit,
            how,
        });
    }

    /// For people.
    pub fn table(&self) -> String {
        let rows = self.0.iter().map(|one| {
            let value = amount(one.value, one.unit);
            [
                one.what.clone(),
                format!("{value:>14}"),
                one.unit.to_owned(),
                one.how.said(),
            ]
        });
        shown(["what", "         value", "unit", "how"], rows)
    }

    /// For people: the same figures for several cases, side by side under their heads.
    pub fn side_by_side(what: &str, cases: &[(String, &Self)]) -> String {
        let Some((_, first)) = cases.first() else {
            return String::new();
        };
        let width = 14;
        let heads = cases.iter().map(|(head, _)| format!("{head:>width$}"));
        let heads: String = heads.collect();
        let rows = first.0.iter().enumerate().map(|(at, one)| {
            let values = cases.iter().filter_map(|(_, case)| case.0.get(at));
            let values = values.map(|one| format!("{:>width$}", amount(one.value, one.unit)));
            [
                one.what.clone(),
                values.collect(),
                one.unit.to_owned(),
                one.how.said(),
            ]
        });
        shown([what, heads.as_str(), "unit", "how"], rows)
    }

    /// For programs: by key, `prefix` before it.
    pub fn json(&self, prefix: &str) -> Map<String, Value> {
        let lines = self.0.iter().map(|one| {
            let line = json!({ "value": one.value, "unit": one.unit, "how": one.how.said() });
            (format!("{prefix}{}", one.key), line)
        });
        lines.collect()
    }
}

/// Counts whole, with thousands apart; the rest with as many digits as say something.
fn amount(value: f64, unit: &str) -> String {
    match unit {
        "s" if value < 100.0 => format!("{value:.2}"),
        _ if value.fract() != 0.0 && value < 10.0 => format!("{value:.3}"),
        _ => thousands(value.round().max(0.0) as u64),
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let head = digits.len() % 3;
    let (first, rest) = digits.split_at(head);
    let groups = rest
        .as_bytes()
        .chunks(3)
        .map(|group| String::from_utf8_lossy(group).into_owned());
    let first = Some(first.to_owned()).filter(|first| !first.is_empty());
    first
        .into_iter()
        .chain(groups)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_for_people_and_programs() {
        let mut figures = Figures::default();
        figures.add("pairs", "pairs", 1_234_567.0, "pairs", How::Measured);
        figures.add("rate", "rate", 0.5, "1/s", How::Sample(300, 900));
        figures.add("all", "all", 7.0, "s", How::Sample(3, 3));
        let table = figures.table();
        assert!(table.contains("1 234 567") && table.contains("measured on 300 of 900"));
        assert!(table.contains("7.00"), "{table}");
        assert!(How::Sample(3, 9).said().ends_with("too few to rely on"));
        let cases = [("one".to_owned(), &figures), ("two".to_owned(), &figures)];
        let beside = Figures::side_by_side("with", &cases);
        assert_eq!(beside.matches("1 234 567").count(), 2, "{beside}");
        assert_eq!(figures.json("")["rate"]["value"], 0.5);
        assert_eq!(figures.json("a_")["a_all"]["how"], "measured");
        assert_eq!(
            (thousands(0), thousands(999), thousands(1000)),
            ("0".into(), "999".into(), "1 000".into())
        );
    }
}
