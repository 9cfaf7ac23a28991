//! An auditor's work at the end: the ledger is written to a file, and replayed from it with the genesis and nothing else.

use std::path::Path;

use consilium_contracts::Height;
use consilium_ledger::ExportRange;

use super::services::{Agreement, Services};
use super::show::Show;
use crate::cli::Failure;
use crate::cli::ledger::export;
use crate::cli::ledger::replay::{self, Replayed};

/// The file, in the demo's folder.
const FILE: &str = "ledger.export";

/// Exports from the KGC's node, which does not vote, and replays up to where all nodes agree; they must have what comes of it.
pub async fn replayed(
    show: &mut Show,
    folder: &Path,
    services: &Services,
    agreement: &Agreement,
) -> Result<Replayed, Failure> {
    let line = "   An auditor replays the exported ledger from genesis: every signature, every proof, every assignment, every state root";
    let step = show.begin("audit", line, 1);
    let file = folder.join(FILE);
    let range = ExportRange::new(Height::new(1), Height::new(agreement.height));
    let range = range.ok_or_else(|| Failure::said("the ledger has no block"))?;
    export::write(&services.auditor, &services.genesis, range, &file).await?;
    let replayed = replay::of_file(&file, replay::open(&file, &services.genesis)?).await?;
    let (found, said) = (replayed.last().state.to_string(), &agreement.state_root);
    if found != *said {
        return Err(Failure::said(format!(
            "block {}: the nodes have state root {said} after it, the replay has {found}",
            agreement.height
        )));
    }
    show.end(&step, &replayed.line());
    Ok(replayed)
}
