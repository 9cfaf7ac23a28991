//! What the contracts' own tests are made of.

#[path = "../../contracts/tests/common/mod.rs"]
pub mod common;
#[path = "../../contracts/tests/common/random.rs"]
pub mod random;
