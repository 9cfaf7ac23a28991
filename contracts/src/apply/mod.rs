//! The state machine: one flat match, a file per concern.
//!
//! `apply` and `begin_block` are functions of the state, the block and the transaction alone: no
//! clock, no randomness, no iteration but in key order. What they refuse changes nothing.

mod access;
mod assignment;
mod authorization;
mod begin;
mod challenge;
mod complaint;
mod doctor;
mod envelope;
mod epoch;
mod genesis;
mod hospital;
mod index;
mod matching;
mod patient;
mod record;
mod report;
mod sender;
mod step;
mod trapdoor;
mod validators;

use crate::action::Action;
use crate::rejection::Rejection;
use crate::state::{BlockContext, StateRead, Transition};
use crate::transaction::VerifiedTransaction;

use step::Step;

pub(crate) use envelope::known_sender;

pub use begin::{DUE_PER_BLOCK, PRUNED_PER_BLOCK, begin_block, next_deadline};
pub(crate) use genesis::genesis_state;
pub use hospital::PEER_GRACE_MS;
pub use validators::{PROPOSAL_LIFETIME_MS, REKEY_INTERVAL_MS, VALIDATOR_DELAY, rekey_refusal};

/// The most live authorizations of one scope from one hospital to another.
pub const MAX_AUTHORIZATIONS: u32 = 16;
/// The most matches of a record; bounds the work at the end of its window.
pub const MAX_MATCHES: u32 = 1024;

/// Applies one transaction in `block`.
///
/// # Errors
/// [`Rejection`]: who may not, what is not there, which rule; nothing is changed then.
pub fn apply(
    state: &impl StateRead,
    block: &BlockContext,
    tx: &VerifiedTransaction,
) -> Result<Transition, Rejection> {
    let mut changes = Step::new(state, *block);
    let step = &mut changes;
    let sender = envelope::open(step, tx)?;

    match &tx.transaction().action {
        Action::AdmitHospital(card) => hospital::admit(step, &sender, card),
        Action::PublishEpoch(action) => epoch::publish(step, &sender, action),
        Action::RegisterDoctor(action) => doctor::register(step, &sender, action),
        Action::ReissueDoctor(action) => doctor::reissue(step, &sender, action),
        Action::RevokeDoctor(action) => doctor::revoke(step, &sender, action),
        Action::RegisterRecord(action) => record::register(step, &sender, &action.terms),
        Action::Authorize(action) => authorization::authorize(step, &sender, action),
        Action::WithdrawAuthorization(action) => authorization::withdraw(step, &sender, &action.id),
        Action::WithdrawConsent(action) => record::withdraw_consent(step, &sender, &action.record),
        Action::PostIndex(action) => index::post(step, &sender, tx, action),
        Action::PostTrapdoor(action) => trapdoor::post(step, &sender, tx, action),
        Action::WithdrawTrapdoor => trapdoor::withdraw(step, &sender),
        Action::PostMatch(action) => matching::post(step, &sender, tx, action),
        Action::Decline(action) => access::decline(step, &sender, action),
        Action::Access(action) => access::access(step, &sender, action),
        Action::Report(action) => report::report(step, &sender, action),
        Action::Acknowledge(action) => patient::acknowledge(step, &sender, tx, action),
        Action::Dispute(action) => patient::dispute(step, &sender, tx, action),
        Action::ProposeValidatorChange(change) => validators::propose(step, &sender, change),
        Action::ApproveValidatorChange(action) => validators::approve(step, &sender, action),
        Action::UpdateCard(update) => hospital::update(step, &sender, update),
        Action::Challenge(action) => challenge::challenge(step, &sender, action),
        Action::AnswerChallenge(action) => challenge::answer(step, &sender, tx, action),
        Action::ComplainTransform(action) => complaint::post(step, &sender, tx, action),
        Action::Complain(action) => patient::complain(step, &sender, tx, action),
    }?;
    envelope::remember(step, tx.transaction());
    Ok(changes.finish())
}
