//! The genesis file on a device or beside a service: which federation this is.
//!
//! A genesis is believed only for its federation id, which came by another way: in the invitation, or from the operator. The file is
//! a cache; one of another federation is refused, never replaced.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use consilium_contracts::{
    Canonical as _, FederationId, GenesisError, MAX_GENESIS_BYTES, SignedGenesis, VerifiedGenesis,
};

use crate::api::ledger::GenesisDocument;
use crate::error::ClientError;
use crate::file::{Existing, Readers, write_atomically};
use crate::http::HttpClient;
use crate::wire::Text;

/// Why there is no genesis to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisFileError {
    /// There is no file.
    #[error(
        "there is no genesis: it is the file that the KGC's administrator signs with `consilium kgc genesis`, and belongs here"
    )]
    Missing,
    /// The file cannot be read or written.
    #[error("the genesis file cannot be read or written: {0}")]
    File(#[from] io::Error),
    /// The genesis breaks a rule.
    #[error("{0}")]
    Genesis(Box<GenesisError>),
    /// A correct genesis, of another federation.
    #[error("this is the genesis of federation {found}; expected {expected}")]
    OtherFederation {
        /// What was found.
        found: FederationId,
        /// What was expected.
        expected: FederationId,
    },
    /// The service did not give it.
    #[error(transparent)]
    Fetch(#[from] ClientError),
}

impl From<GenesisError> for GenesisFileError {
    fn from(error: GenesisError) -> Self {
        Self::Genesis(Box::new(error))
    }
}

/// Checks the bytes of a signed genesis, and that it is the one of `expected`.
///
/// # Errors
/// [`GenesisFileError::Genesis`], [`GenesisFileError::OtherFederation`].
pub fn verify_genesis(
    bytes: &[u8],
    expected: FederationId,
) -> Result<VerifiedGenesis, GenesisFileError> {
    let genesis = SignedGenesis::from_bytes(bytes)?.verify()?;
    let found = genesis.federation();
    match found == expected {
        true => Ok(genesis),
        false => Err(GenesisFileError::OtherFederation { found, expected }),
    }
}

/// Reads a genesis file and checks it; `expected` where the federation is known already.
///
/// # Errors
/// Every [`GenesisFileError`] but `Fetch`.
pub fn read_genesis(
    path: &Path,
    expected: Option<FederationId>,
) -> Result<VerifiedGenesis, GenesisFileError> {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a larger file is seen to be larger.
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => GenesisFileError::Missing,
        _ => error.into(),
    })?;
    file.take(MAX_GENESIS_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    match expected {
        Some(expected) => verify_genesis(&bytes, expected),
        None => Ok(SignedGenesis::from_bytes(&bytes)?.verify()?),
    }
}

/// Writes a genesis file, in one step.
///
/// # Errors
/// [`GenesisFileError::File`].
pub fn write_genesis(path: &Path, genesis: &VerifiedGenesis) -> Result<(), GenesisFileError> {
    let bytes = genesis.signed().to_canonical_bytes();
    Ok(write_atomically(
        path,
        &bytes,
        Readers::Everyone,
        Existing::Replace,
    )?)
}

/// The genesis of `expected`: from the file at `path`, or from the service and then kept there.
///
/// # Errors
/// Every [`GenesisFileError`].
pub async fn cached_genesis(
    path: &Path,
    expected: FederationId,
    service: &HttpClient,
) -> Result<VerifiedGenesis, GenesisFileError> {
    match read_genesis(path, Some(expected)) {
        Err(GenesisFileError::Missing) => {
            let document: GenesisDocument = service.get("/v1/genesis").await?;
            let genesis = verify_genesis(document.genesis.as_bytes(), expected)?;
            write_genesis(path, &genesis)?;
            Ok(genesis)
        }
        read => read,
    }
}

impl From<&VerifiedGenesis> for GenesisDocument {
    fn from(genesis: &VerifiedGenesis) -> Self {
        Self {
            federation: Text(genesis.federation()),
            genesis: genesis.signed().to_canonical_bytes().into(),
        }
    }
}
