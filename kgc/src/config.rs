//! The KGC's settings.

use std::path::Path;

use consilium_service::config::{ConfigError, Loaded, Schema, Setting};
use consilium_service::ledger::{HISTORY_SETTINGS, LedgerSettings};
use consilium_service::{FRAME_SETTINGS, FrameSettings};
use serde::Deserialize;

use crate::home::Home;

/// The KGC's own settings, beside the frame's.
pub const SETTINGS: &[Setting] = &[
    Setting::integer(
        "kgc.tokens_per_minute",
        3000,
        "Keyword tokens per minute that one hospital may have evaluated, in the long run.",
    ),
    Setting::integer(
        "kgc.tokens_burst",
        6000,
        "Keyword tokens that one hospital may have evaluated at once.",
    ),
    Setting::integer(
        "kgc.unseal_per_minute",
        6,
        "Attempts to unseal per minute, whoever makes them.",
    ),
    Setting::integer(
        "kgc.nonce_lifetime_s",
        7 * 24 * 3600,
        "Seconds within which a doctor's proof must come back, approved by the hospital.",
    ),
    // An exponentiation is about 0.12 ms: 256 attributes on 17 levels are half a second of one core, the 2,048 that a set of attributes can
    // hold on 21 levels more than five. Eight numbers, or six and 64 labels, are as many as a doctor needs.
    Setting::integer(
        "kgc.max_key_attributes",
        256,
        "Attributes of one doctor's key: a label is one, a number is 32. Making a key costs an exponentiation for each of them and each \
         level of the tree.",
    ),
    Setting::integer(
        "kgc.retry_ms",
        2000,
        "Milliseconds between attempts to do what a crash or a stalled ledger left undone.",
    ),
    Setting::text(
        "ledger.listen",
        "",
        "Multiaddress that the ledger's node listens on; empty: as the KGC's card says.",
    ),
    Setting::list(
        "ledger.peers",
        &[],
        "Further nodes to stay connected with, each key@multiaddress.",
    ),
];

/// `[kgc]`.
#[derive(Debug, Clone, Deserialize)]
pub struct KgcSettings {
    /// Token evaluations per minute and hospital.
    pub tokens_per_minute: u32,
    /// Token evaluations of a hospital at once.
    pub tokens_burst: u32,
    /// Attempts to unseal per minute.
    pub unseal_per_minute: u32,
    /// How long a proof's nonce holds.
    pub nonce_lifetime_s: u64,
    /// Attributes of one key.
    pub max_key_attributes: usize,
    /// Time between attempts.
    pub retry_ms: u64,
}

/// Everything a KGC needs to know besides its passphrase.
#[derive(Debug, Clone)]
pub struct KgcConfig {
    /// Its folder.
    pub home: Home,
    /// What every service has.
    pub frame: FrameSettings,
    /// `[kgc]`.
    pub kgc: KgcSettings,
    /// `[ledger]`.
    pub ledger: LedgerSettings,
    /// Times and bounds of the ledger's node.
    pub tuning: consilium_node::Tuning,
}

/// The settings' schema, for the command's flags and the commented file.
pub fn schema() -> Schema {
    Schema::new("kgc", &[FRAME_SETTINGS, SETTINGS, HISTORY_SETTINGS])
}

impl KgcConfig {
    /// Reads `kgc.toml` in the folder, the environment and flags.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(
        home: &Home,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let loaded = schema().load(Some(&home.settings()), environment, flags)?;
        Self::from_loaded(&loaded, home)
    }

    /// From settings that were read; relative paths are relative to the folder.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting.
    pub fn from_loaded(loaded: &Loaded, home: &Home) -> Result<Self, ConfigError> {
        let mut frame = FrameSettings::from_loaded(loaded)?;
        frame.audit.path = home.path().join(&frame.audit.path);
        let ledger = LedgerSettings::from_loaded(loaded)?;
        Ok(Self {
            home: home.clone(),
            frame,
            kgc: loaded.section("kgc")?,
            tuning: consilium_node::Tuning {
                history: ledger.history(),
                ..consilium_node::Tuning::default()
            },
            ledger,
        })
    }

    /// The folder's files, relative to nothing.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}
