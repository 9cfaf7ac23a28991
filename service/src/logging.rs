//! The log: for people on a terminal, JSON elsewhere, always on standard error.

use std::io::{self, IsTerminal as _};

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

/// Targets that say nothing of use. With one validator the consensus engine's network logs an error about missing peers at every
/// message; its own peers, when there are some, show in `/readyz` and the ledger's status.
const QUIET: [&str; 2] = [
    "arc_malachitebft_network=off",
    "arc_malachitebft_discovery=off",
];

/// Sends the log where it belongs. `filter` is in the words of `tracing_subscriber::EnvFilter`: `info`, `consilium_kgc=debug,warn`.
/// `alone` says that this node is the only validator.
///
/// # Errors
/// [`LogError`].
pub fn init(filter: &str, alone: bool) -> Result<(), LogError> {
    let filter = filter_of(filter, alone)?;
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

fn filter_of(filter: &str, alone: bool) -> Result<EnvFilter, LogError> {
    let mut filter = EnvFilter::builder().parse(filter)?;
    for quiet in QUIET.into_iter().filter(|_| alone) {
        filter = filter.add_directive(quiet.parse()?);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_quiet_only_at_one_validator() {
        assert!(
            filter_of("info", true)
                .unwrap()
                .to_string()
                .contains("malachitebft_network=off")
        );
        assert!(
            !filter_of("info", false)
                .unwrap()
                .to_string()
                .contains("malachite")
        );
        assert!(filter_of("info,=,=", false).is_err());
    }
}
