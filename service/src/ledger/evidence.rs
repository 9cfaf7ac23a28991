//! `GET /v1/ledger/evidence`.

use std::collections::BTreeMap;

use actix_web::web;
use consilium_client::api::ledger::{EvidenceList, EvidenceView};
use consilium_client::wire::{PublicKey, Text};
use consilium_contracts::{Digest, HospitalId, View};
use consilium_ledger::{BlockHash, Equivocation, ValidatorAddress};
use consilium_node::Snapshot;

use super::LedgerApi;
use crate::auth::{Caller, scope};
use crate::error::ApiError;

/// The most pieces in one answer.
const MOST: usize = 256;

/// Validators that signed two different things, each piece proven by its signatures.
#[utoipa::path(get, path = "/v1/ledger/evidence", tag = "ledger",
    responses((status = 200, body = EvidenceList)))]
pub(crate) async fn evidence(
    _caller: Caller<scope::Anyone>,
    api: web::Data<LedgerApi>,
) -> Result<web::Json<EvidenceList>, ApiError> {
    let (state, total) = (api.node.state(), api.node.status().evidence);
    let found = api.node.evidence(MOST).map_err(ApiError::internal)?;
    let hospitals = hospitals_by_key(&state);
    let evidence = found.iter().map(|one| view(one, &hospitals));
    Ok(web::Json(EvidenceList {
        total,
        evidence: evidence.collect::<Result<_, _>>()?,
    }))
}

/// The hospitals by the keys that their cards name.
fn hospitals_by_key(state: &Snapshot) -> BTreeMap<ValidatorAddress, HospitalId> {
    let view = View::new(state);
    let cards = view.hospitals().map(|entry| entry.card);
    cards
        .map(|card| (ValidatorAddress::of(&card.validator_key), card.id))
        .collect()
}

fn view(
    lie: &Equivocation,
    hospitals: &BTreeMap<ValidatorAddress, HospitalId>,
) -> Result<EvidenceView, ApiError> {
    let key = PublicKey::from_bytes(lie.validator().as_bytes()).map_err(ApiError::internal)?;
    let digest = |hash: BlockHash| Text(Digest::from_bytes(*hash.as_bytes()));
    Ok(EvidenceView {
        validator: key,
        hospital: hospitals.get(lie.validator()).cloned().map(Text),
        height: lie.height().value(),
        round: lie.round().value(),
        kind: lie.kind().to_string(),
        blocks: lie.blocks().map(|block| block.map(digest)),
        evidence: lie.evidence().to_bytes().into(),
    })
}
