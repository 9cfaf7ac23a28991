//! Transactions that the device signs by itself.

use consilium_contracts::{Action, Height, Nonce, SignedTransaction, SigningKey, Transaction};
use rand::CryptoRng;

use super::error::DeviceError;
use super::federation::Federation;
use crate::GatewayClient;
use crate::api::ledger::TransactionReceipt;

/// Blocks after which an unanswered transaction is void, unless the federation allows fewer.
const PATIENCE: u64 = 1_000;

/// The height at which a transaction that is signed now expires: counted from the gateway's tip, as long as is usual.
pub(super) async fn expires(
    gateway: &GatewayClient,
    federation: &Federation,
) -> Result<Height, DeviceError> {
    let tip = gateway.ledger_status().await?.height;
    let lifetime = PATIENCE.min(federation.transaction_lifetime());
    Ok(Height::new(tip.saturating_add(lifetime)))
}

/// Signs an action that holds from the gateway's tip for as long as is usual.
pub(super) async fn sign(
    gateway: &GatewayClient,
    federation: &Federation,
    key: &SigningKey,
    action: Action,
    rng: &mut (impl CryptoRng + Send),
) -> Result<SignedTransaction, DeviceError> {
    let expires = expires(gateway, federation).await?;
    Ok(sign_until(federation, key, action, expires, rng))
}

/// Signs an action that holds up to a height.
pub(super) fn sign_until(
    federation: &Federation,
    key: &SigningKey,
    action: Action,
    expires: Height,
    rng: &mut impl CryptoRng,
) -> SignedTransaction {
    let transaction = Transaction {
        federation: federation.id(),
        sender: key.verifying_key(),
        nonce: Nonce::new(rng.next_u64()),
        expires,
        action,
    };
    transaction.sign(key)
}

/// Signs an action and waits until it is committed.
pub(super) async fn submit(
    gateway: &GatewayClient,
    federation: &Federation,
    key: &SigningKey,
    action: Action,
    rng: &mut (impl CryptoRng + Send),
) -> Result<TransactionReceipt, DeviceError> {
    let transaction = sign(gateway, federation, key, action, rng).await?;
    Ok(gateway.submit(&transaction).await?)
}
