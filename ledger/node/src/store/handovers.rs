//! The proofs by which others follow changes of the validators from genesis on.
//!
//! What block h scheduled is shown by header h+1, which the validators in force certify: so the proof is made, and written in the
//! same batch, when block h+1 is committed, and the column lacks none at any moment.

use consilium_contracts::{Height, Key};
use consilium_ledger::{Block, CommitCertificate, Handover, KeyProof};
use rocksdb::WriteBatch;

use super::columns::{ColumnKey as _, HANDOVERS};
use super::{Fault, Store};
use crate::error::StoreError;

impl Store {
    /// Every handover since genesis, in order.
    pub(crate) fn handovers(&self) -> Result<Vec<Handover>, StoreError> {
        let pairs = HANDOVERS.iter_from(&self.db, &[]);
        let handovers = pairs.map(|pair| pair.map(|(_, handover)| handover));
        handovers
            .collect::<Result<_, Fault>>()
            .map_err(|fault| self.at(fault))
    }

    /// The handovers to validators that are in force at a height, in order.
    pub(crate) fn handovers_until(&self, height: Height) -> Result<Vec<Handover>, StoreError> {
        let last = height.encode();
        let mut until = Vec::new();
        for pair in HANDOVERS.iter_from(&self.db, &[]) {
            let (from, handover) = pair.map_err(|fault| self.at(fault))?;
            if *from > *last {
                break;
            }
            until.push(handover);
        }
        Ok(until)
    }

    /// Puts the proof that others vote from a height on, as the state before this block has it, if it is not kept yet.
    pub(super) fn put_handover(
        &self,
        batch: &mut WriteBatch,
        from: Height,
        block: &Block,
        certificate: &CommitCertificate,
    ) -> Result<(), StoreError> {
        let header = *block.header();
        if header.height >= from || self.read(&HANDOVERS, &from)?.is_some() {
            return Ok(());
        }
        let proof = self.state_proof(&self.snapshot()?, &Key::validators())?;
        let handover = Handover::new(KeyProof::new(header, certificate.clone(), proof));
        HANDOVERS.put(&self.db, batch, &from, &handover);
        Ok(())
    }
}
