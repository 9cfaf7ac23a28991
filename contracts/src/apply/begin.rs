//! What a block does before its first transaction: the validators scheduled for its height, what is due, and forgetting old nonces.
//!
//! The work of a block is bounded: at most [`DUE_PER_BLOCK`] due things, each of at most
//! [`super::MAX_MATCHES`] matches (or the open assignments of one hospital), and at most
//! [`PRUNED_PER_BLOCK`] nonces. What is left is due in the next block, which the node makes at once
//! because [`next_deadline`] has passed. Meanwhile transactions are refused by the deadlines
//! themselves, not by the clean-up.

use super::step::Step;
use super::{assignment, authorization, challenge, record, trapdoor, validators};
use crate::event::EndReason;
use crate::ids::BlockTime;
use crate::state::{
    AssignmentStatus, BlockContext, CloseReason, Due, Key, StateRead, Transition, View, prefix,
};

/// The most due things that one block does.
pub const DUE_PER_BLOCK: usize = 256;
/// The most nonces that one block forgets.
pub const PRUNED_PER_BLOCK: usize = 4096;

/// Puts scheduled validators in force, then does what is due at the block's time, in the order of time, kind and id.
pub fn begin_block(state: &impl StateRead, block: &BlockContext) -> Transition {
    let mut step = Step::new(state, *block);
    validators::begin(&mut step);
    for (time, due) in due_now(state, block) {
        let key = Key::due(time, &due);
        if step.state().get(&key).is_some() {
            step.delete(key);
            perform(&mut step, due);
        }
    }
    prune(&mut step);
    step.finish()
}

fn due_now(state: &impl StateRead, block: &BlockContext) -> Vec<(BlockTime, Due)> {
    let view = View::new(state);
    let now = view.due().take_while(|(time, _)| *time <= block.time);
    now.take(DUE_PER_BLOCK).collect()
}

/// The block time at which something falls due next; in the past when a block left something.
pub fn next_deadline(state: &impl StateRead) -> Option<BlockTime> {
    View::new(state).due().next().map(|(time, _)| time)
}

fn perform<S: StateRead>(step: &mut Step<'_, S>, due: Due) {
    match due {
        Due::ConsentExpiry(id) => record::end_consent(step, &id, CloseReason::ConsentExpired),
        Due::AuthorizationExpiry(id) => {
            let entry = step
                .view()
                .authorization(&id)
                .expect("its due ends with it");
            authorization::end(step, entry, EndReason::Expired);
        }
        Due::TrapdoorExpiry(id) => {
            let hospital = step
                .view()
                .doctor(&id)
                .expect("a poster is a doctor")
                .hospital;
            trapdoor::remove(step, &hospital, &id, EndReason::Expired);
        }
        Due::WindowEnd(id) => {
            let entry = step.view().record(&id).expect("its due ends with it");
            assignment::assign_next(step, entry);
        }
        Due::AssignmentLapse(id) => assignment::pass_on(step, &id, AssignmentStatus::Lapsed),
        Due::ChallengeEnd { record, doctor } => challenge::end(step, &record, &doctor),
        Due::IndexesEnd(id) => record::drop_indexes(step, &id),
    }
}

/// Forgets the nonces of transactions that have expired and so cannot come again.
fn prune<S: StateRead>(step: &mut Step<'_, S>) {
    let height = step.height();
    let old: Vec<Key> = step
        .state()
        .scan(prefix::NONCE_EXPIRIES)
        .map(|(key, _)| key)
        .take_while(|key| key.expiry_height().is_some_and(|expires| expires < height))
        .take(PRUNED_PER_BLOCK)
        .collect();
    for key in old {
        if let Some(nonce) = key.expiring_nonce() {
            step.delete(nonce);
        }
        step.delete(key);
    }
}
