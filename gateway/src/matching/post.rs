//! Matches that were found, posted with their proofs.
//!
//! Found matches stand in the store until the ledger has them, takes them no more, or has another trapdoor: what the committed state says,
//! not what the own node says, see [`crate::verdict`]. One whose authorization is over waits: there may be another before the
//! window closes.

use std::sync::Arc;

use consilium_contracts::{
    Action, Height, IndexBytes, PostMatch, ProofBytes, Rejection, TrapdoorBytes, View,
    match_context,
};
use consilium_node::SubmitError;
use consilium_schemes::match_proof::{self, MatchContext, Statement};
use consilium_schemes::matching::{EncryptedIndex, EncryptedTrapdoor};
use consilium_service::ApiError;

use super::live::hash;
use super::{AT_ONCE, not_behind, takes_matches, window};
use crate::hospital::Hospital;
use crate::store::{Changes, Pair, TO_POST};
use crate::together::together;
use crate::verdict;

/// Posts what was found and is not posted yet; the last that failed is told when all were tried.
pub(crate) async fn post_found(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    not_behind(hospital)?;
    let at = Arc::clone(hospital);
    let due = hospital.prepared.pool().run(move || due(&at)).await??;
    let at = Arc::clone(hospital);
    let works = due.into_iter().map(move |pair| {
        let hospital = Arc::clone(&at);
        async move { post(&hospital, &pair).await }
    });
    together(AT_ONCE, works).await
}

/// What can be posted now; what never can be any more is dropped.
fn due(hospital: &Hospital) -> Result<Vec<Pair>, ApiError> {
    let found: Vec<_> = hospital.store.rows(TO_POST).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let state = hospital.state();
    let (view, time) = (View::new(&state), state.time());
    let (mut due, mut over) = (Vec::new(), Changes::new());
    for (pair, ()) in found {
        if window(&view, &pair.record, time).is_none() {
            over = over.delete(&TO_POST, &pair);
        } else if takes_matches(&view, &hospital.id, &pair.record, time) {
            due.push(pair);
        }
    }
    hospital.store.commit(over)?;
    Ok(due)
}

/// Proves a match and posts it.
async fn post(hospital: &Arc<Hospital>, pair: &Pair) -> Result<(), ApiError> {
    let Pair { record, doctor, .. } = *pair;
    // The proof is bound to it.
    let expires = hospital.ledger.expires();
    let (at, of) = (Arc::clone(hospital), *pair);
    let prove = move || prove(&at, &of, expires);
    let Some(action) = hospital.prepared.pool().run(prove).await?? else {
        return Ok(hospital.store.delete(&TO_POST, pair)?);
    };
    let transaction = hospital.ledger.sign_until(action, expires);
    let why = match hospital.node.submit(transaction.clone()).await {
        Ok(receipt) => format!(
            "matched doctor {doctor}, with proof, committed at {}",
            receipt.height
        ),
        Err(SubmitError::Rejected(_)) => {
            let at = Arc::clone(hospital);
            let refusal = move || verdict::refusal(&at, &transaction);
            match hospital.prepared.pool().run(refusal).await? {
                Some(why) if stays(&why) => format!("matched doctor {doctor}, too late: {why}"),
                // Proved again.
                _ => return Err(ApiError::busy()),
            }
        }
        Err(error) => return Err(consilium_service::ledger::submit_error(error)),
    };
    hospital.store.delete(&TO_POST, pair)?;
    hospital.gauges.matched.inc();
    hospital.note("match", record, &why).await
}

/// Whether the ledger never takes this match any more, once its state says this. Others are over when trapdoor or authorization are
/// replaced, or with the next block.
fn stays(why: &Rejection) -> bool {
    matches!(
        why,
        Rejection::AlreadyMatched { .. }
            | Rejection::TooManyMatches { .. }
            | Rejection::WindowClosed { .. }
            | Rejection::RecordClosed { .. }
            | Rejection::DoctorRevoked { .. }
            | Rejection::NoIndex { .. }
            | Rejection::NoTrapdoor { .. }
    )
}

/// The match with its proof; none where the ledger has another trapdoor by now, or no index any more.
fn prove(hospital: &Hospital, pair: &Pair, expires: Height) -> Result<Option<Action>, ApiError> {
    let Pair { record, doctor, .. } = *pair;
    let state = hospital.state();
    let view = View::new(&state);
    let index = view.index(&record, &hospital.id);
    let trapdoor = view
        .trapdoor(&hospital.id, &doctor)
        .filter(|entry| hash(entry) == pair.trapdoor);
    let (Some(entry), Some(index), Some(trapdoor)) = (view.record(&record), index, trapdoor) else {
        return Ok(None);
    };
    // Without one the ledger says why not.
    let authorization = view.authorization_for(&entry, &hospital.id, state.time());
    let authorization = authorization.map(|authorization| authorization.id);
    let (federation, terms) = (&hospital.federation, &entry.terms);
    let context = match_context(
        federation,
        terms,
        &doctor,
        &hospital.id,
        authorization,
        expires,
    );
    let proof = proof(hospital, &index.index, &trapdoor.trapdoor, &context)?;
    Ok(Some(Action::PostMatch(PostMatch {
        record,
        doctor,
        authorization,
        proof,
    })))
}

/// What is true of an index and a trapdoor that are encrypted to this hospital, proven.
pub(crate) fn proof(
    hospital: &Hospital,
    index: &IndexBytes,
    trapdoor: &TrapdoorBytes,
    context: &MatchContext<'_>,
) -> Result<ProofBytes, ApiError> {
    let index = EncryptedIndex::from_bytes(index.as_bytes(), hospital.n);
    let trapdoor = EncryptedTrapdoor::from_bytes(trapdoor.as_bytes(), hospital.n);
    let statement = Statement {
        index: &index.map_err(ApiError::internal)?,
        trapdoor: &trapdoor.map_err(ApiError::internal)?,
        keys: &hospital.keys.matching.public_keys(),
        context,
    };
    let proof = match_proof::prove(&statement, &hospital.keys.matching, &mut rand::rng())
        .map_err(ApiError::internal)?;
    proof.to_bytes().try_into().map_err(ApiError::internal)
}
