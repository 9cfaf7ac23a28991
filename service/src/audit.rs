//! The audit log: one JSON line for every decision, on disk before the answer leaves.
//!
//! A line that cannot be written makes the request fail with 503 `audit-unavailable`, for want of space with 507 `storage-full`:
//! nothing is decided unrecorded. The file is only ever appended to. When it was moved away (by logrotate, say) the next line begins
//! a new one. A line that a crash or a full disk cut off is taken back, or closed by a line end, so that every other line stays whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use consilium_client::api::errors::codes;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::{ApiError, STORAGE_FULL};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Decided in the caller's favour; it is done.
    Allowed,
    /// Decided against it.
    Refused,
    /// Not decided or not carried out, for a fault.
    Failed,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Who asked: a principal's key, or the service itself.
    pub who: String,
    /// What for: `issue-attribute-key`, `pre-decrypt`, ...
    pub action: String,
    /// Which thing: a doctor, a record, an epoch.
    pub subject: String,
    /// Why it was decided so.
    pub why: String,
    /// How it was decided.
    pub outcome: Outcome,
    /// The epoch it was decided in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The ledger height it was decided at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// The request.
    pub request: String,
}

impl AuditEntry {
    /// A decision of a service about something it does by itself (an event it reacts to).
    pub fn by_service(service: &str, action: &str, subject: impl ToString) -> Self {
        Self::new(service.to_owned(), action, subject, String::from("none"))
    }

    pub(crate) fn new(who: String, action: &str, subject: impl ToString, request: String) -> Self {
        Self {
            who,
            action: action.to_owned(),
            subject: subject.to_string(),
            why: String::new(),
            outcome: Outcome::Failed,
            epoch: None,
            height: None,
            request,
        }
    }

    /// In the epoch.
    #[must_use]
    pub fn epoch(mut self, epoch: Option<u64>) -> Self {
        self.epoch = epoch;
        self
    }

    /// At the ledger height.
    #[must_use]
    pub fn height(mut self, height: u64) -> Self {
        self.height = Some(height);
        self
    }

    /// Decided in favour, because.
    #[must_use]
    pub fn allowed(self, why: impl ToString) -> Self {
        self.decided(Outcome::Allowed, why)
    }

    /// Decided against, because.
    #[must_use]
    pub fn refused(self, why: impl ToString) -> Self {
        self.decided(Outcome::Refused, why)
    }

    /// Not decided, because.
    #[must_use]
    pub fn failed(self, why: impl ToString) -> Self {
        self.decided(Outcome::Failed, why)
    }

    /// As a handler's result says: allowed, refused (4xx) or failed (5xx).
    #[must_use]
    pub fn result<T>(self, result: &Result<T, ApiError>) -> Self {
        match result {
            Ok(_) => self.allowed("every rule holds"),
            Err(error) if error.status().is_client_error() => self.refused(error.public()),
            Err(error) => self.failed(error.public()),
        }
    }

    fn decided(mut self, outcome: Outcome, why: impl ToString) -> Self {
        self.outcome = outcome;
        self.why = why.to_string();
        self
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    service: &'static str,
    #[serde(flatten)]
    entry: &'a AuditEntry,
}

/// When a line counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditSync {
    /// When it is on the disk: survives loss of power.
    EachLine,
    /// When the system has it: survives a crash of the service only.
    System,
}

/// The audit log of a service.
#[derive(Debug, Clone)]
pub struct AuditLog {
    service: &'static str,
    clock: Clock,
    writer: Arc<Mutex<Writer>>,
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    sync: AuditSync,
    open: Option<File>,
}

impl AuditLog {
    /// Opens the log for appending, or begins it.
    ///
    /// # Errors
    /// The system's: the service must not start without it.
    pub fn open(
        service: &'static str,
        path: &Path,
        sync: AuditSync,
        clock: Clock,
    ) -> io::Result<Self> {
        let open = Some(open_for_append(path)?);
        let writer = Writer {
            path: path.to_owned(),
            sync,
            open,
        };
        Ok(Self {
            service,
            clock,
            writer: Arc::new(Mutex::new(writer)),
        })
    }

