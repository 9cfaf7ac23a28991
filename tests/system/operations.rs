//! What docs/operations.md says: its commands are commands, its files are there, its messages are those of the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::text;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/operations.md")).unwrap()
}

/// Runs a line as it is printed, in a folder with nothing in it.
fn run(line: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_consilium")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("bash")
        .args(["-c", line])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("CONSILIUM_PASSPHRASE_FILE")
        .output()
        .unwrap()
}

/// Nothing is wrong with the words; what they name is not there.
#[test]
fn every_command_in_a_block_lacks_only_its_files() {
    let page = page();
    let blocks = page.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split_once("\n```").unwrap().0.lines());
    let calls: Vec<_> = lines
        .filter(|line| line.starts_with("consilium "))
        .collect();
    assert!(calls.len() >= 12, "{calls:?}");
    for call in calls {
        let said = run(call);
        let words = text(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{call}\n{words}");
        assert!(words.starts_with("error: "), "{call}\n{words}");
    }
}

/// Of what stands within a sentence, the words are commands.
#[test]
fn every_command_in_a_sentence_is_one() {
    let page = page();
    let spans = page.split('`').skip(1).step_by(2);
    let calls: Vec<_> = spans
        .filter(|span| span.starts_with("consilium "))
        .collect();
    assert!(calls.len() >= 3, "{calls:?}");
    for call in calls {
        let said = run(&format!("{call} --help"));
        assert_eq!(
            said.status.code(),
            Some(0),
            "{call}\n{}",
            text(&said.stderr)
        );
    }
}

#[test]
fn every_file_of_deploy_that_it_names_is_there() {
    let page = page();
    let named: Vec<_> = page
        .match_indices("deploy/")
        .map(|(at, _)| &page[at..])
        .collect();
    assert!(named.len() >= 5);
    for rest in named {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/.-".contains(c));
        let path = rest[..end.unwrap()].trim_end_matches('.');
        assert!(root().join(path).exists(), "{path}");
    }
}

/// Every Rust file under a folder.
fn sources(folder: PathBuf) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.push_str(&sources(path)),
            false => all.push_str(&fs::read_to_string(path).unwrap()),
        }
    }
    all
}

#[test]
fn every_message_of_a_halted_node_is_one_of_the_programs() {
    let page = page();
    let (_, section) = page.split_once("\n## When a node has halted\n").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let messages = rows.filter_map(|row| {
        row.split('`')
            .nth(1)
            .filter(|_| row.split('|').nth(1).unwrap().contains('`'))
    });
    let messages: Vec<_> = messages.collect();
    assert!(messages.len() >= 8, "{messages:?}");
    let sources = ["ledger/node/src", "service/src"].map(|folder| sources(root().join(folder)));
    let sources = sources.concat();
    for part in messages.iter().flat_map(|message| message.split('…')) {
        assert!(sources.contains(part.trim()), "{part}");
    }
}
