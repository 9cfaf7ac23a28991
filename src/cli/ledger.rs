//! `consilium ledger`: what stands on the ledger, as a device's gateway has it.

use clap::Subcommand;
use consilium_contracts::{Height, TransactionHash};
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::listing;
use super::patient::DeviceArgs;

/// The commands that look at the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Height, root, age of the tip, validators
    Status(DeviceArgs),
    /// A block
    Block {
        #[command(flatten)]
        at: DeviceArgs,
        /// Its height
        height: u64,
    },
    /// A transaction
    Tx {
        #[command(flatten)]
        at: DeviceArgs,
        /// Its hash
        hash: TransactionHash,
    },
}

/// Runs a command of the ledger.
pub async fn run(command: LedgerCommand) -> Outcome {
    match command {
        LedgerCommand::Status(at) => {
            let status = at.open()?.gateway().ledger_status().await?;
            let validators: Vec<_> = status
                .validators
                .iter()
                .map(|id| id.0.to_string())
                .collect();
            let text = format!(
                "federation {}\nheight     {}, {} ms old, {}\nstate root {}\nvalidators {}\npeers      {}\npool       {}",
                status.federation.0,
                status.height,
                status.tip_age_ms,
                listing::word(&status.sync),
                listing::word(&status.state_root),
                validators.join(", "),
                status.peers,
                status.pool,
            );
            Ok(Answer::new(text, json!(status)))
        }
        LedgerCommand::Block { at, height } => {
            let block = at.open()?.gateway().block(Height::new(height)).await?;
            let listed: String = block
                .transactions
                .iter()
                .map(|hash| format!("\n  {}", hash.0))
                .collect();
            let text = format!(
                "height {}\nhash   {}\ntime   {} ms\n{} transactions{listed}",
                block.height,
                block.hash.0,
                block.time_ms,
                block.transactions.len(),
            );
            Ok(Answer::new(text, json!(block)))
        }
        LedgerCommand::Tx { at, hash } => {
            let view = at.open()?.gateway().transaction(&hash).await?;
            let receipt = &view.receipt;
            let text = format!(
                "{hash}\nheight {}, place {}, {} events",
                receipt.height,
                receipt.index,
                receipt.events.len()
            );
            Ok(Answer::new(text, json!(view)))
        }
    }
}
