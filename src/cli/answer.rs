//! What a command says at its end: the same in words and as JSON.

use std::error::Error;
use std::fmt;

use consilium_client::ClientError;
use consilium_client::device::DeviceError;
use serde_json::{Value, json};

/// What a command did.
#[derive(Debug)]
pub struct Answer {
    json: Value,
    text: String,
    value: Option<String>,
    success: bool,
}

impl Answer {
    /// Done; `text` for people, `json` for programs.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            json,
            text: text.into(),
            value: None,
            success: true,
        }
    }

    /// The one value that the command was called for: alone on standard output, so that a shell can keep it
    /// (`RECORD=$(consilium patient encrypt ...)`), while the words go to standard error.
    pub fn with_value(self, value: impl Into<String>) -> Self {
        Self {
            value: Some(value.into()),
            ..self
        }
    }

    /// The work was done and its outcome is not what it must be.
    pub fn unsuccessful(self) -> Self {
        Self {
            success: false,
            ..self
        }
    }

    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.success
    }

    /// What is printed on standard output.
    pub fn rendered(&self, as_json: bool) -> String {
        match (as_json, &self.value) {
            (true, _) => self.json.to_string(),
            (false, Some(value)) => value.clone(),
            (false, None) => self.text.clone(),
        }
    }

    /// What is printed on standard error, for the person before the terminal.
    pub fn aside(&self, as_json: bool) -> Option<&str> {
        let aside = !as_json && self.value.is_some() && !self.text.is_empty();
        aside.then_some(&self.text)
    }
}

/// Why a command ended without doing what it was asked.
pub enum Failure {
    /// It was called in a way that cannot work: exit code 2.
    Usage(String),
    /// It was tried and failed: exit code 1.
    Failed(Box<dyn Error + Send + Sync>),
    /// It cannot be done yet; the same call may succeed a little later: exit code 3.
    NotYet(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure in words.
    pub fn said(text: impl Into<String>) -> Self {
        Self::Failed(text.into().into())
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotYet(_) => 3,
        }
    }

    /// The stable code of a service's refusal.
    fn code(&self) -> Option<String> {
        let (Self::Failed(error) | Self::NotYet(error)) = self else {
            return None;
        };
        let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
        while let Some(error) = next {
            // What is shown as it is does not name itself among the sources.
            let refused = match error.downcast_ref::<DeviceError>() {
                Some(DeviceError::Gateway(refused)) => Some(refused),
                _ => error.downcast_ref::<ClientError>(),
            };
            if let Some(refused) = refused {
                return refused.code().map(ToString::to_string);
            }
            next = error.source();
        }
        None
    }

    /// As it is printed.
    pub fn rendered(&self, as_json: bool) -> String {
        match as_json {
            true => json!({ "error": self.to_string(), "code": self.code() }).to_string(),
            false => format!("error: {self}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Failed(error) | Self::NotYet(error) => error.fmt(f),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// What every command returns.
pub type Outcome = Result<Answer, Failure>;
