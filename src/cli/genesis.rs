//! `consilium kgc genesis`: what a federation agrees on for good.

use std::path::PathBuf;

use clap::Args;
use consilium_contracts::{HospitalId, Settings};
use consilium_kgc::GenesisRequest;
use consilium_service::hospital_file::read_hospital_file;
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::kgc::HomeArgs;
use super::prefilter::{self, PrefilterOption};
use super::secrets;

/// 90 days, the longest of the windows.
const LONGEST_S: u64 = 7_776_000;

/// What genesis is made of.
#[derive(Debug, Args)]
pub struct GenesisArgs {
    #[command(flatten)]
    at: HomeArgs,
    /// The federation's name
    #[arg(long)]
    name: String,
    /// Public files of the first hospitals
    #[arg(required = true, value_name = "HOSPITAL.JSON")]
    hospitals: Vec<PathBuf>,
    /// Hospital whose node votes; may be repeated; by default the first
    #[arg(long = "validator", value_name = "HOSPITAL")]
    validators: Vec<HospitalId>,
    /// Most keywords of a record, 1 to 128; by default 32
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=128))]
    keywords: Option<u16>,
    /// Seconds that doctors have to match a record, 1 to 7776000 (90 days); by default 86400 (a day)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_S))]
    matching_window: Option<u64>,
    /// Seconds that an assigned doctor has for the first access, 1 to 7776000 (90 days); by default 172800 (two days)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_S))]
    assignment_deadline: Option<u64>,
    /// Seconds that a hospital has to prove what it is challenged to prove, 1 to 7776000 (90 days); by default 86400 (a day)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_S))]
    challenge_window: Option<u64>,
    #[command(flatten)]
    prefilter: PrefilterOption,
    /// File with the passphrase of the sealed keys; `-` reads standard input
    #[arg(long, value_name = "FILE", env = secrets::PASSPHRASE_VARIABLE)]
    passphrase_file: PathBuf,
}

/// Signs it, and writes it into the KGC's folder.
pub fn make(args: &GenesisArgs) -> Outcome {
    let settings = args.settings()?;
    let passphrase = secrets::read(&args.passphrase_file)?;
    let cards = args.hospitals.iter().map(|path| read_hospital_file(path));
    let hospitals = cards.collect::<Result<Vec<_>, _>>()?;
    let validators = match (args.validators.as_slice(), hospitals.first()) {
        ([], Some(first)) => vec![first.id.clone()],
        (given, _) => given.to_vec(),
    };
    let request = GenesisRequest {
        name: args.name.clone(),
        settings,
        hospitals,
        validators,
    };
    let genesis = consilium_kgc::genesis(&args.at.home(), &passphrase, request)?;
    let (file, id) = (args.at.home().genesis(), genesis.federation());
    let Settings { n, prefilter, .. } = genesis.genesis().settings;
    let text = format!(
        "Federation {id}\nKeywords: {}\nPrefilter: {}\nGenesis: {}\nGive the file to every hospital, as genesis.bin in its folder.",
        keywords(n),
        prefilter::shown(prefilter.as_ref()),
        file.display()
    );
    let prefilter = prefilter.map(|one| json!({ "bits": one.bits, "weight": one.weight }));
    Ok(Answer::new(
        text,
        json!({ "federation": id.to_string(), "genesis": file, "keywords": n, "prefilter": prefilter }),
    ))
}

/// n, for people.
pub fn keywords(n: u16) -> String {
    format!("at most {n} in a record")
}

impl GenesisArgs {
    fn settings(&self) -> Result<Settings, super::Failure> {
        let default = Settings::default();
        let given = |seconds: Option<u64>, otherwise| {
            seconds.map_or(otherwise, |seconds| seconds.saturating_mul(1000))
        };
        let n = self.keywords.unwrap_or(default.n);
        Ok(Settings {
            n,
            matching_window_ms: given(self.matching_window, default.matching_window_ms),
            assignment_deadline_ms: given(self.assignment_deadline, default.assignment_deadline_ms),
            challenge_window_ms: given(self.challenge_window, default.challenge_window_ms),
            prefilter: self.prefilter.setting(n)?,
            ..default
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};
    use consilium_contracts::MAX_N;

    use super::*;
    use crate::cli::Cli;

    /// The help of one argument of `kgc genesis`.
    fn help(argument: &str) -> String {
        let mut command = Cli::command();
        for name in ["kgc", "genesis"] {
            command = command.find_subcommand(name).unwrap().clone();
        }
        let mut arguments = command.get_arguments();
        let found = arguments.find(|one| one.get_long() == Some(argument));
        found.unwrap().get_help().unwrap().to_string()
    }

    fn settings(flags: &[&str]) -> Result<Settings, String> {
        let command = GenesisArgs::augment_args(clap::Command::new("genesis"));
        let needed = [
            "genesis",
            "--home",
            "h",
            "--name",
            "n",
            "--passphrase-file",
            "p",
        ];
        let words = [&needed[..], flags, &["hospital.json"]].concat();
        let matches = command.try_get_matches_from(words);
        let matches = matches.map_err(|error| error.to_string())?;
        let args = GenesisArgs::from_arg_matches(&matches).unwrap();
        args.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn the_help_says_the_defaults_and_ranges_that_hold() {
        let default = Settings::default();
        assert_eq!(settings(&[]).unwrap(), default);
        let says = |argument: &str, words: String| {
            let help = help(argument);
            assert!(help.contains(&words), "no `{words}` in: {help}");
        };
        says(
            "keywords",
            format!("1 to {MAX_N}; by default {}", default.n),
        );
        for (argument, ms) in [
            ("matching-window", default.matching_window_ms),
            ("assignment-deadline", default.assignment_deadline_ms),
            ("challenge-window", default.challenge_window_ms),
        ] {
            let words = format!("1 to {LONGEST_S} (90 days); by default {} (", ms / 1000);
            says(argument, words);
        }
    }

    #[test]
    fn what_the_help_allows_is_a_genesis_and_what_is_beyond_is_named_by_its_flag() {
        for flags in [
            &["--keywords", "128", "--prefilter", "256"][..],
            &[
                "--keywords",
                "1",
                "--prefilter",
                "256",
                "--prefilter-weight",
                "1",
            ],
            &[
                "--matching-window",
                "7776000",
                "--assignment-deadline",
                "7776000",
            ],
            &["--challenge-window", "1", "--matching-window", "1"],
        ] {
            let made = settings(flags).unwrap();
            assert_eq!(made.validate(), Ok(()), "{flags:?}");
        }
        for (flags, parts) in [
            (&["--keywords", "129"][..], ["--keywords", "1..=128"]),
            (&["--matching-window", "0"], ["--matching-window", "1..="]),
            (
                &["--prefilter", "256", "--prefilter-weight", "31"],
                ["--prefilter-weight is 31", "from 32 to 128"],
            ),
            (
                &["--prefilter", "256", "--prefilter-weight", "129"],
                ["--prefilter-weight is 129", "from 32 to 128"],
            ),
        ] {
            let said = settings(flags).unwrap_err();
            for part in parts {
                assert!(said.contains(part), "no `{part}` in: {said}");
            }
        }
    }
}
