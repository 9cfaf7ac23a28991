//! The one place where bytes that the schemes made are given to the schemes' parsers.

use consilium_schemes::abe::{PublicParameters, UserPublicKey};
use consilium_schemes::matching::{EncryptedIndex, EncryptedTrapdoor, IndexSize};
use consilium_schemes::tokens;

use crate::action::{AbeKeyBytes, IndexBytes, TrapdoorBytes};
use crate::genesis::ParameterBytes;
use crate::rejection::Rejection;
use crate::settings::MAX_N;

/// How many leaves the tree of the ABE public parameters has; none when they do not parse.
pub(crate) fn leaf_count(parameters: &ParameterBytes) -> Option<u64> {
    let parameters = PublicParameters::from_bytes(parameters.as_bytes()).ok()?;
    Some(parameters.tree().depth().leaves())
}

/// A VOPRF public key is a canonical element other than the identity.
pub(crate) fn is_token_key(bytes: &[u8; tokens::PublicKey::LENGTH]) -> bool {
    tokens::PublicKey::from_bytes(bytes).is_ok()
}

/// A doctor's ABE public key is in the subgroup and not the identity.
pub(crate) fn abe_key(bytes: &AbeKeyBytes) -> Result<(), Rejection> {
    let parsed = UserPublicKey::from_bytes(bytes.as_bytes());
    parsed.map(|_| ()).map_err(|_| Rejection::BadAbeKey)
}

/// Every point of an index is canonical, in the subgroup and not the identity. Which n it is made
/// for follows from its length; [`index_size`] compares it with the federation's.
pub(crate) fn index(index: &IndexBytes) -> Result<(), Rejection> {
    let bytes = index.as_bytes();
    let n = sizes().find(|n| EncryptedIndex::length(*n) == bytes.len());
    let parsed = n.and_then(|n| EncryptedIndex::from_bytes(bytes, n).ok());
    parsed.map(|_| ()).ok_or(Rejection::BadIndex)
}

/// Every point of a trapdoor likewise.
pub(crate) fn trapdoor(trapdoor: &TrapdoorBytes) -> Result<(), Rejection> {
    let bytes = trapdoor.as_bytes();
    let n = sizes().find(|n| EncryptedTrapdoor::length(*n) == bytes.len());
    let parsed = n.and_then(|n| EncryptedTrapdoor::from_bytes(bytes, n).ok());
    parsed.map(|_| ()).ok_or(Rejection::BadTrapdoor)
}

/// A parsed index is made for the federation's n.
pub(crate) fn index_size(index: &IndexBytes, n: u16) -> Result<(), Rejection> {
    size(index.as_bytes().len(), EncryptedIndex::length, n)
}

/// A parsed trapdoor is made for the federation's n.
pub(crate) fn trapdoor_size(trapdoor: &TrapdoorBytes, n: u16) -> Result<(), Rejection> {
    size(trapdoor.as_bytes().len(), EncryptedTrapdoor::length, n)
}

fn size(found: usize, length: impl Fn(IndexSize) -> usize, n: u16) -> Result<(), Rejection> {
    match IndexSize::new(n) {
        Ok(size) if length(size) == found => Ok(()),
        _ => Err(Rejection::WrongSize { n }),
    }
}

fn sizes() -> impl Iterator<Item = IndexSize> {
    (1..=MAX_N).filter_map(|n| IndexSize::new(n).ok())
}
