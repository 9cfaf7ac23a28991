//! The settings that both services have.

use std::path::PathBuf;

use serde::Deserialize;

use crate::audit::AuditSync;
use crate::config::{ConfigError, Loaded, Setting};

/// The frame's settings, for a service's [`crate::config::Schema`].
pub const FRAME_SETTINGS: &[Setting] = &[
    Setting::text(
        "http.listen",
        "127.0.0.1:8440",
        "Address and port to answer on. Off loopback the service speaks TLS only.",
    ),
    Setting::text(
        "http.public_url",
        "",
        "URL under which callers reach the service; empty: the address it answers on.",
    ),
    Setting::integer("http.workers", 2, "Threads that answer requests."),
    Setting::integer(
        "http.max_body_bytes",
        1 << 20,
        "The largest JSON body, in bytes.",
    ),
    Setting::integer("http.request_timeout_s", 30, "Seconds a request may take."),
    Setting::integer(
        "http.transfer_timeout_s",
        3600,
        "Seconds the upload of a large body may take.",
    ),
    Setting::integer(
        "http.shutdown_timeout_s",
        10,
        "Seconds that open requests get when the service stops.",
    ),
    Setting::integer(
        "auth.token_lifetime_s",
        300,
        "Seconds a bearer token holds.",
    ),
    Setting::integer(
        "limits.requests_per_minute",
        1200,
        "Requests per minute and principal, in the long run.",
    ),
    Setting::integer("limits.burst", 200, "Requests of one principal at once."),
    Setting::integer(
        "limits.work_threads",
        0,
        "Threads for heavy cryptography; 0: one for each processor.",
    ),
    Setting::integer(
        "limits.work_queue",
        256,
        "Requests that may wait for those threads; beyond, the service is busy.",
    ),
    Setting::text(
        "audit.path",
        "audit.jsonl",
        "The audit log: one JSON line for each decision.",
    ),
    Setting::text(
        "audit.sync",
        "each-line",
        "When a line counts as written: each-line (on disk) or system.",
    ),
    Setting::text(
        "log.filter",
        "info",
        "What is logged, in the words of tracing's EnvFilter.",
    ),
];

/// The frame's settings, read.
#[derive(Debug, Clone)]
pub struct FrameSettings {
    /// `[http]`.
    pub http: HttpSettings,
    /// `[auth]`.
    pub auth: AuthSettings,
    /// `[limits]`.
    pub limits: LimitSettings,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// `[log]`.
    pub log: LogSettings,
}

/// `[http]`.
#[derive(Debug, Clone, Deserialize)]
pub struct HttpSettings {
    /// Address and port.
    pub listen: std::net::SocketAddr,
    /// URL for callers; empty for the address.
    pub public_url: String,
    /// Answering threads.
    pub workers: usize,
    /// The largest JSON body.
    pub max_body_bytes: usize,
    /// Time for a request.
    pub request_timeout_s: u64,
    /// Time for the upload of a large body.
    pub transfer_timeout_s: u64,
    /// Time for open requests at the end.
    pub shutdown_timeout_s: u64,
}

/// `[auth]`.
#[derive(Debug, Clone, Deserialize)]
pub struct AuthSettings {
    /// How long a bearer token holds.
    pub token_lifetime_s: u64,
}

/// `[limits]`.
#[derive(Debug, Clone, Deserialize)]
pub struct LimitSettings {
    /// Requests per minute and principal.
    pub requests_per_minute: u32,
    /// Requests at once.
    pub burst: u32,
    /// Threads for heavy work.
    pub work_threads: usize,
    /// Requests that may wait for them.
    pub work_queue: usize,
}

/// `[audit]`.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditSettings {
    /// The file.
    pub path: PathBuf,
    /// When a line counts as written.
    pub sync: AuditSync,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
pub struct LogSettings {
    /// What is logged.
    pub filter: String,
}

impl FrameSettings {
    /// Reads the frame's sections.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting.
    pub fn from_loaded(loaded: &Loaded) -> Result<Self, ConfigError> {
        Ok(Self {
            http: loaded.section("http")?,
            auth: loaded.section("auth")?,
            limits: loaded.section("limits")?,
            audit: loaded.section("audit")?,
            log: loaded.section("log")?,
        })
    }
}
