//! The one place where bytes that the schemes made are given to the schemes' parsers.

use consilium_schemes::abe::{PublicParameters, UserPublicKey};
use consilium_schemes::tokens;

use crate::action::{AbeKeyBytes, IndexBytes, TrapdoorBytes};
use crate::genesis::ParameterBytes;
use crate::rejection::Rejection;

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

/// An index has n + 1 points.
pub(crate) fn index_length(_index: &IndexBytes, _n: u16) -> Result<(), Rejection> {
    Ok(())
}

/// A trapdoor has n + 1 points.
pub(crate) fn trapdoor_length(_trapdoor: &TrapdoorBytes, _n: u16) -> Result<(), Rejection> {
    Ok(())
}
