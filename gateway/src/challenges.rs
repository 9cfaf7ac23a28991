//! Challenges: those to this hospital are answered, its own and its patients' records' are shown and posted.
//!
//! The gateway answers every challenge with what is true. It cannot do otherwise: nothing else has a proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web;
use consilium_client::api::challenges::{ChallengeRequest, ChallengeView, PairList, PairView};
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::wire::Text;
use consilium_contracts::{
    Action, AnswerChallenge, Challenge, ChallengeRejection, Height, OpenChallenge, RecordEntry,
    RecordId, Rejection, StateRead, View, answer_context,
};
use consilium_node::SubmitError;
use consilium_service::ledger::{receipt, submit_error};
use consilium_service::{ApiError, Call, Caller, scope};

use crate::hospital::Hospital;
use crate::matching;
use crate::records::{self, OperatorOrPatient};
use crate::together::together;

/// Challenges that are answered at once: whoever asks often must not make this hospital late.
const AT_ONCE: usize = 64;

/// Answers every challenge that is open, whatever the match engine is busy with.
pub(crate) async fn work_through(hospital: &Arc<Hospital>) -> Result<(), ApiError> {
    let compared = matching::compare_challenged(hospital).await;
    let state = hospital.state();
    let open: Vec<_> = View::new(&state).open_challenges(&hospital.id).collect();
    drop(state);
    let at = Arc::clone(hospital);
    let answers = open.into_iter().map(move |challenge| {
        let hospital = Arc::clone(&at);
        async move { answer(&hospital, challenge).await }
    });
    together(AT_ONCE, answers).await.and(compared)
}

async fn answer(hospital: &Arc<Hospital>, challenge: OpenChallenge) -> Result<(), ApiError> {
    let OpenChallenge { record, doctor, .. } = challenge;
    // The proof is bound to it.
    let expires = hospital.ledger.expires();
    let at = Arc::clone(hospital);
    let prove = move || proven(&at, &challenge, expires);
    let action = hospital.prepared.pool().run(prove).await??;
    let why = match hospital.ledger.submit_until(action, expires).await {
        Ok(receipt) => format!(
            "answered the challenge about doctor {doctor} with a proof, committed at {}",
            receipt.height
        ),
        Err(SubmitError::Rejected(Rejection::Challenge(why))) => match why {
            // The match was found above, and its posting answers.
            ChallengeRejection::PostTheMatch { .. } => {
                hospital.wake.posting.notify_one();
                return Err(ApiError::busy());
            }
            // It was answered meanwhile.
            ChallengeRejection::NotChallenged { .. } => return Ok(()),
            why => format!("the challenge about doctor {doctor} is not answered: {why}"),
        },
        Err(error) => return Err(submit_error(error)),
    };
    hospital.note("answer-challenge", record, &why).await
}

/// The answer with its proof, about what the challenge kept.
fn proven(
    hospital: &Hospital,
    challenge: &OpenChallenge,
    expires: Height,
) -> Result<Action, ApiError> {
    let OpenChallenge {
        record,
        doctor,
        index,
        trapdoor,
    } = challenge;
    let entry = View::new(hospital.state()).record(record);
    let terms = entry
        .ok_or_else(|| ApiError::internal("a challenge's record is registered"))?
        .terms;
    let context = answer_context(&hospital.federation, &terms, doctor, &hospital.id, expires);
    let proof = matching::proof(hospital, index, trapdoor, &context)?;
    Ok(Action::AnswerChallenge(AnswerChallenge {
        record: *record,
        doctor: *doctor,
        proof,
    }))
}

/// Doctors whose hospital had to compare their interests with a record, and what it said.
#[utoipa::path(get, path = "/v1/records/{record}/pairs", tag = "records",
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = PairList), (status = 404, description = "None of this caller's.")))]
pub(crate) async fn pairs(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    caller: Caller<OperatorOrPatient>,
) -> Result<web::Json<PairList>, ApiError> {
    let record = record.into_inner().0;
    records::visible(&hospital, &record, &caller)?;
    let state = hospital.state();
    let view = View::new(&state);
    let entry = view.record(&record);
    let pairs = entry.map_or_else(Vec::new, |entry| compared(&view, &entry));
    let height = state.height().value();
    Ok(web::Json(PairList { height, pairs }))
}

/// By hospital and doctor: whose interests came before the window ended, where an index is still there; and whatever a match or a challenge
/// is about.
fn compared<S: StateRead>(view: &View<S>, entry: &RecordEntry) -> Vec<PairView> {
    let record = &entry.terms.record;
    let mut pairs: BTreeMap<_, Option<u16>> = BTreeMap::new();
    for challenge in view.challenges(record) {
        pairs.insert((challenge.hospital, challenge.doctor), None);
    }
    for index in view.indexes(record) {
        let trapdoors = view.trapdoors(&index.to);
        let in_time = trapdoors.filter(|one| entry.window.is_none_or(|end| one.posted < end));
        pairs.extend(in_time.map(|one| ((one.hospital, one.doctor), Some(one.interests))));
    }
    for matched in view.matches(record) {
        let pair = (matched.hospital, matched.doctor);
        pairs.insert(pair, Some(matched.interests));
    }
    let shown = pairs.into_iter().map(|((hospital, doctor), interests)| {
        let matched = view.matched(record, &doctor);
        let challenge = view.challenge(record, &doctor);
        PairView {
            doctor: Text(doctor),
            hospital: Text(hospital),
            interests,
            matched_height: matched.map(|matched| matched.height.value()),
            challenge: challenge.map(|challenge| ChallengeView::from(&challenge)),
        }
    });
    shown.collect()
}

/// Challenges a doctor's hospital about a record of this one.
#[utoipa::path(post, path = "/v1/records/{record}/challenges", tag = "operator", request_body = ChallengeRequest,
    params(("record" = String, Path, description = "The record.")),
    responses((status = 200, body = TransactionReceipt), (status = 422, description = "The contracts refuse it.")))]
pub(crate) async fn challenge(
    hospital: web::Data<Hospital>,
    record: web::Path<Text<RecordId>>,
    call: Call<scope::GatewayOperator, ChallengeRequest>,
) -> Result<web::Json<TransactionReceipt>, ApiError> {
    let hospital = hospital.into_inner();
    let (record, doctor) = (record.into_inner().0, call.body.doctor.0);
    let line = call.caller.audit("challenge", record);
    let at = Arc::clone(&hospital);
    let work = async move {
        let action = Action::Challenge(Challenge { record, doctor });
        let committed = at.ledger.submit(action).await.map_err(submit_error)?;
        Ok(receipt(&committed))
    };
    Ok(web::Json(hospital.decide(line, work).await?))
}
