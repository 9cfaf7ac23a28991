//! The `consilium` command: parses the arguments, runs one role's command, prints its answer.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not yet (the same call may succeed a little later).

mod cli;
mod demo;
mod dev;
mod loopback;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Outcome};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let as_json = cli.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(cli::run(cli)),
        Err(error) => Err(error.into()),
    };
    finish(outcome, as_json)
}

/// Help and version are asked for; anything else is wrong usage, told to programs as JSON like every failure.
fn misused(error: &clap::Error) -> ExitCode {
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !as_json {
        error.exit();
    }
    let text = error.to_string();
    let said = text.trim_end().trim_start_matches("error: ").to_owned();
    finish(Err(cli::Failure::Usage(said)), true)
}

fn finish(outcome: Outcome, as_json: bool) -> ExitCode {
    match outcome {
        Ok(answer) => {
            if let Some(aside) = answer.aside(as_json) {
                // The value below is what counts; nobody may be left to read the words.
                let _ = writeln!(std::io::stderr(), "{aside}");
            }
            let printed = writeln!(std::io::stdout(), "{}", answer.rendered(as_json));
            match answer.success() && printed.is_ok() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(1),
            }
        }
        Err(failure) => {
            // Nobody is left to be told when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{}", failure.rendered(as_json));
            ExitCode::from(failure.exit_code())
        }
    }
}
