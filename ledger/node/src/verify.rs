//! Verifying transactions: each once, and away from the core where it can be.
//!
//! For an index post this is most of a node's work: every point of it is checked, and its proof; for a match its proof. So what waits in the pool is not verified
//! again, neither when it is forwarded once more nor when it stands in a block; submissions and forwarded transactions leave a
//! core to consensus; and what a block holds that was not seen before is verified on all cores, because a round waits for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use consilium_contracts::{
    FederationId, Rejection, SignedTransaction, StateRead, TransactionHash, VerifiedTransaction,
};
use consilium_ledger::{InvalidTransaction, verify_block};
use consilium_schemes::parallel::{in_parallel, processors};
use tokio::sync::Semaphore;

/// Transactions that need not be verified: those that wait in the pool, and those of a block that is being verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<HashSet<TransactionHash>>>);

impl Known {
    fn change<T>(&self, change: impl FnOnce(&mut HashSet<TransactionHash>) -> T) -> T {
        // A panic elsewhere leaves the set whole: each change is one insertion or removal.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn insert(&self, hash: TransactionHash) {
        self.change(|known| known.insert(hash));
    }

    pub(crate) fn remove(&self, hash: &TransactionHash) {
        self.change(|known| known.remove(hash));
    }

    pub(crate) fn contains(&self, hash: &TransactionHash) -> bool {
        self.change(|known| known.contains(hash))
    }
}

/// Verifies the transactions of one federation.
pub(crate) struct Verifier {
    federation: FederationId,
    pub(crate) known: Known,
    /// Submissions that are verified at once.
    submissions: Semaphore,
    threads: usize,
}

impl Verifier {
    pub(crate) fn new(federation: FederationId) -> Self {
        let threads = processors();
        Self {
            federation,
            known: Known::default(),
            submissions: Semaphore::new(spared(threads)),
            threads,
        }
    }

    /// Verifies what is submitted here; `None` when the node's runtime ends.
    pub(crate) async fn submitted(
        &self,
        transaction: SignedTransaction,
        state: impl StateRead + Send + 'static,
    ) -> Option<Result<VerifiedTransaction, Rejection>> {
        let _turn = self.submissions.acquire().await.ok()?;
        let federation = self.federation;
        let verify = move || {
            let mut verified = transaction.verify(&federation)?;
            verified.verify_proofs(&state);
            Ok(verified)
        };
        tokio::task::spawn_blocking(verify).await.ok()
    }

    /// Verifies what other nodes forwarded and `is_new`; the rest is dropped. Keeps the order.
    pub(crate) fn forwarded(
        &self,
        transactions: &[Vec<u8>],
        is_new: impl Fn(&TransactionHash) -> bool + Sync,
        state: &(impl StateRead + Sync),
    ) -> Vec<VerifiedTransaction> {
        let verify = |bytes: &Vec<u8>| {
            let transaction = SignedTransaction::from_bytes(bytes).ok()?;
            let hash = transaction.hash();
            if self.known.contains(&hash) || !is_new(&hash) {
                return None;
            }
            let mut verified = transaction.verify(&self.federation).ok()?;
            verified.verify_proofs(state);
            Some(verified)
        };
        let verified = in_parallel(spared(self.threads), transactions, verify);
        verified.into_iter().flatten().collect()
    }

    /// How many forwarded transactions are verified before the first of them is handed on.
    pub(crate) fn batch(&self) -> usize {
        spared(self.threads)
    }

    /// A block's transactions, verified; those that `waiting` gives were verified before. Their proofs are verified against the
    /// `state` that the block is applied to; those that do not hold are refused when they are applied.
    pub(crate) fn block(
        &self,
        transactions: &[SignedTransaction],
        waiting: impl Fn(&TransactionHash) -> Option<VerifiedTransaction>,
        state: &(impl StateRead + Sync),
    ) -> Result<Vec<VerifiedTransaction>, InvalidTransaction> {
        let mut marked = Vec::new();
        let mut claimed = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            let hash = transaction.hash();
            let before = waiting(&hash);
            if before.is_none() {
                self.known.insert(hash);
                marked.push(hash);
            }
            claimed.push((transaction, before));
        }
        let verified = verify_block(&self.federation, claimed, state, self.threads);
        marked.iter().for_each(|hash| self.known.remove(hash));
        verified
    }
}

/// One core is left to consensus, if there is more than one.
fn spared(threads: usize) -> usize {
    threads.saturating_sub(1).max(1)
}

#[cfg(test)]
#[allow(dead_code, reason = "the fixtures serve other tests, too")]
#[path = "../../../contracts/tests/common/mod.rs"]
mod fixtures;

