//! An audit line for each transaction that this hospital's node refuses because its proof does not hold, naming who signed it.
//!
//! The ledger forgets what is refused, and a lying hospital's own gateway says nothing: this is where an honest one has it. A sender
//! who floods the ledger with false proofs gets [`LINES`] lines at once and as many a minute; how many more there were stands in the log.

use std::sync::Arc;

use consilium_client::wire::PublicKey;
use consilium_contracts::{Principal, View};
use consilium_node::FalseProof;
use consilium_service::audit::AuditEntry;
use consilium_service::limiter::{Rate, RateLimiter};
use tokio::sync::broadcast::error::RecvError;

use crate::hospital::Hospital;

/// Lines about one sender at once, and in a minute.
const LINES: u32 = 60;
/// Senders whose rate is remembered at once.
const SENDERS: usize = 10_000;

/// Records what the node refuses, for as long as it runs.
pub(crate) async fn record(hospital: Arc<Hospital>) {
    let rate = Rate {
        per_minute: LINES,
        burst: LINES,
    };
    let limiter = RateLimiter::new(rate, SENDERS, hospital.clock().clone());
    let mut refused = hospital.node.false_proofs();
    loop {
        match refused.recv().await {
            Ok(one) if limiter.take(PublicKey::from(one.sender)).is_err() => {
                tracing::warn!(sender = %PublicKey::from(one.sender), transaction = %one.transaction, "one more false proof");
            }
            Ok(one) => {
                let line = line(&hospital, &one);
                if let Err(error) = hospital.frame.audit().record(line).await {
                    let cause = error.cause().unwrap_or_default();
                    tracing::error!(%error, cause, transaction = %one.transaction, "a false proof leaves no audit line");
                }
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "false proofs were not recorded")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn line(hospital: &Hospital, one: &FalseProof) -> AuditEntry {
    let sender = named(hospital, one);
    let why = match &one.proposer {
        None => format!("{sender}: {}", one.rejection),
        Some(proposer) => {
            format!(
                "{sender}, in a block that hospital {proposer} proposed: {}",
                one.rejection
            )
        }
    };
    let line = AuditEntry::by_service("gateway", "refuse-proof", one.transaction);
    AuditEntry {
        who: PublicKey::from(one.sender).to_string(),
        ..line.height(hospital.height()).refused(why)
    }
}

/// Whose key signed it.
fn named(hospital: &Hospital, one: &FalseProof) -> String {
    match View::new(hospital.state()).principal(&one.sender) {
        Some(Principal::Kgc) => "the KGC".to_owned(),
        Some(Principal::Hospital(id)) => format!("hospital {id}"),
        Some(Principal::Doctor(id)) => format!("doctor {id}"),
        Some(Principal::Record(id)) => format!("the patient of record {id}"),
        None => "nobody of this federation".to_owned(),
    }
}
