//! Transactions before they stand in a block: taken, refused, sent on.
//!
//! A validator applies what waits to its state and so sees early what will be rejected. Another
//! node sends its transactions to the validators, again and again until they are committed; when
//! a validator refuses one, it looks at its own state before it tells the submitter.

use std::time::{Duration, Instant};

use arc_malachitebft_app_channel::app::types::PeerId;
use consilium_contracts::{BlockContext, Height, Rejection, TransactionHash, VerifiedTransaction};
use consilium_ledger::Execution;
use tracing::debug;

use super::{Core, Outlook, Step, Wires};
use crate::error::SubmitError;
use crate::parts::Part;
use crate::pool::Origin;
use crate::shared::Answer;
use crate::store::Snapshot;

/// Up to this many waiting transactions are looked at early, after each block anew; with more, proposers find out.
const OUTLOOK: usize = 32;
/// Block time passes: an older outlook is made anew.
const OUTLOOK_AGE: Duration = Duration::from_millis(250);
/// Bytes of transactions in one message.
const SEND_BYTES: usize = 512 << 10;

impl Core {
    /// A transaction is submitted at this node.
    pub(super) async fn on_submit(
        &mut self,
        transaction: VerifiedTransaction,
        answer: Answer,
        wires: &Wires,
    ) -> Step {
        let hash = transaction.hash();
        // It may have been committed while it was on its way here.
        if let Some(receipt) = self.shared.store.kept_receipt(&hash)? {
            let _ = answer.send(Ok(receipt));
            return Ok(());
        }
        if let Err(rejection) = self.look_ahead(&transaction) {
            self.shared
                .false_proofs
                .tell(&transaction, &rejection, None);
            let _ = answer.send(Err(SubmitError::Rejected(rejection)));
            return Ok(());
        }
        match self.pool.insert(transaction, Origin::Local) {
            Ok(_) => self.answers.entry(hash).or_default().push(answer),
            Err(_) => {
                let _ = answer.send(Err(SubmitError::Busy {
                    waiting: self.pool.len(),
                }));
            }
        }
        // It alone: what waits longer is looked at when time passes, not at every submission.
        if !self.votes_alone() {
            let sending = self.pool.send_first(&hash, Instant::now());
            self.send(sending.as_slice(), wires).await;
        }
        Ok(())
    }

    /// Another node forwards transactions. A flood is dropped here; honest senders send again.
    pub(super) fn on_transactions(
        &self,
        publisher: &PeerId,
        transactions: Vec<Vec<u8>>,
        wires: &Wires,
    ) {
        let bytes: usize = transactions.iter().map(Vec::len).sum();
        if bytes > SEND_BYTES.max(self.settings.max_transaction_bytes as usize) {
            debug!(%publisher, bytes, "a message with too many transactions is dropped");
            return;
        }
        if let Some(unverified) = self.gates.pass(publisher, transactions) {
            let _ = wires.to_verify.try_send(unverified);
        }
    }

    /// Another node forwards a transaction.
    pub(super) async fn on_incoming(
        &mut self,
        transaction: VerifiedTransaction,
        wires: &Wires,
    ) -> Step {
        let hash = transaction.hash();
        if !self.votes()
            || self.pool.get(&hash).is_some()
            || self.shared.store.has_transaction(&hash)?
        {
            return Ok(());
        }
        match self.look_ahead(&transaction) {
            // A full pool drops it: the sender sends again and gives up by itself.
            Ok(()) => drop(self.pool.insert(transaction, Origin::Remote)),
            Err(rejection) => {
                self.shared
                    .false_proofs
                    .tell(&transaction, &rejection, None);
                self.reject(hash, rejection, wires).await;
            }
        }
        Ok(())
    }

    /// Takes what is verified already, before a block is looked at or built.
    pub(super) async fn take_incoming(&mut self, wires: &mut Wires) -> Step {
        while let Ok(transaction) = wires.incoming.try_recv() {
            self.on_incoming(transaction, wires).await?;
        }
        Ok(())
    }

    /// At a validator: whether a transaction applies after all that wait.
    fn look_ahead(&mut self, transaction: &VerifiedTransaction) -> Result<(), Rejection> {
        if !self.votes()
            || self.pool.len() > OUTLOOK
            || self.pool.get(&transaction.hash()).is_some()
        {
            return Ok(());
        }
        let mut outlook = match self.outlook.take() {
            Some(outlook) if outlook.made.elapsed() < OUTLOOK_AGE => outlook,
            _ => self.make_outlook(&mut Vec::new()),
        };
        let verdict = outlook.execution.apply(transaction);
        self.outlook = Some(outlook);
        verdict
    }

