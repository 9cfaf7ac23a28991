//! IndexBuild, and posting: each record's index to this hospital and to each that is authorized within the consent.
//!
//! What is missing follows from the ledger; nothing needs to be remembered but which records to look at.

use std::sync::Arc;

use consilium_contracts::{
    Action, FilterBytes, Height, HospitalCard, HospitalId, IndexBytes, PostIndex, Prefilter,
    RecordEntry, RecordId, RecordStatus, Rejection, View, index_context, index_filter_context,
};
use consilium_node::{Snapshot, SubmitError};
use consilium_schemes::matching::index_build;
use consilium_schemes::matching::prefilter::{Bitmap, FilterContext};
use consilium_schemes::tokens::KeywordToken;
use consilium_schemes::wrap::PublicKey;
use consilium_service::ApiError;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::cards::matching_keys;
use crate::hospital::Hospital;
use crate::store::{TO_INDEX, TOKENS};
use crate::together::together;

/// Records whose indexes are built and posted at once.
const AT_ONCE: usize = 32;

/// Posts every missing index; what cannot be now stays to be done.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let records: Vec<_> = hospital.store.rows(TO_INDEX).collect::<Result<_, _>>()?;
    let post = |(record, ())| {
        let hospital = Arc::clone(hospital);
        async move { post_missing(&hospital, &record).await }
    };
    together(AT_ONCE, records.into_iter().map(post)).await
}

