//! Transactions that wait to be committed: in order of arrival, once each, bounded by count and
//! bytes.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use consilium_contracts::{Height, TransactionHash, VerifiedTransaction};

use crate::verify::Known;

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Submitted at this node, which forwards it until it is committed.
    Local,
    /// Forwarded by another node.
    Remote,
}

/// Bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) transactions: usize,
    pub(crate) bytes: usize,
}

/// A transaction that waits.
pub(crate) struct Waiting {
    pub(crate) transaction: VerifiedTransaction,
    pub(crate) origin: Origin,
    arrival: u64,
    sent: Option<Instant>,
    /// A validator rejected it against the state at this height.
    pub(crate) refused: Option<Height>,
}

/// The pool is full: try again later.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The transactions that wait.
pub(crate) struct Pool {
    bounds: Bounds,
    waiting: HashMap<TransactionHash, Waiting>,
    order: BTreeMap<u64, TransactionHash>,
    /// What waits, for those who verify.
    known: Known,
    arrivals: u64,
    bytes: usize,
}

impl Pool {
    /// An empty pool; `known` says what waits in it.
    pub(crate) fn new(bounds: Bounds, known: Known) -> Self {
        Self {
            bounds,
            known,
            waiting: HashMap::new(),
            order: BTreeMap::new(),
            arrivals: 0,
            bytes: 0,
        }
    }

    /// Adds a transaction; whether it is new. Others' transactions fill no more than three
    /// quarters, so that one's own find room.
    pub(crate) fn insert(
        &mut self,
        transaction: VerifiedTransaction,
        origin: Origin,
    ) -> Result<bool, Full> {
        let hash = transaction.hash();
        if let Some(known) = self.waiting.get_mut(&hash) {
            if origin == Origin::Local {
                known.origin = Origin::Local;
            }
            return Ok(false);
        }
        let quarters = match origin {
            Origin::Local => 4,
            Origin::Remote => 3,
        };
        let room = |bound: usize| bound / 4 * quarters;
        let bytes = self.bytes + transaction.length();
        if self.len() >= room(self.bounds.transactions) || bytes > room(self.bounds.bytes) {
            return Err(Full);
        }
        self.arrivals += 1;
        self.bytes = bytes;
        self.order.insert(self.arrivals, hash);
        self.known.insert(hash);
        let (arrival, sent, refused) = (self.arrivals, None, None);
        self.waiting.insert(
            hash,
            Waiting {
                transaction,
                origin,
                arrival,
                sent,
                refused,
            },
        );
        Ok(true)
    }

    /// Takes a transaction out.
    pub(crate) fn remove(&mut self, hash: &TransactionHash) -> Option<Waiting> {
        let gone = self.waiting.remove(hash)?;
        self.order.remove(&gone.arrival);
        self.known.remove(hash);
        self.bytes = self.bytes.saturating_sub(gone.transaction.length());
        Some(gone)
    }

    /// A transaction that waits.
    pub(crate) fn get(&self, hash: &TransactionHash) -> Option<&Waiting> {
        self.waiting.get(hash)
    }

    /// A transaction that waits, to note something about it.
    pub(crate) fn get_mut(&mut self, hash: &TransactionHash) -> Option<&mut Waiting> {
        self.waiting.get_mut(hash)
    }

    /// All transactions in order of arrival.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.order
            .values()
            .filter_map(|hash| self.waiting.get(hash))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A transaction of this node's own that was never sent, which is sent now.
    pub(crate) fn send_first(
        &mut self,
        hash: &TransactionHash,
        now: Instant,
    ) -> Option<VerifiedTransaction> {
        let waiting = self.waiting.get_mut(hash)?;
        if waiting.origin == Origin::Remote || waiting.sent.is_some() {
            return None;
        }
        waiting.sent = Some(now);
        Some(waiting.transaction.clone())
    }