    /// Applies all that wait to the state; adds those that are rejected to `rejected`.
    fn make_outlook(&self, rejected: &mut Vec<(TransactionHash, Rejection)>) -> Outlook {
        let mut execution = self.next_execution();
        for waiting in self.pool.iter() {
            if let Err(rejection) = execution.apply(&waiting.transaction) {
                rejected.push((waiting.transaction.hash(), rejection));
            }
        }
        Outlook {
            execution,
            made: Instant::now(),
        }
    }

    /// A block upon the state, begun now.
    fn next_execution(&self) -> Execution<Snapshot> {
        let context = BlockContext {
            height: self.next_height(),
            time: self.next_time(),
        };
        Execution::begin(self.snapshot.clone(), context)
    }

    /// A transaction will not be committed: who submitted it hears why.
    pub(super) async fn reject(
        &mut self,
        hash: TransactionHash,
        rejection: Rejection,
        wires: &Wires,
    ) {
        debug!(transaction = %hash, %rejection, "rejected");
        let waited = self.pool.remove(&hash);
        if let Some(waited) = &waited {
            let told = &self.shared.false_proofs;
            told.tell(&waited.transaction, &rejection, None);
        }
        self.outlook = None;
        for answer in self.answers.remove(&hash).unwrap_or_default() {
            let _ = answer.send(Err(SubmitError::Rejected(rejection.clone())));
        }
        if waited.is_none_or(|waited| waited.origin == Origin::Remote) {
            let refused = Part::Refused {
                transaction: hash,
                height: self.tip(),
            };
            self.publish(vec![refused], wires).await;
        }
    }

    /// A validator says that it refused a transaction.
    pub(super) fn on_refused(&mut self, hash: TransactionHash, height: Height) {
        if let Some(waiting) = self.pool.get_mut(&hash) {
            waiting.refused = Some(height);
        }
    }

    /// After a block: what no longer applies is rejected.
    pub(super) async fn settle(&mut self, wires: &Wires) {
        if self.pool.len() == 0 {
            return;
        }
        let mut rejected = Vec::new();
        if self.votes() && self.pool.len() <= OUTLOOK {
            let outlook = self.make_outlook(&mut rejected);
            self.outlook = rejected.is_empty().then_some(outlook);
        } else {
            rejected = self.expired();
        }
        for (hash, rejection) in rejected {
            self.reject(hash, rejection, wires).await;
        }
    }

    /// Transactions whose last height has passed.
    fn expired(&self) -> Vec<(TransactionHash, Rejection)> {
        let height = self.next_height();
        let expired = self.pool.iter().filter_map(|waiting| {
            let expires = waiting.transaction.transaction().expires;
            (expires < height).then(|| {
                (
                    waiting.transaction.hash(),
                    Rejection::Expired { expires, height },
                )
            })
        });
        expired.collect()
    }

    /// Sends this node's transactions to the validators, and looks at those that were refused.
    pub(super) async fn forward(&mut self, wires: &Wires) {
        for (hash, rejection) in self.confirmed_refusals() {
            self.reject(hash, rejection, wires).await;
        }
        if self.votes_alone() {
            return;
        }
        let again = self.tuning.forward_again;
        let sending = self.pool.send_now(Instant::now(), again, SEND_BYTES);
        self.send(&sending, wires).await;
    }

    /// Sends these to the validators.
    async fn send(&mut self, sending: &[VerifiedTransaction], wires: &Wires) {
        if sending.is_empty() {
            return;
        }
        let bytes = |transaction: &VerifiedTransaction| {
            consilium_contracts::Canonical::to_canonical_bytes(transaction.signed())
        };
        let part = Part::Transactions(sending.iter().map(bytes).collect());
        self.publish(vec![part], wires).await;
    }

    /// Transactions that a validator refused and that this node's state, which is at least as
    /// new, rejects as well.
    fn confirmed_refusals(&mut self) -> Vec<(TransactionHash, Rejection)> {
        let tip = self.tip();
        let refused = |at: Option<Height>| at.is_some_and(|height| height <= tip);
        if !self.pool.iter().any(|waiting| refused(waiting.refused)) {
            return Vec::new();
        }
        let mut execution = self.next_execution();
        let (mut rejected, mut cleared) = (Vec::new(), Vec::new());
        for waiting in self
            .pool
            .iter()
            .filter(|waiting| waiting.origin == Origin::Local)
        {
            let hash = waiting.transaction.hash();
            match execution.apply(&waiting.transaction) {
                Err(rejection) if refused(waiting.refused) => rejected.push((hash, rejection)),
                Ok(()) if refused(waiting.refused) => cleared.push(hash),
                Ok(()) | Err(_) => {}
            }
        }
        for hash in cleared {
            self.on_cleared(&hash);
        }
        rejected
    }

    fn on_cleared(&mut self, hash: &TransactionHash) {
        if let Some(waiting) = self.pool.get_mut(hash) {
            waiting.refused = None;
        }
    }
}
