//! `consilium kgc epoch`: opening an epoch, which may take longer than an answer.

use std::time::{Duration, Instant};

use clap::Subcommand;
use consilium_client::api::errors::codes;
use consilium_client::api::kgc::PublishEpochRequest;
use consilium_client::api::ledger::{EpochList, EpochView};
use consilium_client::{ClientError, KgcClient};
use indicatif::ProgressBar;
use serde_json::json;

use super::answer::{Answer, Failure, Outcome};
use super::kgc::{AdminArgs, HomeArgs};
use super::{connect, listing};

/// Between two looks whether a long epoch is published.
const PAUSE: Duration = Duration::from_secs(1);
/// How long that is looked for. The most nodes that an update key can have, half of a million leaves', take two processors a little over a minute.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Epochs.
#[derive(Debug, Subcommand)]
pub enum EpochCommand {
    /// Publish the next epoch's update key
    Publish(AdminArgs),
    /// The published epochs
    Show(HomeArgs),
}

/// Runs a command about epochs.
pub async fn run(command: EpochCommand) -> Outcome {
    match command {
        EpochCommand::Publish(admin) => publish(&admin.client()?).await,
        EpochCommand::Show(at) => Ok(listed(&connect::kgc(&at.home())?.epochs().await?)),
    }
}

async fn publish(kgc: &KgcClient) -> Outcome {
    let current = kgc.epochs().await?.current;
    let epoch = current.unwrap_or(0).saturating_add(1);
    let made = match kgc.publish_epoch(&PublishEpochRequest { epoch }).await {
        // The KGC does it to the end, whoever waits.
        Err(error) if is_late(&error) => published(kgc, epoch).await?,
        made => made?,
    };
    Ok(Answer::new(
        format!("Epoch {} is current", made.epoch),
        json!(made),
    ))
}

fn is_late(error: &ClientError) -> bool {
    matches!(error, ClientError::TimedOut { .. }) || error.code() == Some(&codes::TIMED_OUT)
}

/// Looks until this epoch is published.
async fn published(kgc: &KgcClient, epoch: u64) -> Result<EpochView, Failure> {
    let started = Instant::now();
    // Hidden where standard error is no terminal.
    let spinner = ProgressBar::new_spinner().with_message(format!(
        "epoch {epoch} is being made; the KGC's log says how far it is, and the KGC goes on if you stop this command"
    ));
    spinner.enable_steady_tick(PAUSE / 4);
    while started.elapsed() < PATIENCE {
        let list = kgc.epochs().await?;
        if let Some(made) = list.epochs.into_iter().find(|one| one.epoch == epoch) {
            spinner.finish_and_clear();
            return Ok(made);
        }
        tokio::time::sleep(PAUSE).await;
    }
    spinner.finish_and_clear();
    let text = format!(
        "epoch {epoch} is not published after {} minutes: the KGC's log says why; `consilium kgc epoch show` names it when it is",
        PATIENCE.as_secs() / 60
    );
    Err(Failure::NotYet(text.into()))
}

fn listed(list: &EpochList) -> Answer {
    let rows = list.epochs.iter().map(|one| {
        [
            one.epoch.to_string(),
            one.height.to_string(),
            one.update_key_digest.0.to_string(),
        ]
    });
    Answer::new(
        listing::table(["epoch", "height", "update key"], rows),
        json!(list),
    )
}
