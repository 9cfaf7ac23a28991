//! `[ledger]`: how a service's node is reached and whom it stays connected with.

use consilium_client::endpoint::{Endpoint, EndpointError};
use consilium_client::tls::PinError;
use consilium_client::wire::PublicKey;
use consilium_contracts::HospitalId;
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
    Setting::list(
        "ledger.services",
        &[],
        "Where hospitals' gateways answer, each hospital@URL#pin with the tls_pin of its hospital.json: for a node without a store, where that is not as genesis says. Those that the ledger names need not stand here.",
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
    /// `hospital@URL#pin`.
    pub services: Vec<String>,
}

/// Where a hospital's gateway answers, as another's operator was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedService {
    /// The hospital.
    pub hospital: HospitalId,
    /// Its gateway.
    pub endpoint: Endpoint,
}

impl LedgerSettings {
    /// Reads the section; every peer and every service parses.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting.
    pub fn from_loaded(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: Self = loaded.section("ledger")?;
        settings.peers()?;
        settings.services()?;
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
        let peers = self.peers.iter();
        peers
            .map(|text| parse_peer(text).map_err(|rule| entry("ledger.peers", text, &rule)))
            .collect()
    }

    /// The further services.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the entry.
    pub fn services(&self) -> Result<Vec<NamedService>, ConfigError> {
        let services = self.services.iter();
        services
            .map(|text| parse_service(text).map_err(|rule| entry("ledger.services", text, &rule)))
            .collect()
    }
}

fn entry(name: &str, text: &str, rule: &str) -> ConfigError {
    ConfigError::Value {
        origin: "settings".to_owned(),
        name: name.to_owned(),
        rule: format!("{text}: {rule}"),
    }
}

fn parse_peer(text: &str) -> Result<Peer, String> {
    let (key, address) = text.split_once('@').ok_or("must be key@multiaddress")?;
    let key: PublicKey = key.parse().map_err(|error| format!("{error}"))?;
    Ok(Peer {
        key: *key.verifying_key(),
        address: address.to_owned(),
    })
}

fn parse_service(text: &str) -> Result<NamedService, String> {
    let (hospital, place) = text.split_once('@').ok_or("must be hospital@URL#pin")?;
    let (url, pin) = match place.split_once('#') {
        Some((url, pin)) => (url, Some(pin)),
        None => (place, None),
    };
    let pin = pin.map(str::parse).transpose();
    let pin = pin.map_err(|error: PinError| error.to_string())?;
    let url = url
        .parse()
        .map_err(|error: EndpointError| error.to_string())?;
    let hospital = hospital.parse();
    Ok(NamedService {
        hospital: hospital.map_err(|error| format!("{error}"))?,
        endpoint: Endpoint::new(url, pin).map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use consilium_contracts::SigningKey;

    use super::*;

    fn settings(peers: &[&str], services: &[&str]) -> LedgerSettings {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        LedgerSettings {
            listen: String::new(),
            peers: list(peers),
            archive: false,
            keep_blocks: 0,
            snapshot_every: 0,
            max_snapshot_bytes: 0,
            services: list(services),
        }
    }

    #[test]
    fn a_peer_is_a_key_and_an_address_and_anything_else_is_named() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let good = format!("{}@/ip4/127.0.0.1/tcp/1", PublicKey::from(key));
        let peers = settings(&[&good], &[]).peers().unwrap();
        assert_eq!(peers[0].key, key);
        assert_eq!(peers[0].address, "/ip4/127.0.0.1/tcp/1");
        for bad in ["/ip4/127.0.0.1/tcp/1", "nokey@/ip4/127.0.0.1/tcp/1"] {
            let refused = settings(&[&good, bad], &[]).peers().unwrap_err();
            let text = refused.to_string();
            assert!(
                text.contains("ledger.peers") && text.contains(bad),
                "{text}"
            );
        }
    }

    #[test]
    fn a_service_is_a_hospital_a_url_and_a_pin_and_anything_else_is_named() {
        let pin = "07".repeat(32);
        let good = format!("st-mary@https://st-mary.example:8441#{pin}");
        let services = settings(&[], &[&good, "near@http://127.0.0.1:1"]).services();
        let services = services.unwrap();
        assert_eq!(services[0].hospital.as_str(), "st-mary");
        let endpoint = &services[0].endpoint;
        assert_eq!(endpoint.url().as_str(), "https://st-mary.example:8441");
        assert_eq!(endpoint.pin().unwrap().as_bytes(), &[7; 32]);
        let bad = [
            "https://st-mary.example:8441".to_owned(),
            "st-mary@https://st-mary.example:8441".to_owned(),
            "st-mary@https://st-mary.example:8441#07".to_owned(),
            format!("St. Mary@https://st-mary.example:8441#{pin}"),
            format!("st-mary@http://st-mary.example:8441#{pin}"),
        ];
        for bad in bad {
            let refused = settings(&[], &[&good, &bad]).services().unwrap_err();
            let text = refused.to_string();
            assert!(
                text.contains("ledger.services") && text.contains(&bad),
                "{text}"
            );
        }
    }
}