    /// This node's own transactions that were not sent for `again`, which are sent now; at most
    /// `most` bytes of them.
    pub(crate) fn send_now(
        &mut self,
        now: Instant,
        again: Duration,
        most: usize,
    ) -> Vec<VerifiedTransaction> {
        let mut bytes = 0;
        let mut sending = Vec::new();
        for hash in self.order.values() {
            let Some(waiting) = self.waiting.get_mut(hash) else {
                continue;
            };
            let due = waiting
                .sent
                .is_none_or(|sent| now.duration_since(sent) >= again);
            if waiting.origin == Origin::Remote || !due {
                continue;
            }
            bytes += waiting.transaction.length();
            if bytes > most && !sending.is_empty() {
                break;
            }
            waiting.sent = Some(now);
            sending.push(waiting.transaction.clone());
        }
        sending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_contracts::{
        Action, AuthorizationId, FederationId, Nonce, SigningKey, Transaction,
        WithdrawAuthorization,
    };

    const BOUNDS: Bounds = Bounds {
        transactions: 8,
        bytes: 1 << 20,
    };

    fn transaction(nonce: u64) -> VerifiedTransaction {
        let key = SigningKey::from_bytes(&[1; 32]);
        let federation = FederationId::from_bytes([2; 32]);
        let id = AuthorizationId::from_bytes([3; 32]);
        let transaction = Transaction {
            federation,
            sender: key.verifying_key(),
            nonce: Nonce::new(nonce),
            expires: Height::new(9),
            action: Action::WithdrawAuthorization(WithdrawAuthorization { id }),
        };
        transaction.sign(&key).verify(&federation).unwrap()
    }

    fn order(pool: &Pool) -> Vec<u64> {
        pool.iter()
            .map(|w| w.transaction.transaction().nonce.value())
            .collect()
    }

    #[test]
    fn keeps_the_order_of_arrival_and_each_once() {
        let mut pool = Pool::new(BOUNDS, Known::default());
        for nonce in [3, 1, 2] {
            assert_eq!(pool.insert(transaction(nonce), Origin::Local), Ok(true));
        }
        assert_eq!(pool.insert(transaction(1), Origin::Remote), Ok(false));
        assert_eq!(order(&pool), [3, 1, 2]);
        assert!(pool.known.contains(&transaction(1).hash()));
        pool.remove(&transaction(1).hash()).unwrap();
        assert!(!pool.known.contains(&transaction(1).hash()));
        assert_eq!(order(&pool), [3, 2]);
        pool.remove(&transaction(2).hash()).unwrap();
        pool.remove(&transaction(3).hash()).unwrap();
        assert_eq!((pool.len(), pool.bytes()), (0, 0));
    }

    #[test]
    fn others_leave_room_for_ones_own() {
        let mut pool = Pool::new(BOUNDS, Known::default());
        for nonce in 0..6 {
            assert_eq!(pool.insert(transaction(nonce), Origin::Remote), Ok(true));
        }
        assert_eq!(pool.insert(transaction(6), Origin::Remote), Err(Full));
        assert_eq!(pool.insert(transaction(6), Origin::Local), Ok(true));
        assert_eq!(pool.insert(transaction(7), Origin::Local), Ok(true));
        assert_eq!(pool.insert(transaction(8), Origin::Local), Err(Full));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let bytes = 2 * transaction(0).length() + 3;
        let bounds = Bounds {
            transactions: 100,
            bytes,
        };
        let mut pool = Pool::new(bounds, Known::default());
        assert_eq!(pool.insert(transaction(0), Origin::Local), Ok(true));
        assert_eq!(pool.insert(transaction(1), Origin::Remote), Err(Full));
        assert_eq!(pool.insert(transaction(1), Origin::Local), Ok(true));
        assert_eq!(pool.insert(transaction(2), Origin::Local), Err(Full));
    }

    #[test]
    fn only_ones_own_are_sent_and_again_after_a_while() {
        let mut pool = Pool::new(BOUNDS, Known::default());
        pool.insert(transaction(0), Origin::Remote).unwrap();
        pool.insert(transaction(1), Origin::Local).unwrap();
        let (now, again) = (Instant::now(), Duration::from_secs(1));
        let sent = |pool: &mut Pool, at| pool.send_now(at, again, 1 << 20).len();
        assert_eq!(sent(&mut pool, now), 1);
        assert_eq!(sent(&mut pool, now + again / 2), 0);
        assert_eq!(sent(&mut pool, now + again), 1);
        // What somebody else forwarded becomes one's own when it is submitted here too.
        pool.insert(transaction(0), Origin::Local).unwrap();
        assert_eq!(sent(&mut pool, now + again), 1);
        let one = transaction(3);
        pool.insert(one.clone(), Origin::Local).unwrap();
        let first = pool.send_first(&one.hash(), now + again);
        assert_eq!(first.map(|sent| sent.hash()), Some(one.hash()));
        assert!(pool.send_first(&one.hash(), now + again).is_none());
        assert_eq!(sent(&mut pool, now + again), 0);
        // A message is bounded, and never empty.
        assert_eq!(pool.send_now(now + 3 * again, again, 1).len(), 1);
    }
}
