//! The id under which a request stands in the answer, the log and the audit log.

use std::fmt;

use actix_web::{HttpMessage as _, HttpRequest};

/// 16 random bytes as hexadecimal; ours, never the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    pub(crate) fn generate() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// The id that the frame gave this request.
    pub fn of(request: &HttpRequest) -> Self {
        let given = request.extensions().get::<Self>().cloned();
        given.unwrap_or_else(|| Self("unknown".to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
