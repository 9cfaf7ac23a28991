//! Signs and submits a service's own transactions.

use consilium_contracts::{
    Action, FederationId, Height, Nonce, Receipt, SignedTransaction, Transaction, View,
};
use consilium_node::{NodeHandle, SubmitError};
use consilium_schemes::signature::{SigningKey, VerifyingKey};

/// The longest a service's own transaction lives, in blocks; the federation's setting may be less.
const LIFETIME: u64 = 1000;

/// A principal's key and the node that it submits through.
pub struct LedgerSender {
    node: NodeHandle,
    federation: FederationId,
    key: SigningKey,
}

impl LedgerSender {
    /// Submits through `node`, signed with `key`.
    pub fn new(node: NodeHandle, federation: FederationId, key: SigningKey) -> Self {
        Self {
            node,
            federation,
            key,
        }
    }

    /// As whom it signs.
    pub fn key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// The height at which a transaction that is signed now expires.
    pub fn expires(&self) -> Height {
        let state = self.node.state();
        let most = View::new(&state).settings().max_transaction_lifetime;
        Height::new(state.height().value().saturating_add(most.min(LIFETIME)))
    }

    /// A transaction that can be submitted again until it expires, with one effect.
    pub fn sign(&self, action: Action) -> SignedTransaction {
        self.sign_until(action, self.expires())
    }

    /// As [`Self::sign`], for an action with a proof that is bound to the height at which the transaction expires: one that
    /// [`Self::expires`] gave.
    pub fn sign_until(&self, action: Action, expires: Height) -> SignedTransaction {
        let transaction = Transaction {
            federation: self.federation,
            sender: self.key(),
            nonce: Nonce::new(rand::random()),
            expires,
            action,
        };
        transaction.sign(&self.key)
    }

    /// Signs and submits; resolves when it is committed and applied here.
    ///
    /// # Errors
    /// The node's.
    pub async fn submit(&self, action: Action) -> Result<Receipt, SubmitError> {
        self.node.submit(self.sign(action)).await
    }

    /// Signs as [`Self::sign_until`] does, and submits.
    ///
    /// # Errors
    /// The node's.
    pub async fn submit_until(
        &self,
        action: Action,
        expires: Height,
    ) -> Result<Receipt, SubmitError> {
        self.node.submit(self.sign_until(action, expires)).await
    }
}

impl std::fmt::Debug for LedgerSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LedgerSender({})", self.key())
    }
}
