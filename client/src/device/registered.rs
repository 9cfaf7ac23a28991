//! What a record was registered with, proven from the genesis.
//!
//! The terms never change: a proof of any block after the registration shows them, and an old one no others. What changes is where the
//! record is in its life; of that a proof says what was so as of its block.

use consilium_contracts::{
    Digest, DoctorId, Height, RecordEntry, RecordId, RecordStatus, RecordTerms,
};
use consilium_schemes::abe::Epoch;
use consilium_schemes::report;

use super::error::DeviceError;
use super::federation::Federation;
use crate::GatewayClient;
use crate::api::gateway::OpenedRecord;
use crate::ledger_proof::{LedgerProof, Standing, Subject};

/// A record as it stands on the ledger. Only a proof that holds makes one.
#[derive(Clone, Debug)]
pub struct RegisteredRecord(RecordEntry);

impl RegisteredRecord {
    /// Has the gateway prove it as of this block or a later one, and checks the proof.
    ///
    /// # Errors
    /// [`DeviceError::Gateway`]; as [`RegisteredRecord::from_proof`].
    pub async fn prove(
        gateway: &GatewayClient,
        federation: &Federation,
        record: RecordId,
        height: Height,
    ) -> Result<Self, DeviceError> {
        let subject = Subject::Record(record);
        let proof = gateway.proof_as_of(&subject, height).await?;
        Self::from_proof(federation, record, &proof)
    }

    /// Checks a proof, and that it is of this record.
    ///
    /// # Errors
    /// [`DeviceError::LedgerProof`]; [`DeviceError::Untrusted`] when it shows something else, or that the record is not there.
    pub fn from_proof(
        federation: &Federation,
        record: RecordId,
        proof: &LedgerProof,
    ) -> Result<Self, DeviceError> {
        match proof.verify(federation.genesis())?.standing {
            Standing::Record(entry) if entry.terms.record == record => Ok(Self(*entry)),
            _ => Err(DeviceError::Untrusted("the record is not on the ledger")),
        }
    }

    /// What was registered.
    pub const fn terms(&self) -> &RecordTerms {
        &self.0.terms
    }

    /// Where it was in its life, as of the proof's block.
    pub const fn status(&self) -> &RecordStatus {
        &self.0.status
    }

    /// Checks that the ledger had assigned it to this doctor, as of the proof's block: whether a capsule opens is told about no other.
    pub(super) fn check_assigned(&self, doctor: &DoctorId) -> Result<(), DeviceError> {
        match self.status() {
            RecordStatus::Assigned { doctor: one, .. }
            | RecordStatus::Accessed { doctor: one, .. }
            | RecordStatus::Reported { doctor: one }
                if one == doctor =>
            {
                Ok(())
            }
            _ => Err(DeviceError::Untrusted(
                "the ledger did not assign the record to this doctor",
            )),
        }
    }

    /// Compares what a gateway names for the record with what was registered; the report key, whose digest was registered.
    ///
    /// The capsule itself is judged with the transform: that a hospital signed for another one, a complaint shows.
    pub(super) fn compare(&self, opened: &OpenedRecord) -> Result<report::PublicKey, DeviceError> {
        let terms = self.terms();
        let named = [
            (
                opened.ctsym_digest.0 == terms.ctsym,
                "it names another capsule than the one that was registered",
            ),
            (
                opened.cthd_digest.0 == terms.cthd,
                "it names another encrypted record than the one that was registered",
            ),
            (
                Epoch::new(opened.epoch) == terms.epoch,
                "it names another epoch than the one that the record was registered in",
            ),
            (
                *opened.record_key.verifying_key() == terms.record_key,
                "it names another record key than the one that was registered",
            ),
            (
                Digest::of(opened.rsa_public_key.as_bytes()) == terms.rsa_key,
                "it names another report key than the one that was registered",
            ),
        ];
        match named.iter().find(|(same, _)| !same) {
            Some((_, different)) => Err(DeviceError::Untrusted(different)),
            None => Ok(report::PublicKey::from_bytes(
                opened.rsa_public_key.as_bytes(),
            )?),
        }
    }
}
