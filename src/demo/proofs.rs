//! The proofs that stand on the ledger at the end.

use consilium_client::GatewayClient;
use consilium_contracts::{Action, Height, ProofKind};
use consilium_ledger::{ExportEntries, MAX_BLOCK_BYTES};
use serde::Serialize;

use crate::cli::Failure;

/// The largest answer with blocks that is read.
const BLOCKS_BYTES: usize = MAX_BLOCK_BYTES + (8 << 20);

/// How many proofs of each kind there are.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Proofs {
    /// That a doctor matches a record.
    #[serde(rename = "match")]
    pub of_match: usize,
    /// That a doctor does not.
    #[serde(rename = "non_match")]
    pub of_no_match: usize,
    /// That a patient decrypted a report, with an acknowledgement or a complaint.
    pub decrypted: usize,
    /// What settles a dispute.
    pub disputes: usize,
}

impl Proofs {
    fn count(&mut self, action: &Action) {
        for proof in action.proofs() {
            let kind = match proof {
                ProofKind::Match => &mut self.of_match,
                ProofKind::NoMatch => &mut self.of_no_match,
                ProofKind::Decryption => &mut self.decrypted,
                ProofKind::Dispute => &mut self.disputes,
                _ => continue,
            };
            *kind = kind.saturating_add(1);
        }
    }
}

/// Those in the blocks up to `tip`. Every validator verified each before it voted for its block.
pub async fn on_ledger(gateway: &GatewayClient, tip: u64) -> Result<Proofs, Failure> {
    let (mut from, mut found) = (1, Proofs::default());
    while from <= tip {
        let path = format!("/v1/ledger/blocks?from={from}&to={tip}");
        let answer = gateway.http().get_bytes(&path, BLOCKS_BYTES).await?;
        let mut entries = ExportEntries::new(answer.as_slice(), Height::new(from));
        let first = from;
        while let Some(entry) = entries.read()? {
            for transaction in entry.block.transactions() {
                found.count(&transaction.transaction().action);
            }
            from = from.saturating_add(1);
        }
        if from == first {
            return Err(Failure::said(format!("the gateway sends no block {from}")));
        }
    }
    Ok(found)
}
