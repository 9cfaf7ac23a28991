//! The cryptography of Consilium: no I/O, no clock, no global randomness.

pub mod abe;
pub mod curve;
pub mod digest;
pub mod envelope;
mod hedged;
mod kdf;
pub mod match_proof;
pub mod matching;
pub mod parallel;
pub mod recent;
pub mod report;
pub mod signature;
pub mod tokens;
pub mod wrap;
