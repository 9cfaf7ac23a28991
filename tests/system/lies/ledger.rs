//! What stands on the ledger, as anybody reads it: every block over the HTTP API.

use std::collections::BTreeMap;

use consilium_client::GatewayClient;
use consilium_contracts::{
    Action, DoctorId, FederationId, Height, HospitalId, IndexBytes, PublishEpoch, RecordId,
    RecordTerms, TrapdoorBytes,
};
use consilium_ledger::Block;

#[derive(Default)]
pub struct Seen {
    pub terms: BTreeMap<RecordId, RecordTerms>,
    /// As posted, with proofs.
    pub indexes: BTreeMap<(RecordId, HospitalId), IndexBytes>,
    pub trapdoors: BTreeMap<DoctorId, TrapdoorBytes>,
    pub epochs: Vec<PublishEpoch>,
}

impl Seen {
    pub async fn through(gateway: &GatewayClient, federation: &FederationId) -> Self {
        let tip = gateway.ledger_status().await.unwrap().height;
        let mut seen = Self::default();
        for height in 1..=tip {
            let view = gateway.block(Height::new(height)).await.unwrap();
            let block = Block::from_bytes(view.block.as_bytes(), usize::MAX).unwrap();
            for signed in block.transactions() {
                let transaction = signed.transaction();
                let doctor = DoctorId::derive(federation, &transaction.sender);
                seen.note(doctor, &transaction.action);
            }
        }
        seen
    }

    fn note(&mut self, doctor: DoctorId, action: &Action) {
        match action {
            Action::RegisterRecord(one) => {
                self.terms.insert(one.terms.record, one.terms.clone());
            }
            Action::PostIndex(one) => {
                let key = (one.record, one.to.clone());
                self.indexes.insert(key, one.index.clone());
            }
            Action::PostTrapdoor(one) => {
                self.trapdoors.insert(doctor, one.trapdoor.clone());
            }
            Action::PublishEpoch(one) => self.epochs.push(one.clone()),
            _ => {}
        }
    }
}
