//! `[ledger]`: how a service's node is reached and whom it stays connected with.

use consilium_client::wire::PublicKey;
use consilium_node::{History, Peer};
use serde::Deserialize;

use crate::config::{ConfigError, Loaded, Setting};

/// What both services' nodes keep of the past, for their [`crate::config::Schema`].
pub const HISTORY_SETTINGS: &[Setting] = &[
    Setting::flag(
        "ledger.archive",
        false,
        "Whether every block is kept; otherwise old ones are pruned. A federation needs an archive node or two.",
    ),
    Setting::integer(
        "ledger.keep_blocks",
        250_000,
        "Blocks that are kept, counted from the last; older ones are pruned once they lie below both snapshots that are kept.",
    ),
    Setting::integer(
        "ledger.snapshot_every",
        10_000,
        "A snapshot of the state is made after every so many blocks, for nodes that join or were away; 0: none, and nothing is pruned.",
    ),
    Setting::integer(
        "ledger.max_snapshot_bytes",
        64 << 30,
        "The largest snapshot, in bytes, that is fetched from another node when this one joins or was away for long.",
    ),
];

/// `[ledger]`.
#[derive(Debug, Clone, Deserialize)]
pub struct LedgerSettings {
    /// The multiaddress; empty for the card's.
    pub listen: String,
    /// `key@multiaddress`.
    pub peers: Vec<String>,
    /// Whether every block is kept.
    pub archive: bool,
    /// How many are, otherwise.
    pub keep_blocks: u64,
    /// How many blocks are between two snapshots.
    pub snapshot_every: u64,
    /// The largest snapshot that is fetched.
    pub max_snapshot_bytes: u64,
}

impl LedgerSettings {
    /// Reads the section; every peer parses.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting.
    pub fn from_loaded(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: Self = loaded.section("ledger")?;
        settings.peers()?;
        Ok(settings)
    }

    /// What the node keeps of the past.
    pub fn history(&self) -> History {
        History {
            archive: self.archive,
            keep_blocks: self.keep_blocks,
            snapshot_every: self.snapshot_every,
        }
    }

    /// The further peers.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the entry.
    pub fn peers(&self) -> Result<Vec<Peer>, ConfigError> {
        self.peers.iter().map(|text| parse_peer(text)).collect()
    }
}

fn parse_peer(text: &str) -> Result<Peer, ConfigError> {
    let rule = |rule: String| ConfigError::Value {
        origin: "settings".to_owned(),
        name: "ledger.peers".to_owned(),
        rule,
    };
    let (key, address) = text
        .split_once('@')
        .ok_or_else(|| rule(format!("{text}: must be key@multiaddress")))?;
    let key: PublicKey = key
        .parse()
        .map_err(|error| rule(format!("{text}: {error}")))?;
    Ok(Peer {
        key: *key.verifying_key(),
        address: address.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use consilium_contracts::SigningKey;

    use super::*;

    fn settings(peers: &[&str]) -> LedgerSettings {
        LedgerSettings {
            listen: String::new(),
            peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
            archive: false,
            keep_blocks: 0,
            snapshot_every: 0,
            max_snapshot_bytes: 0,
        }
    }

    #[test]
    fn a_peer_is_a_key_and_an_address_and_anything_else_is_named() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let good = format!("{}@/ip4/127.0.0.1/tcp/1", PublicKey::from(key));
        let peers = settings(&[&good]).peers().unwrap();
        assert_eq!(peers[0].key, key);
        assert_eq!(peers[0].address, "/ip4/127.0.0.1/tcp/1");
        for bad in ["/ip4/127.0.0.1/tcp/1", "nokey@/ip4/127.0.0.1/tcp/1"] {
            let text = settings(&[&good, bad]).peers().unwrap_err().to_string();
            assert!(
                text.contains("ledger.peers") && text.contains(bad),
                "{text}"
            );
        }
    }
}
