//! The gateway's settings.

use std::path::{Path, PathBuf};

use consilium_client::endpoint::Endpoint;
use consilium_contracts::KgcCard;
use consilium_schemes::matching::IndexSize;
use consilium_service::config::{ConfigError, Loaded, Schema, Setting};
use consilium_service::ledger::{HISTORY_SETTINGS, LedgerSettings};
use consilium_service::{FRAME_SETTINGS, FrameSettings};
use serde::Deserialize;

use crate::matching::engine::Capacity;

const KGC_URL: &str = "gateway.kgc_url";
const MATCHING_MEMORY: &str = "gateway.matching_memory_bytes";

/// The gateway's own settings, beside the frame's.
pub const SETTINGS: &[Setting] = &[
    Setting::text(
        "gateway.keys",
        "gateway.keys",
        "The sealed file with the hospital's keys. Paths are relative to this file's folder.",
    ),
    Setting::text(
        "gateway.genesis",
        "genesis.bin",
        "The federation's signed genesis.",
    ),
    Setting::text(
        "gateway.data",
        "data",
        "The folder of everything that is stored: records, tokens, keys of doctors, the ledger.",
    ),
    Setting::text(
        KGC_URL,
        "",
        "Where the KGC answers; empty: as genesis says.",
    ),
    Setting::integer(
        "gateway.max_record_bytes",
        16 << 30,
        "The largest encrypted record, in bytes.",
    ),
    Setting::integer(
        "gateway.reserve_bytes",
        256 << 20,
        "Bytes of the disk that no record may take: the ledger, the store and the audit log stop without space. 0: none.",
    ),
    Setting::integer(
        "gateway.staging_lifetime_s",
        24 * 3600,
        "Seconds after which a submission without its ciphertext is removed.",
    ),
    Setting::integer(
        "gateway.retry_s",
        5,
        "Seconds between attempts to register, index, relay what could not be.",
    ),
    Setting::integer(
        "gateway.tokens_per_minute",
        120,
        "Keyword tokens per minute that one device may have evaluated, in the long run.",
    ),
    Setting::integer(
        "gateway.tokens_burst",
        256,
        "Keyword tokens that one device may have evaluated at once.",
    ),
    Setting::integer(
        MATCHING_MEMORY,
        512 << 20,
        "Bytes of memory for prepared trapdoors and opened indexes: about 330 kB for a trapdoor and 1.6 kB for an index with 16 keywords, twice that with 32. At least one of each; best, all doctors' trapdoors in three quarters of it.",
    ),
    Setting::text(
        "ledger.listen",
        "",
        "Multiaddress that the ledger's node listens on; empty: as the hospital's card says.",
    ),
    Setting::list(
        "ledger.peers",
        &[],
        "Further nodes to stay connected with, each key@multiaddress; those that the ledger names need not stand here.",
    ),
];

/// `[gateway]`.
#[derive(Debug, Clone, Deserialize)]
pub struct GatewaySettings {
    /// The sealed keys.
    pub keys: PathBuf,
    /// The genesis file.
    pub genesis: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The KGC's URL; empty for the genesis's.
    pub kgc_url: String,
    /// The largest CTHD.
    pub max_record_bytes: u64,
    /// Bytes of the disk that no CTHD may take.
    pub reserve_bytes: u64,
    /// How long a submission waits for its CTHD.
    pub staging_lifetime_s: u64,
    /// Time between attempts.
    pub retry_s: u64,
    /// Token evaluations per minute and device.
    pub tokens_per_minute: u32,
    /// Token evaluations of a device at once.
    pub tokens_burst: u32,
    /// Bytes of memory that matching may hold.
    pub matching_memory_bytes: u64,
}

impl GatewaySettings {
    /// What matching may hold in a federation with this n.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if that is not one trapdoor and one index.
    pub(crate) fn matching_capacity(&self, n: IndexSize) -> Result<Capacity, ConfigError> {
        let bytes = self.matching_memory_bytes;
        Capacity::within(bytes, n).map_err(|too_little| ConfigError::Value {
            origin: "the gateway's settings".to_owned(),
            name: MATCHING_MEMORY.to_owned(),
            rule: format!("is {bytes}; it {too_little}"),
        })
    }

    /// Where the KGC answers.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if the URL is none; a verified genesis has its own right.
    pub(crate) fn kgc(&self, card: &KgcCard) -> Result<Endpoint, ConfigError> {
        Endpoint::of_kgc(card, &self.kgc_url).map_err(|error| ConfigError::Value {
            origin: "the gateway's settings".to_owned(),
            name: KGC_URL.to_owned(),
            rule: format!("is {:?}: {error}", self.kgc_url),
        })
    }
}

/// Everything a gateway needs to know besides its passphrase.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// What every service has.
    pub frame: FrameSettings,
    /// `[gateway]`, paths resolved.
    pub gateway: GatewaySettings,
    /// `[ledger]`.
    pub ledger: LedgerSettings,
    /// Times and bounds of the ledger's node.
    pub tuning: consilium_node::Tuning,
}

/// The settings' schema, for the command's flags and the commented file.
pub fn schema() -> Schema {
    Schema::new("gateway", &[FRAME_SETTINGS, SETTINGS, HISTORY_SETTINGS])
}

impl GatewayConfig {
    /// Reads the file, the environment and flags; relative paths are relative to the file's folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let loaded = schema().load(Some(file), environment, flags)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::from_loaded(&loaded, folder)
    }

    /// From settings that were read; relative paths are relative to `folder`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting.
    pub fn from_loaded(loaded: &Loaded, folder: &Path) -> Result<Self, ConfigError> {
        let mut frame = FrameSettings::from_loaded(loaded)?;
        let mut gateway: GatewaySettings = loaded.section("gateway")?;
        let paths = [
            &mut frame.audit.path,
            &mut gateway.keys,
            &mut gateway.genesis,
            &mut gateway.data,
        ];
        for path in paths {
            *path = folder.join(&*path);
        }
        let ledger = LedgerSettings::from_loaded(loaded)?;
        Ok(Self {
            frame,
            gateway,
            tuning: consilium_node::Tuning {
                history: ledger.history(),
                ..consilium_node::Tuning::default()
            },
            ledger,
        })
    }
}
