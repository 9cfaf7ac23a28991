//! Verifying ahead of a replay: signatures and proofs of many blocks at once.
//!
//! A block has one or two transactions whose proof takes milliseconds, too few for the threads that there are. So blocks are read
//! ahead into a window, and their transactions are verified in parallel against the state before the first of them. A proof about what the
//! window itself brings cannot be verified then; as soon as the block that is next has such a one, all that can be by now are verified
//! at once.
//!
//! # Security
//!
//! No outcome depends on it. A verdict is kept with the digest of what the state said
//! ([`VerifiedTransaction::verify_proofs`](consilium_contracts::VerifiedTransaction::verify_proofs)); the replay takes it where the state
//! still says the same, and verifies by itself what has none. What does not verify here is kept as not verified, and a fault of the
//! source waits: the replay names whatever is wrong first, at its block. Before a block's certificate is looked at, its transactions may
//! have been verified: whoever makes up blocks costs an auditor one window's work and no more.

use std::collections::VecDeque;

use consilium_contracts::{ProofKind, VerifiedTransaction};
use consilium_schemes::parallel::in_parallel;

use crate::export::ExportEntry;
use crate::replay::Replay;

/// The most blocks in a window.
const WINDOW_BLOCKS: usize = 64;
/// Bytes of blocks, as they are encoded, after which a window takes no more; the last may go beyond. Parsed, they take some times as much.
const WINDOW_BYTES: usize = 8 << 20;

/// Entries of a ledger one after another, verified ahead; what the source says is wrong comes where it stands.
pub struct Lookahead<I, E> {
    source: I,
    window: VecDeque<Prepared>,
    /// Why nothing follows the window.
    fault: Option<E>,
}

/// An entry with what was verified of it, for [`Replay::apply_prepared`].
pub struct Prepared {
    pub(crate) entry: ExportEntry,
    /// For each transaction, if it verifies; empty for a block that is refused before anybody looks at them.
    pub(crate) verified: Vec<Option<VerifiedTransaction>>,
}

impl<E, I: Iterator<Item = Result<ExportEntry, E>>> Lookahead<I, E> {
    /// Of what `source` gives, up to its first error.
    pub const fn new(source: I) -> Self {
        Self {
            source,
            window: VecDeque::new(),
            fault: None,
        }
    }

    /// The next entry, for `replay`, which has applied all before it; `None` after the last.
    ///
    /// # Errors
    /// The source's, after the last entry before it.
    pub fn next(&mut self, replay: &Replay) -> Result<Option<Prepared>, E> {
        if self.window.is_empty() {
            self.fill(replay);
            self.verify(replay);
        } else if self.window.front().is_some_and(Prepared::is_unproven) {
            self.prove(replay);
        }
        match self.window.pop_front() {
            Some(next) => Ok(Some(next)),
            None => self.fault.take().map_or(Ok(None), Err),
        }
    }

    fn fill(&mut self, replay: &Replay) {
        let mut bytes = 0_usize;
        while self.fault.is_none() && self.window.len() < WINDOW_BLOCKS && bytes < WINDOW_BYTES {
            match self.source.next() {
                Some(Ok(entry)) => {
                    bytes = bytes.saturating_add(entry.block.to_bytes().len());
                    self.window.push_back(Prepared::of(entry, replay));
                }
                Some(Err(fault)) => self.fault = Some(fault),
                None => break,
            }
        }
    }

    fn verify(&mut self, replay: &Replay) {
        let each = self.window.iter_mut().flat_map(|one| {
            let transactions = one.entry.block.transactions();
            transactions.iter().zip(&mut one.verified)
        });
        let each: Vec<_> = each.collect();
        in_parallel(replay.threads(), each, |(transaction, verified)| {
            *verified = transaction.clone().verify(replay.federation()).ok();
            if let Some(verified) = verified {
                verified.verify_proofs(replay.state());
            }
        });
    }

    fn prove(&mut self, replay: &Replay) {
        let each = self.window.iter_mut().flat_map(Prepared::unproven);
        let each: Vec<_> = each.collect();
        in_parallel(replay.threads(), each, |one| {
            one.verify_proofs(replay.state());
        });
    }
}

impl Prepared {
    /// Its transactions as far as they verify; none of a block that breaks the federation's bounds.
    pub fn verified(&self) -> impl Iterator<Item = &VerifiedTransaction> {
        self.verified.iter().flatten()
    }

    fn of(entry: ExportEntry, replay: &Replay) -> Self {
        let transactions = match entry.block.within(replay.settings()) {
            Ok(()) => entry.block.transactions().len(),
            Err(_) => 0,
        };
        Self {
            entry,
            verified: vec![None; transactions],
        }
    }

    fn is_unproven(&self) -> bool {
        self.verified().any(is_unproven)
    }

    fn unproven(&mut self) -> impl Iterator<Item = &mut VerifiedTransaction> {
        let verified = self.verified.iter_mut().flatten();
        verified.filter(|one| is_unproven(one))
    }
}

/// Whether it has a proof that could not be verified yet.
fn is_unproven(transaction: &VerifiedTransaction) -> bool {
    let mut proofs = transaction.transaction().action.proofs().into_iter();
    transaction.proofs_hold().is_none() && proofs.any(ProofKind::is_about_state)
}
