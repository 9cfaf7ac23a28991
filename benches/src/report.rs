//! The report: Markdown for people, with plots beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::machine::Machine;

/// The folder of the plots beside `benchmarks.md`.
const PLOTS: &str = "benchmarks";

/// What a subject found.
pub struct Section {
    pub title: &'static str,
    /// What was measured and what is slow, in words.
    pub words: &'static str,
    pub tables: Vec<Table>,
    pub bounds: Vec<Bound>,
    pub plots: Vec<Picture>,
}

/// Rows under a head.
pub struct Table {
    pub caption: String,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// What the project asks of itself.
pub struct Bound {
    pub asked: String,
    pub found: String,
    pub holds: bool,
}

/// A plot as SVG.
pub struct Picture {
    /// The file's name without `.svg`.
    pub name: &'static str,
    pub caption: &'static str,
    pub svg: String,
}

/// The whole report.
pub fn text(machine: &Machine, quick: bool, sections: &[Section]) -> String {
    let mut out = String::from("# Benchmarks\n\n");
    out += "Written by `make bench`; do not edit. The words come from `benches/`, the numbers from the run.\n\n";
    if quick {
        out += "**A quick run, to see that everything works: its numbers mean nothing.**\n\n";
    }
    let Machine {
        processor,
        cores,
        memory_mib,
        filesystem,
        commit,
        date,
    } = machine;
    let _ = writeln!(
        out,
        "Machine: {processor}, {cores} cores, {memory_mib} MiB of memory, data on {filesystem}. Commit {commit}, {date}. \
         Compiled in the one profile of the workspace (decision 0001)."
    );
    sections.iter().for_each(|section| add(&mut out, section));
    out
}

fn add(out: &mut String, section: &Section) {
    let _ = writeln!(
        out,
        "\n## {}\n\n{}",
        section.title,
        section.words.trim_end()
    );
    if !section.bounds.is_empty() {
        let rows = section.bounds.iter().map(|bound| {
            let verdict = if bound.holds {
                "holds"
            } else {
                "**does not hold**"
            };
            vec![bound.asked.clone(), bound.found.clone(), verdict.to_owned()]
        });
        let table = Table {
            caption: "What the project asks of itself".into(),
            head: vec!["bound", "found", ""],
            rows: rows.collect(),
        };
        add_table(out, &table);
    }
    section
        .tables
        .iter()
        .for_each(|table| add_table(out, table));
    for Picture { name, caption, .. } in &section.plots {
        let _ = writeln!(out, "\n![{caption}]({PLOTS}/{name}.svg)");
    }
}

fn add_table(out: &mut String, table: &Table) {
    // A bar ends a cell.
    let escaped = |cell: &String| cell.replace('|', "\\|");
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(escaped).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let head: Vec<String> = table.head.iter().map(|&cell| cell.to_owned()).collect();
    let _ = writeln!(out, "\n{}:\n", table.caption);
    *out += &line(&head);
    *out += &format!("|{}\n", "---|".repeat(head.len()));
    table.rows.iter().for_each(|row| *out += &line(row));
}

/// Writes `benchmarks.md` and its plots to `folder`.
pub fn write(folder: &Path, text: &str, sections: &[Section]) -> Result<(), Failure> {
    let plots = folder.join(PLOTS);
    fs::create_dir_all(&plots)?;
    fs::write(folder.join("benchmarks.md"), text)?;
    for picture in sections.iter().flat_map(|section| &section.plots) {
        fs::write(plots.join(format!("{}.svg", picture.name)), &picture.svg)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_shows_words_bounds_tables_and_plots() {
        let section = Section {
            title: "Subject",
            words: "What was done.\n",
            tables: vec![Table {
                caption: "Numbers".into(),
                head: vec!["a", "b"],
                rows: vec![vec!["1".into(), "2".into()]],
            }],
            bounds: vec![Bound {
                asked: "below |1|".into(),
                found: "2".into(),
                holds: false,
            }],
            plots: vec![Picture {
                name: "p",
                caption: "c",
                svg: String::new(),
            }],
        };
        let mut out = String::new();
        add(&mut out, &section);
        for part in [
            "\n## Subject\n\nWhat was done.\n",
            r"| below \|1\| | 2 | **does not hold** |",
            "\nNumbers:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
            "![c](benchmarks/p.svg)",
        ] {
            assert!(out.contains(part), "{part:?} in {out}");
        }
    }
}
