//! Applying a block to a state: first what is due at its time, then its transactions in order.

use consilium_contracts::{
    BlockContext, Event, FederationId, Overlay, Rejection, SignedTransaction, StateRead,
    VerifiedTransaction, Writes, apply, begin_block,
};
use consilium_schemes::parallel::in_parallel;

/// What a block does to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The changes, in key order.
    pub writes: Writes,
    /// What happened.
    pub events: BlockEvents,
}

/// The events of a block, apart by what caused them.
#[derive(Clone, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize)]
pub struct BlockEvents {
    /// What was due at the block's time.
    pub begin: Vec<Event>,
    /// What each transaction did, in the order of the transactions.
    pub transactions: Vec<Vec<Event>>,
}

/// A block with a transaction that does not apply: the block is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transaction {index} of the block does not apply: {rejection}")]
pub struct InvalidTransaction {
    /// Its index in the block.
    pub index: usize,
    /// Why it does not apply.
    pub rejection: Rejection,
}

/// A block in the making: transactions are applied one after another upon a state.
pub struct Execution<S> {
    state: Overlay<S>,
    context: BlockContext,
    events: BlockEvents,
}

impl<S: StateRead> Execution<S> {
    /// Begins a block: what is due at its time happens first.
    pub fn begin(state: S, context: BlockContext) -> Self {
        let mut state = Overlay::new(state);
        let due = begin_block(&state, &context);
        state.commit(&due);
        let (_, begin) = due.into_parts();
        Self {
            state,
            context,
            events: BlockEvents {
                begin,
                transactions: Vec::new(),
            },
        }
    }

    /// Applies one more transaction; a rejected one leaves no trace.
    ///
    /// # Errors
    /// The contracts' [`Rejection`].
    pub fn apply(&mut self, transaction: &VerifiedTransaction) -> Result<(), Rejection> {
        let transition = apply(&self.state, &self.context, transaction)?;
        self.state.commit(&transition);
        let (_, events) = transition.into_parts();
        self.events.transactions.push(events);
        Ok(())
    }

    /// What was due and all transactions did.
    pub fn finish(self) -> Executed {
        Executed {
            writes: self.state.into_writes(),
            events: self.events,
        }
    }
}

/// Checks signatures and everything else of transactions that needs no state.
///
/// # Errors
/// [`InvalidTransaction`] names the first that does not verify.
pub fn verify_transactions(
    federation: &FederationId,
    transactions: &[SignedTransaction],
) -> Result<Vec<VerifiedTransaction>, InvalidTransaction> {
    let verify = |(index, transaction): (usize, &SignedTransaction)| {
        let verified = transaction.clone().verify(federation);
        verified.map_err(|rejection| InvalidTransaction { index, rejection })
    };
    transactions.iter().enumerate().map(verify).collect()
}

/// A transaction of a block, and what came of verifying it before, if anybody did.
pub type Claimed<'a> = (&'a SignedTransaction, Option<VerifiedTransaction>);

/// Verifies a block's transactions on up to `threads` threads: as [`verify_transactions`], and their proofs against the `state` that
/// the block is applied to. A proof that does not hold is refused where its transaction is applied.
///
/// # Errors
/// [`InvalidTransaction`] names the first that does not verify.
pub fn verify_block<'a>(
    federation: &FederationId,
    transactions: impl IntoIterator<Item = Claimed<'a>>,
    state: &(impl StateRead + Sync),
    threads: usize,
) -> Result<Vec<VerifiedTransaction>, InvalidTransaction> {
    let verify = |(index, (transaction, before)): (usize, Claimed<'a>)| {
        let verified = match before {
            Some(verified) => Ok(verified),
            None => transaction.clone().verify(federation),
        };
        let mut verified = verified.map_err(|rejection| InvalidTransaction { index, rejection })?;
        verified.verify_proofs(state);
        Ok(verified)
    };
    let transactions: Vec<_> = transactions.into_iter().enumerate().collect();
    let verified = in_parallel(threads, transactions, verify);
    verified.into_iter().collect()
}

/// Applies a whole block: every transaction must apply.
///
/// # Errors
/// [`InvalidTransaction`] names the first that does not.
pub fn execute_block<S: StateRead>(
    state: S,
    context: BlockContext,
    transactions: &[VerifiedTransaction],
) -> Result<Executed, InvalidTransaction> {
    let mut execution = Execution::begin(state, context);
    for (index, transaction) in transactions.iter().enumerate() {
        let invalid = |rejection| InvalidTransaction { index, rejection };
        execution.apply(transaction).map_err(invalid)?;
    }
    Ok(execution.finish())
}
