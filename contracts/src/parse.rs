//! The one place where bytes that the schemes made are given to the schemes' parsers.

use crate::action::{IndexBytes, TrapdoorBytes};
use crate::genesis::ParameterBytes;
use crate::rejection::Rejection;

/// 2^depth of the KGC's tree.
pub(crate) fn leaf_capacity(_parameters: &ParameterBytes) -> u64 {
    u64::MAX
}

/// An index has n + 1 points.
pub(crate) fn index_length(_index: &IndexBytes, _n: u16) -> Result<(), Rejection> {
    Ok(())
}

/// A trapdoor has n + 1 points.
pub(crate) fn trapdoor_length(_trapdoor: &TrapdoorBytes, _n: u16) -> Result<(), Rejection> {
    Ok(())
}
