//! The proofs by which others follow changes of the validators from genesis on.
//!
//! What block h scheduled is shown by header h+1, which the validators in force certify: so the proof is made, and written in the
//! same batch, when block h+1 is committed, and the column lacks none at any moment.

use consilium_contracts::{Canonical as _, Key, StateRead as _, ValidatorSchedule};
use consilium_ledger::{Block, CommitCertificate, Handover, KeyProof, StateProof};
use rocksdb::WriteBatch;

use super::columns::HANDOVERS;
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

    /// Puts the proof of a change that the state before this block has scheduled, if it is not kept yet.
    pub(super) fn put_handover(
        &self,
        batch: &mut WriteBatch,
        block: &Block,
        certificate: &CommitCertificate,
    ) -> Result<(), StoreError> {
        let before = self.snapshot()?;
        let Some(value) = before.get(&Key::validators()) else {
            return Err(self.damaged("the state names no validators"));
        };
        let schedule =
            ValidatorSchedule::from_canonical_bytes(&value).map_err(|error| self.damaged(error))?;
        let header = *block.header();
        let Some(from) = schedule.next.map(|next| next.from) else {
            return Ok(());
        };
        if header.height >= from || self.read(&HANDOVERS, &from)?.is_some() {
            return Ok(());
        }
        let proof = StateProof::new(self, before.tree_version(), Key::validators(), Some(value))
            .map_err(|error| self.damaged(error))?;
        let handover = Handover::new(KeyProof::new(header, certificate.clone(), proof));
        HANDOVERS.put(&self.db, batch, &from, &handover);
        Ok(())
    }
}