/// The hospitals to which an index is missing: this one and the authorized, while the window takes indexes.
fn missing(state: &Snapshot, entry: &RecordEntry) -> Vec<HospitalId> {
    let (view, time, terms) = (View::new(state), state.time(), &entry.terms);
    let open = match entry.status {
        RecordStatus::Registered => true,
        RecordStatus::Matching { until } => time < until,
        _ => false,
    };
    if !open {
        return Vec::new();
    }
    let candidates = terms.consent.hospitals.iter().chain([&terms.owner]);
    let wanted = candidates
        .filter(|id| view.may_use(entry, id, time) && view.index(&terms.record, id).is_none());
    let mut wanted: Vec<_> = wanted.cloned().collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

async fn post_missing(hospital: &Arc<Hospital>, record: &RecordId) -> Result<(), ApiError> {
    let state = hospital.state();
    let entry = View::new(&state)
        .record(record)
        .filter(|entry| entry.terms.owner == hospital.id);
    let wanted = entry
        .map(|entry| missing(&state, &entry))
        .unwrap_or_default();
    let mut posting = JoinSet::new();
    for to in wanted {
        let (hospital, record) = (Arc::clone(hospital), *record);
        posting.spawn(async move { post(&hospital, &record, &to).await });
    }
    let mut failed = None;
    while let Some(posted) = posting.join_next().await {
        if let Err(error) = posted.map_err(ApiError::internal)? {
            failed = Some(error);
        }
    }
    match failed {
        Some(error) => Err(error),
        None => forget_if_done(hospital, record),
    }
}

/// Nothing is missing any more: the next authorization puts the record back.
fn forget_if_done(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    let state = hospital.state();
    let entry = View::new(&state).record(record);
    if entry.is_some_and(|entry| missing(&state, &entry).is_empty()) {
        hospital.store.delete(&TO_INDEX, record)?;
    }
    Ok(())
}

async fn post(
    hospital: &Arc<Hospital>,
    record: &RecordId,
    to: &HospitalId,
) -> Result<(), ApiError> {
    // The proof is bound to it.
    let expires = hospital.ledger.expires();
    let posting = build(hospital, record, to, expires).await?;
    let action = Action::PostIndex(posting);
    match hospital.ledger.submit_until(action, expires).await {
        Ok(_) => {
            hospital
                .note("post-index", record, &format!("to {to}"))
                .await
        }
        // Nobody needs it any more, or it is there.
        Err(SubmitError::Rejected(
            Rejection::IndexExists { .. }
            | Rejection::WindowClosed { .. }
            | Rejection::RecordClosed { .. }
            | Rejection::NotAuthorized { .. },
        )) => Ok(()),
        Err(error) => Err(consilium_service::ledger::submit_error(error)),
    }
}

/// IndexBuild, with fresh randomness for each hospital, encrypted to it, with the proof that it is this hospital's own; and the bitmap
/// where the federation has a prefilter.
async fn build(
    hospital: &Arc<Hospital>,
    record: &RecordId,
    to: &HospitalId,
    expires: Height,
) -> Result<PostIndex, ApiError> {
    let state = hospital.state();
    let view = View::new(&state);
    let entry = view.record(record);
    let terms = entry
        .ok_or_else(|| ApiError::internal(format!("record {record} is not registered")))?
        .terms;
    let card = hospital.card(to)?;
    let keys = matching_keys(&card).map_err(ApiError::internal)?;
    let prefilter = view.settings().prefilter;
    drop(state);
    let (at, record, to) = (Arc::clone(hospital), *record, to.clone());
    // Not the requests' pool: a few hundred records at once must not make the gateway refuse callers.
    let built = hospital
        .prepared
        .pool()
        .run(move || -> Result<PostIndex, ApiError> {
            let tokens = keyword_tokens(&at, &record)?;
            let mut rng = rand::rng();
            let index = index_build(at.n, &tokens, &mut rng).map_err(ApiError::internal)?;
            let context = index_context(&at.federation, &terms, &to, expires);
            let posted = index.post(&keys, &context, &mut rng);
            let bytes = posted.index().to_bytes().try_into();
            let alone: IndexBytes = bytes.map_err(ApiError::internal)?;
            let filter = prefilter.map(|setting| {
                let context = index_filter_context(&at.federation, &terms, &to, &alone);
                bitmap(&at, &setting, &tokens, &card, &context)
            });
            let index = posted.to_bytes().try_into().map_err(ApiError::internal)?;
            let filter = filter.transpose()?;
            Ok(PostIndex {
                record,
                to,
                index,
                filter,
            })
        });
    built.await?
}

/// The record's bitmap for that hospital, encrypted to it.
fn bitmap(
    hospital: &Hospital,
    setting: &Prefilter,
    tokens: &[KeywordToken],
    to: &HospitalCard,
    context: &FilterContext<'_>,
) -> Result<FilterBytes, ApiError> {
    let (size, weight) = setting
        .parts()
        .ok_or_else(|| ApiError::internal("genesis was verified with its prefilter"))?;
    let key = hospital.keys.fill.as_ref();
    let key = key.ok_or_else(|| ApiError::internal("the key was added at the start"))?;
    let (record, at) = (&context.subject, context.hospital);
    let bitmap =
        Bitmap::build(tokens, at, record, size, weight, key).map_err(ApiError::internal)?;
    let recipient = PublicKey::from_bytes(to.hpke_key.as_bytes()).map_err(ApiError::internal)?;
    let sealed = bitmap.seal(
        context,
        &hospital.keys.signing,
        &recipient,
        &mut rand::rng(),
    );
    sealed.try_into().map_err(ApiError::internal)
}

/// A record's keyword tokens, unsealed.
fn keyword_tokens(hospital: &Hospital, record: &RecordId) -> Result<Vec<KeywordToken>, ApiError> {
    let missing = || ApiError::internal(format!("record {record} has no keyword tokens"));
    let sealed = hospital.store.get(&TOKENS, record)?.ok_or_else(missing)?;
    let bytes: Zeroizing<Vec<u8>> =
        hospital
            .keys
            .storage
            .open(TOKENS.name(), record.as_bytes(), &sealed)?;
    let tokens = bytes
        .chunks(KeywordToken::LENGTH)
        .map(KeywordToken::from_bytes);
    tokens.collect::<Result<_, _>>().map_err(ApiError::internal)
}
