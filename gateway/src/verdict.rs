//! What the ledger says of a transaction for good, as against what the own node said of it.
//!
//! A validator's node refuses what does not apply after all that waits in its pool, and nothing that waits there need ever be committed:
//! whoever can submit there has the node refuse whatever he likes. So nothing is forgotten because it was refused, but only because
//! the committed state alone refuses it.

use consilium_contracts::{BlockContext, Rejection, SignedTransaction, apply};

use crate::hospital::Hospital;

/// Why the committed state refuses the transaction, by itself and at its own time; none, if it would take it.
pub(crate) fn refusal(hospital: &Hospital, transaction: &SignedTransaction) -> Option<Rejection> {
    let state = hospital.state();
    let next = BlockContext {
        height: state.height().plus(1),
        time: state.time(),
    };
    let verified = match transaction.clone().verify(&hospital.federation) {
        Ok(verified) => verified,
        Err(rejection) => return Some(rejection),
    };
    apply(&state, &next, &verified).err()
}
