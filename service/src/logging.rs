//! The log: for people on a terminal, JSON elsewhere, always on standard error.

use std::io::{self, IsTerminal as _};

use consilium_node::QUIET_LOG_DIRECTIVES;
use tracing_subscriber::EnvFilter;

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter is not one.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// It was set up before.
    #[error("the log is set up already: {0}")]
    Twice(String),
}

/// What the HTTP server says of its own threads; `consilium_service::server` says when a service answers and stops.
const QUIET: [&str; 1] = ["actix_server=warn"];

/// Sends the log where it belongs. `filter` is in the words of `tracing_subscriber::EnvFilter`: `info`, `consilium_kgc=debug,warn`.
/// The consensus engine and the libraries below it are heard from warnings on, or as the filter says where it names them
/// (`info,arc_malachitebft=debug`).
///
/// # Errors
/// [`LogError`].
pub fn init(filter: &str) -> Result<(), LogError> {
    let filter = filter_of(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let set = match io::stderr().is_terminal() {
        true => builder.try_init(),
        false => builder
            .json()
            .flatten_event(true)
            .with_ansi(false)
            .try_init(),
    };
    set.map_err(|error| LogError::Twice(error.to_string()))
}

/// The last of two directives for one target counts, so the filter that was asked for comes last.
fn filter_of(filter: &str) -> Result<EnvFilter, LogError> {
    let quiet = QUIET_LOG_DIRECTIVES.into_iter().chain(QUIET);
    let all: Vec<_> = quiet.chain([filter]).collect();
    Ok(EnvFilter::builder().parse(all.join(","))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(filter: &str) -> String {
        filter_of(filter).unwrap().to_string()
    }

    #[test]
    fn the_engine_is_quiet_unless_the_filter_names_it() {
        assert!(said("info").contains("arc_malachitebft=warn"));
        assert!(said("debug").contains("arc_malachitebft=warn"));
        let asked = said("info,arc_malachitebft=debug");
        assert!(asked.contains("arc_malachitebft=debug"));
        assert!(!asked.contains("arc_malachitebft=warn"));
        assert!(filter_of("info,=,=").is_err());
    }
}
