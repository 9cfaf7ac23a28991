//! One validator of four is killed in the middle of the run, is away while the others go on, and comes back.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use super::services::{Hospital, Services};
use super::show::Show;
use crate::cli::Failure;

/// How many blocks the others commit before it is started again.
const MISSED: u64 = 5;
/// How long the others may take for them, and it to be ready again.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);

/// What was done to a validator, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// Whose gateway it was.
    pub hospital: String,
    /// The last height it was seen at.
    pub killed_at: u64,
    /// The height of the others when it was started again.
    pub others_at: u64,
    /// Its height when it was ready again and had what they had committed.
    pub caught_up_at: u64,
    /// What its counter of matches said before; the new process begins at 0.
    #[serde(skip)]
    pub matches: u64,
}

impl Outage {
    /// In words.
    pub fn line(&self) -> String {
        format!(
            "{} was killed (-9) at height {}, was away while the others committed up to {}, was started again and caught up at {}",
            self.hospital, self.killed_at, self.others_at, self.caught_up_at
        )
    }

    /// Whether it was away while others committed, and has what they committed.
    pub fn holds(&self) -> bool {
        self.others_at > self.killed_at && self.caught_up_at >= self.others_at
    }
}

/// Waits until `done` says that so much work is done, then kills the last hospital's gateway and starts it again. Its patients wait
/// meanwhile, as they would before a closed door; everybody else works on.
pub async fn befall(
    show: &Show,
    services: &Services,
    mut done: watch::Receiver<usize>,
    begin: usize,
) -> Result<Outage, Failure> {
    // Nobody counts any more where all work is done.
    let _ = done.wait_for(|done| *done >= begin).await;
    let (victim, others) = services
        .hospitals
        .split_last()
        .ok_or_else(|| Failure::said("there is no hospital"))?;
    let _closed = victim.door.write().await;
    let matches = victim.matches().await?;
    let killed_at = victim.height().await?;
    victim.process.lock().await.kill().await?;
    let id = &victim.card.id;
    show.say(&format!(
        "     {id} is killed (-9) at height {killed_at}; the others go on"
    ));

    let others_at = gone_on(others, killed_at.saturating_add(MISSED)).await?;
    victim.process.lock().await.start_again()?;
    show.say(&format!(
        "     {id} is started again; the others are at height {others_at}"
    ));
    let caught_up_at = caught_up(services, victim, others_at).await?;
    show.say(&format!("     {id} has caught up at height {caught_up_at}"));
    Ok(Outage {
        hospital: id.to_string(),
        killed_at,
        others_at,
        caught_up_at,
        matches,
    })
}

/// The lowest height of the others, once each has at least `height`.
async fn gone_on(others: &[Hospital], height: u64) -> Result<u64, Failure> {
    let started = Instant::now();
    loop {
        let mut heights = Vec::new();
        for one in others {
            heights.push((one.card.id.as_str(), one.height().await?));
        }
        let lowest = heights.iter().map(|(_, height)| *height).min();
        if let Some(lowest) = lowest.filter(|lowest| *lowest >= height) {
            return Ok(lowest);
        }
        if started.elapsed() > PATIENCE {
            return Err(Failure::said(format!(
                "the ledger does not go on to height {height} without one validator; the others are at {heights:?}"
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Its height, once it takes work again and has what the others had.
async fn caught_up(services: &Services, victim: &Hospital, height: u64) -> Result<u64, Failure> {
    let started = Instant::now();
    loop {
        services.refuse_ended().await?;
        if victim.is_ready().await {
            let reached = victim.height().await?;
            if reached >= height {
                return Ok(reached);
            }
        }
        if started.elapsed() > PATIENCE {
            let log = victim.process.lock().await.last_lines();
            return Err(Failure::said(format!(
                "{} does not catch up:\n{log}",
                victim.card.id
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
