//! Proofs that do not hold: told to whoever runs the node, because its refusal leaves no trace on the ledger.
//!
//! The sender signed the transaction, so that nobody else can be blamed for it. It need not be a liar: what a proof is about may have
//! been replaced on the ledger while the transaction was on its way. In a proposed block it is a lie of the proposer's.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use consilium_contracts::{
    HospitalId, Rejection, TransactionHash, VerifiedTransaction, VerifyingKey,
};
use tokio::sync::broadcast;

/// Those that wait for a slow listener; the oldest go first.
const WAITING: usize = 256;
/// A transaction that comes again is told once while it is among the last so many.
const REMEMBERED: usize = 4096;

/// A transaction that this node refused because its proof does not hold for what the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FalseProof {
    /// Which.
    pub transaction: TransactionHash,
    /// Who signed it.
    pub sender: VerifyingKey,
    /// Why.
    pub rejection: Rejection,
    /// Who proposed it in a block; none where it was submitted here or forwarded by another node.
    pub proposer: Option<HospitalId>,
}

/// Tells them, each once.
pub(crate) struct FalseProofs {
    listeners: broadcast::Sender<FalseProof>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    order: VecDeque<(TransactionHash, bool)>,
    known: BTreeSet<(TransactionHash, bool)>,
}

impl Default for FalseProofs {
    fn default() -> Self {
        Self {
            listeners: broadcast::Sender::new(WAITING),
            told: Mutex::default(),
        }
    }
}

impl FalseProofs {
    pub(crate) fn listen(&self) -> broadcast::Receiver<FalseProof> {
        self.listeners.subscribe()
    }

    /// Tells of a refused transaction, if it was refused for its proof.
    pub(crate) fn tell(
        &self,
        transaction: &VerifiedTransaction,
        rejection: &Rejection,
        proposer: Option<HospitalId>,
    ) {
        let hash = transaction.hash();
        if !rejection.is_false_proof() || !self.is_new((hash, proposer.is_some())) {
            return;
        }
        // Nobody may listen.
        let _ = self.listeners.send(FalseProof {
            transaction: hash,
            sender: transaction.transaction().sender,
            rejection: rejection.clone(),
            proposer,
        });
    }

    /// By itself and in a block are two things: the second blames the proposer as well.
    fn is_new(&self, what: (TransactionHash, bool)) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.known.insert(what) {
            return false;
        }
        told.order.push_back(what);
        if told.order.len() > REMEMBERED
            && let Some(oldest) = told.order.pop_front()
        {
            told.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_contracts::{
        Action, AuthorizationId, FederationId, Height, Nonce, RecordId, SigningKey, Transaction,
        WithdrawAuthorization,
    };

    const FEDERATION: FederationId = FederationId::from_bytes([2; 32]);

    fn transaction(nonce: u64) -> VerifiedTransaction {
        let key = SigningKey::from_bytes(&[1; 32]);
        let id = AuthorizationId::from_bytes([3; 32]);
        let transaction = Transaction {
            federation: FEDERATION,
            sender: key.verifying_key(),
            nonce: Nonce::new(nonce),
            expires: Height::new(9),
            action: Action::WithdrawAuthorization(WithdrawAuthorization { id }),
        };
        transaction.sign(&key).verify(&FEDERATION).unwrap()
    }

    fn why() -> Rejection {
        Rejection::IndexNotProven {
            record: RecordId::from_bytes([4; 32]),
            hospital: "north".parse().unwrap(),
        }
    }

    #[test]
    fn a_false_proof_is_told_once_by_itself_and_once_in_a_block_and_other_refusals_never() {
        let (told, one) = (FalseProofs::default(), transaction(1));
        let mut listener = told.listen();
        let proposers = [None, Some("south".parse::<HospitalId>().unwrap())];
        for proposer in &proposers {
            told.tell(&one, &Rejection::BadSignature, proposer.clone());
            for _ in 0..2 {
                told.tell(&one, &why(), proposer.clone());
            }
        }
        for proposer in proposers {
            let heard = listener.try_recv().unwrap();
            let expected = FalseProof {
                transaction: one.hash(),
                sender: one.transaction().sender,
                rejection: why(),
                proposer,
            };
            assert_eq!(heard, expected);
        }
        listener.try_recv().unwrap_err();
    }

    #[test]
    fn a_flood_neither_fills_memory_nor_waits_for_a_listener() {
        let told = FalseProofs::default();
        let mut listener = told.listen();
        for nonce in 0..REMEMBERED as u64 + 2 {
            told.tell(&transaction(nonce), &why(), None);
        }
        let kept = told.told.lock().unwrap();
        assert_eq!(
            (kept.order.len(), kept.known.len()),
            (REMEMBERED, REMEMBERED)
        );
        listener.try_recv().unwrap_err();
        assert!(listener.try_recv().is_ok(), "it goes on with what is left");
    }
}
