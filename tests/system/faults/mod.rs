//! What the machine does to the services: a disk that is full, a clock that jumps; and what they say of themselves. Each line against the real command's
//! processes, a KGC and a hospital, with the client library as the devices.
//!
//! A machine that allows no unprivileged mount, or that has no C compiler, skips the tests that need it, and says so.

mod clock;
pub mod devices;
mod disk;
mod health;
pub mod machine;
mod nonce;
pub mod process;
pub mod world;
