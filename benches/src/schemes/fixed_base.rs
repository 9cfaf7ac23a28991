//! Multiplication of a base that is known ahead: generators, H("w"), H("time", t), hashed attributes, a doctor's key.
//!
//! The one thing that the reference loops take from what they are compared with: everything that multiplies such a base comes here.

pub use consilium_schemes::curve::{FixedG1, FixedG2};
