//! The match engine: every index that is posted to this hospital with every live trapdoor of its doctors, each pair once.
//!
//! A match is posted with its proof, which is made here. A pair is finished when it is known not to match, or its match stands on the ledger, or the contracts take it no more; finished pairs
//! are persisted under (record, doctor, SHA-256 of the trapdoor), so that a restart goes on where it was and a new trapdoor is
//! compared again. Races (the window closed, the doctor was revoked) are the contracts' to decide.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_contracts::{
    Action, Digest, Height, HospitalId, IndexBytes, IndexEntry, PostMatch, ProofBytes, RecordId,
    RecordStatus, Rejection, TrapdoorBytes, TrapdoorEntry, View, match_context,
};
use consilium_node::SubmitError;
use consilium_schemes::match_proof::{self, MatchContext, Statement};
use consilium_schemes::matching::{EncryptedIndex, EncryptedTrapdoor, Trapdoor, matches};
use consilium_service::ApiError;
use consilium_service::pool::WorkPool;
use tokio::task::JoinSet;

use crate::filter::Filter;
use crate::hospital::Hospital;
use crate::store::{Changes, PAIRS, Pair};

/// Decrypted trapdoors that are kept in memory.
const TRAPDOORS_IN_MEMORY: usize = 1024;
/// Records that are compared, or whose matches are posted, at once.
const AT_ONCE: usize = 64;
/// Work that may wait for a thread; the tasks above bound it.
const QUEUE: usize = 1 << 16;

/// What the engine keeps in memory between its runs.
pub(crate) struct Prepared {
    pool: WorkPool,
    trapdoors: Mutex<BTreeMap<[u8; 32], Arc<Trapdoor>>>,
}

impl Default for Prepared {
    fn default() -> Self {
        Self {
            pool: WorkPool::new(0, QUEUE),
            trapdoors: Mutex::default(),
        }
    }
}

impl Prepared {
    /// Where the engine, and IndexBuild, compute: every processor, apart from the requests' threads.
    pub(crate) fn pool(&self) -> &WorkPool {
        &self.pool
    }

    fn known(&self, hash: &[u8; 32]) -> Option<Arc<Trapdoor>> {
        self.trapdoors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hash)
            .cloned()
    }

    fn keep(&self, hash: [u8; 32], trapdoor: &Arc<Trapdoor>) {
        let mut known = self
            .trapdoors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while known.len() >= TRAPDOORS_IN_MEMORY {
            known.pop_first();
        }
        known.insert(hash, Arc::clone(trapdoor));
    }
}

/// A record's index and the trapdoors that it was not compared with.
struct Work {
    index: IndexEntry,
    trapdoors: Vec<(Pair, Arc<TrapdoorEntry>)>,
}

/// Compares and posts whatever is not finished.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let at = Arc::clone(hospital);
    let pending = hospital.prepared.pool().run(move || pending(&at)).await??;
    let works = pending.into_iter().map(|work| {
        let hospital = Arc::clone(hospital);
        async move { finish(&hospital, work).await }
    });
    together(AT_ONCE, works).await
}

/// Does all of them, so many at once; the last that failed is told when all have ended.
pub(crate) async fn together<F>(
    at_once: usize,
    works: impl IntoIterator<Item = F>,
) -> Result<(), ApiError>
where
    F: Future<Output = Result<(), ApiError>> + Send + 'static,
{
    let mut waiting = works.into_iter();
    let mut running = JoinSet::new();
    let mut failed = None;
    loop {
        while running.len() < at_once
            && let Some(work) = waiting.next()
        {
            running.spawn(work);
        }
        match running.join_next().await {
            None => return failed.map_or(Ok(()), Err),
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => failed = Some(error),
            Some(Err(error)) => failed = Some(ApiError::internal(error)),
        }
    }
}

/// What is not finished, by record.
fn pending(hospital: &Hospital) -> Result<Vec<Work>, ApiError> {
    let state = hospital.state();
    let (view, time) = (View::new(&state), state.time());
    let live = view
        .trapdoors(&hospital.id)
        .filter(|trapdoor| time < trapdoor.expiry);
    let live: Vec<_> = live
        .map(|trapdoor| (hash(&trapdoor), Arc::new(trapdoor)))
        .collect();
    let filter = Filter::new(hospital, &view);
    let mut works = Vec::new();
    for index in view.indexes_to(&hospital.id) {
        if !takes_matches(&view, &hospital.id, &index.record, time) {
            continue;
        }
        let mut trapdoors = Vec::new();
        for (hash, trapdoor) in &live {
            if !filter.pairs(&index, trapdoor) {
                continue;
            }
            let pair = Pair {
                record: index.record,
                doctor: trapdoor.doctor,
                trapdoor: *hash,
            };
            if !hospital.store.has(&PAIRS, &pair)? {
                trapdoors.push((pair, Arc::clone(trapdoor)));
            }
        }
        if !trapdoors.is_empty() {
            works.push(Work { index, trapdoors });
        }
    }
    Ok(works)
}

