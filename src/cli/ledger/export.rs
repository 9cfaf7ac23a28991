//! `consilium ledger export`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use consilium_client::LedgerClient;
use consilium_client::api::ledger::BlockRange;
use consilium_client::file::{PendingFile, Readers};
use consilium_contracts::{Height, VerifiedGenesis};
use consilium_ledger::{
    ChainCheck, ExportEntries, ExportError, ExportRange, Trust, export_entry, export_head,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::at::LedgerArgs;
use super::measure::count;
use crate::cli::answer::{Answer, Failure, Outcome};

/// What is exported, and where to.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    at: LedgerArgs,
    /// File for the export; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The first block; by default the first that the service keeps
    #[arg(long, value_name = "HEIGHT", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The last block; by default the last there is
    #[arg(long, value_name = "HEIGHT", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
}

/// Fetches what was asked for into a file.
pub async fn run(args: &ExportArgs) -> Outcome {
    let genesis = args.at.genesis().await?;
    let client = args.at.principal()?;
    let range = range(args, &client).await?;
    write(&client, &genesis, range, &args.out).await?;
    let (from, to) = (range.from().value(), range.to().value());
    let text = format!(
        "{} ({from} to {to}) of federation {} in {}\nEach follows the one before and is certified; consilium ledger verify --export checks all that is in them.",
        count(range.blocks(), "block"),
        genesis.federation(),
        args.out.display(),
    );
    let federation = genesis.federation().to_string();
    let json = json!({ "federation": federation, "from": from, "to": to, "file": args.out });
    Ok(Answer::new(text, json))
}

/// Fetches block after block, checks that each follows the one before and is certified, and writes the file.
pub async fn write(
    client: &LedgerClient,
    genesis: &VerifiedGenesis,
    range: ExportRange,
    out: &Path,
) -> Result<(), Failure> {
    let at_out = |error| Failure::said(format!("{}: {error}", out.display()));
    let mut file = PendingFile::create(out, Readers::Everyone).map_err(at_out)?;
    let handovers = client.handovers().await?;
    file.write_all(&export_head(genesis, range, &handovers))
        .map_err(at_out)?;
    let mut trust = Trust::genesis(genesis);
    trust.follow_all(handovers.iter())?;
    let check = ChainCheck::new(genesis, trust, range.from());
    let mut source = Source::new(client, check, range);
    let bar = progress(range.blocks());
    while let Some(bytes) = source.next().await? {
        file.write_all(&bytes).map_err(at_out)?;
        bar.set_position(source.done());
    }
    bar.finish_and_clear();
    file.finish().map_err(at_out)
}

/// Which blocks there are of those asked for.
async fn range(args: &ExportArgs, client: &LedgerClient) -> Result<ExportRange, Failure> {
    let status = client.ledger_status().await?;
    let oldest = status.oldest_block.max(1);
    let (from, to) = (
        args.from.unwrap_or(oldest),
        args.to.unwrap_or(status.height),
    );
    if to > status.height || from < oldest {
        return Err(Failure::said(format!(
            "blocks {from} to {to} are asked for; the service has {oldest} to {}",
            status.height
        )));
    }
    ExportRange::new(Height::new(from), Height::new(to))
        .ok_or_else(|| Failure::Usage(format!("no block is from {from} to {to}")))
}

/// A bar of blocks.
pub fn progress(blocks: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} blocks, {eta} left");
    // Hidden where standard error is no terminal. The template is a constant; without it the bar looks plain.
    let bar = ProgressBar::new(blocks);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Blocks as they come from a service, checked.
struct Source<'a> {
    client: &'a LedgerClient,
    check: ChainCheck,
    range: ExportRange,
    next: Height,
}

impl<'a> Source<'a> {
    fn new(client: &'a LedgerClient, check: ChainCheck, range: ExportRange) -> Self {
        Self {
            client,
            check,
            next: range.from(),
            range,
        }
    }

    /// How many blocks came.
    fn done(&self) -> u64 {
        self.next.value().saturating_sub(self.range.from().value())
    }

    /// The next blocks as they stand in the file, or `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.next > self.range.to() {
            return Ok(None);
        }
        let (from, to) = (self.next.value(), self.range.to().value());
        let answer = self.client.blocks(BlockRange { from, to }).await?;
        let mut entries = ExportEntries::new(answer.as_slice(), self.next);
        let mut checked = Vec::new();
        while let Some(entry) = entries.read()? {
            let height = self.next;
            if height > self.range.to() {
                return Err(ExportError::Trailing(self.range.to()).into());
            }
            self.check
                .check(&entry.block, &entry.certificate)
                .map_err(|error| ExportError::Chain { height, error })?;
            checked.extend(export_entry(&entry.block, &entry.certificate));
            self.next = height.plus(1);
        }
        match checked.is_empty() {
            true => Err(Failure::said(format!("the service sends no block {from}"))),
            false => Ok(Some(checked)),
        }
    }
}
