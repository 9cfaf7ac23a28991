//! The background task: it follows the ledger and does what is due without being asked.
//!
//! Open, it publishes the first epoch (a federation without one can take no record) and makes the keys that a crash left unmade. Both
//! are repeated until they succeed, and both leave an audit line. What is due follows from the state, so blocks that this node never saw
//! (after a snapshot) leave nothing undone.

use std::sync::Arc;
use std::time::Duration;

use consilium_contracts::Height;
use consilium_service::audit::AuditEntry;

use crate::core::Core;
use crate::seal::Opened;

/// Runs until the node stops.
pub(crate) async fn follow(core: Arc<Core>) {
    let pause = Duration::from_millis(core.settings.retry_ms.max(1));
    let mut blocks = core.node.subscribe(core.node.state().height().plus(1));
    let mut due = true;
    loop {
        show(&core);
        if let (true, Some(opened)) = (due, core.seal.opened()) {
            due = !catch_up(&core, &opened).await;
        }
        tokio::select! {
            block = blocks.next() => match block {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    tracing::error!(%error, "the ledger cannot be followed");
                    return;
                }
                None => return,
            },
            () = core.wake.notified() => due = true,
            () = tokio::time::sleep(pause), if due => {}
        }
    }
}

fn show(core: &Core) {
    let epoch = core.ledger().view.current_epoch();
    let epoch = epoch.map_or(0, |entry| entry.epoch.number());
    let as_gauge = i64::try_from(epoch).unwrap_or(i64::MAX);
    core.metrics.epoch.set(as_gauge);
    core.metrics
        .sealed
        .set(i64::from(core.seal.opened().is_none()));
}

/// Whether nothing is left to do.
async fn catch_up(core: &Arc<Core>, opened: &Arc<Opened>) -> bool {
    first_epoch(core, opened).await & unfinished_keys(core, opened).await
}

async fn first_epoch(core: &Arc<Core>, opened: &Arc<Opened>) -> bool {
    if core.ledger().view.current_epoch().is_some() {
        return true;
    }
    let published = core.publish_covering(opened, Height::new(0)).await;
    let line = AuditEntry::by_service("kgc", "publish-epoch", 1).result(&published);
    written(core, line).await && published.is_ok()
}

async fn unfinished_keys(core: &Arc<Core>, opened: &Arc<Opened>) -> bool {
    match core.finish_all(opened).await {
        Ok(doctors) => {
            for doctor in doctors {
                let line = AuditEntry::by_service("kgc", "issue-attribute-key", doctor)
                    .allowed("the leaf was committed before a crash and its key was not made");
                if !written(core, line).await {
                    return false;
                }
            }
            true
        }
        Err(error) => {
            tracing::warn!(%error, "keys of committed leaves are not made yet");
            false
        }
    }
}

async fn written(core: &Core, line: AuditEntry) -> bool {
    let line = line.height(core.node.state().height().value());
    match core.frame.audit().record(line).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "an audit line is lost");
            false
        }
    }
}
