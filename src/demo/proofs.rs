//! The proofs that stand on the ledger at the end.

use consilium_client::GatewayClient;
use consilium_contracts::{Action, Height};
use consilium_ledger::{ExportEntries, MAX_BLOCK_BYTES};

use crate::cli::Failure;

/// The largest answer with blocks that is read.
const BLOCKS_BYTES: usize = MAX_BLOCK_BYTES + (8 << 20);

/// How many of each kind. Every validator verified each before it voted for its block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proofs {
    /// Of Match.
    pub matches: usize,
    /// Of having decrypted a report, with an acknowledgement or a complaint.
    pub decrypted: usize,
    /// What settles a dispute.
    pub disputes: usize,
}

impl Proofs {
    fn add(&mut self, action: &Action) {
        let kind = match action {
            Action::PostMatch(_) => &mut self.matches,
            Action::Acknowledge(_) | Action::Complain(_) => &mut self.decrypted,
            Action::Dispute(_) => &mut self.disputes,
            _ => return,
        };
        *kind = kind.saturating_add(1);
    }
}

/// Counts them in the blocks up to `tip`.
pub async fn count(gateway: &GatewayClient, tip: u64) -> Result<Proofs, Failure> {
    let (mut from, mut found) = (1, Proofs::default());
    while from <= tip {
        let path = format!("/v1/ledger/blocks?from={from}&to={tip}");
        let answer = gateway.http().get_bytes(&path, BLOCKS_BYTES).await?;
        let mut entries = ExportEntries::new(answer.as_slice(), Height::new(from));
        let first = from;
        while let Some(entry) = entries.read()? {
            let transactions = entry.block.transactions().iter();
            transactions.for_each(|one| found.add(&one.transaction().action));
            from = from.saturating_add(1);
        }
        if from == first {
            return Err(Failure::said(format!("the gateway sends no block {from}")));
        }
    }
    Ok(found)
}
