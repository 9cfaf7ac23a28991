//! Snapshots on disk and from peers: made, kept, restored.
//!
//! | module | what |
//! |---|---|
//! | `frames` | the bytes: a head, parts, an end |
//! | `shelf` | the folder of those that this node made |
//! | `make` | a snapshot from a state that stands still |
//! | `restore` | a store from a snapshot, checked |

mod frames;
mod make;
mod restore;
mod shelf;

pub use restore::{Restored, Standing, restore, standing};
pub use shelf::SnapshotFile;

pub(crate) use make::{Due, make};
pub(crate) use shelf::Shelf;
