//! The state machine.

use crate::genesis::VerifiedGenesis;
use crate::ids::BlockTime;
use crate::rejection::Rejection;
use crate::state::{BlockContext, StateRead, Transition};
use crate::transaction::VerifiedTransaction;

/// Applies one transaction.
///
/// # Errors
/// [`Rejection`]; the state is then unchanged.
pub fn apply(
    _state: &impl StateRead,
    _block: &BlockContext,
    _tx: &VerifiedTransaction,
) -> Result<Transition, Rejection> {
    todo!()
}

/// What a block does before its first transaction.
pub fn begin_block(_state: &impl StateRead, _block: &BlockContext) -> Transition {
    todo!()
}

/// The block time at which something falls due next.
pub fn next_deadline(_state: &impl StateRead) -> Option<BlockTime> {
    todo!()
}

pub(crate) fn genesis_state(_genesis: &VerifiedGenesis) -> Transition {
    todo!()
}
