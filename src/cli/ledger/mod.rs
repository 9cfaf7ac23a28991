//! `consilium ledger`: what stands on the ledger, as the service of a folder has it, and what can be checked without one.

mod at;
mod evidence;
pub mod export;
mod measure;
mod proof;
pub mod replay;
mod status;
mod verify;

pub use measure::moment;

use clap::Subcommand;
use consilium_contracts::{Height, TransactionHash};
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::complaint;
use at::LedgerArgs;

/// The commands that look at the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Height, age of the tip, who voted when, peers, pool, evidence
    Status(LedgerArgs),
    /// A block
    Block {
        #[command(flatten)]
        at: LedgerArgs,
        /// Its height
        height: u64,
    },
    /// A transaction
    Tx {
        #[command(flatten)]
        at: LedgerArgs,
        /// Its hash
        hash: TransactionHash,
    },
    /// Validators that signed two different things, with the proof of it
    Evidence(LedgerArgs),
    /// Write genesis and blocks with their certificates into one file, checked on the way
    Export(export::ExportArgs),
    /// Write a file that proves what stands on the ledger to who holds the genesis alone
    #[command(subcommand)]
    Proof(proof::ProofCommand),
    /// Check such a file; or replay the whole ledger from genesis, from an export (no network, no node, no folder) or a service
    Verify(verify::VerifyArgs),
}

/// Runs a command of the ledger.
pub async fn run(command: LedgerCommand) -> Outcome {
    match command {
        LedgerCommand::Status(at) => Ok(status::shown(&at.anyone()?.ledger_status().await?)),
        LedgerCommand::Block { at, height } => block(&at, Height::new(height)).await,
        LedgerCommand::Tx { at, hash } => transaction(&at, &hash).await,
        LedgerCommand::Evidence(at) => evidence::run(&at).await,
        LedgerCommand::Export(args) => export::run(&args).await,
        LedgerCommand::Proof(command) => proof::run(&command).await,
        LedgerCommand::Verify(args) => verify::run(args).await,
    }
}

async fn block(at: &LedgerArgs, height: Height) -> Outcome {
    let block = at.principal()?.block(height).await?;
    let listed: String = block
        .transactions
        .iter()
        .map(|hash| format!("\n  {}", hash.0))
        .collect();
    let text = format!(
        "height {}\nhash   {}\ntime   {}\n{} transactions{listed}",
        block.height,
        block.hash.0,
        moment(block.time_ms),
        block.transactions.len(),
    );
    Ok(Answer::new(text, json!(block)))
}

async fn transaction(at: &LedgerArgs, hash: &TransactionHash) -> Outcome {
    let view = at.principal()?.transaction(hash).await?;
    let receipt = &view.receipt;
    let events: Vec<_> = receipt
        .events
        .iter()
        .map(|event| event.as_bytes().to_vec())
        .collect();
    let complaint = complaint::shown(view.transaction.as_bytes(), &events).unwrap_or_default();
    let text = format!(
        "{hash}\nheight {}, place {}, {} events{complaint}",
        receipt.height,
        receipt.index,
        receipt.events.len()
    );
    Ok(Answer::new(text, json!(view)))
}