#[cfg(test)]
mod tests {
    use super::fixtures::{World, key, proofs};
    use super::*;
    use consilium_contracts::{
        Action, AuthorizationId, Height, MemoryState, Nonce, Signature, SigningKey, Transaction,
        WithdrawAuthorization,
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    const STATE: MemoryState = MemoryState::new();
    const FEDERATION: FederationId = FederationId::from_bytes([2; 32]);

    fn signed(nonce: u64) -> SignedTransaction {
        let key = SigningKey::from_bytes(&[1; 32]);
        let id = AuthorizationId::from_bytes([3; 32]);
        let transaction = Transaction {
            federation: FEDERATION,
            sender: key.verifying_key(),
            nonce: Nonce::new(nonce),
            expires: Height::new(9),
            action: Action::WithdrawAuthorization(WithdrawAuthorization { id }),
        };
        transaction.sign(&key)
    }

    fn forged(nonce: u64) -> SignedTransaction {
        SignedTransaction::new(
            signed(nonce).transaction().clone(),
            Signature::from_bytes([0; 64]),
        )
    }

    fn bytes(transaction: &SignedTransaction) -> Vec<u8> {
        consilium_contracts::Canonical::to_canonical_bytes(transaction)
    }

    fn verifier(threads: usize) -> Verifier {
        Verifier {
            threads,
            ..Verifier::new(FEDERATION)
        }
    }

    #[test]
    fn a_block_is_verified_in_order_whatever_waits() {
        let block: Vec<_> = (0..20).map(signed).collect();
        for threads in [1, 3, 64] {
            let verifier = verifier(threads);
            let asked = AtomicUsize::new(0);
            let waiting = |hash: &TransactionHash| {
                let each = asked.fetch_add(1, Ordering::Relaxed);
                let known = block.iter().find(|known| known.hash() == *hash)?;
                each.is_multiple_of(3)
                    .then(|| known.clone().verify(&FEDERATION).unwrap())
            };
            let verified = verifier.block(&block, waiting, &STATE).unwrap();
            assert!(verified.iter().map(VerifiedTransaction::signed).eq(&block));
            assert!(
                !verifier.known.contains(&block[1].hash()),
                "the marks are gone"
            );
        }
    }

    #[test]
    fn a_block_with_a_forged_transaction_is_named_by_its_first() {
        let one = |n| match n {
            4 | 7 => forged(n),
            _ => signed(n),
        };
        let block: Vec<_> = (0..9).map(one).collect();
        for threads in [1, 2, 9] {
            let invalid = verifier(threads)
                .block(&block, |_| None, &STATE)
                .unwrap_err();
            let (index, rejection) = (4, Rejection::BadSignature);
            assert_eq!(invalid, InvalidTransaction { index, rejection });
        }
    }

    #[test]
    fn proofs_are_verified_here_and_not_where_they_are_applied() {
        let mut world = World::with_record();
        let mut signed = |proof: Option<_>| {
            let Action::PostMatch(mut action) = world.matched(1, "cleo") else {
                unreachable!()
            };
            action.proof = proof.unwrap_or(action.proof);
            let transaction = world.transaction("south", Action::PostMatch(action));
            transaction.sign(&key("south"))
        };
        let (good, lie) = (signed(None), signed(Some(proofs::unrelated(&FEDERATION))));
        let (federation, state) = (world.federation, world.state);
        let verifier = Verifier::new(federation);
        let block = [good.clone(), lie.clone()];
        // Known from a time when the state lacked what it is about, or not known.
        let early = good.clone().verify(&federation).unwrap();
        assert_eq!(early.proofs_hold(), None);
        for known in [Some(early), None] {
            let waiting = |hash: &TransactionHash| known.clone().filter(|one| one.hash() == *hash);
            let verified = verifier.block(&block, waiting, &state).unwrap();
            let proven: Vec<_> = verified.iter().map(|one| one.proofs_hold()).collect();
            assert_eq!(proven, [Some(true), Some(false)]);
        }
        let forwarded = verifier.forwarded(&[bytes(&good), bytes(&lie)], |_| true, &state);
        let proven: Vec<_> = forwarded.iter().map(|one| one.proofs_hold()).collect();
        assert_eq!(proven, [Some(true), Some(false)]);
    }

    #[test]
    fn what_is_known_or_committed_or_forged_or_garbage_is_not_handed_on() {
        let (waits, committed, new) = (signed(1), signed(2), signed(3));
        let verifier = verifier(2);
        verifier.known.insert(waits.hash());
        let mut forwarded: Vec<_> = [&waits, &committed, &new, &forged(4)].map(bytes).into();
        forwarded.push(vec![7; 40]);
        let verified = verifier.forwarded(&forwarded, |hash| *hash != committed.hash(), &STATE);
        assert!(verified.iter().map(VerifiedTransaction::signed).eq([&new]));
        verifier.known.remove(&waits.hash());
        assert_eq!(
            verifier.forwarded(&[bytes(&waits)], |_| true, &STATE).len(),
            1
        );
    }
}
