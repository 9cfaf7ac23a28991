//! Health and readiness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /healthz`: the process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Which service answers.
    pub service: String,
    /// Its version.
    pub version: String,
}

/// `GET /readyz`: whether the service can do its work; status 503 where it cannot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether every check holds.
    pub ready: bool,
    /// Each check by name (`ledger`, `seal`, `store`, ...).
    pub checks: BTreeMap<String, Check>,
}

/// One thing a service needs in order to work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Whether it is as it must be.
    pub ok: bool,
    /// In words: what is, what is missing.
    pub detail: String,
}

impl Readiness {
    /// Ready when every check is.
    pub fn of(checks: impl IntoIterator<Item = (&'static str, Check)>) -> Self {
        let checks: BTreeMap<String, Check> = checks
            .into_iter()
            .map(|(name, check)| (name.to_owned(), check))
            .collect();
        Self {
            ready: checks.values().all(|check| check.ok),
            checks,
        }
    }
}
