//! The proofs that stand on the ledger at the end.

use consilium_client::GatewayClient;
use consilium_contracts::{Action, Height};
use consilium_ledger::{ExportEntries, MAX_BLOCK_BYTES};

use crate::cli::Failure;

/// The largest answer with blocks that is read.
const BLOCKS_BYTES: usize = MAX_BLOCK_BYTES + (8 << 20);

/// How many proofs of Match the blocks up to `tip` hold. Every validator verified each before it voted for its block.
pub async fn of_match(gateway: &GatewayClient, tip: u64) -> Result<usize, Failure> {
    let (mut from, mut found) = (1, 0_usize);
    while from <= tip {
        let path = format!("/v1/ledger/blocks?from={from}&to={tip}");
        let answer = gateway.http().get_bytes(&path, BLOCKS_BYTES).await?;
        let mut entries = ExportEntries::new(answer.as_slice(), Height::new(from));
        let first = from;
        while let Some(entry) = entries.read()? {
            let matches = entry.block.transactions().iter().filter(|transaction| {
                matches!(transaction.transaction().action, Action::PostMatch(_))
            });
            found = found.saturating_add(matches.count());
            from = from.saturating_add(1);
        }
        if from == first {
            return Err(Failure::said(format!("the gateway sends no block {from}")));
        }
    }
    Ok(found)
}
