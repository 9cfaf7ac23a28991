//! Large bodies: to disk and from disk in pieces, never whole in memory.

use std::io;
use std::path::{Path, PathBuf};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use consilium_client::api::errors::codes;
use consilium_contracts::Digest;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::body::{cut_off, declared_length, refuse_encoding, too_large};
use crate::error::ApiError;
use crate::space::{Promised, PromisedFile};

/// Bytes that are read from disk at once.
const PIECE_BYTES: usize = 64 << 10;

/// A body that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// How long it is.
    pub length: u64,
    /// SHA-256 of it.
    pub digest: Digest,
}

/// Writes a body of at most `limit` bytes to the new file `path`, into the space that it was promised, and syncs it. On any failure, a caller who goes away included, the
/// file is removed: rename it into its place only after this.
///
/// # Errors
/// 413, 400 when it is cut off, 507 `storage-full`, 409 when the file is there (another upload is running), 500.
pub async fn receive_file(
    request: &HttpRequest,
    mut payload: Payload,
    path: &Path,
    limit: u64,
    promised: Promised,
) -> Result<Received, ApiError> {
    refuse_encoding(request)?;
    if declared_length(request)?.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await
        .map_err(disk)?;
    let mut file = PromisedFile::new(file, promised);
    let mut unfinished = RemoveOnDrop(Some(path.to_owned()));
    let (mut length, mut hash) = (0_u64, Sha256::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(cut_off)?;
        length = length.saturating_add(chunk.len() as u64);
        if length > limit {
            return Err(too_large(limit));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    file.sync_all().await.map_err(disk)?;
    unfinished.0 = None;
    Ok(Received {
        length,
        digest: Digest::from_bytes(hash.finalize().into()),
    })
}

/// Removes a file unless it was finished; a dropped request runs no code of its own.
struct RemoveOnDrop(Option<PathBuf>);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "an unfinished upload is left behind");
        }
    }
}

fn disk(error: io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let text = "another upload of this is running";
            ApiError::new(StatusCode::CONFLICT, codes::CONFLICT, text)
        }
        // What was written of it is removed.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ApiError::storage_full(error),
        _ => ApiError::internal(error),
    }
}

/// Answers with a file, as `application/octet-stream`.
///
/// # Errors
/// 404 when it is not there, 500.
pub async fn send_file(path: &Path, what: &str) -> Result<HttpResponse, ApiError> {
    let file = File::open(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ApiError::not_found(what),
        _ => ApiError::internal(error),
    })?;
    let length = file.metadata().await.map_err(ApiError::internal)?.len();
    let pieces = futures_util::stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = vec![0; PIECE_BYTES];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Bytes::from(piece)), Some(file)))
            }
            // The declared length is not reached, so the caller sees that it is cut off.
            Err(error) => Some((Err(error), None)),
        }
    });
    let body = SizedStream::new(length, Box::pin(pieces));
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(body))
}
