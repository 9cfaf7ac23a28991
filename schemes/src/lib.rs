//! The cryptography of Consilium: no I/O, no clock, no global randomness.

pub mod curve;
pub mod signature;
