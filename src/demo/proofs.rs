//! The proofs that stand on the ledger at the end, as the auditor's replay verified and counted them.

use consilium_contracts::ProofKind;
use serde::Serialize;

use crate::cli::ledger::replay::Replayed;

/// How many proofs of each kind there are.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Proofs {
    /// That a doctor matches a record.
    #[serde(rename = "match")]
    pub of_match: u64,
    /// That a doctor does not.
    #[serde(rename = "non_match")]
    pub of_no_match: u64,
    /// That a patient decrypted a report, with an acknowledgement or a complaint.
    pub decrypted: u64,
    /// What settles a dispute.
    pub disputes: u64,
}

impl Proofs {
    /// Those of a replayed ledger.
    pub fn of(replayed: &Replayed) -> Self {
        Self {
            of_match: replayed.proofs(ProofKind::Match),
            of_no_match: replayed.proofs(ProofKind::NoMatch),
            decrypted: replayed.proofs(ProofKind::Decryption),
            disputes: replayed.proofs(ProofKind::Dispute),
        }
    }
}