    /// Writes one line; when this returns, it is written.
    ///
    /// # Errors
    /// 503 `audit-unavailable`, 507 `storage-full`: let the request fail with it.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), ApiError> {
        let log = self.clone();
        let written = tokio::task::spawn_blocking(move || log.record_blocking(&entry)).await;
        written.map_err(ApiError::internal)?
    }

    /// As [`AuditLog::record`], on the calling thread.
    ///
    /// # Errors
    /// As [`AuditLog::record`].
    pub fn record_blocking(&self, entry: &AuditEntry) -> Result<(), ApiError> {
        let line = Line {
            time_ms: self.clock.now_ms(),
            service: self.service,
            entry,
        };
        let mut line = serde_json::to_vec(&line).map_err(ApiError::internal)?;
        line.push(b'\n');
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.append(&line).map_err(|error| {
            // Whatever state the file is in, the next line opens it afresh.
            writer.open = None;
            unavailable(error)
        })
    }
}

/// A full disk is named: the caller can do nothing about it, and the operator must.
fn unavailable(error: io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let text = "the service's disk is full: the audit log cannot be written, and nothing is answered unrecorded";
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, STORAGE_FULL, text).because(error)
        }
        _ => {
            let text = "the audit log cannot be written, so nothing was decided";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            ApiError::new(status, codes::AUDIT_UNAVAILABLE, text).because(error)
        }
    }
}

impl Writer {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let sync = self.sync;
        let file = self.file()?;
        let before = file.metadata()?.len();
        let written = file.write_all(line).and_then(|()| match sync {
            AuditSync::EachLine => file.sync_data(),
            AuditSync::System => Ok(()),
        });
        if written.is_err() {
            // Best effort: if this fails too, the next opening closes the cut line.
            let _ = file.set_len(before);
        }
        written
    }

    /// The open file, if it is still the one at the path.
    fn file(&mut self) -> io::Result<&mut File> {
        let same = match (&self.open, std::fs::metadata(&self.path)) {
            (Some(open), Ok(there)) => {
                let open = open.metadata()?;
                (open.dev(), open.ino()) == (there.dev(), there.ino())
            }
            _ => false,
        };
        if !same {
            self.open = None;
        }
        match &mut self.open {
            Some(open) => Ok(open),
            closed => Ok(closed.insert(open_for_append(&self.path)?)),
        }
    }
}

fn open_for_append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subject: &str) -> AuditEntry {
        AuditEntry::by_service("test", "pre-decrypt", subject)
            .height(3)
            .refused("revoked")
    }

    fn log(path: &Path) -> AuditLog {
        AuditLog::open("test", path, AuditSync::EachLine, Clock::system()).unwrap()
    }

    fn subjects(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let parsed = text
            .lines()
            .filter_map(|line| serde_json::from_str::<AuditEntry>(line).ok());
        parsed.map(|entry| entry.subject).collect()
    }

    #[test]
    fn lines_are_appended_and_say_who_what_which_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        log(&path).record_blocking(&entry("a")).unwrap();
        log(&path).record_blocking(&entry("b\nc")).unwrap();
        assert_eq!(subjects(&path), ["a", "b\nc"]);
        let line = std::fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
        for field in [
            "time_ms", "service", "who", "action", "subject", "why", "outcome", "height",
        ] {
            assert!(line.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn a_moved_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (
            folder.path().join("audit.jsonl"),
            folder.path().join("audit.1"),
        );
        let log = log(&path);
        log.record_blocking(&entry("a")).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        log.record_blocking(&entry("b")).unwrap();
        assert_eq!(
            (subjects(&moved), subjects(&path)),
            (vec!["a".into()], vec!["b".into()])
        );
    }

    #[test]
    fn a_line_that_a_crash_cut_off_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, b"{\"who\":\"cut").unwrap();
        log(&path).record_blocking(&entry("a")).unwrap();
        assert_eq!(subjects(&path), ["a"]);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_an_error_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        std::fs::create_dir(&inner).unwrap();
        let path = inner.join("audit.jsonl");
        let log = log(&path);
        std::fs::remove_dir_all(&inner).unwrap();
        let failed = log.record_blocking(&entry("a")).unwrap_err();
        assert_eq!(failed.code(), &codes::AUDIT_UNAVAILABLE);
        std::fs::create_dir(&inner).unwrap();
        log.record_blocking(&entry("b")).unwrap();
        assert_eq!(subjects(&path), ["b"]);
    }
}
