//! The one place that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use consilium_contracts::BlockTime;

/// Now, as block time. A clock set before 1970 reads 1970: its blocks would be refused anyway.
pub(crate) fn now() -> BlockTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    BlockTime::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
