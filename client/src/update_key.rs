//! An update key on its way: tens of megabytes in a large federation, so it comes in pieces.

use consilium_contracts::Digest;
use sha2::{Digest as _, Sha256};

use crate::error::ClientError;
use crate::http::Download;

/// The pieces of an update key. They are the published update key only if the last call says so: until then, nothing of them is to be believed.
#[derive(Debug)]
pub struct UpdateKeyDownload<'a> {
    pieces: Download<'a>,
    hash: Sha256,
    expected: Digest,
}

impl<'a> UpdateKeyDownload<'a> {
    pub(crate) fn new(pieces: Download<'a>, expected: Digest) -> Self {
        Self {
            pieces,
            hash: Sha256::new(),
            expected,
        }
    }

    /// The next piece; none when the whole has come and has the ledger's digest.
    ///
    /// # Errors
    /// [`ClientError`]; `Protocol` when the bytes are not those of the digest.
    pub async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let piece = self.pieces.next_in_time().await?;
        if let Some(piece) = piece {
            self.hash.update(&piece);
            return Ok(Some(piece));
        }
        let found = Digest::from_bytes(self.hash.clone().finalize().into());
        match found == self.expected {
            true => Ok(None),
            false => Err(ClientError::Protocol(
                "the update key has another digest than the ledger says".into(),
            )),
        }
    }

    /// The whole, in memory: for small federations.
    ///
    /// # Errors
    /// As [`UpdateKeyDownload::next_piece`].
    pub async fn whole(mut self) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next_piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}
