//! Why a call failed, in the terms a caller acts on.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::api::errors::ErrorCode;
use crate::endpoint::{Endpoint, EndpointError, Whose};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service answered, and refused.
    #[error("{message} ({code}, status {status}, request {request_id})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code.
        code: ErrorCode,
        /// The public message.
        message: String,
        /// The request's id in the service's log.
        request_id: String,
        /// When to try again, where the service says so.
        retry_after: Option<Duration>,
    },
    /// Nobody answers at the address, or the connection broke.
    #[error(
        "{whose} at {url} cannot be reached: {cause}; see whether it runs ({}) and whether this machine reaches that address",
        whose.start()
    )]
    Unreachable {
        /// The service.
        whose: Whose,
        /// Its address.
        url: String,
        /// Why.
        cause: String,
        /// Whether the request certainly never arrived.
        never_sent: bool,
    },
    /// The service did not answer in time; whether it did what was asked is not known.
    #[error(
        "{whose} at {url} did not answer in time; whether it did what was asked is not known: look before asking again"
    )]
    TimedOut {
        /// The service.
        whose: Whose,
        /// Its address.
        url: String,
    },
    /// Somebody else's key answers at the address.
    #[error(
        "{whose} at {url} answers with another key than the one that is pinned: ask its operator whether the key was replaced; if not, \
         somebody else answers there"
    )]
    WrongPeer {
        /// The service.
        whose: Whose,
        /// Its address.
        url: String,
    },
    /// The answer is not what this program understands.
    #[error("the service's answer cannot be understood: {0}")]
    Protocol(String),
    /// The answer is larger than it may be.
    #[error("the service's answer is larger than {limit} bytes")]
    AnswerTooLarge {
        /// The most that is read.
        limit: u64,
    },
    /// The address is not one to connect to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A local file failed.
    #[error("a local file cannot be read or written: {0}")]
    File(#[source] io::Error),
    /// The client itself cannot be set up.
    #[error("the client cannot be set up: {0}")]
    Setup(String),
}

impl ClientError {
    /// The stable code, where the service refused.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The service that did not answer, or not as itself.
    pub fn whose(&self) -> Option<&Whose> {
        match self {
            Self::Unreachable { whose, .. }
            | Self::TimedOut { whose, .. }
            | Self::WrongPeer { whose, .. } => Some(whose),
            _ => None,
        }
    }

    pub(crate) fn from_transport(service: &Endpoint, error: &reqwest::Error) -> Self {
        let (whose, url) = (service.whose().clone(), service.url().as_str().to_owned());
        if is_wrong_peer(error) {
            return Self::WrongPeer { whose, url };
        }
        if error.is_timeout() && !error.is_connect() {
            return Self::TimedOut { whose, url };
        }
        Self::Unreachable {
            whose,
            url,
            cause: root_cause(error),
            never_sent: error.is_connect(),
        }
    }
}

/// Looks for TLS's own error through every wrapper; an `io::Error` hides what it wraps from `source`.
fn is_wrong_peer(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => is_wrong_peer(inner),
        None => error.source().is_some_and(is_wrong_peer),
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (**error).source())
}
