//! The README's walk-through, command by command, as it is printed there.

use std::fs;
use std::process::Command;

use crate::common::dev::Dev;
use crate::common::text;

/// The lines of every `sh` block of the walk-through.
fn lines() -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, after) = readme.split_once("\n## Walk-through\n").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("\n```").unwrap().0);
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// A line that must be refused says with which code; the others must succeed.
fn as_script(lines: &[String]) -> String {
    let checked = lines.iter().map(|line| match line.split_once("# refused: ") {
        None => line.clone(),
        Some((call, code)) => format!(
            "if {call} 2>refusal; then echo 'not refused: {code}'; exit 3; fi; grep -q '({code},' refusal"
        ),
    });
    format!(
        "set -euxo pipefail\n{}\n",
        checked.collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let lines = lines();
    let of_command = lines.iter().filter(|line| line.contains("consilium "));
    assert!(of_command.count() >= 25, "the walk-through was not found");
    assert!(lines.iter().any(|line| line.contains("# refused: ")));

    let dev = Dev::new();
    let mut shell = Command::new("bash");
    let said = dev
        .environment(shell.args(["-c", &as_script(&lines)]))
        .output()
        .unwrap();
    let (out, err) = (text(&said.stdout), text(&said.stderr));
    assert_eq!(said.status.code(), Some(0), "{out}\n{err}");
    let read = |name: &str| fs::read(dev.folder().join(name)).unwrap();
    assert_eq!(
        read("read.json"),
        read("sample/transactions/patient-01.json")
    );
    assert_eq!(read("report-read.txt"), read("report.txt"));
    assert!(
        out.trim_end()
            .ends_with("Stopped. Everything stays in consilium-dev")
    );
    assert!(out.contains("withdrawn"), "{out}");
    for service in crate::common::dev::SERVICES {
        assert_eq!(dev.process(service), None, "{service} still runs");
    }
}

#[test]
fn every_make_target_of_the_readme_is_one() {
    let read =
        |name: &str| fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    let calls = readme.lines().filter_map(|line| {
        let begins = line.strip_prefix("make ");
        let inside = line.split_once("$(make -s ").map(|(_, rest)| rest);
        begins.or(inside)?.split([' ', ')']).next()
    });
    let calls: Vec<_> = calls.collect();
    for target in ["demo", "test", "build", "bin"] {
        assert!(calls.contains(&target), "{target} is not in the README");
    }
    for target in calls {
        let rule = format!("{target}: ");
        let is_rule = makefile.lines().any(|line| line.starts_with(&rule));
        assert!(is_rule, "make {target} is no rule");
    }
}