/// The window is open, and this hospital may use the record; where its authorization is over it may be given another.
fn takes_matches<S: consilium_contracts::StateRead>(
    view: &View<S>,
    hospital: &HospitalId,
    record: &RecordId,
    time: consilium_contracts::BlockTime,
) -> bool {
    view.record(record).is_some_and(|entry| {
        let open = matches!(entry.status, RecordStatus::Matching { until } if time < until);
        open && view.may_use(&entry, hospital, time)
    })
}

/// Compares one record with its trapdoors and posts what matches.
async fn finish(hospital: &Arc<Hospital>, work: Work) -> Result<(), ApiError> {
    let at = Arc::clone(hospital);
    let compared = hospital
        .prepared
        .pool()
        .run(move || compare(&at, &work))
        .await??;
    let apart = compared.iter().filter(|(_, matched)| !matched);
    let changes = apart.fold(Changes::new(), |changes, (pair, _)| {
        changes.put(&PAIRS, pair, &false)
    });
    hospital.store.commit(changes)?;
    hospital.gauges.compared.inc_by(compared.len() as u64);
    for (pair, _) in compared.iter().filter(|(_, matched)| *matched) {
        post(hospital, pair).await?;
    }
    Ok(())
}

fn compare(hospital: &Hospital, work: &Work) -> Result<Vec<(Pair, bool)>, ApiError> {
    let index = EncryptedIndex::from_bytes(work.index.index.as_bytes(), hospital.n);
    let Ok(index) = index else {
        // The contracts parse what is posted; should that ever change, it matches nobody.
        tracing::warn!(record = %work.index.record, "a posted index does not parse");
        return Ok(work
            .trapdoors
            .iter()
            .map(|(pair, _)| (*pair, false))
            .collect());
    };
    let index = index.decrypt(&hospital.keys.matching);
    let compared = work.trapdoors.iter().map(|(pair, entry)| {
        let matched = match trapdoor(hospital, pair, entry) {
            Some(trapdoor) => matches(&index, &trapdoor).map_err(ApiError::internal)?,
            None => false,
        };
        Ok((*pair, matched))
    });
    compared.collect()
}

/// The doctor's trapdoor, decrypted; none for one that would match everything or does not parse.
fn trapdoor(hospital: &Hospital, pair: &Pair, entry: &TrapdoorEntry) -> Option<Arc<Trapdoor>> {
    if let Some(known) = hospital.prepared.known(&pair.trapdoor) {
        return Some(known);
    }
    let parsed = EncryptedTrapdoor::from_bytes(entry.trapdoor.as_bytes(), hospital.n);
    let opened = parsed.map_err(|error| error.to_string()).and_then(|one| {
        one.decrypt(&hospital.keys.matching)
            .map_err(|error| error.to_string())
    });
    match opened {
        Ok(opened) => {
            let opened = Arc::new(opened);
            hospital.prepared.keep(pair.trapdoor, &opened);
            Some(opened)
        }
        Err(error) => {
            tracing::warn!(doctor = %pair.doctor, %error, "a posted trapdoor is not used");
            None
        }
    }
}

/// Proves a match and posts it.
async fn post(hospital: &Arc<Hospital>, pair: &Pair) -> Result<(), ApiError> {
    let Pair { record, doctor, .. } = *pair;
    // The proof is bound to it.
    let expires = hospital.ledger.expires();
    let (at, of) = (Arc::clone(hospital), *pair);
    let prove = move || prove(&at, &of, expires);
    let Some(action) = hospital.prepared.pool().run(prove).await?? else {
        return Ok(());
    };
    let why = match hospital.ledger.submit_until(action, expires).await {
        Ok(receipt) => format!(
            "matched doctor {doctor}, with proof, committed at {}",
            receipt.height
        ),
        // Trapdoor or authorization were replaced meanwhile, or the transaction came too late: proved again.
        Err(SubmitError::Rejected(
            Rejection::TooEarly
            | Rejection::Expired { .. }
            | Rejection::MatchNotProven { .. }
            | Rejection::WrongAuthorization { .. }
            | Rejection::NotAuthorized { .. },
        )) => return Err(ApiError::busy()),
        // Too late, revoked: a verdict that stays.
        Err(SubmitError::Rejected(rejection)) => {
            format!("matched doctor {doctor}, too late: {rejection}")
        }
        Err(error) => return Err(consilium_service::ledger::submit_error(error)),
    };
    hospital.store.put(&PAIRS, pair, &true)?;
    hospital.gauges.matched.inc();
    hospital.note("match", record, &why).await
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

/// SHA-256 of a trapdoor, by which a pair names it.
fn hash(entry: &TrapdoorEntry) -> [u8; 32] {
    *Digest::of(entry.trapdoor.as_bytes()).as_bytes()
}

/// Forgets a closed record's pairs.
pub(crate) fn forget(hospital: &Hospital, record: &RecordId) -> Result<(), ApiError> {
    let rows = hospital.store.rows_from(PAIRS, record.as_bytes().to_vec());
    let pairs: Vec<_> = rows.collect::<Result<_, _>>()?;
    let changes = pairs.iter().fold(Changes::new(), |changes, (pair, _)| {
        changes.delete(&PAIRS, pair)
    });
    Ok(hospital.store.commit(changes)?)
}
