//! Waiting for what other people do.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;

use super::answer::Failure;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How long to wait for something to be there.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitOption {
    /// Wait until there is one, so many seconds at most; by default only look
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

impl WaitOption {
    /// Looks until `there` holds of what was seen. Fails when the time is over; without a time the first look counts.
    pub async fn until<T>(
        &self,
        what: &str,
        there: impl Fn(&T) -> bool,
        look: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(seconds) = self.wait else {
            return look().await;
        };
        let started = Instant::now();
        // Hidden where standard error is no terminal.
        let spinner = ProgressBar::new_spinner().with_message(format!("waiting for {what}"));
        spinner.enable_steady_tick(PAUSE / 4);
        loop {
            let seen = look().await?;
            if there(&seen) {
                spinner.finish_and_clear();
                return Ok(seen);
            }
            if started.elapsed() >= Duration::from_secs(seconds) {
                spinner.finish_and_clear();
                return Err(Failure::said(format!(
                    "{what} did not come within {seconds} s"
                )));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
